//! Why a session does not start, or ends; and what to say about a loss.

use std::path::PathBuf;
use std::time::Duration;

use rumqttc::{ConnectReturnCode, ConnectionError, StateError};

use super::MqttConfig;

/// How long connecting, up to the CONNACK, may take.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a session cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The file with certificates to trust cannot be used.
    #[error("ca_file {path:?} cannot be read as PEM certificates")]
    CaFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: rustls::pki_types::pem::Error,
    },
    /// Nothing to trust.
    #[error("no trusted certificate {0}")]
    NoCertificate(String),
    /// Not a filter that a broker would take.
    #[error("{0:?} is not a topic filter")]
    Filter(String),
    /// MQTT counts whole seconds, up to 65535, and 0 would mean never.
    #[error("keep-alive of {0:?} is not within 1 s to 18 h")]
    KeepAlive(Duration),
    /// MQTT 3.1.1 has no such thing.
    #[error("a password is set, but no username to go with it")]
    PasswordWithoutUser,
    /// A fixed name may not be empty.
    #[error("the client name is empty")]
    ClientName,
}

/// Why a session ended by itself. Nothing that waiting would cure.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The broker refuses us for good.
    #[error("the broker at {broker} refuses {who}: {reason}")]
    Refused {
        /// Address of the broker.
        broker: String,
        /// The user, or that there is none.
        who: String,
        /// What it says, and what to look at.
        reason: &'static str,
    },
}

/// The refusals that no waiting cures.
pub(super) fn refusal_for_good(
    code: ConnectReturnCode,
    config: &MqttConfig,
) -> Option<SessionError> {
    let reason = match code {
        ConnectReturnCode::Success | ConnectReturnCode::ServiceUnavailable => return None,
        ConnectReturnCode::BadUserNamePassword => {
            "bad user name or password; look at username and password_file"
        }
        ConnectReturnCode::NotAuthorized => "not authorized; look at username and password_file",
        ConnectReturnCode::BadClientId => "the client name is not accepted",
        ConnectReturnCode::RefusedProtocolVersion => "it does not speak MQTT 3.1.1",
    };
    let who = match &config.username {
        Some(user) => format!("user {user:?}"),
        None => "an anonymous client".to_owned(),
    };
    Some(SessionError::Refused { broker: config.url.to_string(), who, reason })
}

/// What happened, for a log line.
pub(super) fn in_words(error: &ConnectionError) -> String {
    match error {
        ConnectionError::Io(source) | ConnectionError::MqttState(StateError::Io(source)) => {
            source.to_string()
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => {
            "the broker closed the connection".to_owned()
        }
        ConnectionError::MqttState(StateError::AwaitPingResp) => "no answer to a ping".to_owned(),
        ConnectionError::NetworkTimeout => {
            format!("no answer within {} s", CONNECT_TIMEOUT.as_secs())
        }
        ConnectionError::ConnectionRefused(ConnectReturnCode::ServiceUnavailable) => {
            "the broker says that it is unavailable".to_owned()
        }
        other => other.to_string(),
    }
}
