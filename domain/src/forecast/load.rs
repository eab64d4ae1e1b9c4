//! NYISO's load forecast (P-7): the operator's own weather model, for free.

use crate::Timestamp;
use crate::forecast::calendar::Hour;

/// Columns of a load forecast: the eleven load zones in NYISO's order, then the state.
pub const COLUMNS: usize = 12;

/// The state's column.
pub const STATE: usize = 11;

/// MW by column.
pub type Loads = [f32; COLUMNS];

/// One file: hourly loads, and since when the world knows them.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadForecast {
    /// Posted by then.
    pub known_from: Timestamp,
    first: Hour,
    loads: Vec<Option<Loads>>,
}

impl LoadForecast {
    /// Of `(hour, loads)` in any order; the last value of an hour wins. `None` when there is no hour,
    /// or when they lie more than 32 days apart: then it is no six-day forecast.
    pub fn new(known_from: Timestamp, hours: &[(Hour, Loads)]) -> Option<Self> {
        let first = hours.iter().map(|(hour, _)| *hour).min()?;
        let last = hours.iter().map(|(hour, _)| *hour).max()?;
        let span = usize::try_from(last.since(first)).ok()? + 1;
        if span > 32 * 24 {
            return None;
        }
        let mut loads = vec![None; span];
        for (hour, load) in hours {
            if load.iter().all(|megawatts| megawatts.is_finite()) {
                loads[hour.since(first) as usize] = Some(*load);
            }
        }
        Some(Self { known_from, first, loads })
    }

    /// Its first hour.
    pub fn first(&self) -> Hour {
        self.first
    }

    /// The load that it foresees in `hour`.
    pub fn get(&self, hour: Hour) -> Option<Loads> {
        let offset = usize::try_from(hour.since(self.first)).ok()?;
        *self.loads.get(offset)?
    }
}

/// Every load forecast at hand.
#[derive(Clone, Debug, Default)]
pub struct LoadForecasts {
    /// By `known_from`, then by their first hour; one for each first hour.
    files: Vec<LoadForecast>,
}

impl LoadForecasts {
    /// Knows none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file; one with the same first hour is replaced.
    pub fn add(&mut self, file: LoadForecast) {
        self.files.retain(|known| known.first != file.first);
        let key = |file: &LoadForecast| (file.known_from, file.first);
        let at = self.files.partition_point(|known| key(known) <= key(&file));
        self.files.insert(at, file);
    }

    /// The file that begins at `first`.
    pub fn get(&self, first: Hour) -> Option<&LoadForecast> {
        self.files.iter().find(|file| file.first == first)
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// What the newest file known at `now` foresees for `hour`; hours that it no longer covers (the
    /// rest of today stands only in today's file) come from the file before.
    pub fn foreseen(&self, now: Timestamp, hour: Hour) -> Option<Loads> {
        // A file reaches six days: a dozen files back there is nothing left for this hour.
        let known = self.files.partition_point(|file| file.known_from <= now);
        self.files[..known].iter().rev().take(12).find_map(|file| file.get(hour))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn hour(number: i64) -> Hour {
        Hour::of(Timestamp::UNIX_EPOCH) + number
    }

    /// Day `day`, six days long, posted 15 hours before it begins; every value is its day.
    fn file(day: i64) -> LoadForecast {
        let hours: Vec<(Hour, Loads)> =
            (0..144).map(|h| (hour(24 * day + h), [day as f32; COLUMNS])).collect();
        LoadForecast::new(hour(24 * day).start() - TimeDelta::hours(15), &hours).unwrap()
    }

    #[test]
    fn the_newest_known_file_speaks_and_the_one_before_for_the_rest_of_today() {
        let mut files = LoadForecasts::new();
        for day in [12, 10, 11] {
            files.add(file(day));
        }
        let check = |now: i64, of: i64, expected: Option<f32>| {
            let loads = files.foreseen(hour(now).start(), hour(of));
            assert_eq!(loads.map(|loads| loads[STATE]), expected, "at {now} of {of}");
        };
        check(24 * 11 - 16, 24 * 11, Some(10.0));
        check(24 * 11 - 15, 24 * 11, Some(11.0));
        check(24 * 11 - 15, 24 * 11 - 1, Some(10.0));
        check(24 * 10 - 16, 24 * 10, None);
        check(24 * 20, 24 * 18 - 1, Some(12.0));
        check(24 * 20, 24 * 18, None);
    }

    #[test]
    fn a_file_that_comes_again_replaces_itself() {
        let mut files = LoadForecasts::new();
        files.add(file(10));
        let later = LoadForecast::new(hour(238).start(), &[(hour(240), [7.0; COLUMNS])]).unwrap();
        files.add(later);
        assert_eq!(files.len(), 1);
        assert_eq!(files.foreseen(hour(239).start(), hour(240)).map(|l| l[0]), Some(7.0));
        assert_eq!(files.foreseen(hour(237).start(), hour(240)), None);
    }

    #[test]
    fn nothing_infinite_and_no_century() {
        assert!(LoadForecast::new(hour(0).start(), &[]).is_none());
        let far = [(hour(0), [1.0; COLUMNS]), (hour(10_000), [1.0; COLUMNS])];
        assert!(LoadForecast::new(hour(0).start(), &far).is_none());
        let broken = [(hour(0), [f32::NAN; COLUMNS]), (hour(1), [1.0; COLUMNS])];
        let file = LoadForecast::new(hour(0).start(), &broken).unwrap();
        assert_eq!((file.get(hour(0)), file.get(hour(1)).is_some()), (None, true));
    }
}
