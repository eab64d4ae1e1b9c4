//! The MQTT session against a fake broker (what no real one can be made to do at the right moment) and
//! a real Mosquitto. The suite that both of our brokers must pass is in `cloud/tests/it/broker.rs`.

mod connection;
mod delivery;
mod logs;
mod status;
mod tls;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use service::mqtt::{
    BrokerUrl, ClientName, Event, Message, MqttConfig, Presence, Publisher, SessionError, connect,
};
use testkit::PATIENCE;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A session that runs, and what a test needs of it.
struct Running {
    publisher: Publisher,
    events: mpsc::Receiver<Event>,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), SessionError>>,
    _stop: DropGuard,
}

fn config(addr: SocketAddr) -> MqttConfig {
    let mut config =
        MqttConfig::new(BrokerUrl::tcp(addr), ClientName::Fixed("test-session".to_owned()));
    config.reconnect = (Duration::from_millis(5), Duration::from_millis(50));
    config
}

fn presence() -> Presence {
    Presence {
        name: "pump".to_owned(),
        version: "0.1.0".to_owned(),
        build: "abc".to_owned(),
        since: chrono::DateTime::from_timestamp(1_773_144_300, 0).expect("an instant"),
    }
}

fn run(config: MqttConfig, subscriptions: &[&str]) -> Running {
    let subscriptions = subscriptions.iter().map(|filter| (*filter).to_owned()).collect();
    let (publisher, events, session) = connect(config, subscriptions).expect("it can work");
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(session.run(shutdown.clone()));
    let _stop = shutdown.clone().drop_guard();
    Running { publisher, events, shutdown, task, _stop }
}

/// Awaits with a limit, so that a hang fails the test.
#[track_caller]
fn soon<F: IntoFuture>(future: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    let limited = timeout(PATIENCE, future.into_future());
    async move { limited.await.unwrap_or_else(|_| panic!("{caller}: did not happen in time")) }
}

impl Running {
    #[track_caller]
    fn event(&mut self) -> impl Future<Output = Event> {
        let event = soon(self.events.recv());
        async move { event.await.expect("the session runs") }
    }

    /// The next message; what else happens is passed over.
    #[track_caller]
    fn message(&mut self) -> impl Future<Output = Message> {
        let events = &mut self.events;
        soon(async {
            loop {
                match events.recv().await.expect("the session runs") {
                    Event::Message(message) => return message,
                    Event::Connected { .. } | Event::Disconnected { .. } => {}
                }
            }
        })
    }

    /// Ends the session and returns what it says.
    async fn stop(self) -> Result<(), SessionError> {
        self.shutdown.cancel();
        soon(self.task).await.expect("no panic")
    }
}
