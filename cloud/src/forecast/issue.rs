//! One forecast: from what the desk knows to payloads.

use std::time::{Duration, Instant};

use anyhow::Context;
use chrono::{SubsecRound, TimeDelta};
use domain::Timestamp;
use domain::carbon::average_intensity_with_sun;
use domain::consumption::{Neighbor, NeighborFactors, NetFlows, consumption_intensity};
use domain::forecast::outlook::{Clock, ZoneOutlook, ZoneSource, estimate, ordinary};
use domain::forecast::record::Issued;
use domain::forecast::slots::{SLOT, Slots, quarter};
use domain::forecast::{
    Calendar, Forecast, HORIZON, History, Hour, HourlyReading, Inputs, LOOK_AHEAD, Learner,
    MODEL_NAME, Method, Phase, Quantiles, Table,
};
use domain::marginal::MarginalBasis;
use domain::night::NightFloors;
use domain::units::Megawatts;
use domain::wire::{CarbonForecast, GRAMS_PER_KWH, Signal, Topic};
use domain::zone::LoadZone;

use super::desk::{Desk, megawatts};
use super::new_york;
use crate::origin::OriginLock;

/// Which intensity `forecast/co2` and its skill are of.
pub(super) const PRODUCTION: &str = "average, production, direct";

/// A model is refit after this time.
const REFIT_HOURS: i64 = 24;

/// Less of the running day's last hour is no hour.
const FEWEST_INSTANTS: u32 = 3;

/// A feed that is silent for longer leaves the model nothing to begin from: it steps down by itself.
const SILENT_HOURS: i64 = 24;

/// Days behind the ratio of consumption to production, and behind the estimate by fossil generation.
const FORTNIGHT_HOURS: i64 = 14 * 24;

/// Days behind the continuation of a zone's rate.
const WEEK_HOURS: i64 = 7 * 24;

/// How much wider the band of consumption is, as a share of the value: imports follow no model.
const IMPORTS_WIDEN: f64 = 0.02;

/// What is to be published, and how it came about.
pub(super) struct Issue {
    pub payloads: Vec<(Topic, Vec<u8>)>,
    pub model: &'static str,
    /// Hours of fuel mix known.
    pub hours: usize,
    pub load_forecasts: usize,
    /// What the fit took; `None` where the last one holds.
    pub fit: Option<Duration>,
}

impl Desk {
    /// Forecasts as of `now`; `None` when not even the origin of the data is known.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(super) fn issue(&mut self, now: Timestamp) -> anyhow::Result<Option<Issue>> {
        let lock = OriginLock::open(std::sync::Arc::clone(&self.store))?;
        let Some(origin) = lock.held() else { return Ok(None) };
        self.refresh().context("read the fuel mixes that changed")?;
        let start = quarter(now);
        let present = Hour::of(now);
        let history = self.history(present);
        let (forecast, fit) = self.forecast(&history, now);
        let model = match forecast.method {
            Method::WithLoadForecast | Method::Lags => MODEL_NAME,
            Method::Profile => "profile-14d",
            Method::Shape => "static",
        };
        let issued = self.next_issued(now);
        let slots = Slots::of(&forecast, start).context("a forecast without hours")?;
        let draft = |basis: &str, model: &str, slots: &Slots| CarbonForecast {
            issued,
            model: model.to_owned(),
            units: GRAMS_PER_KWH.to_owned(),
            basis: basis.to_owned(),
            zone: None,
            start: slots.start,
            step_s: SLOT.num_seconds() as u32,
            values: slots.quantiles.iter().map(|slot| slot.p50).collect(),
            p10: slots.quantiles.iter().map(|slot| slot.p10).collect(),
            p90: slots.quantiles.iter().map(|slot| slot.p90).collect(),
            known_until: None,
            factor_set: self.config.factors.as_str().to_owned(),
            origin,
        };
        let mut payloads =
            vec![(Topic::Forecast(Signal::Production), draft(PRODUCTION, model, &slots).to_json())];
        if let Some(ratio) = self.consumption_ratio(&history, present) {
            let clock = |hour| domain::forecast::outlook::clock(hour, new_york);
            let slots = slots.scaled(IMPORTS_WIDEN, |hour| ratio[clock(hour)]);
            let payload = draft("average, consumption, direct", model, &slots);
            payloads.push((Topic::Forecast(Signal::Consumption), payload.to_json()));
        }
        let estimate = self.estimate(&history, present);
        for (at, zone) in LoadZone::ALL.into_iter().enumerate() {
            let rates = self
                .rates
                .range(present - WEEK_HOURS..)
                .filter(|(_, row)| row[at].is_finite())
                .map(|(hour, row)| (*hour, f64::from(row[at])))
                .collect();
            let outlook = ZoneOutlook::new(start, &rates, estimate.as_ref(), new_york);
            let (model, basis) = name(outlook.source);
            let payload = CarbonForecast {
                zone: Some(zone.slug().to_owned()),
                known_until: outlook.known_until,
                factor_set: String::new(),
                ..draft(&basis, model, &outlook.slots)
            };
            payloads.push((Topic::Forecast(Signal::Marginal(zone)), payload.to_json()));
        }
        if start == present.start() && !self.memory.has_issued(present)? {
            let hours = (0..HORIZON as i64).map(|ahead| hour_of(&forecast, present + ahead));
            let issued = Issued { from: present, hours: hours.collect() };
            self.memory.keep_issued(model, &issued).context("keep what was forecast")?;
        }
        // By the hour: what came changes by the hour.
        if self.scored != Some(present)
            && let Some(skill) = self.skill(&history, now, origin)?
        {
            payloads.push((Topic::Skill, skill.to_json()));
            self.scored = Some(present);
        }
        let load_forecasts = self.loads.len();
        Ok(Some(Issue { payloads, model, hours: history.known(), load_forecasts, fit }))
    }

    /// The hours before `present`, as they were published: the sun apart from Other Renewables.
    fn history(&self, present: Hour) -> History {
        let mut floors = NightFloors::new(new_york, None);
        for hour in self.hours.values() {
            floors.add(&hour.mean, TimeDelta::hours(1));
        }
        let factors = self.config.factors.load();
        let mut history = History::new();
        for (hour, of) in self.hours.range(..present) {
            if *hour == present - 1 && of.instants < FEWEST_INSTANTS {
                continue;
            }
            let sun = floors.split(&of.mean).sun_mw;
            if let Ok(intensity) = average_intensity_with_sun(&of.mean, factors, sun) {
                let intensity = intensity.direct.grams_per_kwh();
                history.set(*hour, HourlyReading { fuels: megawatts(&of.mean), intensity });
            }
        }
        history
    }

    /// Hour by hour to the end of the last slot, by a model that is fit anew where a day has passed.
    fn forecast(&mut self, history: &History, now: Timestamp) -> (Forecast, Option<Duration>) {
        let present = Hour::of(now);
        let from =
            history.end().filter(|end| present.since(*end) <= SILENT_HOURS).unwrap_or(present);
        let hours = usize::try_from(present.since(from)).unwrap_or(0) + HORIZON + 1;
        let first = history.first().unwrap_or(from - 48);
        let covered = usize::try_from(from.since(first)).unwrap_or(0) + hours.max(LOOK_AHEAD);
        let calendar = Calendar::new(first, covered + 1, new_york);
        let inputs = Inputs { history, loads: &self.loads, calendar: &calendar };
        let table = Table::new(&inputs);
        let phase = Phase::of(from);
        self.models.retain(|model| {
            let age = from.since(model.trained_until);
            model.phase != phase || (0..REFIT_HOURS).contains(&age)
        });
        let mut fit = None;
        if !self.models.iter().any(|model| model.phase == phase) {
            let begun = Instant::now();
            self.models.push(Learner::new(phase).fit(&inputs, &table, from));
            fit = Some(begun.elapsed());
        }
        let model = self.models.iter().find(|model| model.phase == phase).expect("fit above");
        (model.forecast(&inputs, &table, from, now, hours), fit)
    }

    /// Later than the one before, whatever the clock does.
    fn next_issued(&mut self, now: Timestamp) -> Timestamp {
        let now = now.trunc_subsecs(0);
        let next = self.last_issued.map_or(now, |last| now.max(last + TimeDelta::seconds(1)));
        // A clock that was wrong by more is not carried on.
        let issued = if next - now > TimeDelta::hours(1) { now } else { next };
        self.last_issued = Some(issued);
        issued
    }

    /// Consumption / production by hour of the wall clock, over the last fortnight; `None` without flows.
    fn consumption_ratio(&self, history: &History, present: Hour) -> Option<Clock> {
        let from = present - FORTNIGHT_HOURS;
        let mut sums: std::collections::BTreeMap<Hour, ([f64; Neighbor::COUNT], u32)> =
            std::collections::BTreeMap::new();
        for flows in self.flows.range(from.start()..).map(|(_, flows)| flows) {
            let Ok(net) = flows.complete() else { continue };
            let (sum, count) = sums.entry(Hour::of_end(flows.ts)).or_default();
            for (sum, net) in sum.iter_mut().zip(net) {
                *sum += net;
            }
            *count += 1;
        }
        let factors = self.config.factors.load();
        let ratios = sums.into_iter().filter_map(|(hour, (sum, count))| {
            let of = self.hours.get(&hour)?;
            let mut mean = NetFlows::new((hour + 1).start());
            for (neighbor, sum) in Neighbor::ALL.into_iter().zip(sum) {
                mean.set(neighbor, Megawatts::new(sum / f64::from(count))?);
            }
            let mut production = average_intensity_with_sun(&of.mean, factors, 0.0).ok()?;
            let published = history.get(hour)?.intensity;
            production.direct = domain::units::CarbonIntensity::from_grams_per_kwh(published)?;
            let (total, neighbors) = (of.mean.total(), NeighborFactors::load());
            let consumption =
                consumption_intensity(&production, total, Some(&mean), neighbors).ok()?;
            Some((hour, consumption.direct.grams_per_kwh() / published))
        });
        ordinary(ratios, new_york)
    }

    fn estimate(&self, history: &History, present: Hour) -> Option<Clock> {
        let from = history.end().unwrap_or(present) - FORTNIGHT_HOURS;
        let hours = (0..FORTNIGHT_HOURS)
            .filter_map(|ahead| Some((from + ahead, history.get(from + ahead)?.fuels)));
        estimate(hours, new_york)
    }
}

/// What the forecast says of a whole hour.
fn hour_of(forecast: &Forecast, hour: Hour) -> Quantiles {
    let last = forecast.hours.len().saturating_sub(1);
    let at = usize::try_from(hour.since(forecast.from)).unwrap_or(0).min(last);
    forecast.hours[at]
}

/// Model and basis of a marginal forecast.
fn name(source: ZoneSource) -> (&'static str, String) {
    match source {
        ZoneSource::DayAhead => (
            "nyiso-day-ahead",
            "marginal, direct, NYISO implied marginal emission rate, day-ahead, continued by its last 7 days"
                .to_owned(),
        ),
        ZoneSource::Rates => (
            "nyiso-day-ahead",
            "marginal, direct, continued from the last 7 days of NYISO implied marginal emission rates, day-ahead"
                .to_owned(),
        ),
        ZoneSource::Estimate => (
            "fossil-table",
            format!("marginal, direct, state-wide {}", MarginalBasis::FossilTable.label()),
        ),
    }
}
