//! The home broker: the household's own, where switches and meters speak. A session of its own, never the
//! feed's: nothing that arrives on the public stream can reach a switch, and nothing here is believed about
//! the grid. Commands are only sent here, never read.
//!
//! ```text
//! broker ──message──> ear of its topic ──> watch ──> whoever listens
//!        ──loss─────> every ear forgets ───┘
//! ```

use std::collections::BTreeMap;

use anyhow::Context as _;
use service::mqtt::{Event, Message, MqttConfig, Publisher, Session, connect};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// The newest that was said on a topic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard<T> {
    /// `None`: nothing in this connection, so nothing is known.
    pub value: Option<T>,
    /// Counts what was heard, over all connections.
    pub serial: u64,
    /// The broker had kept it: it was true at some time before.
    pub retained: bool,
}

/// Takes a message of its topic, or hears that the broker is gone.
type Ear = Box<dyn Fn(Option<&Message>) + Send + Sync>;

/// The home broker before it is connected to: who wants to hear what.
pub struct Home {
    broker: watch::Sender<Option<Publisher>>,
    ears: BTreeMap<String, Vec<Ear>>,
}

impl Default for Home {
    fn default() -> Self {
        Self { broker: watch::channel(None).0, ears: BTreeMap::new() }
    }
}

impl Home {
    /// Whether nobody wants to hear anything: there is no use in connecting.
    pub fn is_idle(&self) -> bool {
        self.ears.is_empty()
    }

    /// The way to the broker while it is there.
    pub fn broker(&self) -> watch::Receiver<Option<Publisher>> {
        self.broker.subscribe()
    }

    /// Listens to `topic`. A message that `read` makes nothing of is passed over.
    pub fn listen<T: Send + Sync + 'static>(
        &mut self,
        topic: &str,
        read: impl Fn(&[u8]) -> Option<T> + Send + Sync + 'static,
    ) -> watch::Receiver<Heard<T>> {
        let (sender, receiver) = watch::channel(Heard { value: None, serial: 0, retained: false });
        let ear = move |message: Option<&Message>| match message {
            None => sender.send_modify(|heard| heard.value = None),
            Some(message) => match read(&message.payload) {
                Some(value) => sender.send_modify(|heard| {
                    let serial = heard.serial + 1;
                    *heard = Heard { value: Some(value), serial, retained: message.retain };
                }),
                None => debug!(topic = message.topic, "a message without what is sought in it"),
            },
        };
        self.ears.entry(topic.to_owned()).or_default().push(Box::new(ear));
        receiver
    }

    /// Sets the session up.
    ///
    /// # Errors
    /// When the settings cannot work.
    pub fn connect(self, mqtt: MqttConfig) -> anyhow::Result<HomeSession> {
        let filters = self.ears.keys().cloned().collect();
        let (publisher, inbox, session) =
            connect(mqtt, filters).context("the home broker cannot be used")?;
        Ok(HomeSession { home: self, publisher, inbox, session })
    }

    fn hear(&self, event: &Event, publisher: &Publisher) {
        match event {
            Event::Connected { .. } => {
                self.broker.send_replace(Some(publisher.clone()));
            }
            Event::Disconnected { .. } => {
                self.broker.send_replace(None);
                for ear in self.ears.values().flatten() {
                    ear(None);
                }
            }
            Event::Message(message) => {
                for ear in self.ears.get(&message.topic).into_iter().flatten() {
                    ear(Some(message));
                }
            }
        }
    }
}

/// The session with the home broker.
pub struct HomeSession {
    home: Home,
    publisher: Publisher,
    inbox: mpsc::Receiver<Event>,
    session: Session,
}

impl HomeSession {
    /// Runs it until `shutdown`, which has to be later than the last order.
    ///
    /// # Errors
    /// When the session ends by itself.
    pub async fn run(mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let listen = async {
            while let Some(event) = self.inbox.recv().await {
                self.home.hear(&event, &self.publisher);
            }
        };
        tokio::select! {
            ended = self.session.run(shutdown) => ended.context("the home broker"),
            () = listen => Ok(()),
        }
    }
}
