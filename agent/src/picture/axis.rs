//! New York's wall clock below a chart.

use chrono::{DateTime, TimeDelta, TimeZone as _, Timelike as _};
use chrono_tz::{America::New_York, Tz};
use domain::Timestamp;

/// A label and the blank after it.
const ROOM: i64 = 8;

/// The hours below `columns` columns of `step` from `start`, as many as fit into `room`: `6 PM`, the day at
/// midnight, and the zone where it is another than that of the hour before it, as on the days of the clock
/// change.
pub fn axis(start: Timestamp, step: TimeDelta, columns: usize, room: usize) -> String {
    let step_s = step.num_seconds().max(1);
    let every =
        [1, 2, 3, 6, 12, 24].into_iter().find(|hours| ROOM <= hours * 3600 / step_s).unwrap_or(24);
    let mut line = String::new();
    let mut width = 0;
    let mut zone = abbreviation(&New_York.from_utc_datetime(&start.naive_utc()));
    for column in 0..columns {
        let from = start.timestamp() + step_s * i64::try_from(column).unwrap_or(i64::MAX / step_s);
        let Some(hour) = hour_within(from, from + step_s, every) else { continue };
        if column < width {
            continue;
        }
        let its_zone = abbreviation(&hour);
        let label = match (hour.hour(), its_zone == zone) {
            (0, _) => hour.format("%a %-d"),
            (_, true) => hour.format("%-I %p"),
            (_, false) => hour.format("%-I %p %Z"),
        }
        .to_string();
        let end = column + label.chars().count();
        if room < end {
            break;
        }
        if hour.hour() != 0 {
            zone = its_zone;
        }
        line.extend(std::iter::repeat_n(' ', column - width));
        line.push_str(&label);
        line.push(' ');
        width = end + 1;
    }
    line.truncate(line.trim_end().len());
    line
}

/// The full hour in `[from, to)` that is due a label: midnight before all others.
// New York is whole hours from UTC, so its full hours are those of UTC.
fn hour_within(from: i64, to: i64, every: i64) -> Option<DateTime<Tz>> {
    let first = (from + 3599).div_euclid(3600) * 3600;
    let hours = (first..to).step_by(3600).filter_map(|secs| {
        let utc = DateTime::from_timestamp(secs, 0)?;
        Some(New_York.from_utc_datetime(&utc.naive_utc()))
    });
    hours
        .filter(|hour| i64::from(hour.hour()) % every == 0)
        .min_by_key(|hour| (hour.hour() != 0, hour.timestamp()))
}

fn abbreviation(time: &DateTime<Tz>) -> String {
    time.format("%Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(start: &str, step_minutes: i64, columns: usize, expected: &str) {
        let start = start.parse().unwrap();
        assert_eq!(axis(start, TimeDelta::minutes(step_minutes), columns, 66), expected);
    }

    #[test]
    fn hours_and_days() {
        check("2026-03-10T22:00:00Z", 15, 24, "6 PM    8 PM    10 PM");
        check("2026-03-10T22:10:00Z", 15, 24, "       8 PM    10 PM   Wed 11");
        check("2026-03-10T22:30:00Z", 30, 32, "           Wed 11      6 AM");
        check("2026-03-10T22:00:00Z", 120, 48, "   Wed 11      Thu 12      Fri 13      Sat 14");
        check("2026-03-10T22:00:00Z", 15, 0, "");
    }

    #[test]
    fn a_label_that_does_not_fit_is_left_out() {
        check(
            "2026-03-10T22:00:00Z",
            5,
            66,
            "6 PM        7 PM        8 PM        9 PM        10 PM       11 PM",
        );
        check(
            "2026-03-10T21:40:00Z",
            5,
            66,
            "    6 PM        7 PM        8 PM        9 PM        10 PM",
        );
    }

    #[test]
    fn the_hour_that_is_skipped_and_the_one_that_comes_twice() {
        // 1 AM EST is followed by 3 AM EDT.
        check("2026-03-08T05:00:00Z", 5, 40, "Sun 8       1 AM        3 AM EDT    4 AM");
        check(
            "2026-11-01T04:00:00Z",
            5,
            54,
            "Sun 1       1 AM        1 AM EST    2 AM        3 AM",
        );
        // With two hours between labels, the one after the zone's has no room.
        check("2026-03-08T05:00:00Z", 15, 40, "Sun 8       4 AM EDT        8 AM    10 AM");
        check("2026-11-01T04:00:00Z", 15, 40, "Sun 1       2 AM EST        6 AM    8 AM");
    }
}
