//! What was recorded: readings of the grid, and what its forecasts were made of.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use chrono::{Days, NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::carbon::average_intensity_with_sun;
use domain::factors::FactorSetName;
use domain::forecast::{History, Hour, HourlyMean, HourlyReading, LoadForecasts};
use domain::fuel_mix::{Fuel, FuelMix};
use domain::night::NightFloors;
use domain::series::Sample;
use domain::units::Megawatts;
use nyiso::{archive, eastern, fuel_mix, load_forecast};

use crate::ledger::{HistoryPage, Period};

/// The forecast learns from at most so much before the replayed time: fits stay short.
const LEARNS_FROM: TimeDelta = TimeDelta::days(3 * 365);

/// Readings after the end, for the night that begins on the last day.
const AFTER: TimeDelta = TimeDelta::days(3);

/// A monthly archive is named after its first day.
const LONGEST_MONTH: Days = Days::new(31);

/// Readings and load forecasts of the past.
#[derive(Debug, Default)]
pub struct Record {
    /// Average intensity, production, direct, as the feed publishes it, ascending.
    pub readings: Vec<Sample>,
    /// The same by the hour, with the fuel mix; empty where only readings were recorded.
    pub history: History,
    /// NYISO's load forecasts, each with the time since when it was known.
    pub loads: LoadForecasts,
    /// What could not be read, and why.
    pub skipped: Vec<String>,
}

/// What a file is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    FuelMix,
    LoadForecast,
}

impl Record {
    /// Reads NYISO's files below `root`, in any folder: `*rtfuelmix*` and, where there are any, `*isolf*`, as
    /// CSV or as monthly zip. Only what a replay of `period` needs; `progress` hears of the files done and of all.
    ///
    /// # Errors
    /// When `root` cannot be listed, a file cannot be opened, or no fuel mix of the time is in it.
    pub fn of_files(
        root: &Path,
        period: &Period,
        mut progress: impl FnMut(usize, usize),
    ) -> anyhow::Result<Self> {
        let span = period.from - LEARNS_FROM..period.to + AFTER;
        let files: Vec<(PathBuf, Kind)> = files(root)?
            .into_iter()
            .filter(|(path, _)| {
                may_touch(path, eastern::day_of(span.start), eastern::day_of(span.end))
            })
            .collect();
        let mut record = Self::default();
        let mut days: BTreeMap<NaiveDate, BTreeMap<Timestamp, FuelMix>> = BTreeMap::new();
        for (done, (path, kind)) in files.iter().enumerate() {
            progress(done, files.len());
            let name = path.display().to_string();
            let bytes = std::fs::read(path).with_context(|| format!("reading {name}"))?;
            let parts = match unpacked(&name, bytes) {
                Ok(parts) => parts,
                Err(error) => {
                    record.skipped.push(format!("{name}: {error:#}"));
                    continue;
                }
            };
            for (part, bytes) in parts {
                let read = match kind {
                    Kind::FuelMix => read_fuel_mix(&bytes, &mut days),
                    Kind::LoadForecast => read_load_forecast(&bytes, &mut record.loads),
                };
                if let Err(error) = read {
                    record.skipped.push(format!("{part}: {error:#}"));
                }
            }
        }
        progress(files.len(), files.len());
        let mixes = days.into_values().flatten().map(|(_, mix)| mix);
        record.take(mixes.filter(|mix| span.contains(&mix.ts)));
        record.check(root, period)?;
        Ok(record)
    }

    /// What an agent has recorded: readings without their fuels.
    ///
    /// # Errors
    /// When nothing of `period` was.
    pub fn of_agent(root: &Path, page: &HistoryPage, period: &Period) -> anyhow::Result<Self> {
        let sample = |reading: &crate::ledger::Reading| Sample {
            ts: reading.ts,
            grams_per_kwh: reading.grams_per_kwh,
        };
        let readings = page.readings.iter().map(sample).collect();
        let record = Self { readings, ..Self::default() };
        record.check(root, period)?;
        Ok(record)
    }

    fn check(&self, root: &Path, period: &Period) -> anyhow::Result<()> {
        let known = self.readings.iter().any(|sample| period.contains(sample.ts));
        let what = match (self.readings.first(), self.readings.last()) {
            (Some(first), Some(last)) => format!(
                "what is there reaches from {} to {}",
                eastern::day_of(first.ts),
                eastern::day_of(last.ts)
            ),
            _ => "there is neither *rtfuelmix*.csv or .zip of it nor an agent's history".to_owned(),
        };
        ensure!(
            known,
            "no reading from {} to {} in {}: {what}",
            eastern::day_of(period.from),
            eastern::day_of(period.to - TimeDelta::seconds(1)),
            root.display()
        );
        Ok(())
    }

    /// As the feed does: the sun apart from Other Renewables, by the night before.
    fn take(&mut self, mixes: impl Iterator<Item = FuelMix>) {
        let local = |ts| eastern::wall_clock(ts).0;
        let factors = FactorSetName::Ny2026_1.load();
        let mut floors = NightFloors::new(local, None);
        let mut hours: BTreeMap<Hour, HourlyMean> = BTreeMap::new();
        let mut before = None;
        for mix in mixes {
            floors.add_instant(&mix, fuel_mix::interval_s(before, mix.ts));
            before = Some(mix.ts);
            hours.entry(Hour::of_end(mix.ts)).or_default().add(&mix);
            let sun = floors.split(&mix).sun_mw;
            if let Ok(intensity) = average_intensity_with_sun(&mix, factors, sun) {
                let grams_per_kwh = intensity.direct.grams_per_kwh();
                self.readings.push(Sample { ts: mix.ts, grams_per_kwh });
            }
        }
        for (hour, mean) in hours {
            let Some(mix) = mean.mix(hour) else { continue };
            let sun = floors.split(&mix).sun_mw;
            if let Ok(intensity) = average_intensity_with_sun(&mix, factors, sun) {
                let fuels = Fuel::ALL.map(|fuel| mix.get(fuel).map_or(f64::NAN, Megawatts::value));
                let intensity = intensity.direct.grams_per_kwh();
                self.history.set(hour, HourlyReading { fuels, intensity });
            }
        }
    }
}

fn kind_of(name: &str) -> Option<Kind> {
    let csv_or_zip = name.ends_with(".csv") || name.ends_with(".zip");
    match csv_or_zip {
        true if name.contains("rtfuelmix") => Some(Kind::FuelMix),
        true if name.contains("isolf") => Some(Kind::LoadForecast),
        _ => None,
    }
}

/// The files below `root` that are of use. A folder that is reached twice is read once.
fn files(root: &Path) -> anyhow::Result<Vec<(PathBuf, Kind)>> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let context = || format!("cannot list {}", folder.display());
        if !seen.insert(folder.canonicalize().with_context(context)?) {
            continue;
        }
        for entry in std::fs::read_dir(&folder).with_context(context)? {
            let path = entry.with_context(context)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Some(kind) =
                path.file_name().and_then(|name| kind_of(&name.to_string_lossy()))
                && path.is_file()
            {
                found.push((path, kind));
            }
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

/// By the date that NYISO puts first in a name; one without is read, to see.
fn may_touch(path: &Path, first: NaiveDate, last: NaiveDate) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let date = name.get(..8).and_then(|date| NaiveDate::parse_from_str(date, "%Y%m%d").ok());
    date.is_none_or(|date| {
        first <= date.checked_add_days(LONGEST_MONTH).unwrap_or(date) && date <= last
    })
}

/// The CSV files in a file: itself, or the entries of a zip.
fn unpacked(name: &str, bytes: Vec<u8>) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    if !archive::is_zip(&bytes) {
        return Ok(vec![(name.to_owned(), bytes)]);
    }
    let days = archive::days(&bytes)?;
    Ok(days.into_iter().map(|(entry, bytes)| (format!("{name}/{entry}"), bytes)).collect())
}

/// Of two files of the same day the one with more instants counts: a day that was fetched at noon does
/// not hide the whole one.
fn read_fuel_mix(
    bytes: &[u8],
    days: &mut BTreeMap<NaiveDate, BTreeMap<Timestamp, FuelMix>>,
) -> anyhow::Result<()> {
    let file = fuel_mix::parse(bytes)?;
    let mut read: BTreeMap<NaiveDate, BTreeMap<Timestamp, FuelMix>> = BTreeMap::new();
    for mix in file.mixes.into_iter().filter(|mix| mix.missing().next().is_none()) {
        read.entry(eastern::file_day(mix.ts)).or_default().insert(mix.ts, mix);
    }
    for (date, day) in read {
        let known = days.entry(date).or_default();
        if known.len() <= day.len() {
            *known = day;
        }
    }
    Ok(())
}

fn read_load_forecast(bytes: &[u8], loads: &mut LoadForecasts) -> anyhow::Result<()> {
    let file = load_forecast::parse(bytes)?;
    let known = file.known_from(load_forecast::posted_by(file.day));
    loads.add(known.context("it spans more than a month")?);
    Ok(())
}
