//! Learning: past issues become rows, rows become weights.

use crate::forecast::HORIZON;
use crate::forecast::calendar::Hour;
use crate::forecast::features::{COLUMNS, GROUPS, Issue, PLAIN};
use crate::forecast::moments::Moments;
use crate::forecast::profile::PROFILE_DAYS;
use crate::forecast::ridge;
use crate::forecast::table::{Inputs, SIGNAL, Table};

/// Strength of the prior on standardized weights, in rows. See [`GROUPS`] for its shape.
const LAMBDA: f64 = 20.0;

/// A row weighs half as much as one that is this much newer: plants open and close, and after four years
/// the grid is another one. Neutral on 2018-2022, 2 % better in 2025 on rows of 2016-2022.
const HALF_LIFE_HOURS: f32 = 1_500.0 * 24.0;

/// A regression on fewer days than this is worse than the ordinary day.
const FEWEST_DAYS: u32 = 20;

/// Of the fortnight before a row this many hours are known.
const FEWEST_HOURS: usize = PROFILE_DAYS * 24 / 2;

/// Hours of a day that one trainer's rows are made at: its hour and the ones beside it.
const HOURS_OF_PHASE: u32 = 3;

/// The hour of the UTC day that a model is for. It learns from past forecasts at that hour and the hours
/// beside it: at 19:00 the last hours say something else about tonight than at noon. One model for all
/// hours was 0.2 to 2 % worse on the first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    center: u8,
}

impl Phase {
    /// Around this hour of the UTC day; 24 is 0 again.
    pub fn around(center: u8) -> Self {
        Self { center: center % 24 }
    }

    /// The phase to forecast from `hour`: around the nearest of 0, 3, … 21 o'clock UTC. Eight models
    /// thus serve a day, each refit when its turn comes.
    pub fn of(hour: Hour) -> Self {
        Self::around(((hour.of_utc_day() + 1) / 3 * 3) as u8)
    }

    /// Forecasts from `hour` belong to it.
    pub fn includes(self, hour: Hour) -> bool {
        (hour.of_utc_day() - i64::from(self.center) + 1).rem_euclid(24) < i64::from(HOURS_OF_PHASE)
    }
}

/// Collects rows in the order of time.
#[derive(Clone, Debug)]
pub struct Trainer {
    phase: Phase,
    /// The first hour looked at, and the next to be.
    looked: Option<(Hour, Hour)>,
    /// By hour ahead: rows that have a load forecast.
    with_load: Vec<Moments>,
    /// Rows that have none.
    without_load: Vec<Moments>,
}

impl Trainer {
    /// Has seen nothing.
    pub fn new(phase: Phase) -> Self {
        Self {
            phase,
            looked: None,
            with_load: vec![Moments::new(COLUMNS); HORIZON],
            without_load: vec![Moments::new(PLAIN); HORIZON],
        }
    }

    /// Adds the forecasts whose four days had all passed by `now`. Looks at nothing later.
    pub fn advance(&mut self, inputs: &Inputs<'_>, table: &Table, now: Hour) {
        let (first, mut from) = self.looked.unwrap_or((table.first(), table.first()));
        let mut x = [0.0; COLUMNS];
        while from + HORIZON as i64 <= now {
            if self.phase.includes(from)
                && table.known_between(from - PROFILE_DAYS as i64 * 24, from) >= FEWEST_HOURS
                && table.known_between(from, from + HORIZON as i64) > 0
            {
                let issue = Issue::new(from, from.start(), table, inputs.loads, inputs.calendar);
                let weight = (from.since(first) as f32 / HALF_LIFE_HOURS).exp2();
                self.learn(&issue, table, weight, &mut x);
            }
            from = from + 1;
        }
        self.looked = Some((first, from));
    }

    fn learn(&mut self, issue: &Issue<'_>, table: &Table, weight: f32, x: &mut [f32; COLUMNS]) {
        for ahead in 0..HORIZON {
            let truth = table.get(issue.from + ahead as i64, SIGNAL);
            let y = truth - issue.base(ahead);
            if !y.is_finite() {
                continue;
            }
            issue.columns(ahead, x);
            // Divided by the truth: then the regression aims at the smallest error in percent.
            if x.iter().all(|value| value.is_finite()) {
                self.with_load[ahead].add(x, y, weight / truth);
            } else if x[..PLAIN].iter().all(|value| value.is_finite()) {
                self.without_load[ahead].add(&x[..PLAIN], y, weight / truth);
            }
        }
    }

    /// The weights that follow from the rows so far.
    pub fn solve(&mut self) -> Weights {
        for moments in self.with_load.iter_mut().chain(&mut self.without_load) {
            moments.settle();
        }
        let fewest = HOURS_OF_PHASE * FEWEST_DAYS;
        let plain: Vec<Moments> = (self.without_load.iter().zip(&self.with_load))
            .map(|(without, with)| {
                let mut all = without.clone();
                all.add_part(with, PLAIN);
                all
            })
            .collect();
        Weights {
            with_load: Plane::solve(&self.with_load, fewest, |group, share| {
                Some(between(group.with_load, share))
            }),
            without_load: Plane::solve(&plain, fewest, |group, share| {
                group.without_load.map(|prior| between(prior, share))
            }),
            rows: plain.first().map_or(0, Moments::rows),
        }
    }
}

fn between((first, last): (f64, f64), share: f64) -> f64 {
    first.powf(1.0 - share) * last.powf(share)
}

/// What a trainer has learnt.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// For hours that a load forecast reaches; `None` after too few days with one.
    pub with_load: Option<Plane>,
    /// For the others; `None` after too few days.
    pub without_load: Option<Plane>,
    /// Past forecasts behind them.
    pub rows: u32,
}

impl Weights {
    /// Memory that the weights take, bytes.
    pub fn bytes(&self) -> usize {
        [&self.with_load, &self.without_load]
            .into_iter()
            .flatten()
            .map(|plane| 4 * (plane.weights.len() + plane.means.len() + 3 * plane.intercepts.len()))
            .sum()
    }
}

/// One linear law for each hour ahead.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    columns: usize,
    weights: Vec<f32>,
    means: Vec<f32>,
    intercepts: Vec<f32>,
    /// Lowest and highest anomaly that may be said, g/kWh.
    bounds: Vec<(f32, f32)>,
}

impl Plane {
    fn solve(
        moments: &[Moments],
        fewest: u32,
        scale: impl Fn(&crate::forecast::features::Group, f64) -> Option<f64>,
    ) -> Option<Self> {
        let columns = moments.first()?.columns();
        let mut plane = Self {
            columns,
            weights: Vec::with_capacity(columns * moments.len()),
            means: Vec::with_capacity(columns * moments.len()),
            intercepts: Vec::with_capacity(moments.len()),
            bounds: Vec::with_capacity(moments.len()),
        };
        for (ahead, moments) in moments.iter().enumerate() {
            if moments.rows() < fewest {
                return None;
            }
            let share = ahead as f64 / (HORIZON - 1) as f64;
            let scales: Vec<f64> = GROUPS
                .iter()
                .filter_map(|group| Some((scale(group, share)?, group.columns)))
                .flat_map(|(scale, columns)| std::iter::repeat_n(scale, columns))
                .collect();
            let law = ridge::solve(moments, LAMBDA, |at| scales[at])?;
            plane.weights.extend(law.weights.iter().map(|weight| *weight as f32));
            plane.means.extend(law.means.iter().map(|mean| *mean as f32));
            plane.intercepts.push(law.intercept as f32);
            let (lowest, highest) = moments.range();
            plane.bounds.push((1.2 * lowest.min(0.0), 1.2 * highest.max(0.0)));
        }
        Some(plane)
    }

    /// The anomaly `ahead` hours from now (at most [`HORIZON`] - 1), g/kWh. What is not known counts as
    /// ordinary; never further out than anything in the rows.
    pub fn apply(&self, ahead: usize, x: &[f32]) -> f32 {
        let range = ahead * self.columns..(ahead + 1) * self.columns;
        let sum: f32 = self.weights[range.clone()]
            .iter()
            .zip(&self.means[range])
            .zip(x)
            .map(|((weight, mean), value)| weight * if value.is_finite() { *value } else { *mean })
            .sum();
        let (lowest, highest) = self.bounds[ahead];
        (self.intercepts[ahead] + sum).clamp(lowest, highest)
    }
}
