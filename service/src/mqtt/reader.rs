//! What a session tells its reader, who may be slow or not there at all.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::sync::mpsc;
use tracing::warn;

use super::stats::Stats;

/// Events that wait in the channel, and beyond it in the session, for a reader that is behind.
const EVENTS: usize = 64;
const EVENTS_BEHIND: usize = 10_000;

/// What a session tells its reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The broker has said yes. Subscriptions are on their way, retained messages will follow.
    Connected {
        /// The broker had kept a session for us: what was sent meanwhile follows.
        session_present: bool,
    },
    /// The connection is gone; the session is trying to get it back.
    Disconnected {
        /// Why, in a few words.
        reason: String,
    },
    /// A message of one of the subscriptions.
    Message(Message),
}

/// A message received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Full topic name.
    pub topic: String,
    /// As sent.
    pub payload: Bytes,
    /// It was kept by the broker: what was true before we subscribed, not news.
    pub retain: bool,
}

/// The session's end of the channel of events.
pub(super) fn channel() -> (Reader, mpsc::Receiver<Event>) {
    let (events, receiver) = mpsc::channel(EVENTS);
    (Reader { events, behind: VecDeque::new(), is_slow: false }, receiver)
}

/// The reader of events, who may be slow or not there at all.
#[derive(Debug)]
pub(super) struct Reader {
    events: mpsc::Sender<Event>,
    behind: VecDeque<Event>,
    is_slow: bool,
}

impl Reader {
    pub(super) fn is_behind(&self) -> bool {
        !self.behind.is_empty()
    }

    /// Passes an event on without waiting.
    pub(super) fn tell(&mut self, event: Event, stats: &Stats) {
        if self.behind.is_empty() {
            match self.events.try_send(event) {
                Ok(()) => self.is_slow = false,
                // Nobody listens: a publisher only.
                Err(mpsc::error::TrySendError::Closed(_)) => {}
                Err(mpsc::error::TrySendError::Full(event)) => self.behind.push_back(event),
            }
            return;
        }
        if EVENTS_BEHIND <= self.behind.len() {
            self.behind.pop_front();
            stats.unread();
            if !self.is_slow {
                self.is_slow = true;
                warn!("MQTT messages arrive faster than they are read; the oldest are dropped");
            }
        }
        self.behind.push_back(event);
    }

    /// Passes on one event that waits, as soon as there is room for it.
    pub(super) async fn catch_up(&mut self) {
        match self.events.reserve().await {
            Ok(room) => {
                if let Some(event) = self.behind.pop_front() {
                    room.send(event);
                }
            }
            Err(_closed) => self.behind.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(n: usize) -> Event {
        Event::Message(Message {
            topic: "t".to_owned(),
            payload: Bytes::from(n.to_string()),
            retain: false,
        })
    }

    #[tokio::test]
    async fn a_slow_reader_gets_everything_in_order() {
        let (mut reader, mut events) = channel();
        let stats = Stats::default();
        let count = 3 * EVENTS;
        for n in 0..count {
            reader.tell(message(n), &stats);
        }
        for n in 0..count {
            assert_eq!(events.try_recv(), Ok(message(n)));
            if reader.is_behind() {
                reader.catch_up().await;
            }
        }
        assert!(!reader.is_behind());
        assert_eq!(stats.counts().unread, 0);
    }

    #[tokio::test]
    async fn a_reader_that_does_not_read_loses_the_oldest_and_it_is_counted() {
        let (mut reader, mut events) = channel();
        let stats = Stats::default();
        let all = EVENTS + EVENTS_BEHIND + 3;
        for n in 0..all {
            reader.tell(message(n), &stats);
        }
        assert_eq!(stats.counts().unread, 3);
        let mut last = None;
        for _ in 0..EVENTS + EVENTS_BEHIND {
            last = events.try_recv().ok();
            if reader.is_behind() {
                reader.catch_up().await;
            }
        }
        assert_eq!(last, Some(message(all - 1)));
    }

    #[tokio::test]
    async fn without_a_reader_nothing_piles_up() {
        let (mut reader, mut events) = channel();
        let stats = Stats::default();
        for n in 0..2 * EVENTS {
            reader.tell(message(n), &stats);
        }
        events.close();
        drop(events);
        reader.catch_up().await;
        reader.tell(message(0), &stats);
        assert!(!reader.is_behind());
    }
}
