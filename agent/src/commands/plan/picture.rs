//! The forecast and the plan as a picture for the terminal.
//!
//! ```text
//!   298 ┤  ▂▅▇▇▆▄▂
//!       │▄▇███████▇▅▃          ▁▃
//!   190 ┤█████████████▆▄▂▁▁▁▂▄▇██
//!                     ━━━━━━━━
//!        6 PM        12 AM       6 AM
//! ```

use std::io::Write;

use chrono::{TimeDelta, TimeZone as _, Timelike as _};
use chrono_tz::America::New_York;
use domain::Timestamp;
use domain::plan::{ChargePlan, ChargeRequest, Outlook, Slot};

const COLUMNS: i64 = 72;
const ROWS: usize = 5;
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

const CHOSEN: &str = "\x1b[32m";
const OTHER: &str = "\x1b[90m";
const PLAIN: &str = "\x1b[0m";

/// One column: its mean value, and whether the car charges for half of it or more.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Column {
    value: Option<f64>,
    charged: bool,
}

/// Draws the time from now to the departure (or the end of a plan that overruns it); chosen hours stand
/// out by color, if there may be `colors`, and by the line below them.
pub fn write(
    out: &mut impl Write,
    now: Timestamp,
    request: &ChargeRequest,
    outlook: &Outlook,
    plan: &ChargePlan,
    colors: bool,
) -> anyhow::Result<()> {
    let [chosen, other, plain] = if colors { [CHOSEN, OTHER, PLAIN] } else { [""; 3] };
    let until = plan.end().map_or(request.depart, |end| end.max(request.depart));
    let Some(step) = step(until - now) else { return Ok(()) };
    let columns: Vec<Column> = (0..COLUMNS)
        .map(|i| (now + step * to_i32(i), now + step * to_i32(i + 1)))
        .take_while(|(start, _)| *start < until)
        .map(|(start, end)| Column {
            value: mean(outlook.forecast(), start, end),
            charged: (end - start) / 2 <= charged(plan, start, end),
        })
        .collect();
    let values = || columns.iter().filter_map(|column| column.value);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::MIN, f64::max));

    writeln!(out)?;
    if low <= high {
        for row in (0..ROWS).rev() {
            let label = match row {
                0 => format!("{low:>5.0} ┤"),
                row if row == ROWS - 1 => format!("{high:>5.0} ┤"),
                _ => format!("{:>5} │", ""),
            };
            write!(out, "{label}")?;
            let mut last = None;
            for column in &columns {
                if last != Some(column.charged) {
                    write!(out, "{}", if column.charged { chosen } else { other })?;
                    last = Some(column.charged);
                }
                write!(out, "{}", bar(column.value, low, high, row))?;
            }
            writeln!(out, "{plain}")?;
        }
    }
    let marks: String = columns.iter().map(|c| if c.charged { '━' } else { ' ' }).collect();
    writeln!(out, "{:>7}{chosen}{}{plain}", "", marks.trim_end())?;
    writeln!(out, "{:>7}{}", "", axis(now, step, columns.len()))?;
    writeln!(out)?;
    Ok(())
}

fn to_i32(column: i64) -> i32 {
    i32::try_from(column).unwrap_or(i32::MAX)
}

/// The time of a column: the shortest of the round spans that fits; `None` where there is no time.
fn step(span: TimeDelta) -> Option<TimeDelta> {
    let round =
        [5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 720, 1440].map(TimeDelta::minutes);
    let longest = span / to_i32(COLUMNS) + TimeDelta::seconds(1);
    (TimeDelta::zero() < span).then(|| {
        round.into_iter().find(|round| span <= *round * to_i32(COLUMNS)).unwrap_or(longest)
    })
}

/// Mean of the known part of `[start, end)`.
fn mean(slots: &[Slot], start: Timestamp, end: Timestamp) -> Option<f64> {
    let (mut sum, mut known) = (0.0, 0.0);
    let from = slots.partition_point(|slot| slot.end <= start);
    for slot in slots[from..].iter().take_while(|slot| slot.start < end) {
        let shared = (slot.end.min(end) - slot.start.max(start)).num_milliseconds() as f64;
        sum += slot.value * shared;
        known += shared;
    }
    (0.0 < known).then(|| sum / known)
}

fn charged(plan: &ChargePlan, start: Timestamp, end: Timestamp) -> TimeDelta {
    plan.slots
        .iter()
        .map(|slot| (slot.end.min(end) - slot.start.max(start)).max(TimeDelta::zero()))
        .sum()
}

/// The part of a column's bar that lies in a row, 0 being the lowest. The lowest value still shows.
fn bar(value: Option<f64>, low: f64, high: f64, row: usize) -> char {
    let Some(value) = value else { return if row == 0 { '?' } else { ' ' } };
    let share = if low < high { (value - low) / (high - low) } else { 1.0 };
    let eighths = 1.0 + share * (8 * ROWS - 1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0 to 8"
    )]
    BARS[(eighths - (8 * row) as f64).round().clamp(0.0, 8.0) as usize]
}

/// Wall-clock hours below the columns, as many as fit.
fn axis(now: Timestamp, step: TimeDelta, columns: usize) -> String {
    let local = |i: usize| {
        let at = now + step * i32::try_from(i).unwrap_or(i32::MAX);
        New_York.from_utc_datetime(&at.naive_utc())
    };
    let every = [1, 2, 3, 6, 12, 24]
        .into_iter()
        .find(|hours| 8 <= TimeDelta::hours(*hours).num_seconds() / step.num_seconds().max(1))
        .unwrap_or(24);
    let mut line = String::new();
    for i in 0..columns {
        let time = local(i);
        // A column is labeled when an hour that is due begins within it or at its start.
        let before = time - step;
        let hour = i64::from(time.hour());
        let due = hour % every == 0
            && (before.hour() != time.hour() || before.date_naive() != time.date_naive());
        let width = line.chars().count();
        if due && width <= i {
            line.extend(std::iter::repeat_n(' ', i - width));
            let label = if hour == 0 { time.format("%a %-d") } else { time.format("%-I %p") };
            line.push_str(&format!("{label} "));
        }
    }
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        write(&mut out, now, &request, &outlook, &plan, false).unwrap();
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

    #[test]
    fn no_time_is_no_picture() {
        assert_eq!(step(TimeDelta::zero()), None);
        assert_eq!(step(TimeDelta::minutes(-5)), None);
        assert_eq!(step(TimeDelta::hours(6)), Some(TimeDelta::minutes(5)));
        assert_eq!(step(TimeDelta::hours(96)), Some(TimeDelta::minutes(90)));
    }
}
