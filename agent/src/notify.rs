//! Tells the person what needs one: by a program of theirs or a webhook, each alarm once until it is over.
//!
//! [`Notifier::raise`] and [`Notifier::clear`] never wait and may be called on every cycle; [`Delivery`] is
//! a task of its own, with a time limit and a bounded number of tries for each message. What was delivered
//! is kept, so that a restart does not tell it again within the day; what was not yet is told after it.

mod send;
mod standing;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::NotifyConfig;
use crate::moments::Moments;
use crate::store::Store;
use send::{Failure, Sender};
pub use standing::standing;

/// A standing alarm that was told this long ago may be told again by a restart.
const A_DAY: TimeDelta = TimeDelta::hours(24);

/// An alarm that comes and goes is not told more often than this.
const FLAPPING: TimeDelta = TimeDelta::minutes(15);

/// Alarms that wait for their delivery. There are five kinds.
const WAITING: usize = 16;

/// What needs a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alarm {
    /// The car will not be ready at its departure.
    NotReady,
    /// The relay, or what stands for it, does not obey.
    RelayDisobeys,
    /// Nothing is known about the grid.
    NoData,
    /// Somebody else moves the contactor.
    SecondController,
    /// The car does not take the current that is offered.
    CarRefuses,
}

impl Alarm {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::NotReady,
        Self::RelayDisobeys,
        Self::NoData,
        Self::SecondController,
        Self::CarRefuses,
    ];

    /// Its word, as programs and webhooks get it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotReady => "not-ready",
            Self::RelayDisobeys => "relay-disobeys",
            Self::NoData => "no-data",
            Self::SecondController => "second-controller",
            Self::CarRefuses => "car-refuses",
        }
    }

    /// What it means, in a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotReady => "the car will not be ready",
            Self::RelayDisobeys => "the charger does not obey",
            Self::NoData => "nothing is known about the grid",
            Self::SecondController => "somebody else moves the contactor",
            Self::CarRefuses => "the car does not take the current",
        }
    }
}

/// When each alarm was last told, as it is kept.
pub type Told = BTreeMap<Alarm, Timestamp>;

/// One alarm on its way.
#[derive(Clone, Debug)]
struct Message {
    alarm: Alarm,
    text: String,
    raised: Timestamp,
}

/// Raises alarms. Cheap to clone.
#[derive(Clone)]
pub struct Notifier {
    state: Arc<Mutex<State>>,
    moments: Moments,
    queue: mpsc::Sender<Message>,
}

#[derive(Default)]
struct State {
    /// Those that stand, or stood when a run before this one ended: `false` until this run raises it.
    standing: BTreeMap<Alarm, bool>,
    told: Told,
}

impl State {
    /// Whether `alarm`, raised at `now`, is news.
    fn raise(&mut self, alarm: Alarm, now: Timestamp) -> bool {
        // Clocks jump: a time in the future is as far from now as one in the past.
        let ago = self.told.get(&alarm).map(|told| (now - *told).abs());
        match self.standing.get(&alarm) {
            Some(true) => false,
            Some(false) => {
                self.standing.insert(alarm, true);
                ago.is_none_or(|ago| A_DAY <= ago)
            }
            // It stays down until it may be told, so that it is told if it stands then.
            None if ago.is_some_and(|ago| ago < FLAPPING) => false,
            None => {
                self.standing.insert(alarm, true);
                true
            }
        }
    }
}

/// Delivers what a [`Notifier`] raises.
pub struct Delivery {
    state: Arc<Mutex<State>>,
    store: Store,
    moments: Moments,
    queue: mpsc::Receiver<Message>,
    sender: Sender,
    pauses: Vec<Duration>,
}

/// Both ends. Without a way in `config` an alarm is only logged.
pub fn notifier(config: &NotifyConfig, store: Store, moments: Moments) -> (Notifier, Delivery) {
    // A try, and four more within 20 minutes.
    let pauses = [10, 60, 240, 900].map(Duration::from_secs).to_vec();
    notifier_with(config, store, moments, pauses)
}

fn notifier_with(
    config: &NotifyConfig,
    store: Store,
    moments: Moments,
    pauses: Vec<Duration>,
) -> (Notifier, Delivery) {
    let told = store.told().unwrap_or_else(|error| {
        warn!("which alarms were told cannot be read: {error}");
        Told::new()
    });
    let standing = told.keys().map(|alarm| (*alarm, false)).collect();
    let state = Arc::new(Mutex::new(State { standing, told }));
    let (sender, queue) = mpsc::channel(WAITING);
    let delivery = Delivery {
        state: Arc::clone(&state),
        store,
        moments: moments.clone(),
        queue,
        sender: Sender::new(config.clone()),
        pauses,
    };
    (Notifier { state, moments, queue: sender }, delivery)
}

impl Notifier {
    /// `alarm` stands, for the reason in `text`: told if that is news. Never waits.
    pub fn raise(&self, alarm: Alarm, text: impl Into<String>) {
        let now = self.moments.now().wall;
        if !self.state().raise(alarm, now) {
            return;
        }
        let text = text.into();
        warn!(alarm = alarm.as_str(), "{text}");
        if let Err(error) = self.queue.try_send(Message { alarm, text, raised: now }) {
            warn!(alarm = alarm.as_str(), "an alarm cannot be delivered: {error}");
        }
    }

    /// `alarm` is over; the next one is news again. Never waits.
    pub fn clear(&self, alarm: Alarm) {
        if self.state().standing.remove(&alarm) == Some(true) {
            info!(alarm = alarm.as_str(), "an alarm is over");
        }
    }

    /// Whether `alarm` stands.
    pub fn stands(&self, alarm: Alarm) -> bool {
        self.state().standing.get(&alarm) == Some(&true)
    }

    /// Raises those that stand for a reason, clears the others.
    pub fn follow(&self, alarms: impl IntoIterator<Item = (Alarm, Option<String>)>) {
        for (alarm, text) in alarms {
            match text {
                Some(text) => self.raise(alarm, text),
                None => self.clear(alarm),
            }
        }
    }

    /// Those that stand now.
    pub fn raised(&self) -> Vec<Alarm> {
        self.state()
            .standing
            .iter()
            .filter(|(_, stands)| **stands)
            .map(|(alarm, _)| *alarm)
            .collect()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Whoever panicked with it held left it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Delivery {
    /// Delivers until `shutdown`.
    ///
    /// # Errors
    /// Never by itself: a message that cannot be delivered is given up and logged.
    pub async fn run(mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        loop {
            let message = tokio::select! {
                message = self.queue.recv() => message,
                () = shutdown.cancelled() => return Ok(()),
            };
            let Some(message) = message else {
                // Nobody raises any more; the end of this task is not the end of the agent.
                shutdown.cancelled().await;
                return Ok(());
            };
            tokio::select! {
                () = self.deliver(&message) => {}
                () = shutdown.cancelled() => return Ok(()),
            }
        }
    }

    async fn deliver(&mut self, message: &Message) {
        let mut pauses = self.pauses.clone().into_iter();
        let alarm = message.alarm.as_str();
        loop {
            match self.sender.send(message).await {
                Ok(()) => {
                    self.keep(message.alarm).await;
                    info!(alarm, "an alarm was told");
                    return;
                }
                Err(Failure::ForGood(trouble)) => {
                    warn!(alarm, "an alarm could not be told, and is not tried again: {trouble}");
                    break;
                }
                Err(Failure::ForNow(trouble)) => match pauses.next() {
                    Some(pause) => {
                        let secs = pause.as_secs();
                        warn!(alarm, "an alarm could not be told; again in {secs} s: {trouble}");
                        tokio::time::sleep(pause).await;
                    }
                    None => {
                        warn!(alarm, "an alarm could not be told, and is given up: {trouble}");
                        break;
                    }
                },
            }
        }
        self.keep(message.alarm).await;
    }

    /// It was told, or given up: not again today.
    async fn keep(&self, alarm: Alarm) {
        let told = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.told.insert(alarm, self.moments.now().wall);
            state.told.clone()
        };
        let store = self.store.clone();
        let kept =
            tokio::task::spawn_blocking(move || store.keep_told(&told).and_then(|()| store.sync()));
        if let Ok(Err(error)) = kept.await {
            warn!("which alarms were told cannot be kept: {error}");
        }
    }
}

#[cfg(test)]
mod tests;
