//! How things are, for the terminal.

use chrono::{DurationRound as _, TimeDelta};
use domain::Timestamp;

use super::axis::axis;
use super::chart::step;
use super::plan::thirds;
use super::screen::{Ink, Screen};
use super::spark::{progress, spark, thinned};
use crate::eastern::{say, when};
use crate::foresight::{Foresight, mean};
use crate::status::{ChargeStatus, DayStatus, RunStatus, Status};

/// Columns of the names.
const NAMES: usize = 11;

const QUARTER: TimeDelta = TimeDelta::minutes(15);

/// What comes is shown for so long.
const AHEAD: TimeDelta = TimeDelta::hours(24);

/// A row for each thing that is known; with pictures where there is a screen.
pub fn page(status: &Status, foresight: Option<&Foresight>, screen: Option<&Screen>) -> String {
    let mut page = Page { text: String::new(), screen };
    page.row("charging", Ink::Strong, status.state());
    page.row("why", Ink::Faint, &status.reason);
    page.row("mode", Ink::Faint, &status.mode);
    for alarm in &status.alarms {
        page.row("ALARM", Ink::Dirty, alarm.words());
    }
    if !status.overrides.is_empty() {
        page.row("override", Ink::Between, &status.overrides.words(status.now));
    }
    if let Some(charge) = &status.charge {
        match screen {
            Some(screen) => {
                page.drawn("charge", &bar(screen, charge));
                page.row("", Ink::Plain, &charge_line(charge, status.now));
            }
            None => page.row("charge", Ink::Faint, &charge.line(status.now)),
        }
    }
    if let Some(meter) = status.meter_line() {
        page.row("meter", Ink::Faint, &meter);
    }
    page.row("signal", Ink::Faint, &status.signal_line());
    if let Some(screen) = screen {
        let bounds = status.signal.close_below.zip(status.signal.open_above);
        page.strip(past(screen, &status.signal.last_day, bounds));
        let runs = status.charge.as_ref().map_or(&[][..], |charge| &charge.runs);
        page.strip(ahead(screen, foresight, runs, status.now, bounds));
    }
    page.row("feed", Ink::Faint, &status.feed_line());
    if let Some(nyiso) = status.nyiso_line() {
        page.row("nyiso", Ink::Faint, &nyiso);
    }
    page.row("switches", Ink::Faint, &status.switch_line());
    page.row("relay", Ink::Faint, &status.relay_line());
    if status.clock != "trusted" {
        page.row("clock", Ink::Dirty, &format!("{}: it cannot be trusted", status.clock));
    }
    let since = say(status.since, status.now);
    page.row("running", Ink::Faint, &format!("since {since}, version {}", status.version));
    page.text
}

struct Page<'a> {
    text: String,
    screen: Option<&'a Screen>,
}

impl Page<'_> {
    /// Text of any length.
    fn row(&mut self, name: &str, ink: Ink, text: &str) {
        let row = match self.screen {
            // The name is painted last: colors have no width.
            Some(screen) if !name.is_empty() => {
                screen.row(name, NAMES, text).replacen(name, &screen.paint(ink, name), 1)
            }
            Some(screen) => screen.row(name, NAMES, text),
            None => format!("{name:<NAMES$}{text}"),
        };
        self.line(&row);
    }

    /// A title, which may be long, and the lines of a picture.
    fn strip(&mut self, strip: Option<(String, Vec<String>)>) {
        let Some((title, lines)) = strip else { return };
        self.row("", Ink::Plain, &title);
        for line in lines {
            self.drawn("", &line);
        }
    }

    /// A line of a picture, which is as wide as it may be.
    fn drawn(&mut self, name: &str, picture: &str) {
        let name = format!("{name:<NAMES$}");
        let name = self.screen.map_or(name.clone(), |screen| screen.paint(Ink::Faint, &name));
        self.line(&format!("{name}{picture}"));
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
}

/// How much of the charge is done.
fn bar(screen: &Screen, charge: &ChargeStatus) -> String {
    let done = (charge.need_kwh - charge.left_kwh).max(0.0);
    let share = if 0.0 < charge.need_kwh { done / charge.need_kwh } else { 1.0 };
    let text = format!(" {done:.1} of {:.1} kWh", charge.need_kwh);
    let room = screen.columns.saturating_sub(NAMES + text.len() + 1).clamp(4, 40);
    format!("{}{text}", progress(screen, share, room))
}

/// When it will be done, and when the car leaves.
fn charge_line(charge: &ChargeStatus, now: Timestamp) -> String {
    let leaves = format!("the car leaves {}", when(charge.depart, now));
    if charge.left_kwh <= 0.0 {
        return format!("ready; {leaves}");
    }
    let runs: Vec<&RunStatus> = charge.runs.iter().filter(|run| now < run.end).collect();
    let Some(last) = runs.last() else { return leaves };
    let planned: Vec<String> = runs
        .iter()
        .map(|run| format!("{} to {}", say(run.start.max(now), now), say(run.end, now)))
        .collect();
    let mean = charge
        .mean_g_per_kwh
        .map_or_else(String::new, |mean| format!(" at {mean:.0} g/kWh by the {}", charge.basis));
    format!("ready {}, {leaves}; planned: {}{mean}", when(last.end, now), planned.join(", "))
}

/// The last day as a spark, with the clean hours marked and the clock below.
fn past(
    screen: &Screen,
    day: &DayStatus,
    bounds: Option<(f64, f64)>,
) -> Option<(String, Vec<String>)> {
    let end = day.end.filter(|_| day.values.iter().any(Option::is_some))?;
    let room = screen.columns.saturating_sub(NAMES + 1);
    let values = thinned(&day.values, room);
    let size = i32::try_from(day.values.len().div_ceil(values.len().max(1))).unwrap_or(1);
    let start = end - QUARTER * i32::try_from(day.values.len()).unwrap_or(0);
    let clean = |value: Option<f64>| value.zip(bounds).is_some_and(|(value, (low, _))| value < low);
    let marks: Vec<bool> = values.iter().map(|value| clean(*value)).collect();
    let strip = Strip { start, step: QUARTER * size, values: &values, marks: &marks, bounds };
    let marked = bounds
        .map_or_else(String::new, |(low, _)| format!("; {} below {low:.0}", screen.char('━', '=')));
    Some((format!("last 24 h{}{marked}", range(&values)), strip.lines(screen)))
}

/// What is expected, with the plan marked and the clock below.
fn ahead(
    screen: &Screen,
    foresight: Option<&Foresight>,
    runs: &[RunStatus],
    now: Timestamp,
    bounds: Option<(f64, f64)>,
) -> Option<(String, Vec<String>)> {
    let foresight = foresight?;
    let room = screen.columns.saturating_sub(NAMES + 2);
    let known = foresight.slots();
    let step = step(AHEAD, room, QUARTER)?;
    let start = now.duration_trunc(step.min(TimeDelta::hours(1))).unwrap_or(now);
    let columns = || {
        (0..)
            .map(|i| (start + step * i, start + step * (i + 1)))
            .take_while(|(from, _)| *from < start + AHEAD)
    };
    let values: Vec<_> = columns().map(|(from, to)| mean(&known, from, to)).collect();
    if values.iter().all(Option::is_none) {
        return None;
    }
    let planned = |(from, to): (Timestamp, Timestamp)| {
        runs.iter().any(|run| now < run.end && run.start < to && from < run.end)
    };
    let marks: Vec<bool> = columns().map(planned).collect();
    let strip = Strip { start, step, values: &values, marks: &marks, bounds };
    let marked = match marks.iter().any(|mark| *mark) {
        true => format!("; {} planned", screen.char('━', '=')),
        false => String::new(),
    };
    Some((format!("next 24 h{}{marked}", range(&values)), strip.lines(screen)))
}

/// Lowest and highest.
fn range(values: &[Option<f64>]) -> String {
    let known = || values.iter().flatten().copied();
    match (known().reduce(f64::min), known().reduce(f64::max)) {
        (Some(low), Some(high)) => format!(", {low:.0} to {high:.0}"),
        _ => String::new(),
    }
}

/// A spark with marks and a clock.
struct Strip<'a> {
    start: Timestamp,
    step: TimeDelta,
    values: &'a [Option<f64>],
    marks: &'a [bool],
    bounds: Option<(f64, f64)>,
}

impl Strip<'_> {
    fn lines(&self, screen: &Screen) -> Vec<String> {
        let known = || self.values.iter().flatten().copied();
        let low = known().fold(f64::INFINITY, f64::min);
        let (low, high) = self.bounds.unwrap_or_else(|| thirds((low, known().fold(low, f64::max))));
        let ink = |value: f64| match value {
            value if value <= low => Ink::Clean,
            value if high <= value => Ink::Dirty,
            _ => Ink::Between,
        };
        let mark = screen.char('━', '=');
        let marked = |marked| if marked { (Ink::Strong, mark) } else { (Ink::Plain, ' ') };
        let marks = self.marks.iter().copied().map(marked);
        vec![
            spark(screen, self.values, ink),
            screen.paint_run(marks),
            axis(self.start, self.step, self.values.len(), screen.columns.saturating_sub(NAMES)),
        ]
    }
}

#[cfg(test)]
mod tests;
