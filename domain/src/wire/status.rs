//! Payloads of who is there, and how fresh a feed is.

use serde::{Deserialize, Serialize};

use super::payload::{WireError, plain_reader, read, wire_payload};
use super::{Origin, rfc3339};
use crate::Timestamp;

wire_payload!(ServiceStatus, FeedStatus);
plain_reader!(ServiceStatus, FeedStatus);

/// Whether a service runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceState {
    /// Connected and at work.
    Online,
    /// Stopped, or lost: also the last will.
    Offline,
}

/// `status/<service>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Online, or offline (also as last will).
    pub state: ServiceState,
    /// Version of the program.
    pub version: String,
    /// Build id; pages offer a reload when it changes.
    pub build: String,
    /// When the process started.
    #[serde(with = "rfc3339")]
    pub since: Timestamp,
}

/// How fresh a feed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedState {
    /// The newest instant is at most 20 minutes old (30 just after midnight Eastern).
    Fresh,
    /// Older than that.
    Late,
    /// Over an hour old, or NYISO cannot be reached.
    Gone,
}

/// `status/feed/<feed>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeedStatus {
    /// Interval end of the newest instant, if there is one.
    #[serde(with = "rfc3339::option")]
    pub newest: Option<Timestamp>,
    /// When NYISO was last asked.
    #[serde(with = "rfc3339")]
    pub checked: Timestamp,
    /// How fresh it is.
    pub state: FeedState,
    /// Why it is not fresh, in one sentence; empty when it is.
    pub reason: String,
    /// Live, played back or made up.
    #[serde(default)]
    pub origin: Origin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn pinned(json: &[u8], expected: &str) {
        assert_eq!(std::str::from_utf8(json).unwrap(), expected);
    }

    #[test]
    fn services_and_feeds_are_pinned() {
        let ts = || "2026-03-10T12:05:00Z".parse::<Timestamp>().unwrap();
        let status = ServiceStatus {
            state: ServiceState::Online,
            version: "0.1.0".into(),
            build: "abc".into(),
            since: ts(),
        };
        pinned(
            &status.to_json(),
            r#"{"state":"online","version":"0.1.0","build":"abc","since":"2026-03-10T12:05:00Z"}"#,
        );
        let feed = FeedStatus {
            newest: None,
            checked: ts(),
            state: FeedState::Gone,
            reason: "not found".into(),
            origin: Origin::Nyiso,
        };
        pinned(
            &feed.to_json(),
            concat!(
                r#"{"newest":null,"checked":"2026-03-10T12:05:00Z","state":"gone","reason":"not found","#,
                r#""origin":"nyiso"}"#
            ),
        );
        assert_eq!(FeedStatus::from_json(&feed.to_json()).unwrap(), feed);
    }
}
