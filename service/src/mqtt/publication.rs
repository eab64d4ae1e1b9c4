//! What is published, and what became of it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::oneshot;

/// Quality of service. There is no 2: every payload carries its instant, so a repetition is harmless.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Qos {
    /// Sent once, never acknowledged.
    AtMostOnce,
    /// Sent until acknowledged.
    #[default]
    AtLeastOnce,
}

/// What happens to a publication that cannot go out at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfAway {
    /// It waits its turn. If it was to be retained and a newer one of its topic came meanwhile, it is sent
    /// unretained: the retained message is always the newest.
    Wait,
    /// It waits until a newer one of the same topic takes its place.
    WaitUnlessReplaced,
    /// It is given up: a command that arrives late is worse than none.
    GiveUp,
}

/// One message on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Full topic name, root included.
    pub topic: String,
    /// What the topic promises.
    pub payload: Bytes,
    /// The broker keeps it for those who subscribe later, and so do we for a broker that forgets.
    pub retain: bool,
    /// Whether an acknowledgment is asked for.
    pub qos: Qos,
    /// What happens while the broker is away or slow.
    pub if_away: IfAway,
}

impl Publication {
    /// The newest instant of a topic whose every instant matters (`upstream/mix`, `computed/co2`):
    /// retained, and never replaced unsent by a newer one.
    pub fn event(topic: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self {
            topic: topic.into(),
            payload: payload.into(),
            retain: true,
            qos: Qos::AtLeastOnce,
            if_away: IfAway::Wait,
        }
    }

    /// An instant older than the newest (catch-up, a correction): not retained, every one matters.
    pub fn catch_up(topic: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self { retain: false, ..Self::event(topic, payload) }
    }

    /// A picture of now (a series, a status): retained, only the newest matters.
    pub fn snapshot(topic: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self { if_away: IfAway::WaitUnlessReplaced, ..Self::event(topic, payload) }
    }

    /// An order to somebody: not retained, now or never.
    pub fn command(topic: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self { retain: false, if_away: IfAway::GiveUp, ..Self::event(topic, payload) }
    }

    /// Bytes it takes in memory and, but for a few, on the wire.
    pub(super) fn size(&self) -> usize {
        self.topic.len() + self.payload.len()
    }
}

/// Why a publication was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// Too much was waiting, and this was the oldest.
    #[error("dropped: too much was waiting for the broker")]
    Dropped,
    /// A newer one of the same topic took its place.
    #[error("replaced by a newer one of the same topic")]
    Replaced,
    /// Now or never, and the broker was away, or went away before it answered.
    #[error("the broker is away")]
    Away,
    /// The connection ended each time this was sent: the broker does not take it.
    #[error("the broker ends the connection when it gets this")]
    Unwanted,
    /// No broker could take it: a topic with a wildcard, or larger than a packet may be.
    #[error("not a message that could be sent")]
    Invalid,
    /// The session has ended.
    #[error("the session has ended")]
    Stopped,
}

impl Undelivered {
    /// Whether publishing the same again may succeed.
    pub fn is_worth_another_try(self) -> bool {
        matches!(self, Self::Dropped | Self::Away)
    }
}

/// Resolves when the broker has acknowledged a publication (with [`Qos::AtMostOnce`]: when it was
/// written), or when it never will. May be dropped by those who need not know; see also
/// [`super::Publisher::send`].
#[derive(Debug)]
pub struct Delivery(oneshot::Receiver<Result<(), Undelivered>>);

impl Future for Delivery {
    type Output = Result<(), Undelivered>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|outcome| outcome.unwrap_or(Err(Undelivered::Stopped)))
    }
}

/// The other end of a [`Delivery`].
#[derive(Debug)]
pub(super) struct Outcome(Option<oneshot::Sender<Result<(), Undelivered>>>);

impl Outcome {
    pub(super) fn watched() -> (Self, Delivery) {
        let (tx, rx) = oneshot::channel();
        (Self(Some(tx)), Delivery(rx))
    }

    pub(super) fn unwatched() -> Self {
        Self(None)
    }

    pub(super) fn settle(self, outcome: Result<(), Undelivered>) {
        if let Some(tx) = self.0 {
            // Nobody waits for it any more: fine.
            let _ = tx.send(outcome);
        }
    }
}
