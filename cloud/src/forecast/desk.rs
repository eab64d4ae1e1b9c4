//! What the forecast is made of: takes news, keeps it, and says what is known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::consumption::NetFlows;
use domain::forecast::{Hour, HourlyMean, LoadForecast, LoadForecasts, Model, load};
use domain::fuel_mix::{Fuel, FuelMix};
use domain::marginal::{Marginal, MarginalBasis};
use domain::units::Megawatts;
use domain::wire::{LoadSeries, ZoneSeries};
use domain::zone::LoadZone;
use metrics::counter;
use service::history::{History, HistoryError};
use tracing::warn;

use super::memory::{Memory, ZoneRates};
use super::{ForecastConfig, News};
use crate::mix_history::MixHistory;

/// A change of the past this close to where a model was trained is the feed's ordinary delay, not a
/// correction.
const STILL_FILLING: i64 = 3;

/// So many hours changed at once are an archive: worth a forecast before the quarter of an hour is over.
const MANY_HOURS: usize = 24;

/// Flows and rates older than this serve nothing.
const KEPT: TimeDelta = TimeDelta::days(15);

/// An hour of the fuel mix.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HourOfMix {
    pub mean: FuelMix,
    pub instants: u32,
}

/// Everything a forecast is made of.
pub(super) struct Desk {
    pub(super) config: ForecastConfig,
    pub(super) store: Arc<dyn History>,
    pub(super) memory: Memory,
    mixes: MixHistory,
    pub(super) hours: BTreeMap<Hour, HourOfMix>,
    /// Hours to be read anew from the store.
    changed: BTreeSet<Hour>,
    pub(super) loads: LoadForecasts,
    pub(super) rates: BTreeMap<Hour, ZoneRates>,
    pub(super) flows: BTreeMap<Timestamp, NetFlows>,
    /// One for each phase of the day that was asked for, refit when a day has passed.
    pub(super) models: Vec<Model>,
    /// Newest instant of the fuel mix.
    newest: Option<Timestamp>,
    /// The newer forecast holds, so that each is issued later than the one before.
    pub(super) last_issued: Option<Timestamp>,
    /// The hour in which the skill was published last.
    pub(super) scored: Option<Hour>,
}

impl Desk {
    /// Reads the store.
    pub(super) fn open(
        config: ForecastConfig,
        store: Arc<dyn History>,
    ) -> Result<Self, HistoryError> {
        let mixes = MixHistory::new(Arc::clone(&store), config.retention_days);
        let memory = Memory::new(Arc::clone(&store));
        let mut loads = LoadForecasts::new();
        for file in memory.loads()? {
            loads.add(file);
        }
        let mut desk = Self {
            loads,
            rates: memory.rates()?,
            flows: memory.flows()?,
            hours: BTreeMap::new(),
            changed: BTreeSet::new(),
            models: Vec::new(),
            newest: None,
            last_issued: None,
            scored: None,
            config,
            store,
            memory,
            mixes,
        };
        if let Some((oldest, newest)) = desk.mixes.ends()? {
            desk.hours = desk.read(oldest, newest)?;
            desk.newest = Some(newest);
        }
        Ok(desk)
    }

    /// The present as the data have it: a record that is played back faster runs ahead of the clock.
    pub(super) fn now(&self, clock: Timestamp) -> Timestamp {
        self.newest.map_or(clock, |newest| newest.max(clock))
    }

    /// Takes `news`; true when they are worth a forecast of their own.
    pub(super) fn take(&mut self, news: News, now: Timestamp) -> bool {
        let taken = match news {
            News::Mixes(span) => Ok(self.on_mixes(&span)),
            News::Flows(flows) => self.on_flows(&flows.net_flows(), now),
            News::Loads(series) => self.on_loads(load_forecast(&series, now)),
            News::PastLoads(files) => self.on_past_loads(files),
            News::Rates(series) => self.on_rates(&series, now),
        };
        taken.unwrap_or_else(|error| {
            counter!("ny_power_history_failures_total").increment(1);
            warn!(
                error = format!("{:#}", anyhow::Error::from(error)),
                "what the forecast needs was not kept; it is used until a restart"
            );
            true
        })
    }

    fn on_mixes(&mut self, span: &std::ops::Range<Timestamp>) -> bool {
        // The first data of all end the silence.
        let first = self.newest.is_none();
        let mut hour = Hour::of_end(span.start);
        while hour <= Hour::of_end(span.end) {
            self.changed.insert(hour);
            hour = hour + 1;
        }
        self.newest = self.newest.max(Some(span.end - TimeDelta::seconds(1)));
        first || self.changed.len() >= MANY_HOURS
    }

    fn on_flows(&mut self, flows: &NetFlows, now: Timestamp) -> Result<bool, HistoryError> {
        if flows.complete().is_err() {
            return Ok(false);
        }
        let first = self.flows.is_empty();
        let known = self.flows.insert(flows.ts, *flows).as_ref() == Some(flows);
        self.flows = self.flows.split_off(&(now - KEPT));
        if !known {
            self.memory.keep_flows(flows)?;
        }
        Ok(first)
    }

    fn on_loads(&mut self, file: Option<LoadForecast>) -> Result<bool, HistoryError> {
        let Some(file) = file else { return Ok(false) };
        let same = |known: &LoadForecast| {
            (0..10 * 24)
                .all(|ahead| known.get(file.first() + ahead) == file.get(file.first() + ahead))
        };
        if self.loads.get(file.first()).is_some_and(same) {
            return Ok(false);
        }
        self.loads.add(file.clone());
        self.memory.keep_loads(&file)?;
        Ok(true)
    }

    /// Files of the past: the weights know more with them, so that they are learnt anew.
    fn on_past_loads(&mut self, files: Vec<LoadForecast>) -> Result<bool, HistoryError> {
        let mut stirred = false;
        for file in files {
            // What was seen live knows better when it was posted.
            if self.loads.get(file.first()).is_none() {
                stirred |= self.on_loads(Some(file))?;
            }
        }
        if stirred {
            self.models.clear();
        }
        Ok(stirred)
    }

    fn on_rates(&mut self, series: &ZoneSeries, now: Timestamp) -> Result<bool, HistoryError> {
        let Some(zone) = LoadZone::from_slug(&series.zone) else { return Ok(false) };
        let at = LoadZone::ALL.iter().position(|known| *known == zone).expect("one of them");
        let mut touched = BTreeSet::new();
        for (start, rate) in series.hours() {
            let hour = Hour::of(start);
            // Out of bounds is no rate; a series that reaches further than a week is none of NYISO's.
            let believed = Marginal::of_rate(rate, MarginalBasis::NyisoDayAhead)
                .filter(|_| (now - KEPT..now + TimeDelta::days(7)).contains(&start));
            let Some(rate) = believed else { continue };
            let rate = rate.grams_per_kwh as f32;
            let row = self.rates.entry(hour).or_insert([f32::NAN; LoadZone::COUNT]);
            if row[at] != rate {
                row[at] = rate;
                touched.insert(hour);
            }
        }
        self.rates = self.rates.split_off(&Hour::of(now - KEPT));
        for hour in &touched {
            if let Some(row) = self.rates.get(hour) {
                self.memory.keep_rates(*hour, row)?;
            }
        }
        Ok(!touched.is_empty())
    }

    /// Reads the hours that changed. A change of what the models have learnt from makes them learn anew.
    pub(super) fn refresh(&mut self) -> Result<(), HistoryError> {
        let trained = self.models.iter().map(|model| model.trained_until).max();
        while let Some(first) = self.changed.first().copied() {
            // Neighboring hours in one go.
            let mut last = first;
            while self.changed.contains(&(last + 1)) && last.since(first) < 24 * 31 {
                last = last + 1;
            }
            let mut read = self.read(first.start() + TimeDelta::seconds(1), (last + 1).start())?;
            let mut hour = first;
            while hour <= last {
                let new = read.remove(&hour);
                let old = match new.clone() {
                    Some(new) => self.hours.insert(hour, new),
                    None => self.hours.remove(&hour),
                };
                let learnt = trained.is_some_and(|until| hour + STILL_FILLING < until);
                if learnt && old != new {
                    self.models.clear();
                }
                self.changed.remove(&hour);
                hour = hour + 1;
            }
        }
        Ok(())
    }

    /// The hours with instants stamped from `from` to `to`, both included.
    fn read(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<BTreeMap<Hour, HourOfMix>, HistoryError> {
        let mut means: BTreeMap<Hour, (HourlyMean, u32)> = BTreeMap::new();
        self.mixes.visit(from..to + TimeDelta::seconds(1), |mix| {
            let (mean, instants) = means.entry(Hour::of_end(mix.ts)).or_default();
            mean.add(mix);
            *instants += 1;
        })?;
        let hours = means.into_iter().filter_map(|(hour, (mean, instants))| {
            Some((hour, HourOfMix { mean: mean.mix(hour)?, instants }))
        });
        Ok(hours.collect())
    }
}

/// MW by fuel, in the order of [`Fuel::ALL`].
pub(super) fn megawatts(mix: &FuelMix) -> [f64; Fuel::COUNT] {
    Fuel::ALL.map(|fuel| mix.get(fuel).map_or(f64::NAN, Megawatts::value))
}

/// For the model, known since it was first seen. `None` for a series in which the state or a zone is
/// missing throughout.
fn load_forecast(series: &LoadSeries, now: Timestamp) -> Option<LoadForecast> {
    let step = TimeDelta::seconds(i64::from(series.step_s));
    let zones: Option<Vec<&[Option<f64>]>> =
        LoadZone::ALL.into_iter().map(|zone| series.zone(zone)).collect();
    let zones = zones?;
    let hours: Vec<(Hour, load::Loads)> = (0i32..)
        .zip(&series.values)
        .filter_map(|(at, state)| {
            let mut loads = [f32::NAN; load::COLUMNS];
            for (load, zone) in loads.iter_mut().zip(&zones) {
                *load = (*zone.get(at as usize)?)? as f32;
            }
            loads[load::STATE] = (*state)? as f32;
            Some((Hour::of(series.start + step * at), loads))
        })
        .collect();
    LoadForecast::new(series.issued.min(now), &hours)
}

#[cfg(test)]
mod tests;
