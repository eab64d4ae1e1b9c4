//! The plan: slots to charge in, what they weigh, and what they rest on.

use chrono::TimeDelta;

use super::cells::{Cell, Nanos};
use super::slot::Slot;
use super::taper::Taper;
use crate::Timestamp;

/// What a value rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A forecast.
    Forecast,
    /// The profile of the past, where the forecast says nothing.
    History,
    /// Nobody knows.
    Nothing,
}

/// What a plan rests on: the steps of the ladder, said in the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanBasis {
    /// Chosen by the forecast.
    Forecast,
    /// Chosen by the profile of the past.
    History,
    /// Forced by the departure: nothing is known, or there is no time to choose.
    Deadline,
    /// Some of each.
    Mixed,
}

impl PlanBasis {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forecast => "forecast",
            Self::History => "history",
            Self::Deadline => "deadline",
            Self::Mixed => "mixed",
        }
    }
}

/// A stretch to charge in, `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlanSlot {
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
    /// Value of the forecast or profile; `None` where nobody knows. Never 0 for lack of data.
    pub value: Option<f64>,
    /// What the value rests on.
    pub source: Source,
    /// Energy planned here, kWh.
    pub energy_kwh: f64,
}

impl PlanSlot {
    /// How long it lasts.
    pub fn duration(&self) -> TimeDelta {
        self.end - self.start
    }
}

/// Slots to charge in: ascending, disjoint, one for each slot of the forecast that is used; slots that
/// touch are one run of the switch. Empty where nothing is needed.
#[derive(Clone, Debug, PartialEq)]
pub struct ChargePlan {
    /// The slots.
    pub slots: Vec<PlanSlot>,
    /// Energy planned, kWh.
    pub energy_kwh: f64,
    /// Energy planned where the value is known, kWh.
    pub known_kwh: f64,
    /// Sum of value times energy where the value is known: g CO2 for slots in g/kWh. Starts are not in
    /// it.
    pub grams: f64,
    /// What the plan rests on.
    pub basis: PlanBasis,
    /// How much later than the departure the charge ends. Zero where there is time enough.
    pub overrun: TimeDelta,
    /// The limits could not all be kept; the need came first.
    pub limits_waived: bool,
}

impl ChargePlan {
    /// A plan for nothing.
    pub fn empty(basis: PlanBasis) -> Self {
        Self {
            slots: Vec::new(),
            energy_kwh: 0.0,
            known_kwh: 0.0,
            grams: 0.0,
            basis,
            overrun: TimeDelta::zero(),
            limits_waived: false,
        }
    }

    /// Runs of the switch: slots that touch are one run. Ascending.
    pub fn runs(&self) -> Vec<(Timestamp, Timestamp)> {
        let mut runs: Vec<(Timestamp, Timestamp)> = Vec::new();
        for slot in &self.slots {
            match runs.last_mut() {
                Some(run) if run.1 == slot.start => run.1 = slot.end,
                _ => runs.push((slot.start, slot.end)),
            }
        }
        runs
    }

    /// Time that is charged.
    pub fn duration(&self) -> TimeDelta {
        self.slots.iter().map(PlanSlot::duration).sum()
    }

    /// Mean value over the energy whose value is known; `None` where there is none.
    pub fn mean(&self) -> Option<f64> {
        (0.0 < self.known_kwh).then(|| self.grams / self.known_kwh)
    }

    /// When charging begins, whatever the order of the slots.
    pub fn start(&self) -> Option<Timestamp> {
        self.slots.iter().map(|slot| slot.start).min()
    }

    /// When charging ends, whatever the order of the slots.
    pub fn end(&self) -> Option<Timestamp> {
        self.slots.iter().map(|slot| slot.end).max()
    }

    /// The slot that `instant` is in.
    pub fn slot_at(&self, instant: Timestamp) -> Option<&PlanSlot> {
        self.slots.iter().find(|slot| slot.start <= instant && instant < slot.end)
    }

    /// Whether another slot begins where `slot` ends, whatever the order of the slots.
    pub fn has_successor(&self, slot: &PlanSlot) -> bool {
        self.slots.iter().any(|other| other.start == slot.end)
    }

    /// Whether no slot begins before `slot`, whatever the order of the slots.
    pub fn is_first(&self, slot: &PlanSlot) -> bool {
        self.start() == Some(slot.start)
    }

    /// The next instant after `now` at which the switch moves, if the plan is followed.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        self.runs().into_iter().flat_map(|(start, end)| [start, end]).find(|at| now < *at)
    }

    /// Weighs the plan by other slots (ascending, disjoint): the grams of a plan that was made by price.
    /// Gives the sum of value times energy, and the energy whose value is known.
    pub fn weigh(&self, slots: &[Slot]) -> (f64, f64) {
        let (mut sum, mut known_kwh) = (0.0, 0.0);
        for planned in &self.slots {
            let from = slots.partition_point(|slot| slot.end <= planned.start);
            for slot in slots[from..].iter().take_while(|slot| slot.start < planned.end) {
                let shared = slot.end.min(planned.end) - slot.start.max(planned.start);
                let share = seconds(shared) / seconds(planned.duration());
                sum += slot.value * planned.energy_kwh * share;
                known_kwh += planned.energy_kwh * share;
            }
        }
        (sum, known_kwh)
    }
}

fn seconds(span: TimeDelta) -> f64 {
    span.num_seconds() as f64 + f64::from(span.subsec_nanos()) * 1e-9
}

/// Energy by time spent charging: a straight line, or a taper.
#[derive(Clone, Copy, Debug)]
pub struct Energy<'a> {
    pub power_kw: f64,
    pub taper: Option<&'a Taper>,
}

impl Energy<'_> {
    /// kWh of the stretch that begins after `done` of charging and lasts `len`.
    pub fn kwh(&self, done: Nanos, len: Nanos) -> f64 {
        let hours = |nanos: Nanos| nanos as f64 / 3.6e12;
        match self.taper {
            None => hours(len) * self.power_kw,
            Some(taper) => {
                taper.kwh(hours(done + len), self.power_kw) - taper.kwh(hours(done), self.power_kw)
            }
        }
    }
}

/// Cuts `runs` (ascending, disjoint, within `cells`) along `cells` and weighs the pieces.
pub fn assemble(
    now: Timestamp,
    runs: &[(Nanos, Nanos)],
    cells: &[Cell],
    energy: Energy<'_>,
) -> ChargePlan {
    let mut plan = ChargePlan::empty(PlanBasis::Deadline);
    let mut last: Option<(Nanos, Source, usize)> = None;
    let mut done = 0;
    for &(start, end) in runs {
        let from = cells.partition_point(|cell| cell.end <= start);
        for cell in cells[from..].iter().take_while(|cell| cell.start < end) {
            let (start, end) = (cell.start.max(start), cell.end.min(end));
            let energy_kwh = energy.kwh(done, end - start);
            done += end - start;
            plan.energy_kwh += energy_kwh;
            if let Some(value) = cell.value {
                plan.grams += value * energy_kwh;
                plan.known_kwh += energy_kwh;
            }
            let same = last == Some((start, cell.source, cell.slot));
            last = Some((end, cell.source, cell.slot));
            if let Some(slot) = plan.slots.last_mut().filter(|_| same) {
                slot.end = now + TimeDelta::nanoseconds(end);
                slot.energy_kwh += energy_kwh;
            } else {
                plan.slots.push(PlanSlot {
                    start: now + TimeDelta::nanoseconds(start),
                    end: now + TimeDelta::nanoseconds(end),
                    value: cell.value,
                    source: cell.source,
                    energy_kwh,
                });
            }
        }
    }
    plan.basis = basis(&plan.slots);
    plan
}

/// What the slots rest on, taken together.
pub(super) fn basis(slots: &[PlanSlot]) -> PlanBasis {
    let of = |source| match source {
        Source::Forecast => PlanBasis::Forecast,
        Source::History => PlanBasis::History,
        Source::Nothing => PlanBasis::Deadline,
    };
    let Some(first) = slots.first() else { return PlanBasis::Deadline };
    if slots.iter().all(|slot| slot.source == first.source) {
        of(first.source)
    } else {
        PlanBasis::Mixed
    }
}
