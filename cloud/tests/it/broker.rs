//! The MQTT session with both brokers that we name: one suite, run against the embedded broker and
//! against a real Mosquitto. What only the embedded one promises is in [`embedded`].

mod embedded;
mod suite;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use cloud::broker::{self, Broker, BrokerConfig, User};
use service::mqtt::{
    BrokerUrl, ClientName, Event, Message, MqttConfig, Password, Presence, Publisher, SessionError,
    connect,
};
use tempfile::TempDir;
use testkit::{Login, Mosquitto, MosquittoConfig, PATIENCE};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Somebody who may write below the root.
pub const PUMP: Login<'static> = Some(("pump", "hunter2"));

/// A broker as in production: anybody reads `ny-power/#`, the pump writes there.
pub enum Bench {
    Embedded(Embedded),
    Mosquitto(Mosquitto),
}

/// The embedded broker, as a process that can be stopped, killed and started again.
pub struct Embedded {
    addr: SocketAddr,
    dir: TempDir,
    running: Option<(CancellationToken, JoinHandle<()>)>,
}

impl Bench {
    pub async fn embedded() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut embedded = Embedded { addr: testkit::free_addr(), dir, running: None };
        embedded.start().await;
        Some(Self::Embedded(embedded))
    }

    pub async fn mosquitto() -> Option<Self> {
        let config = MosquittoConfig::public("ny-power", &[("pump", "hunter2")]);
        Mosquitto::start(&config).map(Self::Mosquitto)
    }

    pub fn addr(&self) -> SocketAddr {
        match self {
            Self::Embedded(embedded) => embedded.addr,
            Self::Mosquitto(mosquitto) => mosquitto.addr(),
        }
    }

    async fn stop(&mut self) {
        match self {
            Self::Embedded(embedded) => embedded.stop().await,
            Self::Mosquitto(mosquitto) => mosquitto.stop(),
        }
    }

    /// As `kill -9`.
    pub async fn kill(&mut self) {
        match self {
            Self::Embedded(embedded) => embedded.kill().await,
            Self::Mosquitto(mosquitto) => mosquitto.kill(),
        }
    }

    pub async fn start_again(&mut self) {
        match self {
            Self::Embedded(embedded) => embedded.start().await,
            Self::Mosquitto(mosquitto) => mosquitto.start_again(),
        }
    }

    /// Of a stopped broker: all that it would remember.
    pub fn forget(&mut self) {
        match self {
            Self::Embedded(embedded) => std::fs::remove_dir_all(embedded.broker_dir()).unwrap(),
            Self::Mosquitto(mosquitto) => mosquitto.forget(),
        }
    }
}

impl Embedded {
    fn broker_dir(&self) -> PathBuf {
        self.dir.path().join("broker")
    }

    async fn start(&mut self) {
        let mut config = BrokerConfig::new(self.broker_dir());
        config.listen = self.addr;
        config.users = vec![User::new("pump", Password::new("hunter2"))];
        let broker = broker::start(config).await.unwrap();
        let shutdown = CancellationToken::new();
        self.running = Some((shutdown.clone(), serve(broker, shutdown)));
    }

    async fn stop(&mut self) {
        let (shutdown, task) = self.running.take().unwrap();
        shutdown.cancel();
        soon(task).await.unwrap();
    }

    async fn kill(&mut self) {
        let (_, task) = self.running.take().unwrap();
        task.abort();
        assert!(soon(task).await.is_err(), "the broker had ended by itself");
        // Its connections run in tasks of their own, which end in their own time.
        let addr = self.addr;
        testkit::eventually("the end of its listener", || {
            std::net::TcpListener::bind(addr).is_ok()
        })
        .await;
    }
}

fn serve(broker: Broker, shutdown: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move { broker.run(shutdown).await.unwrap() })
}

/// A session that runs.
struct Running {
    publisher: Publisher,
    events: mpsc::Receiver<Event>,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), SessionError>>,
    _stop: DropGuard,
}

/// The pump's session.
fn pump(addr: SocketAddr) -> MqttConfig {
    let mut config = reader(addr, "pump");
    config.username = Some("pump".to_owned());
    config.password = Some(Password::new("hunter2"));
    config
}

/// An anonymous session under a fixed name.
fn reader(addr: SocketAddr, name: &str) -> MqttConfig {
    let mut config = MqttConfig::new(BrokerUrl::tcp(addr), ClientName::Fixed(name.to_owned()));
    config.reconnect = (Duration::from_millis(5), Duration::from_millis(50));
    config
}

fn presence() -> Presence {
    Presence {
        name: "pump".to_owned(),
        version: "0.1.0".to_owned(),
        build: "abc".to_owned(),
        since: chrono::DateTime::from_timestamp(1_773_144_300, 0).unwrap(),
    }
}

fn run(config: MqttConfig, subscriptions: &[&str]) -> Running {
    let subscriptions = subscriptions.iter().map(|filter| (*filter).to_owned()).collect();
    let (publisher, events, session) = connect(config, subscriptions).unwrap();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(session.run(shutdown.clone()));
    let _stop = shutdown.clone().drop_guard();
    Running { publisher, events, shutdown, task, _stop }
}

/// Awaits with a limit, so that a hang fails the test.
#[track_caller]
fn soon<F: IntoFuture>(future: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    let limited = tokio::time::timeout(PATIENCE, future.into_future());
    async move { limited.await.unwrap_or_else(|_| panic!("{caller}: did not happen in time")) }
}

impl Running {
    #[track_caller]
    fn event(&mut self) -> impl Future<Output = Event> {
        let event = soon(self.events.recv());
        async move { event.await.unwrap() }
    }

    /// The next message; what else happens is passed over.
    #[track_caller]
    fn message(&mut self) -> impl Future<Output = Message> {
        let events = &mut self.events;
        soon(async {
            loop {
                if let Event::Message(message) = events.recv().await.unwrap() {
                    return message;
                }
            }
        })
    }

    /// Ends the session and returns what it says.
    async fn stop(self) -> Result<(), SessionError> {
        self.shutdown.cancel();
        soon(self.task).await.unwrap()
    }
}
