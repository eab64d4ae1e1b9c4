//! Which moment of the record is now.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta};
use domain::Timestamp;
use nyiso::eastern::wall_clock;

use super::shift::Shift;

/// A moment of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// This day is today; the time of day stays as it is.
    Day(NaiveDate),
    /// This moment, by the Eastern wall clock, is now.
    Moment(NaiveDateTime),
}

/// Stamps that are on NYISO's five-minute grid stay on it.
const GRID_SECS: i64 = 300;

impl At {
    /// The Eastern date.
    pub fn date(self) -> NaiveDate {
        match self {
            Self::Day(day) => day,
            Self::Moment(wall) => wall.date(),
        }
    }

    /// How far the record is moved so that this is `now`.
    pub(super) fn shift(self, now: Timestamp) -> Shift {
        let (now, _) = wall_clock(now);
        match self {
            Self::Day(day) => Shift(now.date() - day),
            Self::Moment(wall) => {
                let apart = (now - wall).num_seconds();
                Shift(TimeDelta::seconds(apart.div_euclid(GRID_SECS) * GRID_SECS))
            }
        }
    }
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(day) = text.parse() {
            return Ok(Self::Day(day));
        }
        if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::Moment(wall_clock(instant.to_utc()).0));
        }
        ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]
            .into_iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .map(Self::Moment)
            .ok_or_else(|| {
                format!(
                    "{text:?} is no time; write 2017-03-12 (that day is today), 2017-03-12T01:30 \
                     (that moment, in New York, is now) or 2017-03-12T06:30:00Z (the same, in UTC)"
                )
            })
    }
}

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{day}"),
            Self::Moment(wall) => write!(f, "{}", wall.format("%Y-%m-%dT%H:%M:%S")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, now: &str, expected: TimeDelta) {
        let at = text.parse::<At>().unwrap();
        assert_eq!(at.shift(now.parse().unwrap()), Shift(expected), "{text}");
    }

    #[test]
    fn a_day_keeps_the_time_of_day_and_a_moment_is_now() {
        let now = "2026-11-24T15:00:42Z"; // 10:00:42 EST
        check("2026-11-17", now, TimeDelta::days(7));
        check("2026-11-23T09:00", now, TimeDelta::hours(25));
        check("2026-11-23 09:00:00", now, TimeDelta::hours(25));
        check("2026-11-23T14:00:00Z", now, TimeDelta::hours(25));
        check("2026-07-01T14:00:00Z", now, TimeDelta::days(146));
        check("2026-11-23T09:02:30", now, TimeDelta::minutes(25 * 60 - 5));
        check("2026-11-25T10:00", now, TimeDelta::days(-1));
    }

    #[test]
    fn what_is_no_time_says_how_one_is_written() {
        for bad in ["", "yesterday", "2017-02-30", "03/12/2017", "2017-03-12T25:00"] {
            assert!(bad.parse::<At>().unwrap_err().contains("2017-03-12T01:30"), "{bad}");
        }
    }
}
