//! How fresh a feed is, and why it is not.

use chrono::TimeDelta;

use crate::Timestamp;
use crate::wire::FeedState;

/// NYISO's newest stamp is 10 to 15 minutes old in regular service, 20 at worst (measured 2025-26).
const FRESH: TimeDelta = TimeDelta::minutes(20);

/// Just after Eastern midnight the new day's file appears late, at 00:10 to 00:20.
const FRESH_AT_MIDNIGHT: TimeDelta = TimeDelta::minutes(30);

/// An older reading is no news any more.
const LATE: TimeDelta = TimeDelta::minutes(60);

/// NYISO does repeat itself, but never for longer than this: once in 388,280 instants, and that was a fault.
pub const FROZEN_AFTER: TimeDelta = TimeDelta::minutes(15);

/// What is known of a feed at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeedFacts {
    /// Interval end of the newest instant.
    pub newest: Option<Timestamp>,
    /// Since when the values have not changed, if for longer than one instant.
    pub frozen_since: Option<Timestamp>,
    /// Why the last try failed, in one sentence; `None` when it did not.
    pub failure: Option<String>,
}

/// The state of the feed and the reason for it, in one sentence; empty when it is fresh.
/// `minutes_of_day` is the time of day in New York, minutes since midnight.
pub fn feed_state(facts: &FeedFacts, now: Timestamp, minutes_of_day: u32) -> (FeedState, String) {
    let trouble = facts
        .failure
        .as_ref()
        .map(|failure| format!(" The last try failed: {failure}."))
        .unwrap_or_default();
    let Some(newest) = facts.newest else {
        let reason = if trouble.is_empty() {
            "NYISO has published nothing yet.".to_owned()
        } else {
            format!("Nothing has arrived yet.{trouble}")
        };
        return (FeedState::Gone, reason);
    };
    let age = now - newest;
    let fresh = if minutes_of_day < 30 { FRESH_AT_MIDNIGHT } else { FRESH };
    let said = || format!("The newest instant is {} minutes old.{trouble}", age.num_minutes());
    if age > LATE {
        return (FeedState::Gone, said());
    }
    if age > fresh {
        return (FeedState::Late, said());
    }
    match facts.frozen_since {
        Some(since) if newest - since > FROZEN_AFTER => (
            FeedState::Late,
            format!(
                "The values have not changed for {} minutes; NYISO seems to repeat itself.",
                (newest - since).num_minutes()
            ),
        ),
        _ => (FeedState::Fresh, String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn at(minutes: i64) -> Timestamp {
        DateTime::from_timestamp(1_700_000_000 + minutes * 60, 0).unwrap()
    }

    #[track_caller]
    fn check(facts: FeedFacts, now: i64, minutes_of_day: u32, state: FeedState, reason: &str) {
        assert_eq!(feed_state(&facts, at(now), minutes_of_day), (state, reason.to_owned()));
    }

    fn newest(minutes: i64) -> FeedFacts {
        FeedFacts { newest: Some(at(minutes)), ..FeedFacts::default() }
    }

    #[test]
    fn age_decides_with_more_patience_at_midnight() {
        check(newest(0), 15, 600, FeedState::Fresh, "");
        check(newest(0), 25, 600, FeedState::Late, "The newest instant is 25 minutes old.");
        check(newest(0), 25, 20, FeedState::Fresh, "");
        check(newest(0), 61, 20, FeedState::Gone, "The newest instant is 61 minutes old.");
    }

    #[test]
    fn a_failure_is_told_once_it_shows() {
        let failure = Some("NYISO answered 500".to_owned());
        check(FeedFacts { failure: failure.clone(), ..newest(0) }, 10, 600, FeedState::Fresh, "");
        let late = "The newest instant is 25 minutes old. The last try failed: NYISO answered 500.";
        check(FeedFacts { failure: failure.clone(), ..newest(0) }, 25, 600, FeedState::Late, late);
        let nothing = "Nothing has arrived yet. The last try failed: NYISO answered 500.";
        check(FeedFacts { failure, ..FeedFacts::default() }, 25, 600, FeedState::Gone, nothing);
        check(FeedFacts::default(), 0, 600, FeedState::Gone, "NYISO has published nothing yet.");
    }

    #[test]
    fn a_feed_that_repeats_itself_is_late() {
        let frozen = |since| FeedFacts { frozen_since: Some(at(since)), ..newest(30) };
        check(frozen(15), 40, 600, FeedState::Fresh, "");
        let reason = "The values have not changed for 20 minutes; NYISO seems to repeat itself.";
        check(frozen(10), 40, 600, FeedState::Late, reason);
    }
}
