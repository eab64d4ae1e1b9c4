//! Where the broker is: `mqtt://host:port` or `mqtts://host:port`.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Address of a broker, with or without TLS. The port defaults to 1883, or 8883 with TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BrokerUrl {
    tls: bool,
    /// Name or address; an IPv6 address in brackets.
    host: String,
    port: u16,
}

/// Why a text is not the address of a broker.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokerUrlError {
    /// Neither `mqtt` nor `mqtts`.
    #[error("broker address {0:?} does not start with mqtt:// or mqtts://")]
    Scheme(String),
    /// A URL is logged and shown, so it holds no secret. The text is left out here for the same reason.
    #[error(
        "a broker address holds no user name or password; set them as username and password_file"
    )]
    Credentials,
    /// No host, or one that cannot be.
    #[error("broker address {0:?} has no usable host name")]
    Host(String),
    /// Not a port.
    #[error("broker address {0:?} has no usable port; it is 1 to 65535")]
    Port(String),
    /// MQTT over TCP has no path.
    #[error("broker address {0:?} goes on after the port; MQTT over TCP has no path")]
    Path(String),
    /// The TLS client checks names only.
    #[error(
        "broker address {0:?}: with mqtts:// give the name in the certificate, not an IPv6 address"
    )]
    Ipv6WithTls(String),
}

impl BrokerUrl {
    /// The address of an unencrypted broker.
    pub fn tcp(addr: std::net::SocketAddr) -> Self {
        let host = match addr {
            std::net::SocketAddr::V4(addr) => addr.ip().to_string(),
            std::net::SocketAddr::V6(addr) => format!("[{}]", addr.ip()),
        };
        Self { tls: false, host, port: addr.port() }
    }

    /// Whether the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Name or address of the host; an IPv6 address stands in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for BrokerUrl {
    type Err = BrokerUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (tls, rest) = if let Some(rest) = text.strip_prefix("mqtt://") {
            (false, rest)
        } else if let Some(rest) = text.strip_prefix("mqtts://") {
            (true, rest)
        } else if text.contains('@') {
            return Err(BrokerUrlError::Credentials);
        } else {
            return Err(BrokerUrlError::Scheme(text.to_owned()));
        };
        if rest.contains('@') {
            return Err(BrokerUrlError::Credentials);
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(BrokerUrlError::Path(text.to_owned()));
        }
        let (host, port) = if let Some(bracketed) = authority.strip_prefix('[') {
            let (address, after) =
                bracketed.split_once(']').ok_or_else(|| BrokerUrlError::Host(text.to_owned()))?;
            let address: Ipv6Addr =
                address.parse().map_err(|_| BrokerUrlError::Host(text.to_owned()))?;
            if tls {
                return Err(BrokerUrlError::Ipv6WithTls(text.to_owned()));
            }
            let port = match after {
                "" => None,
                after => Some(
                    after.strip_prefix(':').ok_or_else(|| BrokerUrlError::Host(text.to_owned()))?,
                ),
            };
            (format!("[{address}]"), port)
        } else {
            match authority.split_once(':') {
                Some((host, port)) => (host.to_owned(), Some(port)),
                None => (authority.to_owned(), None),
            }
        };
        let name = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        if !host.starts_with('[') && (host.is_empty() || !host.bytes().all(name)) {
            return Err(BrokerUrlError::Host(text.to_owned()));
        }
        let port = match port {
            None => {
                if tls {
                    8883
                } else {
                    1883
                }
            }
            Some(port) => port
                .parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| BrokerUrlError::Port(text.to_owned()))?,
        };
        Ok(Self { tls, host, port })
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl TryFrom<String> for BrokerUrl {
    type Error = BrokerUrlError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<BrokerUrl> for String {
    fn from(url: BrokerUrl) -> Self {
        url.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let read = text.parse::<BrokerUrl>();
        match expected {
            Ok(full) => assert_eq!(read.unwrap().to_string(), full),
            Err(part) => {
                let error = read.expect_err(text).to_string();
                assert!(error.contains(part), "{text}: {error}");
            }
        }
    }

    #[test]
    fn addresses() {
        check("mqtt://127.0.0.1:1884", Ok("mqtt://127.0.0.1:1884"));
        check("mqtt://broker", Ok("mqtt://broker:1883"));
        check("mqtt://broker/", Ok("mqtt://broker:1883"));
        check("mqtts://grid.example.org", Ok("mqtts://grid.example.org:8883"));
        check("mqtt://[::1]:1884", Ok("mqtt://[::1]:1884"));
        check("mqtt://[::1]", Ok("mqtt://[::1]:1883"));
    }

    #[test]
    fn mistakes_are_named() {
        check("broker:1883", Err("\"broker:1883\" does not start with mqtt://"));
        check("ws://broker/mqtt", Err("does not start with mqtt://"));
        check("mqtt://", Err("no usable host"));
        check("mqtt://bro ker", Err("no usable host"));
        check("mqtt://[::1", Err("no usable host"));
        check("mqtt://[nonsense]", Err("no usable host"));
        check("mqtt://broker:", Err("no usable port"));
        check("mqtt://broker:0", Err("no usable port"));
        check("mqtt://broker:65536", Err("no usable port"));
        check("mqtt://broker:1883/mqtt", Err("no path"));
        check("mqtts://[::1]", Err("not an IPv6 address"));
    }

    #[test]
    fn a_password_in_the_address_is_refused_and_not_repeated() {
        for text in ["mqtt://pump:hunter2@broker", "pump:hunter2@broker"] {
            let error = text.parse::<BrokerUrl>().unwrap_err();
            assert_eq!(error, BrokerUrlError::Credentials);
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn an_address_from_a_socket() {
        for addr in ["127.0.0.1:1884", "[::1]:1884"] {
            let url = BrokerUrl::tcp(addr.parse().unwrap());
            assert_eq!(url, format!("mqtt://{addr}").parse().unwrap());
        }
    }
}
