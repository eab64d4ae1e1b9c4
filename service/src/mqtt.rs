//! The MQTT session: one connection to one broker that comes back by itself.
//!
//! `rumqttc` is hidden in here. What it leaves to its user is done here:
//!
//! * *Nothing queued is lost with a session.* `rumqttc` forgets all it holds when the broker has no
//!   session for us. We keep every publication until its PUBACK (`outbox.rs`) and use a new `rumqttc`
//!   client for each attempt, so no stale packet id, collision or half-read packet outlives a connection.
//! * *The publisher is the source of truth.* The newest payload of every retained topic is kept and
//!   published again after every CONNACK: a broker may lose its store.
//! * *Subscriptions* and the retained `online` status are issued on every CONNACK; the last will and a
//!   clean stop say `offline`.
//! * *Publishing never waits.* [`Publisher::publish`] returns at once with a [`Delivery`]; with the
//!   broker away the oldest waiting event is dropped and counted, a retained topic keeps its newest.
//! * *Nothing is awaited in the task that polls the connection*, so that no reader of events and no
//!   publisher can stall a ping or a PUBACK.
//!
//! ```text
//!            publish            try_send                 socket
//! Publisher ────────> Outbox ─────────────> Session::run ──────> broker
//!     ^                  ^   PUBACK, loss        │
//!     └── Delivery ──────┴───────────────────────┤
//!                                 Event          v
//! reader <────────────────────────────────── mpsc channel
//! ```

mod config;
mod error;
mod outbox;
mod publication;
mod publisher;
mod reader;
mod session;
mod stats;
mod tls;
mod url;

pub use config::{ClientName, MqttConfig, OnRefusal, Password, PasswordError, Presence};
pub use error::{SessionError, SetupError};
pub use publication::{Delivery, IfAway, Publication, Qos, Undelivered};
pub use publisher::Publisher;
pub use reader::{Event, Message};
pub use session::{Session, connect};
pub use stats::Counts;
pub use url::{BrokerUrl, BrokerUrlError};

/// Largest packet that is sent or taken, bytes. A 24-hour series is 12 kB, a forecast 30 kB.
pub const MAX_PACKET_BYTES: usize = 256 * 1024;
