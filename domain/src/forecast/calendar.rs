//! Hours of UTC, and what New York's wall clock and calendar say in them.
//!
//! People follow the wall clock and the sun, data follow UTC: every profile here is by local hour, and
//! every series by [`Hour`]. The domain has no time-zone database; the caller lends it a function.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Weekday};

use crate::Timestamp;

/// A whole hour of UTC, `[start, start + 1 h)`, counted from the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(i64);

impl Hour {
    /// The hour that holds the instant `ts`; a full hour belongs to the hour that it begins.
    pub fn of(ts: Timestamp) -> Self {
        Self(ts.timestamp().div_euclid(3600))
    }

    /// The hour that an interval ending at `end` belongs to: (h, h + 1]. NYISO stamps interval ends.
    pub fn of_end(end: Timestamp) -> Self {
        Self((end.timestamp() - 1).div_euclid(3600))
    }

    /// Its first instant.
    pub fn start(self) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::hours(self.0)
    }

    /// Hours from `earlier` to this one; negative when this one comes first.
    pub fn since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// Hour of the UTC day, 0 to 23.
    pub fn of_utc_day(self) -> i64 {
        self.0.rem_euclid(24)
    }
}

impl std::ops::Add<i64> for Hour {
    type Output = Self;

    fn add(self, hours: i64) -> Self {
        Self(self.0 + hours)
    }
}

impl std::ops::Sub<i64> for Hour {
    type Output = Self;

    fn sub(self, hours: i64) -> Self {
        Self(self.0 - hours)
    }
}

/// What the calendar says of one local day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DayKind {
    /// Day of the week.
    pub weekday: Weekday,
    /// One of the days on which New York works less: see [`is_holiday`].
    pub holiday: bool,
    /// Place in the year as an angle: 0 on 1 January, 2π a year later.
    pub season: f64,
}

/// Local days and hours for a stretch of UTC hours.
#[derive(Clone, Debug)]
pub struct Calendar {
    first: Hour,
    /// Local day (index into `days`) and local hour of each UTC hour.
    hours: Vec<(u32, u8)>,
    days: Vec<DayKind>,
    /// For each local day, the UTC hour in which each local hour lies, as an offset from `first`.
    /// Spring leaves one out; of autumn's two the later counts.
    grid: Vec<[Option<u32>; 24]>,
}

impl Calendar {
    /// Covers `first .. first + hours`. `local` tells what the wall clock shows at an instant.
    pub fn new(first: Hour, hours: usize, local: impl Fn(Timestamp) -> NaiveDateTime) -> Self {
        let mut calendar =
            Self { first, hours: Vec::with_capacity(hours), days: Vec::new(), grid: Vec::new() };
        let mut today: Option<NaiveDate> = None;
        for offset in 0..u32::try_from(hours).expect("fewer hours than 490,000 years have") {
            let wall = local((first + i64::from(offset)).start());
            if today != Some(wall.date()) {
                today = Some(wall.date());
                calendar.days.push(DayKind {
                    weekday: wall.weekday(),
                    holiday: is_holiday(wall.date()),
                    season: std::f64::consts::TAU * f64::from(wall.ordinal()) / 365.25,
                });
                calendar.grid.push([None; 24]);
            }
            let day = calendar.days.len() - 1;
            let hour = wall.hour() as usize;
            calendar.grid[day][hour] = Some(offset);
            calendar.hours.push((day as u32, hour as u8));
        }
        calendar
    }

    /// The first hour covered.
    pub fn first(&self) -> Hour {
        self.first
    }

    /// The first hour that is no longer covered.
    pub fn end(&self) -> Hour {
        self.first + self.hours.len() as i64
    }

    /// Number of the local day of `hour` (counted from the first covered) and local hour, 0 to 23.
    ///
    /// # Panics
    /// When `hour` is not covered.
    pub fn local(&self, hour: Hour) -> (usize, usize) {
        let (day, hour) = self.hours[self.offset(hour)];
        (day as usize, hour as usize)
    }

    /// What kind of day `hour` lies in.
    ///
    /// # Panics
    /// When `hour` is not covered.
    pub fn day_kind(&self, hour: Hour) -> DayKind {
        self.days[self.local(hour).0]
    }

    /// The UTC hour in which local day number `day` has its `hour`-th clock hour; `None` where spring
    /// left it out and beyond what is covered.
    pub fn find(&self, day: usize, hour: usize) -> Option<Hour> {
        self.grid.get(day)?[hour].map(|offset| self.first + i64::from(offset))
    }

    fn offset(&self, hour: Hour) -> usize {
        usize::try_from(hour.since(self.first)).expect("the hour lies within the calendar")
    }
}

/// Days on which New York's load and trade look like a weekend: New Year, Martin Luther King Day,
/// Presidents' Day, Memorial Day, Independence Day, Labor Day, Thanksgiving and the day after,
/// Christmas and its eve. Observed days (a Monday for a Sunday) are not counted.
pub fn is_holiday(day: NaiveDate) -> bool {
    let (month, of_month, weekday) = (day.month(), day.day(), day.weekday());
    let nth = |n: u32| (of_month - 1) / 7 + 1 == n;
    let last = (day + Days::new(7)).month() != month;
    match (month, weekday) {
        (1 | 2, Weekday::Mon) if nth(3) => true,
        (5, Weekday::Mon) if last => true,
        (9, Weekday::Mon) if nth(1) => true,
        (11, Weekday::Thu) if nth(4) => true,
        (11, Weekday::Fri) => (23..=29).contains(&of_month),
        _ => matches!((month, of_month), (1, 1) | (7, 4) | (12, 24 | 25)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn ts(text: &str) -> Timestamp {
        text.parse::<DateTime<chrono::Utc>>().unwrap()
    }

    /// Eastern time around the autumn change of 2016 (6 November, 06:00 UTC).
    fn autumn(at: Timestamp) -> NaiveDateTime {
        let behind = if at < ts("2016-11-06T06:00:00Z") { 4 } else { 5 };
        (at - TimeDelta::hours(behind)).naive_utc()
    }

    #[test]
    fn a_stamp_that_ends_an_interval_belongs_to_the_hour_before() {
        let noon = ts("2016-11-06T12:00:00Z");
        assert_eq!(Hour::of(noon).start(), noon);
        assert_eq!(Hour::of_end(noon), Hour::of(noon) - 1);
        assert_eq!(Hour::of_end(ts("2016-11-06T12:00:01Z")), Hour::of(noon));
        assert_eq!(Hour::of(ts("2016-11-06T12:59:59Z")), Hour::of(noon));
        assert_eq!(Hour::of(noon).of_utc_day(), 12);
        assert_eq!(Hour::of(ts("1969-12-31T23:30:00Z")).of_utc_day(), 23);
    }

    #[test]
    fn an_autumn_day_has_one_hour_twice_and_the_later_counts() {
        let first = Hour::of(ts("2016-11-05T04:00:00Z"));
        let calendar = Calendar::new(first, 24 + 25 + 1, autumn);
        let one = Hour::of(ts("2016-11-06T05:00:00Z"));
        assert_eq!(calendar.local(one), (1, 1));
        assert_eq!(calendar.local(one + 1), (1, 1));
        assert_eq!(calendar.find(1, 1), Some(one + 1));
        assert_eq!(calendar.local(first + 49), (2, 0));
        assert_eq!(calendar.find(2, 1), None, "beyond what is covered");
        assert_eq!(calendar.find(3, 0), None);
        assert_eq!(calendar.end(), first + 50);
        assert_eq!(calendar.day_kind(one).weekday, Weekday::Sun);
    }

    #[test]
    fn a_spring_day_lacks_an_hour() {
        let change = ts("2017-03-12T07:00:00Z");
        let spring =
            |at: Timestamp| (at - TimeDelta::hours(if at < change { 5 } else { 4 })).naive_utc();
        let calendar = Calendar::new(Hour::of(ts("2017-03-12T05:00:00Z")), 24, spring);
        assert_eq!(calendar.find(0, 2), None);
        assert_eq!(calendar.find(0, 3), Some(Hour::of(change)));
        assert_eq!(calendar.local(Hour::of(change)), (0, 3));
    }

    #[test]
    fn holidays_fall_where_they_should() {
        let check = |day: &str, expected: bool| {
            assert_eq!(is_holiday(day.parse().unwrap()), expected, "{day}");
        };
        for day in [
            "2019-01-01",
            "2019-01-21",
            "2019-02-18",
            "2019-05-27",
            "2019-07-04",
            "2019-09-02",
            "2019-11-28",
            "2019-11-29",
            "2019-12-24",
            "2019-12-25",
            "2021-05-31",
            "2018-11-22",
            "2018-11-23",
        ] {
            check(day, true);
        }
        for day in
            ["2019-01-14", "2019-05-20", "2019-11-22", "2019-09-09", "2019-07-05", "2018-11-30"]
        {
            check(day, false);
        }
    }
}
