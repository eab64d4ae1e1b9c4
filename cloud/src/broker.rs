//! The embedded broker: MQTT for one machine without installing one.
//!
//! Anybody may read `<root>/#`; users with a password and the services of this process may write
//! (`access.rs`). Bound to loopback unless told otherwise. Retained messages survive a restart; sessions
//! do not, and need not: agents and viewers have none, and publishers repeat what is not acknowledged.
//!
//! The broker itself is the crate `mqtt5`, named in `mqtt5.rs` only: it has one maintainer and breaking
//! changes in patch releases, so it is pinned and sits behind [`EmbeddedBroker`].
//!
//! An audience that one process cannot hold gets another broker by configuration: nothing else in this
//! crate knows which one it talks to.

mod access;
mod mqtt5;
mod retained;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use domain::wire::Root;
use service::mqtt::{BrokerUrl, Password};
use tokio_util::sync::CancellationToken;
use tracing::info;

pub(crate) use access::is_user_name;
pub use access::{User, UserError};

use crate::ports::ListenError;

/// Where the embedded broker listens unless told otherwise. Not 1883: a Mosquitto may be there.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1884);

/// What the embedded broker is told.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// Where to listen for MQTT over TCP; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where to listen for MQTT over WebSocket (path `/mqtt`), if at all. Browsers need it not: the web
    /// service has a bridge.
    pub websocket: Option<SocketAddr>,
    /// Directory for the retained messages, below the data directory of the process.
    pub dir: PathBuf,
    /// Root of the topics that may be read and written.
    pub root: Root,
    /// Publishers from outside, with passwords of their own.
    pub users: Vec<User>,
    /// Services of this process: they get a random password that is held in memory and ends with it.
    pub services: Vec<Service>,
    /// Bounds.
    pub limits: Limits,
}

impl BrokerConfig {
    /// On the usual port of loopback, with nobody who may write.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            listen: DEFAULT_LISTEN,
            websocket: None,
            dir: dir.into(),
            root: Root::default(),
            users: Vec::new(),
            services: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// A service of this process that publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name, which is also the client name that only it may take: `pump`.
    pub name: String,
    /// Topic filters below the root that it may write to.
    pub writes: Vec<String>,
}

impl Service {
    /// A service that may write to these topics below the root, and to its own status.
    pub fn new(name: &str, writes: &[&str]) -> Self {
        let status = format!("status/{name}");
        let writes = writes.iter().map(|filter| (*filter).to_owned()).chain([status]).collect();
        Self { name: name.to_owned(), writes }
    }

    /// The pump: what comes from NYISO, and how fresh it is.
    pub fn pump() -> Self {
        Self::new("pump", &["upstream/#", "status/feed/#", "status/fuel-mix/updated"])
    }

    /// The co2 service: what is computed from it.
    pub fn co2() -> Self {
        Self::new("co2", &["computed/#", "archive/#", "forecast/#"])
    }
}

/// Bounds of what the embedded broker takes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most clients at once. Each takes a file descriptor, and 1024 is all that a process usually gets.
    pub max_clients: usize,
    /// Largest packet, bytes.
    pub max_packet_bytes: usize,
    /// Most subscriptions of a client.
    pub max_subscriptions: usize,
    /// Most retained topics.
    pub max_retained: usize,
    /// How long the broker remembers a client that asked for it and is away.
    pub session_expiry: Duration,
    /// Most messages, and most bytes, that wait for such a client.
    pub max_queued: (usize, usize),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_clients: 500,
            max_packet_bytes: service::mqtt::MAX_PACKET_BYTES,
            max_subscriptions: 50,
            max_retained: 2000,
            session_expiry: Duration::from_secs(3600),
            max_queued: (2000, 4 * 1024 * 1024),
        }
    }
}

/// Why the embedded broker does not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The port is taken, or may not be used.
    #[error("the embedded MQTT broker cannot start")]
    Listen(#[from] ListenError),
    /// A user that cannot be let in.
    #[error("the embedded MQTT broker cannot start")]
    User(#[from] UserError),
    /// The retained messages cannot be read, or the directory not be made.
    #[error("the embedded MQTT broker cannot use the directory {dir:?}")]
    Dir {
        /// Which.
        dir: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The broker itself gave up.
    #[error("the embedded MQTT broker failed: {0}")]
    Engine(String),
}

/// A broker that is bound and ready to run in this process.
pub trait EmbeddedBroker: Send {
    /// Where it listens for MQTT over TCP.
    fn local_addr(&self) -> SocketAddr;

    /// Where it listens for MQTT over WebSocket, if it does.
    fn websocket_addr(&self) -> Option<SocketAddr>;

    /// Serves until `shutdown`, then ends all connections and saves what is retained.
    fn serve(self: Box<Self>, shutdown: CancellationToken) -> Serving;
}

/// A broker at work.
pub type Serving = Pin<Box<dyn Future<Output = Result<(), BrokerError>> + Send>>;

/// How a service of this process logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// User name, and client name.
    pub username: String,
    /// Password of this run.
    pub password: Password,
}

/// The embedded broker, bound: connections are taken once it [runs](Broker::run), and wait until then.
pub struct Broker {
    engine: Box<dyn EmbeddedBroker>,
    logins: BTreeMap<String, Login>,
}

/// Binds the embedded broker and loads its retained messages.
///
/// # Errors
/// [`BrokerError`]: the port is taken (and by whom), a user cannot be, the directory cannot be used.
pub async fn start(config: BrokerConfig) -> Result<Broker, BrokerError> {
    let mut access = access::Access::new(config.root.clone());
    let mut logins = BTreeMap::new();
    for service in &config.services {
        let password = access.add_service(&service.name, &service.writes)?;
        let login = Login { username: service.name.clone(), password };
        logins.insert(service.name.clone(), login);
    }
    for user in &config.users {
        access.add_user(user)?;
    }
    let engine = mqtt5::bind(&config, access).await?;
    let (listen, websocket) = (engine.local_addr(), engine.websocket_addr());
    info!(%listen, websocket = websocket.map(tracing::field::display), "the embedded MQTT broker is ready");
    Ok(Broker { engine: Box::new(engine), logins })
}

impl Broker {
    /// Where it listens for MQTT over TCP: the port that was given if 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.engine.local_addr()
    }

    /// Where it listens for MQTT over WebSocket, if it does.
    pub fn websocket_addr(&self) -> Option<SocketAddr> {
        self.engine.websocket_addr()
    }

    /// Its address for the services of this process. A broker that listens on all addresses is asked on
    /// loopback.
    pub fn url(&self) -> BrokerUrl {
        let mut addr = self.local_addr();
        if addr.ip().is_unspecified() {
            addr.set_ip(match addr {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        BrokerUrl::tcp(addr)
    }

    /// How the service of this name logs in; `None` for one that was not configured.
    pub fn login(&self, service: &str) -> Option<&Login> {
        self.logins.get(service)
    }

    /// Serves until `shutdown`; then ends the connections (last wills are published) and saves what is
    /// retained. To be stopped after the services, so that they can say that they are offline.
    ///
    /// # Errors
    /// [`BrokerError::Engine`] when the broker gives up by itself.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), BrokerError> {
        self.engine.serve(shutdown).await
    }
}
