//! Instants as New Yorkers read them. Pages show Eastern time, always, on a 12-hour clock.

use chrono::offset::LocalResult;
use chrono::{DateTime, TimeDelta, TimeZone};
use chrono_tz::America::New_York;
use chrono_tz::Tz;

use domain::Timestamp;

/// `6:05 PM`; in the hour that comes twice in November with its zone: `1:05 AM EST`.
pub fn time(ts: Timestamp) -> String {
    clock(ts, "%-I:%M %p")
}

/// `6 PM`, for a full hour.
pub fn hour(ts: Timestamp) -> String {
    clock(ts, "%-I %p")
}

/// `Tue`.
pub fn weekday(ts: Timestamp) -> String {
    local(ts).format("%a").to_string()
}

/// [`time`], with the day before it when that is not the day of `now`: `Tue 6:05 PM`, or
/// `Mar 3, 6:05 PM` when it is over six days ago.
pub fn time_and_day(ts: Timestamp, now: Timestamp) -> String {
    if local(ts).date_naive() == local(now).date_naive() {
        time(ts)
    } else if (now - ts).abs() < TimeDelta::days(6) {
        format!("{} {}", weekday(ts), time(ts))
    } else {
        format!("{}, {}", local(ts).format("%b %-d"), time(ts))
    }
}

/// The sentence for best hours that start at `ts`, within a day of `now`: a night that begins today and ends
/// before 6 AM is tonight.
pub fn day_word(ts: Timestamp, now: Timestamp) -> &'static str {
    let same_day = local(ts).date_naive() == local(now).date_naive();
    match (same_day, minute_of_day(ts) / 60) {
        (true, ..18) if minute_of_day(now) / 60 < 18 => "best_today",
        (true, _) => "best_tonight",
        (false, ..6) => "best_tonight",
        (false, _) => "best_tomorrow",
    }
}

/// Minutes since midnight on the wall clock.
pub fn minute_of_day(ts: Timestamp) -> u32 {
    use chrono::Timelike;
    local(ts).hour() * 60 + local(ts).minute()
}

fn local(ts: Timestamp) -> DateTime<Tz> {
    ts.with_timezone(&New_York)
}

fn clock(ts: Timestamp, format: &str) -> String {
    let local = local(ts);
    let twice =
        matches!(New_York.from_local_datetime(&local.naive_local()), LocalResult::Ambiguous(..));
    let zone = if twice { " %Z" } else { "" };
    local.format(&format!("{format}{zone}")).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ts: &str, now: &str, expected: &str) {
        let parse = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(time_and_day(parse(ts), parse(now)), expected);
    }

    #[test]
    fn times_of_day() {
        check("2026-03-10T22:00:00Z", "2026-03-10T22:12:00Z", "6:00 PM");
        check("2026-03-10T04:05:00Z", "2026-03-10T22:12:00Z", "12:05 AM");
        check("2026-03-10T03:55:00Z", "2026-03-10T22:12:00Z", "Mon 11:55 PM");
        check("2026-03-03T22:00:00Z", "2026-03-10T22:12:00Z", "Mar 3, 5:00 PM");
    }

    #[test]
    fn both_one_oclocks_of_november() {
        check("2026-11-01T05:05:00Z", "2026-11-01T05:10:00Z", "1:05 AM EDT");
        check("2026-11-01T06:05:00Z", "2026-11-01T06:10:00Z", "1:05 AM EST");
        check("2026-11-01T07:05:00Z", "2026-11-01T07:10:00Z", "2:05 AM");
    }

    #[test]
    fn the_hour_that_march_skips() {
        check("2026-03-08T06:55:00Z", "2026-03-08T07:10:00Z", "1:55 AM");
        check("2026-03-08T07:00:00Z", "2026-03-08T07:10:00Z", "3:00 AM");
        assert_eq!(minute_of_day("2026-03-08T07:10:00Z".parse().unwrap()), 190);
    }
}
