//! Listening, and who is in the way when that fails.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use tokio::net::TcpListener;

/// A process that listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Name of the program, as the kernel keeps it: at most 15 bytes.
    pub name: String,
    /// Process id.
    pub pid: u32,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pid == std::process::id() {
            write!(f, "this process itself")
        } else {
            write!(f, "{} (pid {})", self.name, self.pid)
        }
    }
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else listens there.
    #[error("{addr} is taken by {}", holder_text(.holder.as_ref()))]
    Taken {
        /// The address.
        addr: SocketAddr,
        /// Who listens there, where that can be seen.
        holder: Option<Holder>,
    },
    /// Anything else: a port below 1024 without the right, an address that is not of this machine.
    #[error("cannot listen on {addr}")]
    Other {
        /// The address.
        addr: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

fn holder_text(holder: Option<&Holder>) -> String {
    match holder {
        Some(holder) => holder.to_string(),
        None => "another user's process (as root, `ss -ltnp` shows which)".to_owned(),
    }
}

/// Listens on `addr`; port 0 takes any free one.
///
/// # Errors
/// [`ListenError`] names the process that is in the way.
pub async fn listen(addr: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(addr).await.map_err(|source| {
        if source.kind() == io::ErrorKind::AddrInUse {
            ListenError::Taken { addr, holder: who_holds(addr) }
        } else {
            ListenError::Other { addr, source }
        }
    })
}

/// The process that listens on `addr` or on its port of all addresses. `None` where nobody does, where
/// it belongs to another user, and on systems without `/proc`.
pub fn who_holds(addr: SocketAddr) -> Option<Holder> {
    who_holds_in(Path::new("/proc"), addr)
}

fn who_holds_in(proc: &Path, addr: SocketAddr) -> Option<Holder> {
    let mut inodes = HashSet::new();
    for table in ["net/tcp", "net/tcp6"] {
        let Ok(text) = fs::read_to_string(proc.join(table)) else { continue };
        inodes.extend(text.lines().filter_map(Socket::parse).filter_map(|socket| {
            (socket.listens && socket.is_in_the_way_of(addr)).then_some(socket.inode)
        }));
    }
    if inodes.is_empty() {
        return None;
    }
    let processes = fs::read_dir(proc).ok()?.filter_map(Result::ok);
    processes.into_iter().find_map(|process| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        // Of other users' processes this cannot be read.
        let files = fs::read_dir(process.path().join("fd")).ok()?;
        let holds = files.filter_map(Result::ok).any(|file| {
            let target = fs::read_link(file.path()).unwrap_or_default();
            let inode = target.to_str().and_then(|target| {
                target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
            });
            inode.is_some_and(|inode: u64| inodes.contains(&inode))
        });
        let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        holds.then(|| Holder { name: name.trim_end().to_owned(), pid })
    })
}

/// A row of `/proc/net/tcp` or `/proc/net/tcp6`.
#[derive(Debug, PartialEq, Eq)]
struct Socket {
    local: SocketAddr,
    listens: bool,
    inode: u64,
}

impl Socket {
    /// `None` for the heading and for what is no row.
    fn parse(line: &str) -> Option<Self> {
        // The kernel's TCP_LISTEN.
        const LISTEN: &str = "0A";
        let mut columns = line.split_whitespace();
        let (ip, port) = columns.nth(1)?.split_once(':')?;
        let state = columns.nth(1)?;
        let inode = columns.nth(5)?.parse().ok()?;
        let local = SocketAddr::new(parse_ip(ip)?, u16::from_str_radix(port, 16).ok()?);
        Some(Self { local, listens: state == LISTEN, inode })
    }

    fn is_in_the_way_of(&self, wanted: SocketAddr) -> bool {
        let (held, ip) = (self.local.ip().to_canonical(), wanted.ip().to_canonical());
        self.local.port() == wanted.port()
            && (held == ip || held.is_unspecified() || ip.is_unspecified())
    }
}

/// The kernel prints each 32-bit word of an address as a number in the machine's own byte order.
fn parse_ip(hex: &str) -> Option<IpAddr> {
    let mut bytes = Vec::with_capacity(16);
    for start in (0..hex.len()).step_by(8) {
        let word = u32::from_str_radix(hex.get(start..start + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    if let Ok(v4) = <[u8; 4]>::try_from(bytes.as_slice()) {
        Some(Ipv4Addr::from(v4).into())
    } else {
        Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn rows_of_the_kernel() {
        let v4 = "   0: 0100007F:075C 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 \
                  12345 1 ffff 100 0 0 10 0";
        assert_eq!(
            Socket::parse(v4),
            Some(Socket { local: "127.0.0.1:1884".parse().unwrap(), listens: true, inode: 12345 })
        );
        let v6 = "   1: 00000000000000000000000001000000:075C 00000000000000000000000000000000:0000 01 \
                  00000000:00000000 00:00000000 00000000  1000        0 77 1 0 100 0 0 10 0";
        assert_eq!(
            Socket::parse(v6),
            Some(Socket { local: "[::1]:1884".parse().unwrap(), listens: false, inode: 77 })
        );
        let heading =
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid";
        assert_eq!(Socket::parse(heading), None);
        assert_eq!(Socket::parse(""), None);
    }

    #[test]
    fn all_addresses_are_in_the_way_of_each() {
        let check = |held: &str, wanted: &str, expected: bool| {
            let socket = Socket { local: held.parse().unwrap(), listens: true, inode: 1 };
            assert_eq!(
                socket.is_in_the_way_of(wanted.parse().unwrap()),
                expected,
                "{held} {wanted}"
            );
        };
        check("127.0.0.1:1884", "127.0.0.1:1884", true);
        check("0.0.0.0:1884", "127.0.0.1:1884", true);
        check("127.0.0.1:1884", "0.0.0.0:1884", true);
        check("[::]:1884", "127.0.0.1:1884", true);
        check("[::ffff:127.0.0.1]:1884", "127.0.0.1:1884", true);
        check("127.0.0.2:1884", "127.0.0.1:1884", false);
        check("127.0.0.1:1885", "127.0.0.1:1884", false);
    }

    #[tokio::test]
    async fn the_holder_of_a_port_is_named() {
        let held = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let addr = held.local_addr().unwrap();
        let holder = who_holds(addr).unwrap();
        assert_eq!(holder.pid, std::process::id());
        let error = listen(addr).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{addr} is taken by this process itself"));
        drop(held);
        assert_eq!(who_holds(addr), None);
        listen(addr).await.unwrap();
    }

    #[test]
    fn a_foreign_process_is_named_with_its_id() {
        let holder = Holder { name: "mosquitto".to_owned(), pid: u32::MAX };
        let addr = "127.0.0.1:1884".parse().unwrap();
        let error = ListenError::Taken { addr, holder: Some(holder) };
        assert_eq!(error.to_string(), "127.0.0.1:1884 is taken by mosquitto (pid 4294967295)");
        let hidden = ListenError::Taken { addr, holder: None }.to_string();
        assert!(hidden.contains("another user's process"), "{hidden}");
    }
}
