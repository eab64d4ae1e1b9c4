//! A folder of recorded NYISO files: which days it holds, and where each lies.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use chrono::{Datelike, NaiveDate, TimeDelta};
use nyiso::path::{Feed, FileKind, Span, kind_of};
use tracing::warn;

use super::day_file::{DayFile, NotFuelMix};

/// Largest day that is believed; a real one has about 86 KB.
const MAX_DAY_BYTES: u64 = 16 << 20;

/// Days further apart than this are not one stretch of the record.
const STRETCH_GAP: TimeDelta = TimeDelta::days(7);

/// Why a folder cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The folder, or one below it, cannot be listed, or a file in it cannot be opened.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No file in it has a name that NYISO gives.
    #[error(
        "no fuel-mix file in {} or below it; looked for names like 20260310rtfuelmix.csv and \
         20260301rtfuelmix_csv.zip",
        dir.display()
    )]
    Nothing {
        /// The folder.
        dir: PathBuf,
    },
}

/// Why one day of the record could not be served.
#[derive(Debug, thiserror::Error)]
pub(super) enum DayError {
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}", path.display())]
    NotFuelMix { path: PathBuf, source: NotFuelMix },
}

/// Where a day lies.
#[derive(Clone, Debug)]
enum Place {
    Csv(PathBuf),
    Zip { path: PathBuf, entry: usize },
}

/// The days of a folder: of the fuel mix, never empty, and of other feeds.
#[derive(Debug)]
pub(super) struct Record {
    dir: PathBuf,
    days: BTreeMap<NaiveDate, Place>,
    others: HashMap<(Feed, NaiveDate), Place>,
}

impl Record {
    /// Walks `dir` and everything below it. Of a day that is there more than once the daily file is
    /// taken rather than a zip's, and else the path that sorts last. A zip that cannot be read is left
    /// out with a warning.
    ///
    /// # Errors
    /// [`RecordError`] when the folder cannot be walked or holds no day.
    pub fn open(dir: &Path) -> Result<Self, RecordError> {
        let mut files = Vec::new();
        walk(dir, &mut files)?;
        files.sort_by(|(_, a), (_, b)| a.cmp(b));
        let mut places = HashMap::new();
        for (kind, path) in files.iter().filter(|(kind, _)| kind.span == Span::Month) {
            if let Err(source) = list_zip(path, &mut places) {
                warn!(path = %path.display(), month = %kind.date, %source, "left out an archive that cannot be read");
            }
        }
        for (kind, path) in files.into_iter().filter(|(kind, _)| kind.span == Span::Day) {
            places.insert((kind.feed, kind.date), Place::Csv(path));
        }
        let is_mix = |(feed, _): &(Feed, NaiveDate), _: &mut Place| *feed == Feed::FuelMix;
        let days: BTreeMap<_, _> =
            places.extract_if(is_mix).map(|((_, day), place)| (day, place)).collect();
        if days.is_empty() {
            return Err(RecordError::Nothing { dir: dir.to_owned() });
        }
        Ok(Self { dir: dir.to_owned(), days, others: places })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// How many days it holds.
    pub fn count(&self) -> usize {
        self.days.len()
    }

    /// Whether it holds `day`.
    pub fn holds(&self, day: NaiveDate) -> bool {
        self.days.contains_key(&day)
    }

    /// First and last day.
    pub fn span(&self) -> RangeInclusive<NaiveDate> {
        let first = self.days.first_key_value().expect("never empty").0;
        let last = self.days.last_key_value().expect("never empty").0;
        *first..=*last
    }

    /// The recorded day nearest to `day`; of two, the earlier.
    pub fn nearest(&self, day: NaiveDate) -> NaiveDate {
        let before = self.days.range(..=day).next_back().map(|(day, _)| *day);
        let after = self.days.range(day..).next().map(|(day, _)| *day);
        match (before, after) {
            (Some(before), Some(after)) if after - day < day - before => after,
            (Some(before), _) => before,
            (None, after) => after.expect("never empty"),
        }
    }

    /// The days around `day`, a day of the record, without a hole of over a week.
    pub fn stretch(&self, day: NaiveDate) -> RangeInclusive<NaiveDate> {
        let (mut first, mut last) = (day, day);
        for earlier in self.days.range(..day).rev().map(|(day, _)| *day) {
            if first - earlier > STRETCH_GAP {
                break;
            }
            first = earlier;
        }
        for later in self.days.range(day..).map(|(day, _)| *day) {
            if later - last > STRETCH_GAP {
                break;
            }
            last = later;
        }
        first..=last
    }

    /// The day to show as `today`: the latest that has the same weekday and both its neighbors, or
    /// else as much of that as the record allows.
    pub fn best_today(&self, today: NaiveDate) -> NaiveDate {
        let holds = |day: Option<NaiveDate>| day.is_some_and(|day| self.holds(day));
        let rank = |day: NaiveDate| {
            (holds(day.pred_opt()), day.weekday() == today.weekday(), holds(day.succ_opt()), day)
        };
        self.days.keys().copied().max_by_key(|day| rank(*day)).expect("never empty")
    }

    /// Reads a day; `None` when the record does not hold it.
    ///
    /// # Errors
    /// [`DayError`] when the file is gone, damaged, or not of this feed.
    pub fn read(&self, day: NaiveDate) -> Result<Option<DayFile>, DayError> {
        let Some(place) = self.days.get(&day) else { return Ok(None) };
        let path = place.path();
        let bytes = read_place(place)?;
        let (file, skipped) = DayFile::parse(&bytes)
            .map_err(|source| DayError::NotFuelMix { path: path.to_owned(), source })?;
        if skipped > 0 {
            warn!(path = %path.display(), %day, skipped, "left out lines without a readable stamp");
        }
        Ok(Some(file))
    }

    /// The file of `day` of a feed beside the fuel mix, as it was recorded; `None` when there is none.
    ///
    /// # Errors
    /// [`DayError`] when the file is gone or damaged.
    pub fn read_other(&self, feed: Feed, day: NaiveDate) -> Result<Option<Vec<u8>>, DayError> {
        self.others.get(&(feed, day)).map(read_place).transpose()
    }

    /// The feeds beside the fuel mix that it holds, and of how many days each.
    pub fn others(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for (feed, _) in self.others.keys() {
            *counts.entry(name_of(*feed)).or_default() += 1;
        }
        counts
    }
}

/// A feed by the name that people know it by.
fn name_of(feed: Feed) -> &'static str {
    match feed {
        Feed::FuelMix => "fuel mix",
        Feed::LoadForecast => "load forecast",
        Feed::InterfaceFlows => "interface flows",
        Feed::DayAheadPrice => "day-ahead prices",
        Feed::RealTimePrice => "real-time prices",
        Feed::DayAheadEmissionRate => "day-ahead emission rates",
        Feed::RealTimeEmissionRate => "real-time emission rates",
    }
}

impl Place {
    fn path(&self) -> &Path {
        match self {
            Self::Csv(path) | Self::Zip { path, .. } => path,
        }
    }
}

fn walk(dir: &Path, files: &mut Vec<(FileKind, PathBuf)>) -> Result<(), RecordError> {
    fn unreadable(path: &Path) -> impl Fn(io::Error) -> RecordError {
        move |source| RecordError::Unreadable { path: path.to_owned(), source }
    }
    for entry in fs::read_dir(dir).map_err(unreadable(dir))? {
        let entry = entry.map_err(unreadable(dir))?;
        let path = entry.path();
        // Links are not followed into folders: one of them may lead back up.
        if entry.file_type().map_err(unreadable(&path))?.is_dir() {
            walk(&path, files)?;
        } else if let Some(kind) = entry.file_name().to_str().and_then(kind_of) {
            files.push((kind, path));
        }
    }
    Ok(())
}

fn list_zip(path: &Path, places: &mut HashMap<(Feed, NaiveDate), Place>) -> io::Result<()> {
    let archive = zip::ZipArchive::new(File::open(path)?)?;
    for entry in 0..archive.len() {
        let kind = archive.name_for_index(entry).and_then(|name| kind_of(&name.ok()?));
        if let Some(kind) = kind.filter(|kind| kind.span == Span::Day) {
            places.insert((kind.feed, kind.date), Place::Zip { path: path.to_owned(), entry });
        }
    }
    Ok(())
}

fn read_place(place: &Place) -> Result<Vec<u8>, DayError> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match place {
            Place::Csv(path) => File::open(path)?.take(MAX_DAY_BYTES).read_to_end(&mut bytes)?,
            Place::Zip { path, entry } => {
                let mut archive = zip::ZipArchive::new(File::open(path)?)?;
                archive.by_index(*entry)?.take(MAX_DAY_BYTES).read_to_end(&mut bytes)?
            }
        };
        Ok(bytes)
    };
    read().map_err(|source| DayError::Unreadable { path: place.path().to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn record(days: &[&str]) -> Record {
        let place = || Place::Csv(PathBuf::new());
        let days = days.iter().map(|day| (date(day), place())).collect();
        Record { dir: PathBuf::new(), days, others: HashMap::new() }
    }

    #[track_caller]
    fn check_today(days: &[&str], today: &str, expected: &str) {
        assert_eq!(record(days).best_today(date(today)), date(expected));
    }

    /// 2025-02-03 is a Monday, 2026-11-24 a Tuesday, 2026-11-26 a Thursday.
    #[test]
    fn today_is_the_latest_day_with_the_weekday_and_a_yesterday() {
        let week = ["2025-02-03", "2025-02-04", "2025-02-05", "2025-02-06"];
        check_today(&week, "2026-11-24", "2025-02-04");
        check_today(&week, "2026-11-26", "2025-02-06");
        check_today(&week, "2026-11-23", "2025-02-05");
        check_today(&["2025-02-03"], "2026-11-24", "2025-02-03");
        check_today(&["2017-11-21", "2025-02-03"], "2026-11-24", "2017-11-21");
    }

    #[test]
    fn a_stretch_ends_at_a_hole_of_over_a_week() {
        let record =
            record(&["2017-01-01", "2017-01-08", "2017-01-09", "2017-01-17", "2022-01-01"]);
        assert_eq!(record.stretch(date("2017-01-08")), date("2017-01-01")..=date("2017-01-09"));
        assert_eq!(record.stretch(date("2022-01-01")), date("2022-01-01")..=date("2022-01-01"));
        assert_eq!(record.span(), date("2017-01-01")..=date("2022-01-01"));
    }

    #[test]
    fn the_nearest_day_is_on_either_side() {
        let record = record(&["2017-01-01", "2017-01-09"]);
        for (day, nearest) in [
            ("2016-01-01", "2017-01-01"),
            ("2017-01-04", "2017-01-01"),
            ("2017-01-06", "2017-01-09"),
            ("2026-01-01", "2017-01-09"),
        ] {
            assert_eq!(record.nearest(date(day)), date(nearest), "{day}");
        }
    }
}
