//! What waits to be published, what is on its way, and what is kept for a broker that forgets.
//!
//! Knows neither sockets nor clocks: the session tells it what happened, a [`Link`] takes what may go.
//!
//! ```text
//!          publish           window open          written            PUBACK
//! (caller) ──────> waiting ──────────────> handed ───────> in flight ──────> delivered
//!                     ^                       │               │
//!                     └───────── loss ────────┴───────────────┘
//! ```
//!
//! Order: publications of one session reach the broker in the order they were made, also after a loss.
//! After a CONNACK come first the status, then the repetition of all retained topics whose newest
//! was delivered before, then what waits.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::MAX_PACKET_BYTES;
use super::publication::{Delivery, IfAway, Outcome, Publication, Qos, Undelivered};
use super::stats::Stats;

/// Most publications handed over and not yet acknowledged. Far below the packet ids of the client
/// ([`super::session`]), so that an id is never used again before its PUBACK came.
pub(super) const WINDOW: usize = 64;

/// So often in a row may a connection end with a publication as the oldest unacknowledged one.
const ENDS_BEFORE_UNWANTED: u32 = 10;

/// Fixed header, packet id and topic length of a PUBLISH, generously.
const PACKET_OVERHEAD: usize = 16;

/// What takes publications to the broker. Never waits.
pub(super) trait Link {
    /// Takes one publication, or says no when it cannot.
    fn send(&self, topic: &str, payload: &Bytes, retain: bool, qos: Qos) -> bool;
}

#[derive(Debug)]
struct Entry {
    seq: u64,
    publication: Publication,
    outcome: Outcome,
    /// Said again for a broker that may have forgotten it; nobody waits for its delivery.
    repetition: bool,
}

/// The newest payload of a retained topic.
#[derive(Debug)]
struct Kept {
    seq: u64,
    payload: Bytes,
    qos: Qos,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Outbox<L> {
    link: Option<L>,
    closed: bool,
    next_seq: u64,
    kept: BTreeMap<String, Kept>,
    waiting: VecDeque<Entry>,
    waiting_bytes: usize,
    handed: VecDeque<Entry>,
    in_flight: VecDeque<(u16, Entry)>,
    ends: HashMap<String, u32>,
    max_waiting: usize,
    max_waiting_bytes: usize,
    stats: Arc<Stats>,
}

impl<L: Link> Outbox<L> {
    pub(super) fn new(max_waiting: usize, max_waiting_bytes: usize, stats: Arc<Stats>) -> Self {
        Self {
            link: None,
            closed: false,
            next_seq: 0,
            kept: BTreeMap::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            handed: VecDeque::new(),
            in_flight: VecDeque::new(),
            ends: HashMap::new(),
            max_waiting,
            max_waiting_bytes,
            stats,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// Nothing waits and everything is acknowledged.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.handed.is_empty() && self.in_flight.is_empty()
    }

    /// Takes a publication; it goes out now if it can.
    pub(super) fn publish(&mut self, publication: Publication) -> Delivery {
        let (outcome, delivery) = Outcome::watched();
        if self.closed {
            outcome.settle(Err(Undelivered::Stopped));
        } else if !could_be_sent(&publication) {
            tracing::error!(
                topic = publication.topic,
                bytes = publication.payload.len(),
                "a message that no broker could take was not published"
            );
            self.stats.given_up();
            outcome.settle(Err(Undelivered::Invalid));
        } else if publication.if_away == IfAway::GiveUp && self.link.is_none() {
            self.stats.given_up();
            outcome.settle(Err(Undelivered::Away));
        } else {
            self.enqueue(publication, outcome);
            self.hand_over();
        }
        delivery
    }

    fn enqueue(&mut self, publication: Publication, outcome: Outcome) {
        let seq = self.take_seq();
        if publication.if_away == IfAway::WaitUnlessReplaced {
            let older = self.waiting.iter().position(|entry| {
                entry.publication.if_away == IfAway::WaitUnlessReplaced
                    && entry.publication.topic == publication.topic
            });
            if let Some(older) = older.and_then(|index| self.remove_waiting(index)) {
                self.settle_replaced(older);
            }
        }
        if publication.retain {
            self.keep(seq, &publication);
        }
        self.waiting_bytes += publication.size();
        self.waiting.push_back(Entry { seq, publication, outcome, repetition: false });
        self.drop_beyond_bounds();
    }

    /// The broker has said yes: says `online` and all retained topics again, then whatever waits.
    pub(super) fn connected(&mut self, link: L, online: Option<Publication>) {
        if let Some(online) = &online {
            self.kept.remove(&online.topic);
        }
        let waiting: HashSet<u64> = self.waiting.iter().map(|entry| entry.seq).collect();
        let mut repetitions: Vec<Entry> = self
            .kept
            .iter()
            .filter(|(_, kept)| !waiting.contains(&kept.seq))
            .map(|(topic, kept)| {
                let publication = Publication {
                    qos: kept.qos,
                    ..Publication::snapshot(topic.clone(), kept.payload.clone())
                };
                repetition(kept.seq, publication)
            })
            .collect();
        // As they were published, so that a page never sees "updated" before what was.
        repetitions.sort_by_key(|entry| entry.seq);
        if let Some(online) = online {
            let seq = self.take_seq();
            self.keep(seq, &online);
            repetitions.insert(0, repetition(seq, online));
        }
        for entry in repetitions.into_iter().rev() {
            self.put_back(entry);
        }
        self.link = Some(link);
        self.hand_over();
    }

    /// The oldest handed over is on the wire, under this packet id (0 with QoS 0).
    pub(super) fn sent(&mut self, packet_id: u16) {
        let Some(entry) = self.handed.pop_front() else { return };
        match entry.publication.qos {
            Qos::AtMostOnce => self.settle_delivered(entry),
            Qos::AtLeastOnce => self.in_flight.push_back((packet_id, entry)),
        }
        self.hand_over();
    }

    /// The broker has acknowledged this packet id.
    pub(super) fn acknowledged(&mut self, packet_id: u16) {
        let index = self.in_flight.iter().position(|(id, _)| *id == packet_id);
        if let Some((_, entry)) = index.and_then(|index| self.in_flight.remove(index)) {
            self.settle_delivered(entry);
        }
        self.hand_over();
    }

    /// The connection is gone: what is unacknowledged waits again, in its old order.
    pub(super) fn disconnected(&mut self) {
        self.link = None;
        let first_in_flight =
            self.in_flight.front().map(|(_, entry)| entry.publication.topic.clone());
        let unwanted = first_in_flight.filter(|topic| {
            let ends = self.ends.entry(topic.clone()).or_insert(0);
            *ends += 1;
            ENDS_BEFORE_UNWANTED <= *ends
        });
        let mut back: VecDeque<Entry> = self.in_flight.drain(..).map(|(_, entry)| entry).collect();
        back.extend(self.handed.drain(..));
        back.extend(self.waiting.drain(..));
        self.waiting_bytes = 0;
        if let Some(topic) = unwanted
            && let Some(entry) = back.pop_front()
        {
            tracing::error!(
                topic,
                bytes = entry.publication.payload.len(),
                "given up: the connection ended each of the {ENDS_BEFORE_UNWANTED} times that this was \
                 sent; does the broker forbid the topic or the size?"
            );
            self.kept.remove(&topic);
            self.stats.given_up();
            entry.outcome.settle(Err(Undelivered::Unwanted));
        }
        for entry in back {
            if entry.repetition {
                // Said again after the next CONNACK.
            } else if entry.publication.if_away == IfAway::GiveUp {
                self.stats.given_up();
                entry.outcome.settle(Err(Undelivered::Away));
            } else {
                self.waiting_bytes += entry.publication.size();
                self.waiting.push_back(entry);
            }
        }
        self.drop_beyond_bounds();
    }

    /// The session is over: nothing more will be delivered.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.link = None;
        self.kept.clear();
        self.waiting_bytes = 0;
        let in_flight = self.in_flight.drain(..).map(|(_, entry)| entry);
        for entry in in_flight.chain(self.handed.drain(..)).chain(self.waiting.drain(..)) {
            entry.outcome.settle(Err(Undelivered::Stopped));
        }
    }

    fn hand_over(&mut self) {
        while self.handed.len() + self.in_flight.len() < WINDOW {
            if self.link.is_none() {
                return;
            }
            let Some(entry) = self.remove_waiting(0) else { return };
            let publication = &entry.publication;
            let newest = self.is_newest(&entry);
            if publication.retain && !newest && publication.if_away == IfAway::WaitUnlessReplaced {
                self.settle_replaced(entry);
                continue;
            }
            let retain = publication.retain && newest;
            let taken = self.link.as_ref().is_some_and(|link| {
                link.send(&publication.topic, &publication.payload, retain, publication.qos)
            });
            if !taken {
                // The client is gone; the session will say so.
                self.put_back(entry);
                return;
            }
            self.handed.push_back(entry);
        }
    }

    fn drop_beyond_bounds(&mut self) {
        while self.max_waiting < self.waiting.len() || self.max_waiting_bytes < self.waiting_bytes {
            // The newest of a retained topic stays: there are only as many as topics.
            let oldest = self.waiting.iter().position(|entry| !self.is_newest(entry));
            let Some(entry) = oldest.and_then(|index| self.remove_waiting(index)) else { return };
            self.stats.dropped();
            entry.outcome.settle(Err(Undelivered::Dropped));
        }
    }

    /// Retained, and nothing newer was published on its topic.
    fn is_newest(&self, entry: &Entry) -> bool {
        self.kept.get(&entry.publication.topic).is_some_and(|kept| kept.seq == entry.seq)
    }

    fn keep(&mut self, seq: u64, publication: &Publication) {
        let kept = Kept { seq, payload: publication.payload.clone(), qos: publication.qos };
        self.kept.insert(publication.topic.clone(), kept);
    }

    fn take_seq(&mut self) -> u64 {
        self.next_seq += 1;
        self.next_seq
    }

    fn remove_waiting(&mut self, index: usize) -> Option<Entry> {
        let entry = self.waiting.remove(index)?;
        self.waiting_bytes -= entry.publication.size();
        Some(entry)
    }

    fn put_back(&mut self, entry: Entry) {
        self.waiting_bytes += entry.publication.size();
        self.waiting.push_front(entry);
    }

    fn settle_delivered(&mut self, entry: Entry) {
        self.ends.remove(&entry.publication.topic);
        self.stats.delivered();
        entry.outcome.settle(Ok(()));
    }

    fn settle_replaced(&self, entry: Entry) {
        if !entry.repetition {
            self.stats.replaced();
        }
        entry.outcome.settle(Err(Undelivered::Replaced));
    }
}

fn repetition(seq: u64, publication: Publication) -> Entry {
    Entry { seq, publication, outcome: Outcome::unwatched(), repetition: true }
}

fn could_be_sent(publication: &Publication) -> bool {
    let topic = &publication.topic;
    !topic.is_empty()
        && topic.len() <= usize::from(u16::MAX)
        && !topic.contains(['+', '#', '\0'])
        && publication.size() + PACKET_OVERHEAD <= MAX_PACKET_BYTES
}

#[cfg(test)]
mod tests;
