//! The answer as JSON.

use std::io::Write;

use chrono::SecondsFormat;
use domain::Timestamp;
use domain::plan::ChargePlan;
use serde::Serialize;

#[derive(Serialize)]
struct Answer {
    slots: Vec<SlotAnswer>,
    energy_kwh: f64,
    grams: f64,
    mean_g_per_kwh: Option<f64>,
    basis: &'static str,
    overrun_s: i64,
    reason: String,
}

#[derive(Serialize)]
struct SlotAnswer {
    start: String,
    end: String,
    value: Option<f64>,
}

/// Writes the plan as one object on one line.
pub fn write(out: &mut impl Write, plan: &ChargePlan, reason: String) -> anyhow::Result<()> {
    let slot = |slot: &domain::plan::PlanSlot| SlotAnswer {
        start: rfc3339(slot.start),
        end: rfc3339(slot.end),
        value: slot.value,
    };
    let overrun = plan.overrun;
    let answer = Answer {
        slots: plan.slots.iter().map(slot).collect(),
        energy_kwh: rounded(plan.energy_kwh),
        grams: rounded(plan.grams),
        mean_g_per_kwh: plan.mean().map(rounded),
        basis: plan.basis.as_str(),
        // A started second counts whole.
        overrun_s: overrun.num_seconds() + i64::from(0 < overrun.subsec_nanos()),
        reason,
    };
    serde_json::to_writer(&mut *out, &answer)?;
    writeln!(out)?;
    Ok(())
}

/// Full seconds where they are full, else as many digits as the instant has.
fn rfc3339(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Without the noise that adding up leaves.
fn rounded(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}
