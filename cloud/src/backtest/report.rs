//! The answer, for people and for programs.

use std::fmt::Write as _;

use chrono::NaiveDate;
use domain::forecast::regret::{Charge, Window};
use domain::forecast::skill::{DAYS, Skill};
use serde::Serialize;

use super::BacktestArgs;

/// Lengths of the charges that are compared, hours.
pub const CHARGE_HOURS: [usize; 3] = [2, 4, 6];

/// What came out. Numbers are rounded to four places; `null` where there is nothing to say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// First issue day, UTC.
    pub from: NaiveDate,
    /// Last issue day, UTC.
    pub to: NaiveDate,
    /// Issues that count.
    pub days: u32,
    /// Issues whose 96 hours are not all known.
    pub skipped: u32,
    /// Ours first.
    pub models: Vec<ModelReport>,
    /// What charging by the first model would have emitted.
    pub regret: Vec<RegretReport>,
}

/// Errors of one model, for day 1 to 4.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelReport {
    /// Its name.
    pub model: String,
    /// Mean absolute percentage error, percent.
    pub mape: [Option<f64>; DAYS],
    /// Mean absolute error, g/kWh.
    pub mae: [Option<f64>; DAYS],
    /// Outcomes between P10 and P90, percent.
    pub coverage_p10_p90: [Option<f64>; DAYS],
}

/// Mean intensity of a charge by four rules, g/kWh.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RegretReport {
    /// `night` (the next 18-07, local time), `24h`, or `three-nights`.
    pub window: String,
    /// Hours of charging.
    pub k: usize,
    /// The first hours of the window.
    pub at_once: Option<f64>,
    /// From 01:00 local time on.
    pub timer_0100: Option<f64>,
    /// The cleanest by the forecast.
    pub forecast: Option<f64>,
    /// The cleanest.
    pub perfect: Option<f64>,
}

/// Sums of charges by window and length.
#[derive(Clone, Debug, Default)]
pub struct Charges {
    sums: std::collections::BTreeMap<(Window, usize), (u32, [f64; 4])>,
}

impl Charges {
    /// Adds one charge, if there was one.
    pub fn add(&mut self, window: Window, k: usize, charge: Option<Charge>) {
        let (count, sums) = self.sums.entry((window, k)).or_default();
        if let Some(charge) = charge {
            *count += 1;
            let values = [charge.at_once, charge.timer, charge.forecast, charge.perfect];
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += value;
            }
        }
    }

    fn reports(&self) -> Vec<RegretReport> {
        self.sums
            .iter()
            .map(|((window, k), (count, sums))| {
                let mean = |at: usize| (*count > 0).then(|| rounded(sums[at] / f64::from(*count)));
                RegretReport {
                    window: window.name().to_owned(),
                    k: *k,
                    at_once: mean(0),
                    timer_0100: mean(1),
                    forecast: mean(2),
                    perfect: mean(3),
                }
            })
            .collect()
    }
}

impl Report {
    pub(super) fn new<'a>(
        args: &BacktestArgs,
        days: u32,
        skipped: u32,
        scores: impl Iterator<Item = (&'a str, Skill)>,
        charges: &Charges,
    ) -> Self {
        let places = |values: [Option<f64>; DAYS]| values.map(|value| value.map(rounded));
        Self {
            from: args.from,
            to: args.to,
            days,
            skipped,
            models: scores
                .map(|(name, skill)| ModelReport {
                    model: name.to_owned(),
                    mape: places(skill.mape()),
                    mae: places(skill.mae()),
                    coverage_p10_p90: places(skill.coverage()),
                })
                .collect(),
            regret: charges.reports(),
        }
    }

    /// One line of JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and finite numbers")
    }

    /// Aligned columns.
    pub fn to_table(&self) -> String {
        let mut text = format!(
            "{} issues from {} to {}, UTC; {} left out because one of their 96 hours is not known\n\n",
            self.days, self.from, self.to, self.skipped
        );
        let days = |values: &[Option<f64>; DAYS], places: usize| {
            values.map(|value| cell(value, 7, places)).concat()
        };
        let _ = writeln!(
            text,
            "{:<21}{:<28} {:<28} {:<28}",
            "day 1 / 2 / 3 / 4", "   MAPE, %", "   MAE, g/kWh", "   in P10-P90, %"
        );
        for model in &self.models {
            let _ = writeln!(
                text,
                "{:<21}{} {} {}",
                model.model,
                days(&model.mape, 2),
                days(&model.mae, 1),
                days(&model.coverage_p10_p90, 1)
            );
        }
        let by = self.models.first().map_or("the forecast", |model| &model.model);
        let _ = writeln!(
            text,
            "\n{:<14}{:>3}{:>10}{:>14}{:>22}{:>10}",
            "charging, g/kWh", "h", "at once", "01:00 timer", by, "perfect"
        );
        for row in &self.regret {
            let _ = writeln!(
                text,
                "{:<15}{:>3}{}{}{}{}",
                row.window,
                row.k,
                cell(row.at_once, 10, 1),
                cell(row.timer_0100, 14, 1),
                cell(row.forecast, 22, 1),
                cell(row.perfect, 10, 1)
            );
        }
        text
    }
}

fn cell(value: Option<f64>, width: usize, places: usize) -> String {
    value.map_or_else(|| format!("{:>width$}", "-"), |value| format!("{value:>width$.places$}"))
}

fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
