//! The stand-in's own clock: the wall clock, or one that runs faster, slower or not at all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use domain::Timestamp;
use service::clock::Clock;

/// How many seconds of the record pass in a second: above zero, at most a million.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed(f64);

impl Speed {
    /// As fast as life.
    pub const LIFE: Self = Self(1.0);

    /// `None` for what is not a number above zero and at most a million.
    pub fn new(times: f64) -> Option<Self> {
        (0.0 < times && times <= 1e6).then_some(Self(times))
    }

    /// Seconds of the record in a second.
    pub fn times(self) -> f64 {
        self.0
    }
}

impl std::str::FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().ok().and_then(Self::new).ok_or_else(|| {
            format!(
                "{text:?} is not a number above 0 and up to a million; 1 is as fast as life, 60 \
                 plays an hour in a minute"
            )
        })
    }
}

impl std::fmt::Display for Speed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Where time ends: years have four digits in NYISO's stamps.
const END: Timestamp = NaiveDate::from_ymd_opt(9999, 12, 31)
    .expect("a date of the calendar")
    .and_time(NaiveTime::MIN)
    .and_utc();

/// The hands of the clock.
#[derive(Clone, Copy, Debug)]
enum Hands {
    /// `from` was shown when the wall clock showed `wall`; since then `speed` times as fast.
    Running { wall: Timestamp, from: Timestamp, speed: Speed },
    /// Stands still.
    Stopped(Timestamp),
}

/// The stand-in's clock. At speed 1 it is the wall clock, jumps and all.
pub(super) struct Pace {
    wall: Arc<dyn Clock>,
    hands: Mutex<Hands>,
}

impl Pace {
    /// A clock that starts at the wall clock's now.
    pub fn new(wall: Arc<dyn Clock>, speed: Speed) -> Self {
        let now = wall.now();
        Self { wall, hands: Mutex::new(Hands::Running { wall: now, from: now, speed }) }
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        match *self.hands() {
            Hands::Stopped(at) => at,
            Hands::Running { wall, from, speed } => {
                let passed = scale(self.wall.now() - wall, speed);
                from.checked_add_signed(passed).map_or(END, |now| now.min(END))
            }
        }
    }

    /// Stops it at `at`.
    pub fn stop_at(&self, at: Timestamp) {
        *self.hands() = Hands::Stopped(at);
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        // One value, written whole: a panic elsewhere cannot have torn it.
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn scale(passed: TimeDelta, speed: Speed) -> TimeDelta {
    if speed == Speed::LIFE {
        return passed;
    }
    let millis = passed.as_seconds_f64() * 1000.0 * speed.times();
    #[expect(clippy::cast_possible_truncation, reason = "a century is 3e12 ms; `as` saturates")]
    TimeDelta::try_milliseconds(millis as i64).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use service::clock::ManualClock;
    use std::time::Duration;

    fn clock() -> Arc<ManualClock> {
        Arc::new(ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap()))
    }

    #[track_caller]
    fn check(speed: f64, passed_secs: u64, expected: &str) {
        let wall = clock();
        let pace = Pace::new(wall.clone(), Speed::new(speed).unwrap());
        wall.advance(Duration::from_secs(passed_secs));
        assert_eq!(pace.now(), expected.parse::<Timestamp>().unwrap(), "speed {speed}");
    }

    #[test]
    fn it_runs_as_fast_as_it_is_told() {
        check(1.0, 90, "2026-11-24T12:01:30Z");
        check(60.0, 90, "2026-11-24T13:30:00Z");
        check(0.5, 90, "2026-11-24T12:00:45Z");
        check(105_120.0, 300, "2027-11-24T12:00:00Z");
        check(1e6, 10 * 365 * 86_400, "9999-12-31T00:00:00Z");
    }

    #[test]
    fn at_speed_1_it_follows_a_wall_clock_that_jumps() {
        let wall = clock();
        let pace = Pace::new(wall.clone(), Speed::LIFE);
        wall.set("2030-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(pace.now(), wall.now());
    }

    #[test]
    fn stopped_it_stands_still() {
        let wall = clock();
        let pace = Pace::new(wall.clone(), Speed::LIFE);
        let at = "2026-03-08T05:00:00Z".parse().unwrap();
        pace.stop_at(at);
        wall.advance(Duration::from_secs(3600));
        assert_eq!(pace.now(), at);
    }

    #[test]
    fn a_speed_that_goes_nowhere_is_refused() {
        for bad in ["0", "-1", "nan", "inf", "1e7", "fast", ""] {
            assert!(bad.parse::<Speed>().unwrap_err().contains("above 0"), "{bad}");
        }
        assert_eq!("60".parse(), Ok(Speed(60.0)));
    }
}
