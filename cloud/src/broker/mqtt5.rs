//! `mqtt5` 0.49 as the embedded broker. Nothing else names the crate.
//!
//! Read in its source and tried (`tests/it/broker.rs`), and what we do about it:
//!
//! * It serves 3.1.1 and 5 on one port; a refused subscription is a SUBACK 0x80, a denied or
//!   over-the-limit publication is dropped and, in 3.1.1, acknowledged all the same. So there is no limit
//!   on the message rate: it would lose a publisher's catch-up without a word. Nobody but publishers can
//!   send anything.
//! * Its password file lets a user name without a password in as anonymous, checks Argon2 on the event
//!   loop, and locks an address out after five failures: on loopback, one stray client would lock out
//!   every service. [`Access`] takes its place, the ACL's too.
//! * Its file store syncs a file per retained publication; [`RetainedFile`] takes its place, and its
//!   memory store holds the sessions.
//! * `$SYS` topics are off; nobody may read them.
//! * A taken WebSocket port is only a warning to it; we look first.
//! * It logs every denied publication as a warning. Denied logins are logged here, sparingly.
//! * Deliveries to MQTT 5 clients carry the publisher's user and client name as properties: neither is a
//!   secret here.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::mqtt5::QoS;
use ::mqtt5::broker::auth::{AuthProvider, AuthResult};
use ::mqtt5::broker::config::{
    BrokerConfig as Mqtt5Config, StorageBackend as StorageKind, StorageConfig, WebSocketConfig,
};
use ::mqtt5::broker::events::{BrokerEventHandler, RetainedSetEvent};
use ::mqtt5::broker::storage::RetainedMessage;
use ::mqtt5::broker::{MqttBroker, StorageBackend};
use ::mqtt5::packet::connect::ConnectPacket;
use ::mqtt5::packet::publish::PublishPacket;
use ::mqtt5::protocol::v5::reason_codes::ReasonCode;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::access::{Access, Denied, Who};
use super::retained::{Kept, RetainedFile};
use super::{BrokerConfig, BrokerError, EmbeddedBroker, Serving};
use crate::ports;

/// How often a denied login is logged at most.
const DENIAL_LOG_EVERY: Duration = Duration::from_secs(10);

/// The broker, bound.
pub(super) struct Mqtt5 {
    broker: MqttBroker,
    retained: Arc<RetainedFile>,
    local_addr: SocketAddr,
    websocket_addr: Option<SocketAddr>,
}

/// Binds and loads; see [`super::start`].
pub(super) async fn bind(config: &BrokerConfig, access: Access) -> Result<Mqtt5, BrokerError> {
    // Closed again at once: the broker binds by itself, but does not say who is in the way.
    for addr in [Some(config.listen), config.websocket].into_iter().flatten() {
        drop(ports::listen(addr).await?);
    }
    let retained = RetainedFile::open(&config.dir)
        .map_err(|source| BrokerError::Dir { dir: config.dir.clone(), source })?;
    let retained = Arc::new(retained);
    let broker = MqttBroker::with_config(settings(config, &retained))
        .await
        .map_err(|error| BrokerError::Engine(error.to_string()))?
        .with_auth_provider(Arc::new(Guard::new(access)));
    if let Some(storage) = broker.storage() {
        for (topic, kept) in retained.all() {
            let mut packet = PublishPacket::new(topic.clone(), kept.payload, qos(kept.qos));
            packet.retain = true;
            storage
                .store_retained_message(&topic, RetainedMessage::new(packet))
                .await
                .map_err(|error| BrokerError::Engine(error.to_string()))?;
        }
    }
    let local_addr = broker
        .local_addr()
        .ok_or_else(|| BrokerError::Engine(format!("it does not listen on {}", config.listen)))?;
    let websocket_addr = broker.ws_local_addr();
    Ok(Mqtt5 { broker, retained, local_addr, websocket_addr })
}

fn settings(config: &BrokerConfig, retained: &Arc<RetainedFile>) -> Mqtt5Config {
    let limits = &config.limits;
    let mut settings = Mqtt5Config::new()
        .with_bind_address(config.listen)
        .with_max_clients(limits.max_clients)
        .with_max_packet_size(limits.max_packet_bytes)
        .with_max_subscriptions_per_client(limits.max_subscriptions)
        .with_max_retained_messages(limits.max_retained)
        .with_max_retained_message_size(limits.max_packet_bytes)
        .with_session_expiry(limits.session_expiry)
        .with_sys_topics_enabled(false)
        .with_storage(
            StorageConfig::new()
                .with_backend(StorageKind::Memory)
                .with_max_queued_messages_per_client(limits.max_queued.0)
                .with_max_queued_bytes_per_client(limits.max_queued.1)
                .with_cleanup_interval(Duration::from_secs(300)),
        )
        .with_event_handler(Arc::new(Saver(Arc::clone(retained))));
    settings.shared_subscription_available = false;
    if let Some(addr) = config.websocket {
        settings = settings
            .with_websocket(WebSocketConfig::new().with_bind_address(addr).with_path("/mqtt"));
    }
    settings
}

fn qos(level: u8) -> QoS {
    match level {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

impl EmbeddedBroker for Mqtt5 {
    fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    fn websocket_addr(&self) -> Option<SocketAddr> {
        self.websocket_addr
    }

    fn serve(self: Box<Self>, shutdown: CancellationToken) -> Serving {
        Box::pin(async move {
            let Self { mut broker, retained, .. } = *self;
            let stop = broker.shutdown_handle();
            let mut ready = broker.ready_receiver();
            let done = CancellationToken::new();
            let _end_with_us = done.clone().drop_guard();
            let saver = tokio::spawn(retained.run(done.clone()));
            let served = {
                let mut run = pin!(broker.run());
                let asked = async {
                    shutdown.cancelled().await;
                    // Before it is ready it would not hear us.
                    let _ = ready.wait_for(|ready| *ready).await;
                    stop.shutdown();
                    std::future::pending::<()>().await;
                };
                tokio::select! {
                    served = &mut run => served,
                    () = asked => Ok(()),
                }
            };
            done.cancel();
            let _ = saver.await;
            match served {
                Ok(()) if shutdown.is_cancelled() => Ok(()),
                Ok(()) => Err(BrokerError::Engine("it stopped by itself".to_owned())),
                Err(error) => Err(BrokerError::Engine(error.to_string())),
            }
        })
    }
}

/// Notes every retained message for the file.
struct Saver(Arc<RetainedFile>);

impl BrokerEventHandler for Saver {
    fn on_retained_set<'a>(
        &'a self,
        event: RetainedSetEvent,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        let kept = (!event.cleared).then(|| Kept { payload: event.payload, qos: event.qos as u8 });
        self.0.set(&event.topic, kept);
        Box::pin(std::future::ready(()))
    }
}

/// Asks [`Access`] for the broker.
struct Guard {
    access: Arc<Access>,
    /// Argon2 takes 19 MiB and a core for a while: one at a time, whoever knocks.
    slow: Semaphore,
    last_denial: Mutex<Option<Instant>>,
    denials: AtomicU64,
}

impl Guard {
    fn new(access: Access) -> Self {
        Self {
            access: Arc::new(access),
            slow: Semaphore::new(1),
            last_denial: Mutex::new(None),
            denials: AtomicU64::new(0),
        }
    }

    async fn login(&self, connect: &ConnectPacket) -> Result<Who, Denied> {
        let (client, username) = (connect.client_id.clone(), connect.username.clone());
        let password = connect.password.clone();
        if !self.access.is_slow(username.as_deref()) {
            return self.access.login(&client, username.as_deref(), password.as_deref());
        }
        let _turn = self.slow.acquire().await.map_err(|_closed| Denied::Credentials)?;
        let access = Arc::clone(&self.access);
        let login = move || access.login(&client, username.as_deref(), password.as_deref());
        tokio::task::spawn_blocking(login).await.unwrap_or(Err(Denied::Credentials))
    }

    fn log_denial(&self, connect: &ConnectPacket, addr: SocketAddr, denied: Denied) {
        let more = self.denials.fetch_add(1, Ordering::Relaxed);
        let mut last = self.last_denial.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| last.elapsed() < DENIAL_LOG_EVERY) {
            return;
        }
        *last = Some(Instant::now());
        self.denials.store(0, Ordering::Relaxed);
        let reason = match denied {
            Denied::Credentials => "wrong user name or password",
            Denied::ClientName => "the client name belongs to a user",
        };
        let (username, client) = (connect.username.as_deref(), &connect.client_id);
        warn!(username, client, %addr, reason, unlogged = more, "an MQTT client was not let in");
    }
}

impl AuthProvider for Guard {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        client_addr: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = ::mqtt5::error::Result<AuthResult>> + Send + 'a>> {
        Box::pin(async move {
            Ok(match self.login(connect).await {
                Ok(Who::Anybody) => AuthResult::success(),
                Ok(Who::User(name)) => AuthResult::success_with_user(name),
                Err(denied) => {
                    self.log_denial(connect, client_addr, denied);
                    AuthResult::fail(match denied {
                        Denied::Credentials => ReasonCode::BadUsernameOrPassword,
                        Denied::ClientName => ReasonCode::NotAuthorized,
                    })
                }
            })
        })
    }

    fn authorize_publish<'a>(
        &'a self,
        _client_id: &str,
        user_id: Option<&'a str>,
        topic: &'a str,
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(std::future::ready(self.access.may_write(user_id, topic)))
    }

    fn authorize_subscribe<'a>(
        &'a self,
        _client_id: &str,
        _user_id: Option<&'a str>,
        topic_filter: &'a str,
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(std::future::ready(self.access.may_read(topic_filter)))
    }
}
