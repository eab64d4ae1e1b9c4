//! The task that holds the connection.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use domain::wire::{ServiceState, Topic};
use rumqttc::{
    AsyncClient, ConnectionError, EventLoop, LastWill, MqttOptions, NetworkOptions, Outgoing,
    Packet, QoS, StateError, SubscribeFilter, SubscribeReasonCode, TlsConfiguration, Transport,
};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::error::{CONNECT_TIMEOUT, SessionError, SetupError, in_words, refusal_for_good};
use super::outbox::WINDOW;
use super::publication::Publication;
use super::publisher::{Publisher, Shared};
use super::reader::{self, Event, Message, Reader};
use super::{MAX_PACKET_BYTES, MqttConfig, OnRefusal, tls};
use crate::backoff::Backoff;

/// Packet ids that `rumqttc` goes through before it starts anew, and its limit of unacknowledged
/// publications. [`WINDOW`] is a fraction of it, so that ids never collide, even where PUBACKs come out
/// of order.
const PACKET_IDS: u16 = 4 * WINDOW as u16;

/// Requests between the outbox and `rumqttc`: a full window, the subscriptions, the goodbye.
const REQUESTS: usize = WINDOW + 8;

/// How long a clean stop waits for what is still unacknowledged.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection that lives this long was a good one: the next pause is the shortest again.
const STEADY_AFTER: Duration = Duration::from_secs(10);

/// After so many short connections in a row something is wrong that waiting does not cure.
const SHORT_LIVES_BEFORE_HINT: u32 = 5;

/// Holds the connection while it [runs](Session::run).
pub struct Session {
    config: MqttConfig,
    transport: Transport,
    subscriptions: Vec<String>,
    shared: Arc<Shared>,
    reader: Reader,
    backoff: Backoff,
    /// Since when the broker is away, once that was logged.
    away_since: Option<Instant>,
    was_connected: bool,
    refusal_logged: bool,
    /// Connections in a row that ended soon after the CONNACK.
    short_lives: u32,
}

/// Sets up a session with the broker of `config`, for these topic filters (QoS 1). Nothing happens
/// before [`Session::run`] is running, best in a task of its own; what is published earlier waits.
///
/// # Errors
/// [`SetupError`] when the configuration cannot work.
pub fn connect(
    config: MqttConfig,
    subscriptions: Vec<String>,
) -> Result<(Publisher, mpsc::Receiver<Event>, Session), SetupError> {
    if !(Duration::from_secs(1)..=Duration::from_secs(65_535)).contains(&config.keep_alive) {
        return Err(SetupError::KeepAlive(config.keep_alive));
    }
    if config.client.next().is_empty() {
        return Err(SetupError::ClientName);
    }
    if config.password.is_some() && config.username.is_none() {
        return Err(SetupError::PasswordWithoutUser);
    }
    if let Some(bad) = subscriptions.iter().find(|filter| !rumqttc::valid_filter(filter)) {
        return Err(SetupError::Filter(bad.clone()));
    }
    let transport = if config.url.is_tls() {
        let client = tls::client_config(config.ca_file.as_deref())?;
        Transport::tls_with_config(TlsConfiguration::Rustls(client))
    } else {
        Transport::tcp()
    };
    let shared =
        Arc::new(Shared::new(config.client.label(), config.max_waiting, config.max_waiting_bytes));
    let (reader, receiver) = reader::channel();
    let (first, longest) = config.reconnect;
    let session = Session {
        transport,
        subscriptions,
        reader,
        shared: Arc::clone(&shared),
        backoff: Backoff::new(first, longest),
        away_since: None,
        was_connected: false,
        refusal_logged: false,
        short_lives: 0,
        config,
    };
    Ok((Publisher::new(shared), receiver, session))
}

/// How one connection, or the attempt at one, ended.
enum End {
    /// As asked.
    Stopped,
    /// By an error.
    Lost(ConnectionError),
}

impl Session {
    /// Connects, and connects again after every loss, until `shutdown`; then says `offline` and leaves.
    ///
    /// # Errors
    /// [`SessionError`] when the broker refuses us for good, unless the configuration says
    /// [`OnRefusal::KeepTrying`].
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), SessionError> {
        while !shutdown.is_cancelled() {
            let mut connected_at = None;
            match self.connection(&mut connected_at, &shutdown).await {
                End::Stopped => break,
                End::Lost(reason) => {
                    self.shared.outbox().disconnected();
                    self.note_loss(connected_at, &reason)?;
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(self.pause(connected_at)) => {}
            }
        }
        Ok(())
    }

    /// One connection from its first packet to its last.
    async fn connection(
        &mut self,
        connected_at: &mut Option<Instant>,
        shutdown: &CancellationToken,
    ) -> End {
        let (client, mut event_loop) = AsyncClient::new(self.options(), REQUESTS);
        event_loop.set_network_options(network_options());
        let mut goodbye: Option<Instant> = None;
        loop {
            let polled = {
                // Polled to its end and never dropped half-way: a packet could be lost with it.
                let mut poll = pin!(event_loop.poll());
                loop {
                    tokio::select! {
                        polled = &mut poll => break polled,
                        () = self.reader.catch_up(), if self.reader.is_behind() => {}
                        () = shutdown.cancelled(), if goodbye.is_none() => {
                            if connected_at.is_none() {
                                return End::Stopped;
                            }
                            goodbye = Some(Instant::now() + GOODBYE_TIMEOUT);
                            self.say_offline();
                            self.leave_if_idle(&client);
                        }
                        () = at(goodbye), if goodbye.is_some() => {
                            warn!("the MQTT broker did not acknowledge everything before the stop");
                            return End::Stopped;
                        }
                    }
                }
            };
            match polled {
                Ok(rumqttc::Event::Outgoing(Outgoing::Disconnect)) => return End::Stopped,
                Ok(rumqttc::Event::Outgoing(Outgoing::AwaitAck(_))) => {
                    // Cannot happen with our window; a new client is the cure for any stuck state.
                    return End::Lost(StateError::CollisionTimeout.into());
                }
                Ok(rumqttc::Event::Incoming(Packet::ConnAck(connack))) => {
                    *connected_at = Some(Instant::now());
                    self.on_connected(&client, connack.session_present);
                }
                Ok(event) => self.on_event(event),
                Err(reason) => {
                    self.drain(&mut event_loop);
                    if goodbye.is_some() {
                        return End::Stopped;
                    }
                    return End::Lost(reason);
                }
            }
            if goodbye.is_some() {
                self.leave_if_idle(&client);
            }
        }
    }

    fn options(&self) -> MqttOptions {
        let config = &self.config;
        let mut options =
            MqttOptions::new(config.client.next(), config.url.host(), config.url.port());
        options
            .set_transport(self.transport.clone())
            .set_keep_alive(config.keep_alive)
            .set_clean_session(!config.client.keeps_session())
            .set_inflight(PACKET_IDS)
            .set_max_packet_size(MAX_PACKET_BYTES, MAX_PACKET_BYTES);
        if let Some(username) = &config.username {
            let password = config.password.as_ref().map_or("", |password| password.expose());
            options.set_credentials(username, password);
        }
        if let Some(offline) = self.status(ServiceState::Offline) {
            let will =
                LastWill::new(offline.topic, offline.payload, QoS::AtLeastOnce, offline.retain);
            options.set_last_will(will);
        }
        options
    }

    fn status(&self, state: ServiceState) -> Option<Publication> {
        let presence = self.config.presence.as_ref()?;
        let topic = self.config.root.topic(&Topic::ServiceStatus(presence.name.clone()));
        Some(Publication::snapshot(topic, presence.payload(state)))
    }

    fn on_connected(&mut self, client: &AsyncClient, session_present: bool) {
        self.shared.stats().connected();
        let broker = &self.config.url;
        match self.away_since.take() {
            Some(since) if self.was_connected => {
                let away_secs = since.elapsed().as_secs();
                info!(%broker, away_secs, session_present, "the MQTT broker is back");
            }
            _ if self.was_connected => {}
            _ => info!(%broker, "connected to the MQTT broker"),
        }
        self.was_connected = true;
        self.refusal_logged = false;
        if !self.subscriptions.is_empty() {
            let filters = self
                .subscriptions
                .iter()
                .map(|filter| SubscribeFilter::new(filter.clone(), QoS::AtLeastOnce));
            // Never full: the outbox hands over only from the next line on.
            if let Err(reason) = client.try_subscribe_many(filters) {
                error!(%reason, "subscriptions could not be issued");
            }
        }
        self.shared.outbox().connected(client.clone(), self.status(ServiceState::Online));
        self.reader.tell(Event::Connected { session_present }, self.shared.stats());
    }

    fn on_event(&mut self, event: rumqttc::Event) {
        match event {
            rumqttc::Event::Outgoing(Outgoing::Publish(packet_id)) => {
                self.shared.outbox().sent(packet_id);
            }
            rumqttc::Event::Incoming(Packet::PubAck(ack)) => {
                self.shared.outbox().acknowledged(ack.pkid);
            }
            rumqttc::Event::Incoming(Packet::Publish(publish)) => {
                self.shared.stats().received();
                let message = Message {
                    topic: publish.topic,
                    payload: publish.payload,
                    retain: publish.retain,
                };
                self.reader.tell(Event::Message(message), self.shared.stats());
            }
            rumqttc::Event::Incoming(Packet::SubAck(ack)) => {
                for (filter, code) in self.subscriptions.iter().zip(&ack.return_codes) {
                    if *code == SubscribeReasonCode::Failure {
                        error!(broker = %self.config.url, filter, "the broker refuses this subscription");
                    }
                }
            }
            _ => {}
        }
    }

    /// What had arrived before the connection broke counts: acknowledgments above all.
    fn drain(&mut self, event_loop: &mut EventLoop) {
        while let Some(event) = event_loop.state.events.pop_front() {
            self.on_event(event);
        }
    }

    fn say_offline(&self) {
        if let Some(offline) = self.status(ServiceState::Offline) {
            drop(self.shared.outbox().publish(offline));
        }
    }

    /// Asks for the end of the connection once everything is acknowledged.
    fn leave_if_idle(&self, client: &AsyncClient) {
        if self.shared.outbox().is_idle() {
            // Said again, or not taken, it does no harm: the first one or the timeout ends the connection.
            let _ = client.try_disconnect();
        }
    }

    fn note_loss(
        &mut self,
        connected_at: Option<Instant>,
        reason: &ConnectionError,
    ) -> Result<(), SessionError> {
        if connected_at.is_some() {
            self.shared.stats().lost();
        } else {
            self.shared.stats().failed();
        }
        if let ConnectionError::ConnectionRefused(code) = reason {
            self.shared.stats().refused();
            if let Some(refusal) = refusal_for_good(*code, &self.config) {
                match self.config.on_refusal {
                    OnRefusal::End => return Err(refusal),
                    OnRefusal::KeepTrying if !self.refusal_logged => {
                        self.refusal_logged = true;
                        self.away_since.get_or_insert_with(Instant::now);
                        error!("{refusal}; trying again from time to time");
                    }
                    OnRefusal::KeepTrying => {}
                }
            }
        }
        let broker = &self.config.url;
        let reason = in_words(reason);
        if self.away_since.is_some() {
            debug!(%broker, reason, "the MQTT broker is still away");
        } else {
            self.away_since = Some(Instant::now());
            if connected_at.is_some() {
                warn!(%broker, reason, "lost the MQTT broker; trying to get it back");
            } else {
                warn!(%broker, reason, "the MQTT broker cannot be reached; trying again");
            }
        }
        if connected_at.is_some() {
            self.reader.tell(Event::Disconnected { reason }, self.shared.stats());
        }
        Ok(())
    }

    /// How long to wait before the next attempt.
    fn pause(&mut self, connected_at: Option<Instant>) -> Duration {
        match connected_at {
            Some(at) if STEADY_AFTER <= at.elapsed() => {
                self.backoff.reset();
                self.short_lives = 0;
            }
            Some(_) => {
                self.short_lives += 1;
                if self.short_lives == SHORT_LIVES_BEFORE_HINT {
                    let client = self.config.client.label();
                    warn!(
                        broker = %self.config.url,
                        client,
                        "the MQTT broker lets us in and soon closes the connection, again and again; is \
                         another process connected under the same client name?"
                    );
                }
            }
            None => {}
        }
        if self.refusal_logged {
            return self.config.reconnect.1;
        }
        self.backoff.next().unwrap_or(self.config.reconnect.1)
    }
}

impl Drop for Session {
    /// Whichever way the session ends, those who wait for a delivery learn of it.
    fn drop(&mut self) {
        self.shared.outbox().close();
    }
}

fn network_options() -> NetworkOptions {
    let mut options = NetworkOptions::new();
    // Without it Nagle's algorithm adds up to 40 ms to a small publication.
    options.set_tcp_nodelay(true);
    options.set_connection_timeout(CONNECT_TIMEOUT.as_secs());
    options
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
