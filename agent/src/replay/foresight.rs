//! The feed's forecast as it was at a time: by what was known then, and nothing later.

use chrono::{SubsecRound as _, TimeDelta};
use domain::Timestamp;
use domain::forecast::slots::{SLOT, Slots};
use domain::forecast::{
    Calendar, HORIZON, Hour, Inputs, LOOK_AHEAD, Learner, MODEL_NAME, Method, Model, Phase, Table,
};
use domain::wire::{CarbonForecast, GRAMS_PER_KWH, Origin};
use nyiso::eastern;

use super::Record;

/// A model is fit anew after this time. The live feed does so daily; the weights hardly change in a week.
const REFIT_HOURS: i64 = 7 * 24;

/// A feed that is silent for longer leaves the model nothing to begin from.
const SILENT_HOURS: i64 = 24;

/// Issues forecasts for a replay.
pub struct Foresight<'a> {
    record: &'a Record,
    calendar: Calendar,
    table: Table,
    learners: Vec<(Phase, Learner)>,
    models: Vec<Model>,
    foreseen: Foreseen,
}

/// How forecasts came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Foreseen {
    /// By the regression.
    pub by_model: usize,
    /// Of these: with NYISO's load forecast.
    pub with_load_forecast: usize,
    /// By the ordinary day of the last two weeks, or less.
    pub by_profile: usize,
    /// Fits of the model.
    pub fits: usize,
}

impl<'a> Foresight<'a> {
    /// Over `record` until `end`; `None` where it has no fuel mixes to forecast by.
    pub fn new(record: &'a Record, end: Timestamp) -> Option<Self> {
        let first = record.history.first()?;
        let hours = Hour::of(end).max(record.history.end()?).since(first);
        let hours = usize::try_from(hours).ok()? + LOOK_AHEAD + HORIZON;
        let calendar = Calendar::new(first, hours, |ts| eastern::wall_clock(ts).0);
        let inputs = Inputs { history: &record.history, loads: &record.loads, calendar: &calendar };
        let table = Table::new(&inputs);
        let (learners, models) = (Vec::new(), Vec::new());
        Some(Self { record, calendar, table, learners, models, foreseen: Foreseen::default() })
    }

    /// How they came about so far.
    pub fn foreseen(&self) -> Foreseen {
        self.foreseen
    }

    /// The forecast of `now`, by readings of hours before it; `None` before the first of them.
    pub fn at(&mut self, now: Timestamp) -> Option<CarbonForecast> {
        let present = Hour::of(now);
        let last = self.table.last_known(present)?;
        let from = if present.since(last + 1) <= SILENT_HOURS { last + 1 } else { present };
        let inputs = Inputs {
            history: &self.record.history,
            loads: &self.record.loads,
            calendar: &self.calendar,
        };
        let phase = Phase::of(from);
        let holds = |model: &Model| {
            model.phase == phase && (0..REFIT_HOURS).contains(&from.since(model.trained_until))
        };
        if !self.models.iter().any(holds) {
            self.models.retain(|model| model.phase != phase);
            let at = self.learners.iter().position(|(of, _)| *of == phase).unwrap_or_else(|| {
                self.learners.push((phase, Learner::new(phase)));
                self.learners.len() - 1
            });
            self.models.push(self.learners[at].1.fit(&inputs, &self.table, from));
            self.foreseen.fits += 1;
        }
        let model = self.models.iter().find(|model| model.phase == phase)?;
        let hours = usize::try_from(present.since(from)).unwrap_or(0) + HORIZON + 1;
        let forecast = model.forecast(&inputs, &self.table, from, now, hours);
        let model = match forecast.method {
            Method::WithLoadForecast | Method::Lags => MODEL_NAME,
            Method::Profile => "profile-14d",
            Method::Shape => "static",
        };
        match forecast.method {
            Method::WithLoadForecast => {
                self.foreseen.by_model += 1;
                self.foreseen.with_load_forecast += 1;
            }
            Method::Lags => self.foreseen.by_model += 1,
            Method::Profile | Method::Shape => self.foreseen.by_profile += 1,
        }
        let slots = Slots::of(&forecast, now)?;
        Some(CarbonForecast {
            issued: now.trunc_subsecs(0),
            model: model.to_owned(),
            units: GRAMS_PER_KWH.to_owned(),
            basis: "average, production, direct".to_owned(),
            zone: None,
            start: slots.start,
            step_s: u32::try_from(SLOT.num_seconds()).unwrap_or(900),
            values: slots.quantiles.iter().map(|slot| slot.p50).collect(),
            p10: slots.quantiles.iter().map(|slot| slot.p10).collect(),
            p90: slots.quantiles.iter().map(|slot| slot.p90).collect(),
            known_until: None,
            factor_set: "ny-2026.1".to_owned(),
            origin: Origin::Nyiso,
        })
    }
}

/// How often a forecast is issued. The feed does each quarter of an hour; by the hour is what it learns from.
pub const EVERY: TimeDelta = TimeDelta::hours(1);

/// So long after the full hour its last readings are there.
pub const AFTER_THE_HOUR: TimeDelta = TimeDelta::minutes(15);
