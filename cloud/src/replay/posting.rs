//! When NYISO posts the files of the feeds beside the fuel mix, and how far they reach at an instant.

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use domain::Timestamp;
use nyiso::eastern::{midnight, wall_clock};
use nyiso::local_time::Step;
use nyiso::path::Feed;

/// From the end of an interval to its row.
const DELAY: TimeDelta = TimeDelta::minutes(5);

/// Whether the file of `day` is there at `now`. Hours ahead are posted on the day before: the load forecast
/// at about 07:05, the day-ahead market at about 11:00. The rest begins with its first row.
pub(super) fn is_there(feed: Feed, day: NaiveDate, now: Timestamp) -> bool {
    let at = |hour, minute| NaiveTime::from_hms_opt(hour, minute, 0).expect("a time of day");
    let posted = match feed {
        Feed::LoadForecast => at(7, 5),
        Feed::DayAheadPrice | Feed::DayAheadEmissionRate => at(11, 0),
        Feed::InterfaceFlows => return midnight(day) <= now,
        Feed::FuelMix | Feed::RealTimePrice | Feed::RealTimeEmissionRate => {
            return midnight(day) + TimeDelta::minutes(5) <= reach(feed, now);
        }
    };
    let before = day.pred_opt().unwrap_or(day);
    before.and_time(posted) <= wall_clock(now).0
}

/// The newest stamp that a file can have at `now`.
pub(super) fn reach(feed: Feed, now: Timestamp) -> Timestamp {
    match feed {
        Feed::LoadForecast | Feed::DayAheadPrice | Feed::DayAheadEmissionRate => Timestamp::MAX_UTC,
        Feed::InterfaceFlows => now,
        Feed::FuelMix | Feed::RealTimePrice | Feed::RealTimeEmissionRate => now - DELAY,
    }
}

/// How the stamps of a feed follow each other.
pub(super) fn step(feed: Feed) -> Step {
    match feed {
        Feed::LoadForecast | Feed::DayAheadPrice | Feed::DayAheadEmissionRate => Step::Hourly,
        Feed::FuelMix | Feed::InterfaceFlows | Feed::RealTimePrice | Feed::RealTimeEmissionRate => {
            Step::Minutes
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(feed: Feed, day: &str, from: &str) {
        let (day, from): (NaiveDate, Timestamp) = (day.parse().unwrap(), from.parse().unwrap());
        let there = [from - TimeDelta::minutes(1), from].map(|now| is_there(feed, day, now));
        assert_eq!(there, [false, true]);
    }

    #[test]
    fn files_come_when_nyisos_do() {
        check(Feed::LoadForecast, "2026-03-11", "2026-03-10T11:05:00Z");
        check(Feed::DayAheadPrice, "2026-03-11", "2026-03-10T15:00:00Z");
        check(Feed::DayAheadEmissionRate, "2026-01-11", "2026-01-10T16:00:00Z");
        check(Feed::InterfaceFlows, "2026-03-10", "2026-03-10T04:00:00Z");
        check(Feed::RealTimePrice, "2026-03-10", "2026-03-10T04:10:00Z");
    }
}
