//! The hand that publishes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rumqttc::{AsyncClient, QoS};

use super::Counts;
use super::outbox::{Link, Outbox};
use super::publication::{Delivery, Publication, Qos};
use super::stats::Stats;

impl Link for AsyncClient {
    fn send(&self, topic: &str, payload: &Bytes, retain: bool, qos: Qos) -> bool {
        self.try_publish(topic, qos.into(), retain, payload.as_ref()).is_ok()
    }
}

impl From<Qos> for QoS {
    fn from(qos: Qos) -> Self {
        match qos {
            Qos::AtMostOnce => Self::AtMostOnce,
            Qos::AtLeastOnce => Self::AtLeastOnce,
        }
    }
}

/// What publishers and the session share. Locked for moments only, never across an await.
#[derive(Debug)]
pub(super) struct Shared {
    outbox: Mutex<Outbox<AsyncClient>>,
    stats: Arc<Stats>,
}

impl Shared {
    pub(super) fn new(client: &str, max_waiting: usize, max_waiting_bytes: usize) -> Self {
        let stats = Arc::new(Stats::new(client));
        let outbox = Outbox::new(max_waiting, max_waiting_bytes, Arc::clone(&stats));
        Self { outbox: Mutex::new(outbox), stats }
    }

    pub(super) fn stats(&self) -> &Stats {
        &self.stats
    }

    pub(super) fn outbox(&self) -> MutexGuard<'_, Outbox<AsyncClient>> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Publishes through a session. Cheap to clone; publications of all clones go out in one order.
#[derive(Clone, Debug)]
pub struct Publisher(Arc<Shared>);

impl Publisher {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Publishes, now or as soon as the broker is there. Returns at once; await the [`Delivery`] to know
    /// what became of it.
    pub fn publish(&self, publication: Publication) -> Delivery {
        self.0.outbox().publish(publication)
    }

    /// Publishes for those who need not know what becomes of it.
    pub fn send(&self, publication: Publication) {
        drop(self.publish(publication));
    }

    /// Whether the broker is there, as far as we know.
    pub fn is_connected(&self) -> bool {
        self.0.outbox().is_connected()
    }

    /// What happened since the start.
    pub fn counts(&self) -> Counts {
        self.0.stats.counts()
    }
}
