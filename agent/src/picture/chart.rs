//! Bars over time: one column a step, several rows high, with what is chosen marked below.
//!
//! ```text
//!   298 ┤  ▂▅▇▇▆▄▂
//!       │▄▇███████▇▅▃          ▁▃
//!   190 ┤█████████████▆▄▂▁▁▁▂▄▇██
//!                     ━━━━━━━━
//!        6 PM        12 AM       6 AM
//! ```

use chrono::TimeDelta;
use domain::Timestamp;

use super::axis::axis;
use super::screen::{Ink, Screen};

/// Columns left of the bars.
pub const MARGIN: usize = 7;

const ROWS: usize = 5;
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One column.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Column {
    /// Its mean; `None` where nobody knows.
    pub value: Option<f64>,
    /// The share of it that is chosen, 0 to 1.
    pub chosen: f64,
    /// In what ink.
    pub ink: Ink,
}

/// Bars over time.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Start of the first column.
    pub start: Timestamp,
    /// Time of a column.
    pub step: TimeDelta,
    /// From the first to the last.
    pub columns: Vec<Column>,
}

impl Chart {
    /// Lowest and highest value; `None` where nothing is known.
    pub fn range(&self) -> Option<(f64, f64)> {
        let values = || self.columns.iter().filter_map(|column| column.value);
        let low = values().reduce(f64::min)?;
        Some((low, values().fold(low, f64::max)))
    }

    /// Inks the columns: green up to `low`, red from `high` on, yellow between.
    pub fn ink_by(&mut self, (low, high): (f64, f64)) {
        for column in &mut self.columns {
            column.ink = match column.value {
                None => Ink::Faint,
                Some(value) if value <= low => Ink::Clean,
                Some(value) if high <= value => Ink::Dirty,
                Some(_) => Ink::Between,
            };
        }
    }

    /// The lines: bars, what is chosen, the clock.
    pub fn lines(&self, screen: &Screen) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some((low, high)) = self.range() {
            for row in (0..ROWS).rev() {
                let label = match row {
                    0 => Some(low),
                    _ if row == ROWS - 1 => Some(high),
                    _ => None,
                };
                lines.push(self.row(screen, row, (low, high), label));
            }
        }
        let (whole, some) = (screen.char('━', '='), screen.char('─', '-'));
        let mark = |column: &Column| match column.chosen {
            share if 0.5 <= share => whole,
            share if 0.0 < share => some,
            _ => ' ',
        };
        let marks = self.columns.iter().map(mark).map(|mark| match mark {
            ' ' => (Ink::Plain, mark),
            _ => (Ink::Strong, mark),
        });
        lines.push(indented(&screen.paint_run(marks)));
        lines.push(indented(&axis(
            self.start,
            self.step,
            self.columns.len(),
            screen.columns.saturating_sub(MARGIN),
        )));
        lines
    }

    fn row(&self, screen: &Screen, row: usize, range: (f64, f64), label: Option<f64>) -> String {
        let edge = match label {
            Some(value) => format!("{} {}", number(value), screen.char('┤', '|')),
            None => format!("{:>5} {}", "", screen.char('│', '|')),
        };
        let bars = self.columns.iter().map(|column| {
            // Nothing is known of it: that is no low value.
            let bar = match column.value {
                Some(value) => bar(screen, value, range, row),
                None if row == 0 => '?',
                None => ' ',
            };
            (column.ink, bar)
        });
        format!("{edge}{}", screen.paint_run(bars))
    }

    /// The column of an instant, where it is on the chart; one at its very end is in the last.
    pub fn column_of(&self, at: Timestamp) -> Option<usize> {
        let last = self.columns.len().checked_sub(1)?;
        let column = (at - self.start).num_milliseconds() / self.step.num_milliseconds().max(1);
        let column = usize::try_from(column).ok()?;
        (column <= last + 1).then_some(column.min(last))
    }
}

fn indented(line: &str) -> String {
    if line.is_empty() { String::new() } else { format!("{:MARGIN$}{line}", "") }
}

/// A value in five columns: prices have decimals.
fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 10.0 {
        format!("{value:>5.2}")
    } else {
        format!("{value:>5.0}")
    }
}

/// The part of a bar that lies in a row, 0 being the lowest. The lowest value still shows.
fn bar(screen: &Screen, value: f64, (low, high): (f64, f64), row: usize) -> char {
    let share = if low < high { (value - low) / (high - low) } else { 1.0 };
    let eighths = 1.0 + share * (8 * ROWS - 1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0 to 8"
    )]
    let filled = (eighths - (8 * row) as f64).round().clamp(0.0, 8.0) as usize;
    match (screen.unicode, filled) {
        (true, filled) => BARS[filled],
        (false, 0) => ' ',
        (false, 1..4) => '.',
        (false, 4..7) => ':',
        (false, _) => '#',
    }
}

/// The time of a column: the shortest round one of at least `finest`, and in whole steps of it, by which
/// `span` fits into `columns`; `None` where there is no time.
pub fn step(span: TimeDelta, columns: usize, finest: TimeDelta) -> Option<TimeDelta> {
    let round = [5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 720, 1440];
    let whole = |step: &TimeDelta| step.num_seconds() % finest.num_seconds().max(1) == 0;
    let columns = i32::try_from(columns).unwrap_or(i32::MAX).max(1);
    let longest = span / columns + TimeDelta::seconds(1);
    (TimeDelta::zero() < span).then(|| {
        round
            .into_iter()
            .map(TimeDelta::minutes)
            .filter(whole)
            .find(|step| span <= *step * columns)
            .unwrap_or(longest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: Screen = Screen { columns: 80, colors: false, unicode: true };

    fn chart(values: &[Option<f64>], chosen: &[f64]) -> Chart {
        let column = |(i, value): (usize, &Option<f64>)| Column {
            value: *value,
            chosen: chosen.get(i).copied().unwrap_or(0.0),
            ink: Ink::Plain,
        };
        Chart {
            start: "2026-03-10T22:00:00Z".parse().unwrap(),
            step: TimeDelta::minutes(30),
            columns: values.iter().enumerate().map(column).collect(),
        }
    }

    #[test]
    fn bars_holes_and_marks() {
        let chart = chart(
            &[Some(300.0), Some(250.0), Some(210.0), Some(200.0), None, Some(200.0)],
            &[0.0, 0.0, 0.3, 1.0, 0.5],
        );
        let lines = chart.lines(&SCREEN);
        assert_eq!(
            lines,
            [
                "  300 ┤█",
                "      │█",
                "      │█▅",
                "      │██",
                "  200 ┤██▅▁?▁",
                "         ─━━",
                "       6 PM",
            ]
        );
        let ascii = chart.lines(&Screen { unicode: false, ..SCREEN });
        assert_eq!(
            ascii,
            [
                "  300 |#",
                "      |#",
                "      |#:",
                "      |##",
                "  200 |##:.?.",
                "         -==",
                "       6 PM",
            ]
        );
        assert!(ascii.concat().is_ascii());
    }

    #[test]
    fn nothing_known_is_no_bars() {
        assert_eq!(chart(&[None, None], &[0.0, 1.0]).lines(&SCREEN), ["        ━", "       6 PM"]);
    }

    #[test]
    fn a_flat_course_is_full_and_prices_have_decimals() {
        let lines = chart(&[Some(0.25), Some(0.25)], &[]).lines(&SCREEN);
        assert_eq!((lines[0].as_str(), lines[4].as_str()), (" 0.25 ┤██", " 0.25 ┤██"));
    }

    #[test]
    fn inks_follow_the_bounds() {
        let mut chart = chart(&[Some(100.0), Some(150.0), Some(200.0), None], &[]);
        chart.ink_by((100.0, 200.0));
        let inks: Vec<Ink> = chart.columns.iter().map(|column| column.ink).collect();
        assert_eq!(inks, [Ink::Clean, Ink::Between, Ink::Dirty, Ink::Faint]);
        let colored = chart.lines(&Screen { colors: true, ..SCREEN });
        assert!(
            colored[4].contains("\x1b[32m▁\x1b[0m\x1b[33m█\x1b[0m\x1b[31m█\x1b[0m"),
            "{colored:?}"
        );
    }

    #[test]
    fn steps_are_round_and_fit() {
        let check = |hours: i64, columns, finest, minutes: Option<i64>| {
            let step = step(TimeDelta::hours(hours), columns, TimeDelta::minutes(finest));
            assert_eq!(step, minutes.map(TimeDelta::minutes), "{hours} h in {columns}");
        };
        check(0, 72, 5, None);
        check(-1, 72, 5, None);
        check(6, 72, 5, Some(5));
        check(96, 72, 5, Some(120));
        check(12, 72, 15, Some(15));
        check(24, 72, 15, Some(30));
        check(24, 32, 15, Some(60));
        check(24, 192, 15, Some(15));
        check(96, 32, 15, Some(180));
    }
}
