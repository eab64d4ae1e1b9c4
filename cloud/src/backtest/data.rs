//! Recorded files become a history and load forecasts.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use chrono::NaiveDate;
use domain::carbon::average_intensity;
use domain::factors::FactorSetName;
use domain::forecast::{History, Hour, HourlyMean, HourlyReading, LoadForecasts};
use domain::fuel_mix::{Fuel, FuelMix};
use domain::units::Megawatts;
use nyiso::{archive, eastern, fuel_mix, load_forecast};

use super::hourly;
use super::walk::{self, Kind};

/// What a folder of recorded files says.
#[derive(Debug, Default)]
pub struct Data {
    /// Hourly fuel mix with its direct, production-based intensity (`ny-2026.1`, no solar split).
    pub history: History,
    /// Every load forecast, known from 08:30 Eastern on the day before its date.
    pub loads: LoadForecasts,
    /// Eastern days that came as raw files.
    pub raw_days: usize,
    /// Hours that came as hourly means only.
    pub hourly_hours: usize,
}

/// The hours of one day's file.
#[derive(Default)]
struct RawDay {
    hours: BTreeMap<Hour, HourlyMean>,
    instants: usize,
}

impl Data {
    /// Walks `root`. `note` is told what was skipped, and what could not be read and why; the rest is
    /// read.
    ///
    /// # Errors
    /// When `root` cannot be listed, a file cannot be opened, or there is no fuel mix in it at all.
    pub fn read(root: &Path, note: impl Fn(String)) -> anyhow::Result<Self> {
        let mut raw: BTreeMap<NaiveDate, RawDay> = BTreeMap::new();
        let mut means: BTreeMap<Hour, [f64; Fuel::COUNT]> = BTreeMap::new();
        let mut data = Self::default();
        for (path, kind) in walk::files(root)? {
            let name = path.display();
            let Some(kind) = kind else {
                note(format!("skipped {name}: not a name that the backtest knows"));
                continue;
            };
            let bytes = std::fs::read(&path).with_context(|| format!("reading {name}"))?;
            let broken = |error: anyhow::Error| note(format!("skipped {name}: {error:#}"));
            match kind {
                Kind::HourlyFuelMix => match hourly::parse(&bytes) {
                    Ok(hours) => means.extend(hours),
                    Err(error) => broken(error),
                },
                Kind::FuelMix | Kind::LoadForecast => match days(&name.to_string(), bytes) {
                    Ok(days) => {
                        for (day, bytes) in days {
                            let read = if kind == Kind::FuelMix {
                                read_raw(&bytes, &mut raw)
                            } else {
                                data.read_load_forecast(&bytes)
                            };
                            if let Err(error) = read {
                                note(format!("skipped {day}: {error:#}"));
                            }
                        }
                    }
                    Err(error) => broken(error),
                },
            }
        }
        data.join(raw, means);
        ensure!(
            data.history.known() > 0,
            "no hour of the fuel mix in {}: neither *rtfuelmix*.csv or .zip nor \
             nygrid_fuelmix_hourly_*.csv.gz",
            root.display()
        );
        Ok(data)
    }

    fn read_load_forecast(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let file = load_forecast::parse(bytes)?;
        let known = file.known_from(load_forecast::posted_by(file.day));
        self.loads.add(known.context("it spans more than a month")?);
        Ok(())
    }

    /// Raw days beat hourly means: where a day has a raw file, its holes stay holes. The hourly means
    /// fill theirs by interpolation, which is no truth to be measured against.
    fn join(
        &mut self,
        raw: BTreeMap<NaiveDate, RawDay>,
        means: BTreeMap<Hour, [f64; Fuel::COUNT]>,
    ) {
        for (hour, fuels) in means {
            if !raw.contains_key(&eastern::day_of(hour.start())) {
                let mut mix = FuelMix::new((hour + 1).start());
                for (fuel, power) in Fuel::ALL.into_iter().zip(fuels) {
                    if let Some(power) = Megawatts::new(power) {
                        mix.set(fuel, power);
                    }
                }
                self.hourly_hours += 1;
                self.set(hour, &mix);
            }
        }
        self.raw_days = raw.len();
        for day in raw.into_values() {
            for (hour, mean) in day.hours {
                if let Some(mix) = mean.mix(hour) {
                    self.set(hour, &mix);
                }
            }
        }
    }

    fn set(&mut self, hour: Hour, mix: &FuelMix) {
        let Ok(intensity) = average_intensity(mix, FactorSetName::Ny2026_1.load()) else { return };
        let fuels = Fuel::ALL.map(|fuel| mix.get(fuel).map_or(f64::NAN, Megawatts::value));
        let intensity = intensity.direct.grams_per_kwh();
        self.history.set(hour, HourlyReading { fuels, intensity });
    }

    /// One line for people.
    pub fn summary(&self) -> String {
        let day = |hour: Option<Hour>| {
            hour.map_or_else(String::new, |hour| hour.start().format("%Y-%m-%d").to_string())
        };
        format!(
            "{} hours of the fuel mix from {} to {} ({} raw days, {} hours from hourly means); {} load \
             forecasts",
            self.history.known(),
            day(self.history.first()),
            day(self.history.end()),
            self.raw_days,
            self.hourly_hours,
            self.loads.len(),
        )
    }
}

/// The CSV files in a file: itself, or the entries of a zip.
fn days(name: &str, bytes: Vec<u8>) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    if !archive::is_zip(&bytes) {
        return Ok(vec![(name.to_owned(), bytes)]);
    }
    let days = archive::days(&bytes)?;
    Ok(days.into_iter().map(|(entry, bytes)| (format!("{name}/{entry}"), bytes)).collect())
}

/// Of two files of the same day the one with more instants counts: a day that was fetched at noon does
/// not hide the whole one.
fn read_raw(bytes: &[u8], raw: &mut BTreeMap<NaiveDate, RawDay>) -> anyhow::Result<()> {
    let file = fuel_mix::parse(bytes)?;
    let mut days: BTreeMap<NaiveDate, RawDay> = BTreeMap::new();
    for mix in &file.mixes {
        if mix.missing().next().is_none() {
            let day = days.entry(eastern::file_day(mix.ts)).or_default();
            day.hours.entry(Hour::of_end(mix.ts)).or_default().add(mix);
            day.instants += 1;
        }
    }
    for (date, day) in days {
        let known = raw.entry(date).or_default();
        if day.instants >= known.instants {
            *known = day;
        }
    }
    Ok(())
}
