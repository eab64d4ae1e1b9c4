//! What a session is told.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::Timestamp;
use domain::wire::{Root, ServiceState, ServiceStatus};

use super::BrokerUrl;

/// Everything a session is told. [`MqttConfig::new`] fills in what is right for most.
#[derive(Clone, Debug)]
pub struct MqttConfig {
    /// Where the broker is.
    pub url: BrokerUrl,
    /// Certificates (PEM) to trust with `mqtts://`, instead of those of the system.
    pub ca_file: Option<PathBuf>,
    /// User name; without one the session is anonymous.
    pub username: Option<String>,
    /// Password, from a file or a generated secret.
    pub password: Option<Password>,
    /// Who we are to the broker.
    pub client: ClientName,
    /// Ping after this long without traffic, at least 1 s. A dead connection is noticed within twice
    /// this time. 30 s stays below the 60 s after which common proxies hang up.
    pub keep_alive: Duration,
    /// Root of the topics, for the status.
    pub root: Root,
    /// If set, `status/<name>` says retained whether we are there.
    pub presence: Option<Presence>,
    /// What a refusal for good (bad credentials, not authorized) means.
    pub on_refusal: OnRefusal,
    /// First and longest pause between two attempts; each is jittered.
    pub reconnect: (Duration, Duration),
    /// Most publications that wait for the broker. Beyond, the oldest event is dropped. 4096 are two
    /// days of five-minute instants of mix and intensity, with the seven fuels for a day.
    pub max_waiting: usize,
    /// Most payload bytes that wait for the broker.
    pub max_waiting_bytes: usize,
}

impl MqttConfig {
    /// An anonymous session with `url`, known to the broker as `client`.
    pub fn new(url: BrokerUrl, client: ClientName) -> Self {
        Self {
            url,
            ca_file: None,
            username: None,
            password: None,
            client,
            keep_alive: Duration::from_secs(30),
            root: Root::default(),
            presence: None,
            on_refusal: OnRefusal::End,
            reconnect: (Duration::from_millis(500), Duration::from_secs(30)),
            max_waiting: 4096,
            max_waiting_bytes: 8 * 1024 * 1024,
        }
    }
}

/// Who a client says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientName {
    /// The same for ever, with a session that the broker keeps: what is sent to us while we are away
    /// waits there. For pump, co2 and archive, and on the home broker. Two processes with one name throw
    /// each other out, over and over.
    Fixed(String),
    /// This prefix and a new random tail for each attempt, without a session: a broker that has not yet
    /// noticed our death cannot refuse us. For agents and viewers on the public feed.
    Random(String),
}

impl ClientName {
    /// The name for one more attempt.
    pub(super) fn next(&self) -> String {
        match self {
            Self::Fixed(name) => name.clone(),
            Self::Random(prefix) => format!("{prefix}-{:012x}", rand::random::<u64>() >> 16),
        }
    }

    /// What does not change of the name.
    pub(super) fn label(&self) -> &str {
        match self {
            Self::Fixed(name) | Self::Random(name) => name,
        }
    }

    /// Whether the broker keeps a session for us.
    pub(super) fn keeps_session(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }
}

/// What `status/<name>` tells about this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Service name, one topic level: `pump`.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// Build id.
    pub build: String,
    /// When the process started.
    pub since: Timestamp,
}

impl Presence {
    pub(super) fn payload(&self, state: ServiceState) -> Vec<u8> {
        ServiceStatus {
            state,
            version: self.version.clone(),
            build: self.build.clone(),
            since: self.since,
        }
        .to_json()
    }
}

/// What a refusal for good means to a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnRefusal {
    /// The session ends with an error: somebody has to correct the configuration.
    #[default]
    End,
    /// Said once as an error, then tried again at the slowest pace: for a process that has work to do
    /// without the broker, as the agent has.
    KeepTrying,
}

/// A password. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// Why a password file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It cannot be read.
    #[error("password file {path:?} cannot be read")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("password file {path:?} is empty")]
    Empty {
        /// Which file.
        path: PathBuf,
    },
}

impl Password {
    /// This password.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The first line of a file (a systemd credential, a Kubernetes secret).
    ///
    /// # Errors
    /// [`PasswordError`] names the file.
    pub fn from_file(path: &Path) -> Result<Self, PasswordError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| PasswordError::Read { path: path.to_owned(), source })?;
        match text.lines().next() {
            Some(line) if !line.is_empty() => Ok(Self(line.to_owned())),
            _ => Err(PasswordError::Empty { path: path.to_owned() }),
        }
    }

    /// The secret itself, for the one place that sends or hashes it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        let mut config =
            MqttConfig::new("mqtt://broker".parse().unwrap(), ClientName::Fixed("pump".to_owned()));
        config.password = Some(Password::new("hunter2"));
        let shown = format!("{config:?} {config:#?}");
        assert!(shown.contains("***") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_password_file_is_its_first_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        for (text, expected) in [
            ("hunter2", Some("hunter2")),
            ("hunter2\r\nmore\n", Some("hunter2")),
            ("", None),
            ("\n", None),
        ] {
            std::fs::write(&path, text).unwrap();
            let read = Password::from_file(&path);
            assert_eq!(read.ok().as_ref().map(Password::expose), expected, "{text:?}");
        }
        let missing = Password::from_file(&dir.path().join("nowhere")).unwrap_err().to_string();
        assert!(missing.contains("nowhere"), "{missing}");
    }

    #[test]
    fn a_random_name_is_new_each_time_and_fits_every_broker() {
        let random = ClientName::Random("agent".to_owned());
        let (one, two) = (random.next(), random.next());
        assert_ne!(one, two);
        // MQTT 3.1.1 promises 23 characters.
        assert!(one.starts_with("agent-") && one.len() <= 23, "{one}");
        assert_eq!(ClientName::Fixed("pump".to_owned()).next(), "pump");
    }
}
