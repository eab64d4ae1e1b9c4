//! A real Mosquitto on a free port of loopback, with its files in a temporary directory.

use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{PATIENCE, free_addr};

/// Where Debian puts it; it is not on everybody's `PATH`.
const PROGRAM: &str = "/usr/sbin/mosquitto";

/// What a Mosquitto is started with.
#[derive(Clone, Debug, Default)]
pub struct MosquittoConfig {
    users: Vec<(String, String)>,
    acl: Option<String>,
    closed: bool,
    lines: Vec<String>,
    tls: Option<(PathBuf, PathBuf)>,
}

impl MosquittoConfig {
    /// Anybody may do anything.
    pub fn open() -> Self {
        Self::default()
    }

    /// As in production: anybody may read everything below `root`, these users (name, password) may
    /// write there too.
    pub fn public(root: &str, users: &[(&str, &str)]) -> Self {
        let mut acl = format!("topic read {root}/#\n");
        for (user, _) in users {
            let _ = write!(acl, "\nuser {user}\ntopic readwrite {root}/#\n");
        }
        Self {
            users: users
                .iter()
                .map(|(user, secret)| (user.to_string(), secret.to_string()))
                .collect(),
            acl: Some(acl),
            ..Self::default()
        }
    }

    /// Nobody without a password.
    #[must_use]
    pub fn closed(mut self) -> Self {
        self.closed = true;
        self
    }

    /// One more line of `mosquitto.conf`.
    #[must_use]
    pub fn with(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// TLS with this certificate and key (PEM files).
    #[must_use]
    pub fn with_tls(mut self, certificate: &Path, key: &Path) -> Self {
        self.tls = Some((certificate.to_owned(), key.to_owned()));
        self
    }
}

/// A running, or stopped, Mosquitto. Ends with the value.
#[derive(Debug)]
pub struct Mosquitto {
    addr: SocketAddr,
    dir: TempDir,
    child: Option<Child>,
}

impl Mosquitto {
    /// Starts one and waits until it listens. `None`, with a line that says why, where Mosquitto is not
    /// installed.
    ///
    /// # Panics
    /// When it does not start; and in CI (`CI` is set) also when it is not installed, since a test that
    /// silently skips proves nothing there.
    pub fn start(config: &MosquittoConfig) -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            let missing = "Mosquitto is not installed (apt-get install mosquitto)";
            assert!(std::env::var_os("CI").is_none(), "{missing}");
            eprintln!("skipped: {missing}");
            return None;
        }
        // Another test may take the port between our look and Mosquitto's: then another one.
        for _ in 0..5 {
            let mut broker = Self {
                addr: free_addr(),
                dir: tempfile::tempdir().expect("a temporary directory"),
                child: None,
            };
            broker.write_config(config);
            if broker.launch() {
                return Some(broker);
            }
            eprintln!("{}", broker.log());
        }
        panic!("Mosquitto does not start; its log is above");
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its process id.
    ///
    /// # Panics
    /// When it is stopped.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("Mosquitto runs").id()
    }

    /// `kill -9`: nothing is saved, no connection is closed in good order.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops it in good order: retained messages and sessions are on disk.
    ///
    /// # Panics
    /// When it does not stop.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal("TERM", child.id());
            let start = Instant::now();
            while child.try_wait().expect("a child can be asked").is_none() {
                assert!(start.elapsed() < PATIENCE, "Mosquitto does not stop");
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }

    /// Starts it again, on the same address with the files it has.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "Mosquitto runs already");
        assert!(self.launch(), "Mosquitto does not start again: {}", self.log());
    }

    /// Stops it in good order and starts it again.
    pub fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    /// Deletes all it remembers: retained messages and sessions. For a stopped one.
    ///
    /// # Panics
    /// While it runs.
    pub fn forget(&mut self) {
        assert!(self.child.is_none(), "Mosquitto writes its store when it stops");
        let _ = fs::remove_file(self.dir.path().join("mosquitto.db"));
    }

    /// Freezes it: connections stay open and nothing answers.
    pub fn freeze(&self) {
        signal("STOP", self.pid());
    }

    /// Ends a [freeze](Self::freeze).
    pub fn thaw(&self) {
        signal("CONT", self.pid());
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn write_config(&self, config: &MosquittoConfig) {
        let dir = self.dir.path();
        let shown = dir.display();
        let mut text = format!(
            "listener {} {}\nallow_anonymous {}\npersistence true\npersistence_location {shown}/\n\
             log_dest stdout\nlog_type all\nset_tcp_nodelay true\n",
            self.addr.port(),
            self.addr.ip(),
            !config.closed
        );
        // It gives up root's rights, and could not read its own files then.
        if fs::metadata(dir).is_ok_and(|dir| dir.uid() == 0) {
            text.push_str("user root\n");
        }
        if !config.users.is_empty() {
            let path = dir.join("passwords");
            let plain: String =
                config.users.iter().map(|(user, secret)| format!("{user}:{secret}\n")).collect();
            fs::write(&path, plain).expect("the temporary directory is writable");
            let hashed = Command::new("mosquitto_passwd").arg("-U").arg(&path).status();
            assert!(hashed.is_ok_and(|status| status.success()), "mosquitto_passwd -U works");
            let _ = writeln!(text, "password_file {}", path.display());
        }
        if let Some(acl) = &config.acl {
            let path = dir.join("acl");
            fs::write(&path, acl).expect("the temporary directory is writable");
            let _ = writeln!(text, "acl_file {}", path.display());
        }
        if let Some((certificate, key)) = &config.tls {
            let _ = writeln!(text, "certfile {}\nkeyfile {}", certificate.display(), key.display());
        }
        for line in &config.lines {
            let _ = writeln!(text, "{line}");
        }
        fs::write(dir.join("mosquitto.conf"), text).expect("the temporary directory is writable");
    }

    /// Starts the process and waits until it listens; `false` when it ends instead.
    fn launch(&mut self) -> bool {
        let dir = self.dir.path();
        let log = fs::OpenOptions::new().create(true).append(true).open(dir.join("log"));
        let log = log.expect("the temporary directory is writable");
        let mut child = Command::new(PROGRAM)
            .arg("-c")
            .arg(dir.join("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be opened twice"))
            .stderr(log)
            .spawn()
            .expect("Mosquitto is a program");
        let start = Instant::now();
        loop {
            if child.try_wait().expect("a child can be asked").is_some() {
                return false;
            }
            if TcpStream::connect(self.addr).is_ok() {
                self.child = Some(child);
                return true;
            }
            if PATIENCE < start.elapsed() {
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("--- the end of Mosquitto's log ---");
            for line in tail.into_iter().rev() {
                eprintln!("{line}");
            }
        }
    }
}

fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
    assert!(sent.is_ok_and(|status| status.success()), "kill -{name} works");
}
