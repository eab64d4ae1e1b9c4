//! New York's wall clock, for the eye and for the hour of the week. Nothing is decided in it.

use chrono::{Datelike, DurationRound as _, NaiveDateTime, TimeDelta, TimeZone, Timelike};
use chrono_tz::America::New_York;
use domain::Timestamp;
use domain::profile::HourOfWeek;
use domain::schedule::WallClock;

/// What New York's wall clock shows.
pub fn local(ts: Timestamp) -> NaiveDateTime {
    New_York.from_utc_datetime(&ts.naive_utc()).naive_local()
}

/// New York's wall clock, for the schedule.
pub const NEW_YORK: WallClock = WallClock { local, instant };

/// The first instant that the wall clock shows as `wall`; what it skips is the instant of the change.
fn instant(wall: NaiveDateTime) -> Timestamp {
    use chrono::offset::LocalResult;
    match New_York.from_local_datetime(&wall) {
        LocalResult::Single(ts) | LocalResult::Ambiguous(ts, _) => ts.to_utc(),
        LocalResult::None => {
            // An hour is skipped: an hour earlier is a time before the change, and there the clock runs on.
            let before = New_York.from_local_datetime(&(wall - TimeDelta::hours(1))).earliest();
            let hour_later =
                before.map_or_else(|| wall.and_utc(), |ts| ts.to_utc() + TimeDelta::hours(1));
            // The full hour after 01:xx is where the clock jumps.
            hour_later.duration_trunc(TimeDelta::hours(1)).unwrap_or(hour_later)
        }
    }
}

/// The hour of New York's week.
pub fn hour_of_week(ts: Timestamp) -> HourOfWeek {
    let local = New_York.from_utc_datetime(&ts.naive_utc());
    HourOfWeek::new(local.weekday().num_days_from_monday(), local.hour())
}

/// A time as a person in New York says it at `now`: `2:35 PM EDT`, `tomorrow 2:35 PM EDT`,
/// `Thu 2:35 PM EDT`, and with the date where the day of the week would not be clear. Full hours have
/// no minutes; what comes within two minutes has seconds.
// The zone is always there: twice a year it is the only thing that tells two times apart.
pub fn say(ts: Timestamp, now: Timestamp) -> String {
    let local = New_York.from_utc_datetime(&ts.naive_utc());
    let today = New_York.from_utc_datetime(&now.naive_utc()).date_naive();
    let clock = if (TimeDelta::zero()..TimeDelta::minutes(2)).contains(&(ts - now)) && now != ts {
        "%-I:%M:%S %p %Z"
    } else if local.minute() == 0 {
        "%-I %p %Z"
    } else {
        "%-I:%M %p %Z"
    };
    let format = match (local.date_naive() - today).num_days() {
        0 => clock.to_owned(),
        1 => format!("tomorrow {clock}"),
        -1 => format!("yesterday {clock}"),
        2..=6 => format!("%a {clock}"),
        _ => format!("%b %-d, %Y, {clock}"),
    };
    local.format(&format).to_string()
}

/// The same with the word before it that a sentence needs: `at 2:35 PM EDT`, `tomorrow 2:35 PM EDT`.
pub fn when(ts: Timestamp, now: Timestamp) -> String {
    let said = say(ts, now);
    if said.starts_with(|first: char| first.is_ascii_digit()) { format!("at {said}") } else { said }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ts(text: &str) -> Timestamp {
        text.parse().expect("an RFC 3339 time")
    }

    #[track_caller]
    fn check(time: &str, expected: &str) {
        assert_eq!(say(ts(time), ts("2026-03-10T12:00:00Z")), expected);
    }

    #[test]
    fn times_are_said_as_a_person_would() {
        check("2026-03-10T18:35:10Z", "2:35 PM EDT");
        check("2026-03-10T18:00:00Z", "2 PM EDT");
        check("2026-03-11T04:05:00Z", "tomorrow 12:05 AM EDT");
        check("2026-03-10T03:59:00Z", "yesterday 11:59 PM EDT");
        check("2026-03-12T16:30:00Z", "Thu 12:30 PM EDT");
        check("2026-03-17T16:30:00Z", "Mar 17, 2026, 12:30 PM EDT");
        check("2026-03-10T12:01:05Z", "8:01:05 AM EDT");
        check("2026-03-10T12:00:00Z", "8 AM EDT");
        check("1970-01-01T00:02:00Z", "Dec 31, 1969, 7:02 PM EST");
    }

    #[test]
    fn the_hour_that_the_clock_change_repeats_is_told_by_its_zone() {
        let now = ts("2026-11-01T03:00:00Z");
        assert_eq!(say(ts("2026-11-01T05:30:00Z"), now), "tomorrow 1:30 AM EDT");
        assert_eq!(say(ts("2026-11-01T06:30:00Z"), now), "tomorrow 1:30 AM EST");
    }

    #[test]
    fn the_hour_of_the_week_follows_the_wall_clock_over_both_changes() {
        // Spring forward: 01:59 EST is followed by 03:00 EDT.
        for (time, day, hour) in [
            ("2026-03-08T06:59:00Z", 6, 1),
            ("2026-03-08T07:00:00Z", 6, 3),
            ("2026-11-01T05:30:00Z", 6, 1),
            ("2026-11-01T06:30:00Z", 6, 1),
            ("2026-03-09T03:59:00Z", 6, 23),
            ("2026-03-09T04:00:00Z", 0, 0),
        ] {
            assert_eq!(hour_of_week(ts(time)), HourOfWeek::new(day, hour), "{time}");
        }
    }

    #[test]
    fn wall_times_of_both_clock_changes() {
        let check = |wall: &str, expected: &str| {
            let instant = instant(wall.parse().unwrap());
            assert_eq!(instant, expected.parse::<Timestamp>().unwrap(), "{wall}");
        };
        check("2026-03-10T07:30:00", "2026-03-10T11:30:00Z");
        check("2026-03-08T02:30:00", "2026-03-08T07:00:00Z");
        check("2026-03-08T02:00:00", "2026-03-08T07:00:00Z");
        check("2026-11-01T01:30:00", "2026-11-01T05:30:00Z");
    }
}
