//! When NYISO's own files are read: by choice, or while the feed is silent. Decides and touches nothing.
//!
//! ```text
//!  feed ──30 min without a reading that is taken, and a random part──> NYISO
//!    ^                                                                   │
//!    └──────── a reading newer than the feed's last, and fresh ──────────┘
//! ```
//!
//! What counts are the readings and not the connection: a broker whose publisher has died is connected and
//! silent, and one that repeats its retained snapshot after each reconnect says nothing new.

use std::time::Duration;

use domain::Timestamp;
use domain::control::{ClockTrust, Moment};
use domain::wire::Origin;

use crate::grid::{Refused, Taken};

/// A feed that has brought no reading for this long is gone. NYISO's own rhythm is 5 minutes, and 15 in
/// some spells.
pub const SILENT_AFTER: Duration = Duration::from_secs(30 * 60);

/// Up to this much later, each agent at a time of its own: when one broker dies, all its agents would ask
/// NYISO in the same second.
pub const SPREAD: Duration = Duration::from_secs(5 * 60);

/// When NYISO's own files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Always: there is no feed.
    ByChoice,
    /// While the feed has been silent for this long.
    WhenSilent(Duration),
}

impl Policy {
    /// [`SILENT_AFTER`], and later by `part`, 0 to 1, of [`SPREAD`].
    pub fn when_silent(part: f64) -> Self {
        let part = if part.is_finite() { part.clamp(0.0, 1.0) } else { 1.0 };
        Self::WhenSilent(SILENT_AFTER + SPREAD.mul_f64(part))
    }
}

/// Follows the feed.
#[derive(Clone, Copy, Debug)]
pub struct Fallback {
    policy: Policy,
    /// When the feed last brought something, or the start.
    heard: Moment,
    /// The newest that the feed has brought.
    newest: Option<Timestamp>,
    reads: bool,
}

impl Fallback {
    /// At the start the feed gets as long as after any reading.
    pub fn new(policy: Policy, started: Moment) -> Self {
        Self { policy, heard: started, newest: None, reads: false }
    }

    /// What it goes by.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// When the feed last brought something, or the start.
    pub fn heard(&self) -> Moment {
        self.heard
    }

    /// A reading of the feed, and what became of it. `is_fresh`: not too old to decide by.
    pub fn hear(
        &mut self,
        ts: Timestamp,
        outcome: &Result<Taken, Refused>,
        is_fresh: bool,
        now: Moment,
    ) {
        // Known or older than what NYISO's own file said is no fault of the feed: it is a few minutes
        // behind at most, or it would not be fresh.
        let is_good = matches!(outcome, Ok(_) | Err(Refused::Known | Refused::Older));
        if is_good && is_fresh && self.newest < Some(ts) {
            self.newest = Some(ts);
            self.heard = now;
        }
    }

    /// Whether to read NYISO's own files now; the second says whether that is news. Never by a clock that
    /// cannot be trusted: files have a date in their name, and certificates are valid from and until. Never
    /// beside a demo: what it shows is not of today.
    pub fn decide(&mut self, now: &Moment, clock: ClockTrust, origin: Origin) -> (bool, bool) {
        let wanted = match self.policy {
            Policy::ByChoice => true,
            Policy::WhenSilent(limit) => {
                origin == Origin::Nyiso && limit <= now.at_least_since(&self.heard)
            }
        };
        let reads = wanted && clock == ClockTrust::Trusted;
        let is_news = reads != std::mem::replace(&mut self.reads, reads);
        (reads, is_news)
    }

    /// What [`Fallback::decide`] said last.
    pub fn reads(&self) -> bool {
        self.reads
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::control::BootId;

    fn moment(minutes: i64) -> Moment {
        Moment {
            wall: at(minutes),
            boot: BootId(1),
            uptime: Duration::from_secs(60 * minutes as u64),
        }
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_timestamp(1_773_144_000 + 60 * minutes, 0).unwrap()
    }

    /// Minutes at which it begins (`+`) and ends (`-`) to read, for readings at `(minute, stamp)`.
    #[track_caller]
    fn check(readings: &[(i64, i64)], until: i64, expected: &str) {
        let mut fallback = Fallback::new(Policy::when_silent(0.4), moment(0));
        let mut drawn = Vec::new();
        for minute in 0..=until {
            for (_, stamp) in readings.iter().filter(|(when, _)| *when == minute) {
                let is_fresh = minute - stamp <= 30;
                fallback.hear(at(*stamp), &Ok(Taken::Newest), is_fresh, moment(minute));
            }
            let now = moment(minute);
            if let (reads, true) = fallback.decide(&now, ClockTrust::Trusted, Origin::Nyiso) {
                drawn.push(format!("{}{minute}", if reads { '+' } else { '-' }));
            }
        }
        assert_eq!(drawn.join(" "), expected);
    }

    #[test]
    fn a_feed_that_never_speaks_is_gone_after_the_limit_and_this_agents_own_part() {
        check(&[], 60, "+32");
    }

    #[test]
    fn silence_counts_from_the_last_reading_and_ends_with_the_next() {
        check(&[(10, 0), (15, 5)], 90, "+47");
        check(&[(10, 0), (60, 50), (65, 55)], 80, "+42 -60");
    }

    #[test]
    fn repetitions_and_old_readings_are_no_sign_of_life() {
        check(&[(10, 0), (20, 0), (30, 0)], 60, "+42");
        check(&[(40, 0), (50, 5), (60, 40)], 80, "+32 -60");
    }

    #[test]
    fn once_back_the_feed_has_its_whole_time_again() {
        check(&[(40, 30)], 120, "+32 -40 +72");
    }

    #[test]
    fn what_is_not_taken_is_no_sign_of_life_and_what_is_known_already_is() {
        let signs = |outcome: Result<Taken, Refused>| {
            let mut fallback = Fallback::new(Policy::when_silent(0.0), moment(0));
            fallback.hear(at(25), &outcome, true, moment(29));
            !fallback.decide(&moment(30), ClockTrust::Trusted, Origin::Nyiso).0
        };
        assert!(signs(Ok(Taken::Newest)));
        assert!(signs(Err(Refused::Known)), "NYISO's own file said it first");
        assert!(signs(Err(Refused::Older)));
        assert!(!signs(Err(Refused::Incomplete)));
        assert!(!signs(Err(Refused::Ahead)));
        assert!(!signs(Err(Refused::Demo(Origin::Recorded))));
    }

    #[test]
    fn neither_by_a_wrong_clock_nor_beside_a_demo() {
        let late = moment(500);
        for policy in [Policy::ByChoice, Policy::when_silent(0.0)] {
            let mut fallback = Fallback::new(policy, moment(0));
            assert_eq!(fallback.decide(&late, ClockTrust::NotSet, Origin::Nyiso), (false, false));
            assert_eq!(fallback.decide(&late, ClockTrust::Trusted, Origin::Nyiso), (true, true));
            assert_eq!(fallback.decide(&late, ClockTrust::Trusted, Origin::Nyiso), (true, false));
            let known = at(501);
            let behind = ClockTrust::Behind { known };
            assert_eq!(fallback.decide(&late, behind, Origin::Nyiso), (false, true));
        }
        let mut fallback = Fallback::new(Policy::when_silent(0.0), moment(0));
        assert!(!fallback.decide(&late, ClockTrust::Trusted, Origin::Generated).0);
    }

    #[test]
    fn agents_of_one_broker_begin_apart() {
        let limit = |part| match Policy::when_silent(part) {
            Policy::WhenSilent(limit) => limit.as_secs(),
            Policy::ByChoice => unreachable!(),
        };
        assert_eq!([0.0, 0.5, 1.0, 7.0, f64::NAN].map(limit), [1800, 1950, 2100, 2100, 2100]);
    }
}
