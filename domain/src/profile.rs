//! What is usual at an hour of the week, by the agent's own history: the rung below a live feed.

use crate::Timestamp;
use crate::series::{LONGEST_INTERVAL, Sample};
use crate::units::CarbonIntensity;

/// An hour of the week on the wall clock of whoever asks: 0 is Monday from midnight to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HourOfWeek(u8);

impl HourOfWeek {
    /// How many there are.
    pub const COUNT: usize = 7 * 24;

    /// `days_from_monday` 0 to 6, `hour` 0 to 23; what lies beyond wraps around.
    pub fn new(days_from_monday: u32, hour: u32) -> Self {
        let hours = (days_from_monday % 7) * 24 + hour % 24;
        Self(u8::try_from(hours).expect("at most 167"))
    }

    /// The hour of the day, 0 to 23.
    pub fn hour(self) -> u32 {
        u32::from(self.0) % 24
    }

    /// 0 for Monday to 6 for Sunday.
    pub fn days_from_monday(self) -> u32 {
        u32::from(self.0) / 24
    }

    fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Which hours a usual value is the mean of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsualOf {
    /// This hour of this day of the week.
    HourOfWeek,
    /// This hour of any day, since there is too little of this one.
    HourOfDay,
}

/// A bucket with less than this is not a mean of anything.
const FEWEST_SECS: f64 = 30.0 * 60.0;

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    gram_secs: f64,
    secs: f64,
}

impl Bucket {
    fn add(&mut self, secs: f64, grams_per_kwh: f64) {
        self.gram_secs += secs * grams_per_kwh;
        self.secs += secs;
    }

    fn mean(&self) -> Option<CarbonIntensity> {
        let mean = (FEWEST_SECS <= self.secs).then(|| self.gram_secs / self.secs)?;
        CarbonIntensity::from_grams_per_kwh(mean)
    }
}

/// Duration-weighted mean of each hour of the week, and of each hour of the day where a week is too short.
#[derive(Clone, Debug)]
pub struct Profile {
    week: [Bucket; HourOfWeek::COUNT],
    day: [Bucket; 24],
}

impl Profile {
    /// The profile of `samples` (ascending; the stamp is the interval end), on the wall clock that
    /// `hour_of_week` reads. A sample stands for the time since the one before, at most
    /// [`LONGEST_INTERVAL`]; the first for 5 minutes. A sample that does not come after the one before
    /// is left out.
    pub fn of(
        samples: impl IntoIterator<Item = Sample>,
        hour_of_week: impl Fn(Timestamp) -> HourOfWeek,
    ) -> Self {
        let mut profile =
            Self { week: [Bucket::default(); HourOfWeek::COUNT], day: [Bucket::default(); 24] };
        let mut before: Option<Timestamp> = None;
        for sample in samples {
            let secs = match before {
                Some(before) => (sample.ts - before).min(LONGEST_INTERVAL).num_seconds(),
                None => 300,
            };
            if secs <= 0 {
                continue;
            }
            before = Some(sample.ts);
            // The middle of the interval: a stamp at 14:00 tells of the hour before.
            let hour = hour_of_week(sample.ts - chrono::TimeDelta::seconds(secs / 2));
            profile.week[hour.index()].add(secs as f64, sample.grams_per_kwh);
            profile.day[hour.hour() as usize].add(secs as f64, sample.grams_per_kwh);
        }
        profile
    }

    /// What is usual at `hour`, and of which hours that is the mean; `None` without history of this hour
    /// on any day.
    pub fn usual(&self, hour: HourOfWeek) -> Option<(CarbonIntensity, UsualOf)> {
        let of_week = || Some((self.week[hour.index()].mean()?, UsualOf::HourOfWeek));
        let of_day = || Some((self.day[hour.hour() as usize].mean()?, UsualOf::HourOfDay));
        of_week().or_else(of_day)
    }

    /// Hours of data behind it.
    pub fn hours(&self) -> f64 {
        self.day.iter().map(|bucket| bucket.secs).sum::<f64>() / 3600.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{Datelike, TimeDelta, Timelike};

    /// Monday 2026-03-09 00:00.
    const MONDAY: i64 = 1_773_014_400;

    fn utc(ts: Timestamp) -> HourOfWeek {
        HourOfWeek::new(ts.weekday().num_days_from_monday(), ts.hour())
    }

    fn at(hours: i64, minutes: i64) -> Timestamp {
        Timestamp::from_timestamp(MONDAY + hours * 3600 + minutes * 60, 0).unwrap()
    }

    fn samples(spans: &[(i64, i64, f64)]) -> Vec<Sample> {
        spans
            .iter()
            .flat_map(|(from, until, grams_per_kwh)| {
                (1..=(until - from) * 12)
                    .map(move |n| Sample { ts: at(*from, n * 5), grams_per_kwh: *grams_per_kwh })
            })
            .collect()
    }

    #[track_caller]
    fn check(profile: &Profile, hours: i64, expected: Option<(f64, UsualOf)>) {
        let usual = profile.usual(utc(at(hours, 0))).map(|(usual, of)| (usual.grams_per_kwh(), of));
        assert_eq!(usual, expected, "hour {hours}");
    }

    #[test]
    fn an_hour_of_the_week_is_the_mean_of_its_weeks() {
        let profile = Profile::of(samples(&[(9, 11, 100.0), (177, 179, 300.0)]), utc);
        check(&profile, 10, Some((200.0, UsualOf::HourOfWeek)));
    }

    #[test]
    fn a_stamp_belongs_to_the_hour_that_ends_with_it() {
        let profile = Profile::of(samples(&[(10, 11, 100.0), (11, 12, 200.0)]), utc);
        check(&profile, 10, Some((100.0, UsualOf::HourOfWeek)));
        check(&profile, 11, Some((200.0, UsualOf::HourOfWeek)));
    }

    #[test]
    fn another_day_stands_in_and_says_so() {
        let profile = Profile::of(samples(&[(10, 11, 100.0)]), utc);
        check(&profile, 34, Some((100.0, UsualOf::HourOfDay)));
        check(&profile, 9, None);
    }

    #[test]
    fn a_quarter_of_an_hour_is_no_mean_of_an_hour() {
        let profile = Profile::of(samples(&[(10, 11, 100.0)]).into_iter().take(3), utc);
        check(&profile, 10, None);
    }

    #[test]
    fn dense_and_sparse_readings_weigh_by_their_time() {
        let ends = [(5, 100.0), (10, 100.0), (15, 100.0), (30, 200.0)];
        let mixed = ends
            .map(|(minutes, grams_per_kwh)| Sample { ts: at(0, minutes), grams_per_kwh })
            .into_iter();
        check(&Profile::of(mixed, utc), 0, Some((150.0, UsualOf::HourOfWeek)));
    }

    #[test]
    fn a_hole_is_not_filled_and_disorder_is_left_out() {
        let mut list = samples(&[(0, 1, 100.0), (5, 6, 100.0)]);
        list.push(Sample { ts: at(0, 0), grams_per_kwh: 9999.0 });
        let profile = Profile::of(list, utc);
        assert_eq!(profile.hours(), 2.0 + 10.0 / 60.0);
        check(&profile, 3, None);
        check(&profile, 23, None);
    }

    #[test]
    fn hours_of_the_week_wrap() {
        assert_eq!(HourOfWeek::new(7, 24), HourOfWeek::new(0, 0));
        let sunday = HourOfWeek::new(6, 23);
        assert_eq!((sunday.days_from_monday(), sunday.hour()), (6, 23));
        assert_eq!(utc(at(0, 0) - TimeDelta::hours(1)), sunday);
    }
}
