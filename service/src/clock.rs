//! What time it is. Rules take time as an argument; shells ask one [`Clock`] for it.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use domain::Timestamp;

/// Tells the time, twice: by the wall clock, which may jump, and by a stopwatch, which may not.
///
/// Shared as `Arc<dyn Clock>`.
pub trait Clock: Send + Sync {
    /// The wall clock. A Pi without a battery starts it in the past and jumps it once the network
    /// answers: never subtract two of these to hold a minimum time.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment of this process; never goes back. For minimum times, ages and
    /// timeouts.
    fn monotonic(&self) -> Duration;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose stopwatch starts at zero now.
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the wall clock; everyone else takes now as an argument"
    )]
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that stands still until it is told otherwise: for tests and for replays.
#[derive(Debug)]
pub struct ManualClock {
    at: Mutex<(Timestamp, Duration)>,
}

impl ManualClock {
    /// A clock that shows `now`, its stopwatch at zero.
    pub fn new(now: Timestamp) -> Self {
        Self { at: Mutex::new((now, Duration::ZERO)) }
    }

    /// Time passes: the wall clock and the stopwatch both move on by `by`.
    pub fn advance(&self, by: Duration) {
        let mut at = self.lock();
        at.0 += by;
        at.1 += by;
    }

    /// The wall clock is set to `now`, forward or back; the stopwatch does not notice. This is what
    /// a time server or a person does.
    pub fn set(&self, now: Timestamp) {
        self.lock().0 = now;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Timestamp, Duration)> {
        // Both values are written in one go, so a panic elsewhere cannot have left them torn.
        self.at.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.lock().0
    }

    fn monotonic(&self) -> Duration {
        self.lock().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        Timestamp::from_timestamp(1_773_158_400, 0).expect("a valid instant")
    }

    #[test]
    fn system_clock_shows_this_century_and_its_stopwatch_never_goes_back() {
        let clock = SystemClock::new();
        // The build machine's clock is at least past the day this line was written.
        assert!(Timestamp::from_timestamp(1_760_000_000, 0).expect("valid") < clock.now());
        let before = clock.monotonic();
        assert!(before <= clock.monotonic());
    }

    #[test]
    fn advancing_moves_both_hands() {
        let clock = ManualClock::new(noon());
        clock.advance(Duration::from_secs(90));
        assert_eq!(clock.now(), noon() + Duration::from_secs(90));
        assert_eq!(clock.monotonic(), Duration::from_secs(90));
    }

    #[test]
    fn setting_the_wall_clock_leaves_the_stopwatch_alone() {
        let clock = ManualClock::new(noon());
        clock.advance(Duration::from_secs(5));
        clock.set(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        assert_eq!(clock.monotonic(), Duration::from_secs(5));
    }
}
