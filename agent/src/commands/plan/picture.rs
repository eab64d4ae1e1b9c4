//! The forecast and the plan as a picture for the terminal.

use std::io::Write;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::plan::{ChargePlan, ChargeRequest, Outlook};

use crate::foresight::mean;
use crate::picture::{Chart, Column, Ink, MARGIN, Screen, step, thirds};

const FINEST: TimeDelta = TimeDelta::minutes(5);

/// Draws the time from now to the departure (or the end of a plan that overruns it), with the chosen hours
/// marked below.
pub fn write(
    out: &mut impl Write,
    now: Timestamp,
    request: &ChargeRequest,
    outlook: &Outlook,
    plan: &ChargePlan,
    screen: &Screen,
) -> anyhow::Result<()> {
    let until = plan.end().map_or(request.depart, |end| end.max(request.depart));
    let room = screen.columns.saturating_sub(MARGIN + 1);
    let Some(step) = step(until - now, room, FINEST) else { return Ok(()) };
    let columns = (0..i32::try_from(room)?)
        .map(|i| (now + step * i, now + step * (i + 1)))
        .take_while(|(start, _)| *start < until)
        .map(|(start, end)| Column {
            value: mean(outlook.forecast(), start, end),
            chosen: share(plan, start, end),
            ink: Ink::Plain,
        })
        .collect();
    let mut chart = Chart { start: now, step, columns };
    if let Some(range) = chart.range() {
        chart.ink_by(thirds(range));
    }
    writeln!(out)?;
    for line in chart.lines(screen) {
        writeln!(out, "{line}")?;
    }
    writeln!(out)?;
    Ok(())
}

/// The share of `[start, end)` that is charged.
fn share(plan: &ChargePlan, start: Timestamp, end: Timestamp) -> f64 {
    let within = |slot: &domain::plan::PlanSlot| slot.end.min(end) - slot.start.max(start);
    let charged: TimeDelta =
        plan.slots.iter().map(within).filter(|part| TimeDelta::zero() < *part).sum();
    charged.num_milliseconds() as f64 / (end - start).num_milliseconds().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::plan::Slot;

    fn ts(text: &str) -> Timestamp {
        text.parse().expect("an RFC 3339 time")
    }

    #[test]
    fn draws_the_forecast_and_the_chosen_hours() {
        let now = ts("2026-03-10T22:00:00Z");
        let slots = (0..13).map(|hour| Slot {
            start: now + TimeDelta::hours(hour),
            end: now + TimeDelta::hours(hour + 1),
            value: if hour < 12 { 200.0 + 10.0 * ((hour - 6).abs() as f64) } else { 300.0 },
        });
        let outlook = Outlook::new(slots.collect()).unwrap();
        let request = ChargeRequest::new(2.0, 1.0, now + TimeDelta::hours(14));
        let plan = domain::plan::plan(now, &request, &outlook).unwrap();
        let mut out = Vec::new();
        let screen = Screen { columns: 80, colors: false, unicode: true };
        write(&mut out, now, &request, &outlook, &plan, &screen).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(
            lines,
            [
                "",
                "  300 ┤                                                ████",
                "      │                                                ████",
                "      │████▅▅▅▅▁▁▁▁                            ▁▁▁▁▅▅▅▅████",
                "      │████████████▅▅▅▅▁▁▁▁            ▁▁▁▁▅▅▅▅████████████",
                "  200 ┤████████████████████▅▅▅▅▁▁▁▁▅▅▅▅████████████████████????",
                "                               ━━━━━━━━",
                "       6 PM    8 PM    10 PM   Wed 11  2 AM    4 AM    6 AM",
                "",
            ]
        );
    }
}
