//! What the model says: P10, P50 and P90 by hour, whatever is missing.

use crate::Timestamp;
use crate::forecast::bands::Bands;
use crate::forecast::baselines::{Baseline, ordinary_day};
use crate::forecast::calendar::Hour;
use crate::forecast::features::{COLUMNS, Issue, PLAIN};
use crate::forecast::table::{Inputs, SIGNAL, Table};
use crate::forecast::trainer::{Phase, Trainer, Weights};
use crate::forecast::{HORIZON, LOOK_AHEAD};

/// The last known days, on which the model's errors are measured with weights that have not seen them.
const HOLDOUT_HOURS: usize = 60 * 24;

/// A day of which less is known is no basis for a regression on anomalies.
const FEWEST_HOURS_OF_FORTNIGHT: usize = 72;

/// The regression still speaks when the newest reading is this old; the ordinary day does after that.
const STALE_HOURS: i64 = 24;

/// Nothing lower is believed, g/kWh. The lowest hour on record is 57.
const LOWEST: f32 = 10.0;

/// Outcomes lie below `p10` one time in ten, above `p90` one time in ten. g/kWh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantiles {
    /// Low end of the band.
    pub p10: f64,
    /// The forecast.
    pub p50: f64,
    /// High end of the band.
    pub p90: f64,
}

/// How a forecast came about. The first is best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Regression with NYISO's load forecast.
    WithLoadForecast,
    /// Regression on lags alone, for all hours or some.
    Lags,
    /// Mean of the same local hour over the last 14 days.
    Profile,
    /// The shape of the day at the last known level.
    Shape,
}

impl Method {
    /// On the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WithLoadForecast => "ridge-load",
            Self::Lags => "ridge-lags",
            Self::Profile => "profile-14d",
            Self::Shape => "shape",
        }
    }
}

/// Hour by hour from `from`; never empty of a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// The first hour.
    pub from: Hour,
    /// The weakest method among its hours.
    pub method: Method,
    /// One an hour.
    pub hours: Vec<Quantiles>,
}

impl Forecast {
    /// The forecast at an instant: linear between the middles of the hours, so that slots of 15 minutes
    /// do not step. Before the first middle and after the last it stays level.
    pub fn at(&self, ts: Timestamp) -> Option<Quantiles> {
        let last = self.hours.len().checked_sub(1)?;
        let place =
            ((ts - self.from.start()).num_seconds() as f64 / 3600.0 - 0.5).clamp(0.0, last as f64);
        let below = place as usize;
        let (one, other) = (self.hours[below], self.hours[(below + 1).min(last)]);
        let share = place - below as f64;
        let mix = |one: f64, other: f64| one + share * (other - one);
        Some(Quantiles {
            p10: mix(one.p10, other.p10),
            p50: mix(one.p50, other.p50),
            p90: mix(one.p90, other.p90),
        })
    }
}

/// A fitted model: weights and bands.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The hours of the day that it is for. Others work, a little less well.
    pub phase: Phase,
    /// It has seen outcomes before this hour.
    pub trained_until: Hour,
    weights: Weights,
    bands: Bands,
}

impl Model {
    /// Learns from everything known before `now`. Three years take a second or two on one core.
    pub fn fit(inputs: &Inputs<'_>, now: Hour, phase: Phase) -> Self {
        let table = Table::new(inputs);
        Learner::new(phase).fit(inputs, &table, now)
    }

    /// Memory that weights and bands take, bytes.
    pub fn bytes(&self) -> usize {
        self.weights.bytes() + HORIZON * size_of::<(f32, f32)>()
    }

    /// Past forecasts behind the weights.
    pub fn rows(&self) -> u32 {
        self.weights.rows
    }

    /// `hours` hours from `from` (the hour after the last reading), with what is known at `now`.
    ///
    /// # Panics
    /// When the calendar does not reach [`LOOK_AHEAD`] hours, or `hours`, beyond `from`.
    pub fn forecast(
        &self,
        inputs: &Inputs<'_>,
        table: &Table,
        from: Hour,
        now: Timestamp,
        hours: usize,
    ) -> Forecast {
        assert!(inputs.calendar.end() >= from + LOOK_AHEAD.max(hours) as i64);
        let issue = Issue::new(from, now, table, inputs.loads, inputs.calendar);
        let (p50, method) = point_forecast(&self.weights, &issue, inputs, table, hours);
        let assumed = match method {
            Method::WithLoadForecast | Method::Lags => None,
            Method::Profile => Some(Bands::assumed(0.15, 0.20)),
            Method::Shape => Some(Bands::assumed(0.20, 0.35)),
        };
        let bands = assumed.as_ref().unwrap_or(&self.bands);
        let hours = (p50.into_iter().enumerate())
            .map(|(ahead, p50)| {
                let (low, high) = bands.at(ahead);
                Quantiles {
                    p10: f64::from(p50 * low),
                    p50: f64::from(p50),
                    p90: f64::from(p50 * high),
                }
            })
            .collect();
        Forecast { from, method, hours }
    }
}

fn point_forecast(
    weights: &Weights,
    issue: &Issue<'_>,
    inputs: &Inputs<'_>,
    table: &Table,
    hours: usize,
) -> (Vec<f32>, Method) {
    let from = issue.from;
    let fortnight = table.known_between(from - 14 * 24, from);
    let fresh = table.last_known(from).is_some_and(|last| from.since(last) <= STALE_HOURS);
    let speaks = fresh && fortnight >= FEWEST_HOURS_OF_FORTNIGHT;
    let profile = &issue.profiles.means[SIGNAL];
    let ordinary = ordinary_day(profile, from, table, inputs.calendar);
    let mut worst = Method::WithLoadForecast;
    let mut x = [f32::NAN; COLUMNS];
    let values = (0..hours)
        .map(|ahead| {
            let clock = inputs.calendar.local(from + ahead as i64).1;
            // Beyond the fourth day: the same hour of the fourth.
            let like = if ahead < HORIZON { ahead } else { HORIZON - 24 + (ahead - HORIZON) % 24 };
            let plane = match weights {
                _ if !speaks => None,
                Weights { with_load: Some(plane), .. } if issue.has_load(ahead) => {
                    Some((plane, COLUMNS, Method::WithLoadForecast))
                }
                Weights { without_load: Some(plane), .. } => Some((plane, PLAIN, Method::Lags)),
                _ => None,
            };
            let (value, method) = match plane {
                Some((plane, columns, method)) => {
                    issue.columns(ahead, &mut x);
                    (ordinary[clock] + plane.apply(like, &x[..columns]), method)
                }
                None if profile[clock].is_finite() => (ordinary[clock], Method::Profile),
                None => (ordinary[clock], Method::Shape),
            };
            worst = worst.max(method);
            value.max(LOWEST)
        })
        .collect();
    (values, worst)
}

/// Fits a model again and again as time goes on, without looking twice at old days. Readings that are
/// corrected later are not seen: begin a new one for that.
#[derive(Clone, Debug)]
pub struct Learner {
    phase: Phase,
    /// Has not seen the last days, so that the errors on them are honest.
    held_back: Trainer,
    full: Option<Trainer>,
}

impl Learner {
    /// Knows nothing yet.
    pub fn new(phase: Phase) -> Self {
        Self { phase, held_back: Trainer::new(phase), full: None }
    }

    /// The model as of `now`: looks at nothing later, whatever `table` holds. `now` never goes back.
    pub fn fit(&mut self, inputs: &Inputs<'_>, table: &Table, now: Hour) -> Model {
        // Known hours, not hours: after a hole of months the errors before it are better than none.
        let known = table.known_between(table.first(), now);
        let holdout = table.back_from(now, (known / 3).min(HOLDOUT_HOURS));
        self.held_back.advance(inputs, table, holdout);
        let full = self.full.get_or_insert_with(|| self.held_back.clone());
        full.advance(inputs, table, now);
        let honest = self.held_back.solve();
        let bands = measured_bands(&honest, inputs, table, holdout, now);
        Model { phase: self.phase, trained_until: now, weights: full.solve(), bands }
    }
}

/// Bands from the errors of `weights` on the days from `from` to `now`, one forecast a day at `now`'s
/// hour.
fn measured_bands(
    weights: &Weights,
    inputs: &Inputs<'_>,
    table: &Table,
    from: Hour,
    now: Hour,
) -> Bands {
    let assumed = Bands::assumed(0.08, 0.14);
    if weights.without_load.is_none() {
        return assumed;
    }
    errors(from, now, table, |issue_from| {
        if table.known_between(issue_from - 14 * 24, issue_from) < FEWEST_HOURS_OF_FORTNIGHT {
            return None;
        }
        let issue =
            Issue::new(issue_from, issue_from.start(), table, inputs.loads, inputs.calendar);
        let (values, method) = point_forecast(weights, &issue, inputs, table, HORIZON);
        (method <= Method::Lags).then_some(values)
    })
    .map_or(assumed.clone(), |errors| Bands::learnt(&errors, &assumed))
}

/// Outcome / forecast by hour ahead, over one forecast a day; `None` when there was none.
fn errors(
    from: Hour,
    now: Hour,
    table: &Table,
    forecast: impl Fn(Hour) -> Option<Vec<f32>>,
) -> Option<Vec<Vec<f32>>> {
    let mut errors = vec![Vec::new(); HORIZON];
    let mut issue = now - 24;
    while issue >= from {
        if let Some(values) = forecast(issue) {
            for (ahead, value) in values.into_iter().enumerate() {
                let hour = issue + ahead as i64;
                let truth = table.get(hour, SIGNAL);
                if hour < now && truth.is_finite() {
                    errors[ahead].push(truth / value);
                }
            }
        }
        issue = issue - 24;
    }
    errors.iter().any(|hour| !hour.is_empty()).then_some(errors)
}

/// A baseline with the bands of its own last errors.
pub fn baseline(baseline: Baseline, inputs: &Inputs<'_>, table: &Table, from: Hour) -> Forecast {
    let assumed = Bands::assumed(0.15, 0.25);
    let holdout = table.back_from(from, HOLDOUT_HOURS);
    let errors = errors(holdout, from, table, |issue| {
        let begun = table.known_between(issue - 24, issue) > 0;
        begun.then(|| baseline.forecast(issue, HORIZON, table, inputs.calendar))
    });
    let bands = errors.map_or(assumed.clone(), |errors| Bands::learnt(&errors, &assumed));
    let hours = (baseline.forecast(from, HORIZON, table, inputs.calendar).into_iter().enumerate())
        .map(|(ahead, p50)| {
            let (low, high) = bands.at(ahead);
            Quantiles { p10: f64::from(p50 * low), p50: f64::from(p50), p90: f64::from(p50 * high) }
        })
        .collect();
    Forecast { from, method: Method::Profile, hours }
}
