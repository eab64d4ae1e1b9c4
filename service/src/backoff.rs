//! How long to wait before the next try.
//!
//! Pure: an iterator of durations. The caller sleeps, so a test need not.

use std::time::Duration;

use rand::RngExt;

/// Delays that double from `first` up to `cap`, each shortened by a random part, without end.
///
/// The random part keeps a thousand agents from knocking at the same second after a broker comes
/// back. It only ever shortens, so `cap` is a promise.
///
/// ```
/// use std::time::Duration;
/// use service::backoff::Backoff;
///
/// let mut waits = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
/// let wait = waits.next().expect("never ends");
/// assert!(wait <= Duration::from_secs(1));
/// waits.reset(); // It worked: the next trouble starts at the short end again.
/// ```
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
    jitter: f64,
    next: Duration,
}

impl Backoff {
    /// Doubles from `first` to `cap`; each delay lies between half of that and all of it.
    /// A `first` above `cap` counts as `cap`.
    pub fn new(first: Duration, cap: Duration) -> Self {
        let first = first.min(cap);
        Self { first, cap, jitter: 0.5, next: first }
    }

    /// The part of each delay, 0 to 1, that chance may take off. 0: exact doubling; 1: anything
    /// down to no delay at all. Values outside are brought inside.
    #[must_use]
    pub fn with_jitter(mut self, part: f64) -> Self {
        self.jitter = if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 };
        self
    }

    /// Starts again at the short end. Call it when the thing works, not when it merely connects:
    /// a broker that accepts and then drops at once should still be approached more slowly.
    pub fn reset(&mut self) {
        self.next = self.first;
    }

    /// The next delay for a given draw of chance, 0 to 1.
    fn step(&mut self, chance: f64) -> Duration {
        let whole = self.next;
        self.next = whole.saturating_mul(2).min(self.cap);
        whole.saturating_sub(self.cap.min(whole).mul_f64(self.jitter * chance))
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    /// Always `Some`.
    fn next(&mut self) -> Option<Duration> {
        Some(self.step(rand::rng().random()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[track_caller]
    fn check(mut backoff: Backoff, expected_secs: &[u64]) {
        let waits: Vec<u64> =
            backoff.by_ref().take(expected_secs.len()).map(|wait| wait.as_secs()).collect();
        assert_eq!(waits, expected_secs);
    }

    #[test]
    fn doubles_up_to_the_cap_and_stays_there() {
        check(Backoff::new(secs(1), secs(10)).with_jitter(0.0), &[1, 2, 4, 8, 10, 10, 10]);
    }

    #[test]
    fn a_first_delay_above_the_cap_is_the_cap() {
        check(Backoff::new(secs(30), secs(10)).with_jitter(0.0), &[10, 10]);
    }

    #[test]
    fn nonsense_jitter_is_brought_inside() {
        check(Backoff::new(secs(4), secs(8)).with_jitter(f64::NAN), &[4, 8]);
        check(Backoff::new(secs(4), secs(8)).with_jitter(-3.0), &[4, 8]);
    }

    #[test]
    fn does_not_overflow_after_years_of_trying() {
        let mut backoff = Backoff::new(secs(1), Duration::MAX).with_jitter(0.0);
        assert!(backoff.by_ref().take(1_000).all(|wait| secs(1) <= wait));
        assert_eq!(backoff.next(), Some(Duration::MAX));
    }

    #[test]
    fn reset_starts_at_the_short_end() {
        let mut backoff = Backoff::new(secs(1), secs(60)).with_jitter(0.0);
        backoff.nth(4);
        backoff.reset();
        assert_eq!(backoff.next(), Some(secs(1)));
    }

    #[test]
    fn chance_only_ever_shortens_and_by_no_more_than_its_part() {
        let fresh = Backoff::new(secs(8), secs(8));
        assert_eq!(fresh.clone().step(0.0), secs(8));
        assert_eq!(fresh.clone().step(1.0), secs(4));
        for wait in fresh.clone().take(200) {
            assert!((secs(4)..=secs(8)).contains(&wait), "{wait:?}");
        }
        let distinct: std::collections::BTreeSet<_> = fresh.take(20).collect();
        assert!(1 < distinct.len(), "twenty agents would all knock at the same moment");
    }
}
