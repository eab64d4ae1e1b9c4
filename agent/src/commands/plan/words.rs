//! The plan in words. Times are New York's, with the zone: twice a year it tells two times apart.

use std::io::Write;

use chrono::{DurationRound as _, TimeDelta};
use domain::Timestamp;
use domain::plan::{ChargePlan, ChargeRequest, Outlook, PlanBasis};

use crate::eastern::say;
use crate::picture::span;

/// A time as the agent says it everywhere, to the minute: a person does not set a clock by it.
fn at(time: Timestamp, now: Timestamp) -> String {
    say(time.duration_round(TimeDelta::minutes(1)).unwrap_or(time), now)
}

/// Why the plan is as it is, in one sentence.
pub fn reason(
    now: Timestamp,
    request: &ChargeRequest,
    outlook: &Outlook,
    plan: &ChargePlan,
) -> String {
    let (Some(start), Some(end)) = (plan.start(), plan.end()) else {
        return "Nothing to charge: no energy is needed.".to_owned();
    };
    let depart = at(request.depart, now);
    if TimeDelta::zero() < plan.overrun {
        let late = span(plan.overrun);
        let end = at(end, now);
        return if request.depart <= now {
            format!(
                "The departure ({depart}) has passed, so charging starts now and ends at {end}, {late} after it."
            )
        } else {
            format!(
                "Too little time is left before {depart}, so charging starts now and ends at {end}, {late} late."
            )
        };
    }
    let begins = match at(start, now) {
        _ if start <= now => "now".to_owned(),
        // "at 10 PM EDT", but "tomorrow 1 AM EDT".
        time if time.starts_with(|c: char| c.is_ascii_digit()) => format!("at {time}"),
        time => time,
    };
    if plan.basis == PlanBasis::Deadline {
        return format!(
            "Nothing is known about the hours before {depart}, so charging starts as late as that allows: {begins}."
        );
    }
    let runs = plan.runs().len();
    let runs = if runs == 1 { "one run".to_owned() } else { format!("{runs} runs") };
    let length = span(plan.duration());
    if plan.duration() == request.depart - now {
        return format!(
            "All of the time before {depart} is needed, so charging starts now and takes {length}."
        );
    }
    let cleanest = if request.continuous {
        format!("The cleanest run of {length} before {depart} begins {begins}")
    } else {
        format!("The cleanest {length} before {depart} begin {begins}, in {runs}")
    };
    let mean = plan.mean().map_or_else(String::new, |mean| format!(" at {mean:.0} g/kWh"));
    let limits = match (plan.limits_waived, request.limits.are_off() || request.continuous) {
        (true, _) => ", though that breaks the limits on switching",
        (false, false) => ", within the limits on switching",
        (false, true) => "",
    };
    let unknown = if plan.basis == PlanBasis::Mixed {
        ", some of it in hours without a forecast"
    } else {
        ""
    };
    let saved = saved(now, request, outlook, plan)
        .map_or_else(String::new, |share| format!(", {share} % less CO2 than charging at once"));
    format!("{cleanest}{mean}{limits}{unknown}{saved}.")
}

/// By how many percent the plan is cleaner than charging at once, where both are known.
fn saved(
    now: Timestamp,
    request: &ChargeRequest,
    outlook: &Outlook,
    plan: &ChargePlan,
) -> Option<i64> {
    // At once: a departure right after now leaves no choice.
    let at_once = ChargeRequest { depart: now, ..request.clone() };
    let at_once = domain::plan::plan(now, &at_once, outlook).ok()?;
    let known = |plan: &ChargePlan| plan.energy_kwh - plan.known_kwh < 1e-6 * plan.energy_kwh;
    let share = 100.0 * (1.0 - plan.grams / at_once.grams);
    #[expect(clippy::cast_possible_truncation, reason = "a percentage within 0.5 to 100")]
    (known(plan) && known(&at_once) && 0.0 < at_once.grams && (0.5..=100.0).contains(&share))
        .then(|| share.round() as i64)
}

/// One line for each run, and the sum.
pub fn write_runs(out: &mut impl Write, now: Timestamp, plan: &ChargePlan) -> anyhow::Result<()> {
    for (start, end) in plan.runs() {
        let slots = plan.slots.iter().filter(|slot| start <= slot.start && slot.end <= end);
        let (mut grams, mut known_kwh) = (0.0, 0.0);
        for slot in slots {
            if let Some(value) = slot.value {
                grams += value * slot.energy_kwh;
                known_kwh += slot.energy_kwh;
            }
        }
        let mean = if 0.0 < known_kwh {
            format!("{:.0} g/kWh", grams / known_kwh)
        } else {
            "no forecast".to_owned()
        };
        let (from, to) = (at(start, now), at(end, now));
        writeln!(out, "  {from} - {to}  {}  {mean}", span(end - start))?;
    }
    if !plan.slots.is_empty() {
        let known = if plan.known_kwh < plan.energy_kwh - 1e-6 { " where it is known" } else { "" };
        let mean = plan.mean().map_or_else(String::new, |mean| {
            format!(", {:.2} kg CO2 at {mean:.0} g/kWh{known}", plan.grams / 1000.0)
        });
        writeln!(out, "  {:.1} kWh{mean}, by {}", plan.energy_kwh, plan.basis.as_str())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_to_the_minute() {
        let ts = |text: &str| -> Timestamp { text.parse().expect("an RFC 3339 time") };
        let now = ts("2026-03-11T01:00:00Z");
        assert_eq!(at(ts("2026-03-11T03:15:29Z"), now), "11:15 PM EDT");
        assert_eq!(at(ts("2026-03-11T03:59:59.9Z"), now), "tomorrow 12 AM EDT");
    }
}
