//! Planning a charge. Cases are drawn: one character for each slot of the forecast, from the start of the
//! forecast or from now, whichever is earlier.
//!
//! `#` charged, `.` not, `<` only its beginning, `>` only its end, `-` some other part.

mod brute_force;
mod evcc_cases;
mod extras;
mod fuzz;
mod limits;
mod weaknesses;

use chrono::{DateTime, TimeDelta};
use domain::Timestamp;
use domain::plan::{ChargePlan, ChargeRequest, Outlook, Slot, plan};

/// Minutes after an arbitrary full hour.
pub fn at(minutes: i64) -> Timestamp {
    DateTime::from_timestamp(1_773_115_200 + minutes * 60, 0).unwrap()
}

pub fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}

/// A charge at 1 kW over a forecast: an hour is a kWh, and the total value is in the forecast's unit.
/// NaN in the values is a hole.
#[derive(Clone)]
pub struct Case {
    pub values: Vec<f64>,
    pub step: i64,
    pub from: i64,
    pub now: Timestamp,
    pub request: ChargeRequest,
}

/// Hourly values from minute 0; departure at the end of the forecast; an hour is needed.
pub fn hourly(values: &[f64]) -> Case {
    Case {
        values: values.to_vec(),
        step: 60,
        from: 0,
        now: at(0),
        request: ChargeRequest::new(1.0, 1.0, at(60 * values.len() as i64)),
    }
}

impl Case {
    pub fn step(mut self, step: i64) -> Self {
        self.step = step;
        self.request.depart = at(self.from + step * self.values.len() as i64);
        self
    }

    pub fn from(mut self, from: i64) -> Self {
        self.from = from;
        self
    }

    pub fn now(mut self, now: i64) -> Self {
        self.now = at(now);
        self
    }

    pub fn need(mut self, minutes: i64) -> Self {
        self.request.need_kwh = minutes as f64 / 60.0;
        self
    }

    pub fn by(mut self, depart: i64) -> Self {
        self.request.depart = at(depart);
        self
    }

    pub fn continuous(mut self) -> Self {
        self.request.continuous = true;
        self
    }

    pub fn precondition(mut self, span: i64) -> Self {
        self.request.precondition = minutes(span);
        self
    }

    pub fn with(mut self, change: impl FnOnce(&mut ChargeRequest)) -> Self {
        change(&mut self.request);
        self
    }

    pub fn slots(&self) -> Vec<Slot> {
        let slot = |(i, value): (usize, &f64)| {
            let start = self.from + i as i64 * self.step;
            (!value.is_nan()).then(|| Slot {
                start: at(start),
                end: at(start + self.step),
                value: *value,
            })
        };
        self.values.iter().enumerate().filter_map(slot).collect()
    }

    pub fn plan(&self) -> ChargePlan {
        plan(self.now, &self.request, &Outlook::new(self.slots()).unwrap()).unwrap()
    }

    /// The plan, drawn.
    pub fn draw(&self) -> String {
        draw(&self.plan(), self.step, at(self.from).min(self.now), self.request.depart)
    }

    #[track_caller]
    pub fn check(&self, expected: &str) {
        assert_eq!(self.draw(), expected, "{:#?}", self.plan());
    }

    /// The same expectation with and without `continuous`.
    #[track_caller]
    pub fn check_both(&self, expected: &str) {
        self.check(expected);
        self.clone().continuous().check(expected);
    }

    #[track_caller]
    pub fn check_total(&self, drawing: &str, total: f64) {
        self.check(drawing);
        let plan = self.plan();
        assert!((plan.grams - total).abs() < 1e-9, "{} is not {total}: {plan:#?}", plan.grams);
    }
}

/// One character for each `step` minutes of `[from, until)` and of what the plan takes beyond.
pub fn draw(plan: &ChargePlan, step: i64, from: Timestamp, until: Timestamp) -> String {
    let until = plan.end().map_or(until, |end| end.max(until));
    let mut drawing = String::new();
    let mut start = from;
    while start < until {
        let end = start + minutes(step);
        let runs = plan.runs();
        let shared: Vec<_> = runs
            .iter()
            .map(|run| (run.0.max(start), run.1.min(end)))
            .filter(|(from, to)| from < to)
            .collect();
        drawing.push(match shared[..] {
            [] => '.',
            [(from, to)] if from == start && to == end => '#',
            [(from, _)] if from == start => '<',
            [(_, to)] if to == end => '>',
            _ => '-',
        });
        start = end;
    }
    drawing
}
