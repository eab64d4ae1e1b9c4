//! A distance between requests.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Gives each request a slot, at least one interval after the one before.
#[derive(Debug)]
pub(super) struct Pacer {
    interval: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pacer {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, next: Mutex::new(None) }
    }

    /// Returns when the next slot has come. Whoever gives up waiting leaves its slot empty.
    pub(super) async fn wait(&self) {
        let slot = self.reserve(Instant::now());
        tokio::time::sleep_until(slot).await;
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = next.map_or(now, |next| next.max(now));
        *next = Some(slot + self.interval);
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_keep_their_distance_and_wait_for_nothing_else() {
        let pacer = Pacer::new(Duration::from_millis(250));
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        for (asked, slot) in [(0, 0), (0, 250), (100, 500), (700, 750), (2000, 2000), (2001, 2250)]
        {
            assert_eq!(pacer.reserve(at(asked)), at(slot), "asked at {asked} ms");
        }
    }
}
