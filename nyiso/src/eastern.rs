//! New York's wall clock. NYISO names its files by the Eastern date and stamps its rows in Eastern
//! time; in the hour that comes twice each autumn only the file's `EST`/`EDT` column tells which is
//! meant.

use chrono::{Days, FixedOffset, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike};
use chrono_tz::America::New_York;
use domain::Timestamp;

/// What the `Time Zone` column of a file can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Zone {
    /// Eastern Standard Time, UTC-5.
    Est,
    /// Eastern Daylight Time, UTC-4.
    Edt,
}

impl Zone {
    /// The zone of NYISO's word for it.
    pub fn from_word(word: &[u8]) -> Option<Self> {
        match word {
            b"EST" => Some(Self::Est),
            b"EDT" => Some(Self::Edt),
            _ => None,
        }
    }

    /// NYISO's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Est => "EST",
            Self::Edt => "EDT",
        }
    }

    /// Seconds to add to the wall clock to get UTC.
    pub fn behind_utc_secs(self) -> i64 {
        match self {
            Self::Est => 5 * 3600,
            Self::Edt => 4 * 3600,
        }
    }
}

impl std::fmt::Display for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The instant that a wall clock in `zone` shows as `wall`. No lookup: the column settles it.
pub fn to_utc(wall: NaiveDateTime, zone: Zone) -> Timestamp {
    wall.and_utc() + TimeDelta::seconds(zone.behind_utc_secs())
}

/// What the wall clock in New York shows at `ts`, and in which zone it runs.
pub fn wall_clock(ts: Timestamp) -> (NaiveDateTime, Zone) {
    let local = ts.with_timezone(&New_York);
    let offset: FixedOffset = local.offset().fix();
    let zone = if offset.local_minus_utc() == -4 * 3600 { Zone::Edt } else { Zone::Est };
    (local.naive_local(), zone)
}

/// The zone that New York is in at `ts`, by the rules of the time-zone database.
pub fn zone_at(ts: Timestamp) -> Zone {
    wall_clock(ts).1
}

/// The Eastern date of `ts`; midnight belongs to the day that begins.
pub fn day_of(ts: Timestamp) -> NaiveDate {
    wall_clock(ts).0.date()
}

/// The date in the name of the daily file that holds an interval ending at `ts`: a day's file ends with
/// the row of the midnight that closes it.
pub fn file_day(ts: Timestamp) -> NaiveDate {
    day_of(ts - TimeDelta::seconds(1))
}

/// The hour of the Eastern wall clock at `ts`, 0 to 23.
pub fn hour_of(ts: Timestamp) -> u32 {
    wall_clock(ts).0.hour()
}

/// The instant at which the Eastern day begins.
pub fn midnight(day: NaiveDate) -> Timestamp {
    New_York
        .from_local_datetime(&day.and_time(chrono::NaiveTime::MIN))
        .earliest()
        .expect("New York moves its clocks at 02:00, so that every day has one midnight")
        .to_utc()
}

/// Seconds from the midnight that begins the Eastern day to the one that ends it: 82,800 in spring,
/// 90,000 in autumn, 86,400 else.
pub fn day_length(day: NaiveDate) -> TimeDelta {
    midnight(day + Days::new(1)) - midnight(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check(wall: &str, zone: Zone, utc: &str) {
        let ts = to_utc(wall.parse().unwrap(), zone);
        assert_eq!(ts.to_rfc3339_opts(chrono::SecondsFormat::Secs, true), utc);
        assert_eq!(wall_clock(ts), (wall.parse().unwrap(), zone), "and back");
    }

    #[test]
    fn the_column_settles_the_hour_that_comes_twice() {
        check("2016-11-06T01:55:00", Zone::Edt, "2016-11-06T05:55:00Z");
        check("2016-11-06T01:00:00", Zone::Est, "2016-11-06T06:00:00Z");
        check("2016-11-06T01:55:00", Zone::Est, "2016-11-06T06:55:00Z");
    }

    #[test]
    fn the_hour_that_spring_leaves_out_is_no_time_at_all() {
        check("2022-03-13T01:55:00", Zone::Est, "2022-03-13T06:55:00Z");
        check("2022-03-13T03:00:00", Zone::Edt, "2022-03-13T07:00:00Z");
    }

    #[test]
    fn midnight_belongs_to_the_day_that_begins_and_to_the_file_that_ends() {
        let midnight = midnight(date("2026-03-11"));
        assert_eq!(midnight.to_rfc3339(), "2026-03-11T04:00:00+00:00");
        assert_eq!(day_of(midnight), date("2026-03-11"));
        assert_eq!(file_day(midnight), date("2026-03-10"));
        let five_past = midnight + TimeDelta::minutes(5);
        assert_eq!(file_day(five_past), date("2026-03-11"));
    }

    /// A fixed UTC-5 would still ask for yesterday's file at this instant.
    #[test]
    fn summer_days_begin_at_four_in_utc() {
        let ts = "2026-07-01T04:30:00Z".parse().unwrap();
        assert_eq!(day_of(ts), date("2026-07-01"));
        assert_eq!(hour_of(ts), 0);
        assert_eq!(midnight(date("2026-01-01")).to_rfc3339(), "2026-01-01T05:00:00+00:00");
    }

    #[test]
    fn days_have_23_24_or_25_hours() {
        assert_eq!(day_length(date("2022-03-13")), TimeDelta::hours(23));
        assert_eq!(day_length(date("2022-03-14")), TimeDelta::hours(24));
        assert_eq!(day_length(date("2016-11-06")), TimeDelta::hours(25));
    }
}
