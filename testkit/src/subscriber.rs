//! A plain MQTT client: what a stranger sees of a broker.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Outgoing, Packet, QoS};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::PATIENCE;

/// User name and password; `None` is anonymous.
pub type Login<'a> = Option<(&'a str, &'a str)>;

/// What a subscriber got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Full topic name.
    pub topic: String,
    /// As sent.
    pub payload: Bytes,
    /// It was kept by the broker.
    pub retain: bool,
}

impl Received {
    /// The payload as text.
    ///
    /// # Panics
    /// When it is none.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).expect("a text")
    }
}

/// A connected client with subscriptions. Does not reconnect.
#[derive(Debug)]
pub struct Subscriber {
    messages: mpsc::UnboundedReceiver<Received>,
    task: JoinHandle<()>,
}

impl Subscriber {
    /// Connects anonymously, subscribes to `filter`, and returns once the broker has confirmed it.
    ///
    /// # Panics
    /// When the broker cannot be reached or refuses.
    pub async fn connect(addr: SocketAddr, filter: &str) -> Self {
        Self::connect_as(addr, filter, None).await
    }

    /// The same with a login.
    ///
    /// # Panics
    /// When the broker cannot be reached or refuses.
    pub async fn connect_as(addr: SocketAddr, filter: &str, login: Login<'_>) -> Self {
        let (client, mut event_loop) = client(options(addr, login));
        client.subscribe(filter, QoS::AtLeastOnce).await.expect("the request is taken");
        let (tx, messages) = mpsc::unbounded_channel();
        // Retained messages may come before the confirmation.
        let confirmed = async {
            loop {
                match event_loop.poll().await.expect("the broker lets a subscriber in") {
                    Event::Incoming(Packet::SubAck(ack)) => break ack,
                    event => pass_on(event, &tx),
                }
            }
        };
        timeout(PATIENCE, confirmed).await.expect("the broker confirms in time");
        let task = tokio::spawn(async move {
            // Keeps the request channel open.
            let _client = client;
            while let Ok(event) = event_loop.poll().await {
                pass_on(event, &tx);
            }
        });
        Self { messages, task }
    }

    /// The next message on `topic`; others are passed over.
    ///
    /// # Panics
    /// When none comes within `limit`, or the connection ends.
    #[track_caller]
    pub fn next(&mut self, topic: &str, limit: Duration) -> impl Future<Output = Received> {
        let caller = std::panic::Location::caller();
        async move {
            let deadline = Instant::now() + limit;
            let mut others = Vec::new();
            loop {
                match timeout_at(deadline, self.messages.recv()).await {
                    Ok(Some(message)) if message.topic == topic => return message,
                    Ok(Some(message)) => others.push(message.topic),
                    Ok(None) => {
                        panic!("{caller}: the connection ended before {topic}; got {others:?}")
                    }
                    Err(_) => {
                        panic!("{caller}: nothing on {topic} within {limit:?}; got {others:?}")
                    }
                }
            }
        }
    }

    /// The next message on `topic` whose payload is `text`; others are passed over.
    ///
    /// # Panics
    /// When none comes within [`PATIENCE`], or the connection ends.
    #[track_caller]
    pub fn until(&mut self, topic: &str, text: &str) -> impl Future<Output = Received> {
        let caller = std::panic::Location::caller();
        async move {
            let mut seen = Vec::new();
            let found = timeout(PATIENCE, async {
                while let Some(message) = self.messages.recv().await {
                    if message.topic == topic && message.payload == text.as_bytes() {
                        return Some(message);
                    }
                    seen.push(message);
                }
                None
            });
            match found.await {
                Ok(Some(message)) => message,
                _ => panic!("{caller}: no {text:?} on {topic}; got {seen:#?}"),
            }
        }
    }

    /// The next `count` messages.
    ///
    /// # Panics
    /// When they do not come within [`PATIENCE`], or the connection ends.
    #[track_caller]
    pub fn take(&mut self, count: usize) -> impl Future<Output = Vec<Received>> {
        let caller = std::panic::Location::caller();
        async move {
            let deadline = Instant::now() + PATIENCE;
            let mut all = Vec::with_capacity(count);
            while all.len() < count {
                match timeout_at(deadline, self.messages.recv()).await {
                    Ok(Some(message)) => all.push(message),
                    _ => panic!("{caller}: {} of {count} messages: {all:#?}", all.len()),
                }
            }
            all
        }
    }

    /// Every message until none has come for `quiet`: to show that something does not come.
    pub async fn all(&mut self, quiet: Duration) -> Vec<Received> {
        let mut all = Vec::new();
        while let Ok(Some(message)) = timeout(quiet, self.messages.recv()).await {
            all.push(message);
        }
        all
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn pass_on(event: Event, tx: &mpsc::UnboundedSender<Received>) {
    if let Event::Incoming(Packet::Publish(publish)) = event {
        let received =
            Received { topic: publish.topic, payload: publish.payload, retain: publish.retain };
        // The test may have stopped reading.
        let _ = tx.send(received);
    }
}

/// Publishes one message and returns once the broker has acknowledged it (which, in MQTT 3.1.1, it also
/// does where it denies it).
///
/// # Panics
/// When the broker cannot be reached or refuses the login.
pub async fn publish(addr: SocketAddr, login: Login<'_>, topic: &str, payload: &str, retain: bool) {
    let (client, mut event_loop) = client(options(addr, login));
    client.publish(topic, QoS::AtLeastOnce, retain, payload).await.expect("the request is taken");
    let done = async {
        loop {
            match event_loop.poll().await.expect("the broker lets a publisher in") {
                Event::Incoming(Packet::PubAck(_)) => {
                    client.disconnect().await.expect("the request is taken");
                }
                Event::Outgoing(Outgoing::Disconnect) => break,
                _ => {}
            }
        }
    };
    timeout(PATIENCE, done).await.expect("the broker acknowledges in time");
}

fn options(addr: SocketAddr, login: Login<'_>) -> MqttOptions {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let id = format!("test-{}-{count}", std::process::id());
    let mut options = MqttOptions::new(id, addr.ip().to_string(), addr.port());
    options.set_max_packet_size(1024 * 1024, 1024 * 1024);
    if let Some((user, secret)) = login {
        options.set_credentials(user, secret);
    }
    options
}

fn client(options: MqttOptions) -> (AsyncClient, EventLoop) {
    let (client, mut event_loop) = AsyncClient::new(options, 16);
    let mut network = rumqttc::NetworkOptions::new();
    network.set_tcp_nodelay(true);
    event_loop.set_network_options(network);
    (client, event_loop)
}
