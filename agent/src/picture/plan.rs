//! The plan that a running agent follows, for the eye and for programs.

use std::fmt::Write as _;

use chrono::{DurationRound as _, SecondsFormat, TimeDelta};
use domain::Timestamp;
use domain::wire::GRAMS_PER_KWH;
use serde_json::{Value, json};

use super::chart::{Chart, Column, MARGIN, step};
use super::screen::{Ink, Screen};
use super::span;
use crate::api::Prospect;
use crate::eastern::{local, say, when};
use crate::foresight::{Expected, Foresight, known_within, mean};
use crate::status::{ChargeStatus, RunStatus, Status};

/// The picture shows at least this much of what comes.
const AT_LEAST: TimeDelta = TimeDelta::hours(12);

/// And something of what comes after the departure.
const BEYOND: TimeDelta = TimeDelta::hours(1);

/// And at most this much, where nobody leaves.
const WITHOUT_DEPARTURE: TimeDelta = TimeDelta::hours(24);

const QUARTER: TimeDelta = TimeDelta::minutes(15);

/// What is left of a plan, reckoned with what is expected now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reckoned {
    /// Runs that are not over; one that is under way begins now.
    pub runs: Vec<RunStatus>,
    /// The same, cut where the expected value changes.
    pub slots: Vec<(RunStatus, Option<f64>)>,
    /// What they give, kWh.
    pub energy_kwh: f64,
    /// What that sets free where it is known, g (or cost, by the unit of the signal).
    pub grams: f64,
    /// Mean over the known part.
    pub mean: Option<f64>,
    /// Mean of charging at once, where all of it is known.
    pub at_once: Option<f64>,
    /// By how much the last run ends after the departure.
    pub overrun: TimeDelta,
}

impl Reckoned {
    /// Of a charge, seen from `now`.
    pub fn of(charge: &ChargeStatus, foresight: Option<&Foresight>, now: Timestamp) -> Self {
        let expected = foresight.map(Foresight::expected).unwrap_or_default();
        let known = foresight.map(Foresight::slots).unwrap_or_default();
        let left = |run: &RunStatus| RunStatus { start: run.start.max(now), end: run.end };
        let runs: Vec<RunStatus> =
            charge.runs.iter().filter(|run| now < run.end).map(left).collect();
        let slots: Vec<_> = runs.iter().flat_map(|run| cut(run, &expected)).collect();
        let hours = |runs: &[RunStatus]| {
            let span: TimeDelta = runs.iter().map(|run| run.end - run.start).sum();
            span.num_milliseconds() as f64 / 3.6e6
        };
        let (sum, known_hours) = runs.iter().fold((0.0, 0.0), |(sum, hours), run| {
            let (more, known) = known_within(&known, run.start, run.end);
            (sum + more, hours + known)
        });
        Self {
            energy_kwh: hours(&runs) * charge.power_kw,
            grams: sum * charge.power_kw,
            mean: (0.0 < known_hours).then(|| sum / known_hours),
            at_once: at_once(charge, &known, now),
            overrun: runs
                .last()
                .map_or(TimeDelta::zero(), |run| (run.end - charge.depart).max(TimeDelta::zero())),
            runs,
            slots,
        }
    }

    /// By how many percent the plan is lower than charging at once; `None` where that is not known.
    fn saved(&self) -> Option<f64> {
        let (mean, at_once) = (self.mean?, self.at_once?);
        (0.0 < at_once).then(|| 100.0 * (1.0 - mean / at_once))
    }
}

/// Mean of charging all that is left as soon as the car is there.
fn at_once(charge: &ChargeStatus, known: &[domain::plan::Slot], now: Timestamp) -> Option<f64> {
    if charge.power_kw <= 0.0 || charge.left_kwh <= 0.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a charge")]
    let length = TimeDelta::seconds((charge.left_kwh / charge.power_kw * 3600.0).round() as i64);
    let start = charge.home_since.map_or(now, |home| home.max(now));
    let (sum, hours) = known_within(known, start, start + length);
    let all = length.num_milliseconds() as f64 / 3.6e6;
    (0.0 < all && 0.999 * all <= hours).then(|| sum / hours)
}

fn cut(run: &RunStatus, expected: &[Expected]) -> Vec<(RunStatus, Option<f64>)> {
    let mut slots: Vec<(RunStatus, Option<f64>)> = Vec::new();
    let mut push = |start: Timestamp, end: Timestamp, value: Option<f64>| {
        if end <= start {
            return;
        }
        match slots.last_mut() {
            Some((last, known)) if last.end == start && *known == value => last.end = end,
            _ => slots.push((RunStatus { start, end }, value)),
        }
    };
    let mut reached = run.start;
    for slot in expected {
        let (start, end) = (slot.start.max(reached), slot.end.min(run.end));
        if start < end {
            push(reached, start, None);
            push(start, end, slot.value);
            reached = end;
        }
    }
    push(reached, run.end, None);
    slots
}

/// The answer to `plan --json`: the fields of `plan --forecast --json`, and what only an agent knows.
pub fn machine(prospect: &Prospect) -> Value {
    let Prospect { status, foresight } = prospect;
    let charge = status.charge.as_ref();
    let reckoned = charge
        .map(|charge| Reckoned::of(charge, foresight.as_ref(), status.now))
        .unwrap_or_default();
    let time = |at: Timestamp| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    // Of a plan by price the values are prices, and no grams.
    let by_price = charge.is_some_and(|charge| charge.mean_price.is_some());
    let grams = |value: Option<f64>| value.map(rounded).filter(|_| !by_price);
    let run = |run: &RunStatus| json!({"start": time(run.start), "end": time(run.end)});
    let slot = |(run, value): &(RunStatus, Option<f64>)| json!({"start": time(run.start), "end": time(run.end), "value": value});
    json!({
        "slots": reckoned.slots.iter().map(slot).collect::<Vec<_>>(),
        "energy_kwh": rounded(reckoned.energy_kwh),
        "grams": grams(Some(reckoned.grams)),
        "mean_g_per_kwh": grams(reckoned.mean),
        "mean_price": charge.and_then(|charge| charge.mean_price),
        "objective": charge.map(|charge| charge.objective.as_str()),
        "basis": charge.map(|charge| charge.basis.as_str()),
        "overrun_s": reckoned.overrun.num_seconds(),
        "reason": status.reason,
        "now": time(status.now),
        "mode": status.mode,
        "position": status.position,
        "depart": charge.map(|charge| time(charge.depart)),
        "need_kwh": charge.map(|charge| charge.need_kwh),
        "left_kwh": charge.map(|charge| charge.left_kwh),
        "power_kw": charge.map(|charge| charge.power_kw),
        "runs": reckoned.runs.iter().map(run).collect::<Vec<_>>(),
        "at_once_mean_g_per_kwh": grams(reckoned.at_once),
        "origin": status.signal.origin,
        "foresight": foresight,
    })
}

fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

/// The page: sentences and runs; with a picture where there is a screen.
pub fn page(prospect: &Prospect, screen: Option<&Screen>) -> String {
    let Prospect { status, foresight } = prospect;
    let foresight = foresight.as_ref();
    let now = status.now;
    let reckoned = status
        .charge
        .as_ref()
        .map(|charge| Reckoned::of(charge, foresight, now))
        .unwrap_or_default();
    let wrap = |text: &str, indent: usize| match screen {
        Some(screen) => screen.wrap(text, indent),
        None => text.to_owned(),
    };
    let mut page = String::new();
    let mut line = |text: &str| {
        page.push_str(text);
        page.push('\n');
    };
    line(&wrap(&sentences(status, foresight, &reckoned), 0));
    if let (Some(screen), Some(foresight)) = (screen, foresight) {
        line("");
        for row in picture(screen, status, foresight, &reckoned.runs) {
            line(&row);
        }
        line("");
    }
    let known = foresight.map(Foresight::slots).unwrap_or_default();
    let units = unit(foresight);
    for run in &reckoned.runs {
        let mean = match mean(&known, run.start, run.end) {
            Some(mean) => format!("{} {units}", value(mean)),
            None => "no forecast".to_owned(),
        };
        let (from, to) = (minute(run.start, now), minute(run.end, now));
        let length = span(run.end - run.start);
        line(&match screen {
            Some(screen) => screen.row("", 2, &format!("{from} - {to}: {length}, {mean}")),
            None => format!("  {from} - {to}  {length}  {mean}"),
        });
    }
    line(&wrap(&status.reason, 0));
    page
}

fn unit(foresight: Option<&Foresight>) -> String {
    let units = foresight.map_or(GRAMS_PER_KWH, |foresight| foresight.units.as_str());
    units.replace(" / ", "/")
}

/// Prices have decimals.
fn value(value: f64) -> String {
    if value != 0.0 && value.abs() < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

fn minute(at: Timestamp, now: Timestamp) -> String {
    say(at.duration_round(TimeDelta::minutes(1)).unwrap_or(at), now)
}

/// What is planned, on what basis, and what it is worth.
fn sentences(status: &Status, foresight: Option<&Foresight>, reckoned: &Reckoned) -> String {
    let now = status.now;
    let mut text = String::new();
    match &status.charge {
        None => {
            text.push_str("No charge is planned: ");
            text.push_str(match status.mode.as_str() {
                _ if status.clock != "trusted" => "the clock cannot be trusted.",
                "now" => "the mode is \"now\".",
                "off" => "the mode is \"off\".",
                _ => "the settings name no departure ([charge]).",
            });
            if let (Some(low), Some(high)) = (status.signal.close_below, status.signal.open_above) {
                let _ = write!(
                    text,
                    " The car may charge below {low:.0} {GRAMS}, and stops above {high:.0}.",
                    GRAMS = unit(None)
                );
            }
        }
        Some(charge) if charge.left_kwh <= 0.0 => {
            let _ =
                write!(text, "The car has what it needs to leave {}.", when(charge.depart, now));
        }
        Some(charge) => {
            let basis = match (charge.basis.as_str(), foresight.and_then(|f| f.issued)) {
                ("forecast", Some(issued)) => {
                    format!("by the forecast of {}", say(issued, now))
                }
                ("forecast", None) => "by the forecast".to_owned(),
                ("history", _) => {
                    "by this agent's own history of the week, without a forecast".to_owned()
                }
                ("mixed", _) => {
                    "in part by the forecast, which does not reach far enough".to_owned()
                }
                _ => "as late as the departure allows: no forecast is known".to_owned(),
            };
            let _ = write!(
                text,
                "{:.1} of {:.1} kWh are still to charge before the car leaves {}, planned {basis}.",
                charge.left_kwh,
                charge.need_kwh,
                when(charge.depart, now)
            );
            text.push_str(&worth(reckoned, &unit(foresight)));
            if TimeDelta::zero() < reckoned.overrun {
                let _ = write!(text, " It will be {} late.", span(reckoned.overrun));
            }
            match status.mode.as_str() {
                "clean" => {}
                "observe" => text.push_str(" The agent only observes: nothing is moved."),
                mode => {
                    let _ = write!(text, " The mode is \"{mode}\": the plan is not followed.");
                }
            }
        }
    }
    if status.signal.origin != "nyiso" {
        let _ = write!(text, " The data are {}: a demo.", status.signal.origin);
    }
    text
}

/// The mean of the plan against charging at once.
fn worth(reckoned: &Reckoned, units: &str) -> String {
    let Some(mean) = reckoned.mean else { return String::new() };
    let runs = match reckoned.runs.len() {
        1 => "One run".to_owned(),
        runs => format!("{runs} runs"),
    };
    let verb = if reckoned.runs.len() == 1 { "comes" } else { "come" };
    let mut text = format!(" {runs} {verb} to {} {units}", value(mean));
    if let (Some(at_once), Some(saved)) = (reckoned.at_once, reckoned.saved()) {
        let at_once = value(at_once);
        let _ = match saved {
            saved if 0.5 <= saved => {
                write!(text, "; at once it would be {at_once}, so {saved:.0} % are saved")
            }
            saved if saved <= -0.5 => {
                write!(text, "; at once it would be {at_once}, {:.0} % less", -saved)
            }
            _ => write!(text, ", as at once"),
        };
    }
    text.push('.');
    text
}

/// Bars of what is expected, with the planned hours, now and the departure.
fn picture(
    screen: &Screen,
    status: &Status,
    foresight: &Foresight,
    runs: &[RunStatus],
) -> Vec<String> {
    let (now, expected) = (status.now, foresight.expected());
    let depart = status.charge.as_ref().map(|charge| charge.depart).filter(|depart| now < *depart);
    let until = match depart {
        Some(depart) => (depart + BEYOND).max(now + AT_LEAST),
        None => now + WITHOUT_DEPARTURE,
    };
    let known = expected.iter().rfind(|slot| slot.value.is_some()).map_or(now, |slot| slot.end);
    let until = until.min(known.max(depart.unwrap_or(known)));
    let Some(mut chart) = chart(screen, now, until, &foresight.slots(), runs) else {
        return Vec::new();
    };
    let is_grams = foresight.units == GRAMS_PER_KWH;
    let bounds = status.signal.close_below.zip(status.signal.open_above).filter(|_| is_grams);
    if let Some(bounds) = bounds.or_else(|| chart.range().map(thirds)) {
        chart.ink_by(bounds);
    }
    let mut lines =
        vec![screen.wrap(&legend(screen, &chart, foresight, &expected, runs, until), 0)];
    lines.extend(chart.lines(screen));
    lines.push(pointers(screen, &chart, now, depart));
    lines
}

/// Where the lowest third ends and the highest begins.
pub fn thirds((low, high): (f64, f64)) -> (f64, f64) {
    (low + (high - low) / 3.0, high - (high - low) / 3.0)
}

/// A chart from the step that is under way on.
fn chart(
    screen: &Screen,
    now: Timestamp,
    until: Timestamp,
    known: &[domain::plan::Slot],
    runs: &[RunStatus],
) -> Option<Chart> {
    let room = screen.columns.saturating_sub(MARGIN + 1);
    // One column is lost to the step that is under way.
    let step = step(until - now, room.saturating_sub(1), QUARTER)?;
    let start = now.duration_trunc(step.min(TimeDelta::hours(1))).unwrap_or(now);
    let count = (until - start).num_seconds().div_euclid(step.num_seconds().max(1)) + 1;
    let columns = (0..i32::try_from(count).ok()?)
        .map(|i| (start + step * i, start + step * (i + 1)))
        .take_while(|(from, _)| *from < until)
        .take(room)
        .map(|(from, to)| Column {
            value: mean(known, from, to),
            chosen: share(runs, from, to),
            ink: Ink::Plain,
        })
        .collect();
    Some(Chart { start, step, columns })
}

/// The share of `[from, to)` that is within runs.
fn share(runs: &[RunStatus], from: Timestamp, to: Timestamp) -> f64 {
    let within =
        runs.iter().map(|run| (run.end.min(to) - run.start.max(from)).max(TimeDelta::zero()));
    let within: TimeDelta = within.sum();
    within.num_milliseconds() as f64 / (to - from).num_milliseconds().max(1) as f64
}

fn legend(
    screen: &Screen,
    chart: &Chart,
    foresight: &Foresight,
    expected: &[Expected],
    runs: &[RunStatus],
    until: Timestamp,
) -> String {
    let mut text = format!("{} by {}", unit(Some(foresight)), steps(chart.step));
    if !runs.is_empty() {
        let _ = write!(text, "; {} planned", screen.char('━', '='));
    }
    let usual = expected.iter().find(|slot| slot.is_usual && slot.start < until);
    if let Some(from) = usual.map(|slot| slot.start) {
        let from = match from <= chart.start {
            true => String::new(),
            false => format!("from {} on ", say(from, foresight.made)),
        };
        let _ = write!(text, "; {from}by own history");
    }
    if chart.columns.iter().any(|column| column.value.is_none()) {
        text.push_str("; ? not known");
    }
    text
}

fn steps(step: TimeDelta) -> String {
    match step.num_minutes() {
        15 => "quarter hours".to_owned(),
        30 => "half hours".to_owned(),
        60 => "hours".to_owned(),
        minutes if minutes % 60 == 0 => format!("{} hours", minutes / 60),
        minutes => format!("{minutes} minutes"),
    }
}

/// `▲ now`, and the departure where it is on the chart.
fn pointers(screen: &Screen, chart: &Chart, now: Timestamp, depart: Option<Timestamp>) -> String {
    let arrow = screen.char('▲', '^');
    let room = screen.columns.saturating_sub(MARGIN);
    let mark = format!("{arrow} now");
    let place = depart.and_then(|depart| Some((chart.column_of(depart)?, depart)));
    let line = match place {
        None => mark,
        Some((column, depart)) => {
            // The day and the zone are in the sentence above, too.
            let labels = [format!("leaves {}", minute(depart, now)), short(depart)];
            let fitting = |label: &String| beside(&mark, arrow, label, column, room);
            labels.iter().find_map(fitting).unwrap_or_else(|| format!("{mark}, {}", labels[1]))
        }
    };
    format!("{:MARGIN$}{line}", "")
}

fn short(at: Timestamp) -> String {
    local(at).format("leaves %-I:%M %p").to_string()
}

/// `label` with an arrow at `column`, right of the arrow or else left of it, where there is room for it.
fn beside(mark: &str, arrow: char, label: &str, column: usize, room: usize) -> Option<String> {
    let (width, used) = (label.chars().count(), mark.chars().count());
    if used < column && column + 2 + width <= room {
        Some(format!("{mark:<column$}{arrow} {label}"))
    } else if used + width + 2 <= column {
        Some(format!("{mark:<start$}{label} {arrow}", start = column - width - 1))
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
