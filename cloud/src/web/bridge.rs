//! The read-only way from a browser to the broker: MQTT over WebSocket on the web process's own port.
//!
//! Each connection gets a TCP connection of its own to the broker. What the client says passes
//! [`Filter`]; what the broker says passes untouched. One task serves both directions, so a client
//! that does not read stops us from reading the broker on its behalf: what waits for it is bounded
//! here by one buffer and one frame, and in the broker by its own limits. When it has not taken a
//! frame within [`STALLED_AFTER`], it is let go.

mod filter;
mod packet;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use rand::RngExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use domain::wire::Root;

use super::sparse::Sparse;
use filter::{Action, Filter, Refusal};

/// Subprotocols, the preferred one first. The second is what MQTT 3.1 clients ask for.
pub(super) const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

/// Bytes of the largest WebSocket message that a client may send.
pub(super) const LARGEST_MESSAGE: usize = 64 * 1024;

/// Bytes read from the broker at a time, and so of the largest frame that a client gets.
const BROKER_BUFFER: usize = 16 * 1024;

/// The broker is near: it answers by then, or is down.
const BROKER_CONNECT: Duration = Duration::from_secs(5);

/// A client that does not take a frame for this long is let go.
const STALLED_AFTER: Duration = Duration::from_secs(20);

/// Time for the farewell, after which the socket is dropped.
const FAREWELL: Duration = Duration::from_secs(1);

/// What one connection needs to know.
#[derive(Clone, Debug)]
pub(super) struct Bridge {
    /// `host:port` of the broker.
    pub broker: String,
    /// Readers see what is below it.
    pub root: Root,
    /// A client that opens a socket says CONNECT by then.
    pub connect_within: Duration,
    /// Says when a refusal may be logged.
    pub log: Arc<Sparse>,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the client left")]
    Left,
    #[error("the client disconnected")]
    Finished,
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("a text frame: MQTT is binary")]
    Text,
    #[error("silent for longer than its keep-alive allows")]
    Silent,
    #[error("did not take a frame within {} s", STALLED_AFTER.as_secs())]
    Stalled,
    #[error("the broker cannot be reached: try again later")]
    BrokerDown(#[source] std::io::Error),
    #[error("the broker closed the connection: try again later")]
    BrokerLeft,
    #[error("shutting down")]
    ShuttingDown,
}

impl End {
    /// The close code of the WebSocket (RFC 6455, section 7.4.1); `None` where there is nobody to tell.
    fn close_code(&self) -> Option<u16> {
        Some(match self {
            Self::Left | Self::Stalled => return None,
            Self::Finished => 1000,
            Self::ShuttingDown => 1001,
            Self::Text => 1003,
            Self::Silent => 1008,
            Self::BrokerDown(_) | Self::BrokerLeft => 1013,
            Self::Refused(refusal) => refusal.close_code(),
        })
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Finished => "finished",
            Self::Refused(refusal) => refusal.kind(),
            Self::Text => "text-frame",
            Self::Silent => "silent",
            Self::Stalled => "stalled",
            Self::BrokerDown(_) => "broker-down",
            Self::BrokerLeft => "broker-left",
            Self::ShuttingDown => "shutting-down",
        }
    }
}

impl Bridge {
    /// Serves one client until it leaves, breaks a rule, or the broker is gone.
    pub(super) async fn serve(self, mut socket: WebSocket, closing: CancellationToken) {
        metrics::gauge!("ny_power_web_viewers").increment(1.0);
        let end = self.relay(&mut socket, closing).await;
        metrics::gauge!("ny_power_web_viewers").decrement(1.0);
        metrics::counter!("ny_power_web_bridge_ended_total", "reason" => end.kind()).increment(1);
        match &end {
            End::BrokerDown(source) => {
                if let Some(suppressed) = self.log.admit(Instant::now()) {
                    let broker = &self.broker;
                    warn!(broker, error = %source, suppressed, "the bridge cannot reach the broker");
                }
            }
            End::Refused(_) | End::Text => {
                if let Some(suppressed) = self.log.admit(Instant::now()) {
                    info!(reason = %end, suppressed, "closed a reader's connection");
                }
            }
            _ => debug!(reason = %end, "a reader's connection ended"),
        }
        if let Some(code) = end.close_code() {
            farewell(&mut socket, code, &end.to_string()).await;
        }
    }

    async fn relay(&self, socket: &mut WebSocket, closing: CancellationToken) -> End {
        let mut broker = match self.reach_broker().await {
            Ok(broker) => broker,
            Err(error) => return End::BrokerDown(error),
        };
        let mut filter = Filter::new(&self.root, random_client_id());
        let mut buffer = Vec::with_capacity(BROKER_BUFFER);
        let mut patience = self.connect_within;
        let mut silent_at = Instant::now() + patience;
        loop {
            tokio::select! {
                () = closing.cancelled() => return End::ShuttingDown,
                () = sleep_until(silent_at) => return End::Silent,
                message = socket.recv() => {
                    let bytes = match message {
                        Some(Ok(Message::Binary(bytes))) => bytes,
                        Some(Ok(Message::Text(_))) => return End::Text,
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Left,
                    };
                    for action in filter.accept(&bytes) {
                        match action {
                            Action::Forward(bytes) => {
                                let written = timeout(BROKER_CONNECT, broker.write_all(&bytes)).await;
                                if !matches!(written, Ok(Ok(()))) {
                                    return End::BrokerLeft;
                                }
                            }
                            Action::Reply(bytes) => {
                                if let Some(end) = send(socket, bytes.into()).await {
                                    return end;
                                }
                            }
                            // MQTT 3.1.1, section 3.1.2.10.
                            Action::KeepAlive(keep_alive) => patience = keep_alive * 3 / 2,
                            Action::Finish => return End::Finished,
                            Action::Refuse(refusal) => return refusal.into(),
                        }
                        silent_at = Instant::now() + patience;
                    }
                }
                read = broker.read_buf(&mut buffer) => {
                    if !matches!(read, Ok(1..)) {
                        return End::BrokerLeft;
                    }
                    if let Some(end) = send(socket, Bytes::copy_from_slice(&buffer)).await {
                        return end;
                    }
                    buffer.clear();
                }
            }
        }
    }

    async fn reach_broker(&self) -> std::io::Result<TcpStream> {
        let broker = timeout(BROKER_CONNECT, TcpStream::connect(&self.broker)).await??;
        // Nagle's algorithm would add up to 40 ms to each message.
        broker.set_nodelay(true)?;
        Ok(broker)
    }
}

async fn send(socket: &mut WebSocket, bytes: Bytes) -> Option<End> {
    match timeout(STALLED_AFTER, socket.send(Message::Binary(bytes))).await {
        Ok(Ok(())) => None,
        Ok(Err(_)) => Some(End::Left),
        Err(_) => Some(End::Stalled),
    }
}

/// Says why, and waits a moment for the answer: a socket that is dropped with unread bytes in it resets
/// the connection, and the client would never see the reason.
async fn farewell(socket: &mut WebSocket, code: u16, reason: &str) {
    // A control frame holds 125 bytes: two of code, the rest of reason.
    let end = (0..=reason.len().min(123)).rev().find(|end| reason.is_char_boundary(*end));
    let frame = CloseFrame { code, reason: reason[..end.unwrap_or(0)].into() };
    let said = timeout(FAREWELL, async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    });
    if said.await.is_err() {
        debug!("a client did not answer the close frame");
    }
}

/// 21 characters, within the 23 that every broker takes.
fn random_client_id() -> String {
    let random: u64 = rand::rng().random();
    format!("web-{random:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_ids_are_short_and_new_each_time() {
        let (one, other) = (random_client_id(), random_client_id());
        assert_ne!(one, other);
        assert!(one.len() <= 23, "{one}");
    }
}
