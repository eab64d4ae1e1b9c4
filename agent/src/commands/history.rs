//! `history`: switches, readings and sessions.

use std::fmt::Write as _;
use std::process::ExitCode;

use chrono::{TimeDelta, TimeZone as _};
use chrono_tz::America::New_York;
use clap::Args;
use domain::Timestamp;
use domain::series::{Sample, Window};
use domain::wire::Origin;

use super::ask::print;
use super::period::{Named, PeriodArgs, misuse};
use super::record::look_up;
use super::report::{kg, when};
use crate::config::{Config, File};
use crate::ledger::{HistoryPage, Period, Question, Reading, SessionEntry};
use crate::picture::{Ink, Screen, spark};

/// Shows what happened: every switch, the grid's readings, the sessions; of the last 24 hours where no time
/// is named.
///
/// Works while the agent runs, and on the record of a stopped one.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    #[command(flatten)]
    period: PeriodArgs,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the history.
pub fn run(
    arguments: &HistoryArgs,
    file: &File,
    config: &Config,
    now: Timestamp,
) -> anyhow::Result<ExitCode> {
    let named = match arguments.period.named(now) {
        Ok(named) => named,
        Err(mistake) => return Ok(misuse(&mistake)),
    };
    let named = named.unwrap_or_else(|| Named {
        // A reading may be stamped a moment ahead of our clock.
        period: Period { from: now - TimeDelta::hours(24), to: now + TimeDelta::minutes(10) },
        name: "the last 24 hours".to_owned(),
    });
    let found = look_up(file, config, Question::History(named.period))?;
    print(&if arguments.json {
        serde_json::to_string_pretty(&serde_json::json!({
            "period": named.period,
            "switches": found.switches,
            "readings": found.readings,
            "origin": found.origin,
            "sessions": found.sessions,
        }))?
    } else {
        page(&named, &found, Screen::of_stdout().as_ref())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn page(named: &Named, found: &HistoryPage, screen: Option<&Screen>) -> String {
    let mut page = format!("{}, New York time\n\nReadings\n", capitalized(&named.name));
    page.push_str(&readings(&found.readings, found.origin, screen));
    page.push_str("\nSwitches\n");
    if found.switches.is_empty() {
        page.push_str("  The contactor was not moved.\n");
    }
    for switch in &found.switches {
        let _ = writeln!(page, "  {:<26}{:<8}{}", time(switch.at), switch.to, switch.cause);
    }
    page.push_str("\nSessions\n");
    if found.sessions.is_empty() {
        page.push_str("  None began.\n");
    }
    for session in &found.sessions {
        let _ = writeln!(page, "  {}", session_line(session));
    }
    page
}

fn session_line(session: &SessionEntry) -> String {
    let grams = match &session.average {
        Some(account) if account.partial => format!("CO2 known of {:.1} kWh", account.known_kwh),
        Some(account) => format!("{} kg CO2 (average)", kg(account.grams)),
        None => "CO2 not known".to_owned(),
    };
    let open = if session.open { ", goes on" } else { "" };
    format!("{:<41}{:>6.1} kWh  {grams}, known by {}{open}", when(session), session.kwh, session.by)
}

fn readings(readings: &[Reading], origin: Origin, screen: Option<&Screen>) -> String {
    let (Some(first), Some(last)) = (readings.first(), readings.last()) else {
        return "  None.\n".to_owned();
    };
    let by_grams = |a: &&Reading, b: &&Reading| a.grams_per_kwh.total_cmp(&b.grams_per_kwh);
    let (Some(low), Some(high)) =
        (readings.iter().min_by(by_grams), readings.iter().max_by(by_grams))
    else {
        return String::new();
    };
    let demo = match origin {
        Origin::Nyiso => String::new(),
        demo => format!(" ({} data: a demo)", demo.as_str()),
    };
    let mut text = format!(
        "  {} from {} to {}, average intensity{demo}\n  lowest  {:>4.0} g/kWh, {}\n  highest {:>4.0} g/kWh, {}\n",
        readings.len(),
        time(first.ts),
        time(last.ts),
        low.grams_per_kwh,
        time(low.ts),
        high.grams_per_kwh,
        time(high.ts),
    );
    if let Some(screen) = screen {
        let _ = writeln!(text, "  {}", sparkline(readings, screen));
    }
    text
}

/// The means of equal spans, as many as the screen is wide, 72 at most; a hole is a blank.
fn sparkline(readings: &[Reading], screen: &Screen) -> String {
    let columns = i32::try_from(screen.columns.saturating_sub(4)).unwrap_or(72).clamp(1, 72);
    let (Some(first), Some(last)) = (readings.first(), readings.last()) else {
        return String::new();
    };
    let step = ((last.ts - first.ts) / columns).max(TimeDelta::minutes(15));
    let mut window = Window::new(last.ts - first.ts + step);
    for reading in readings {
        window.insert(Sample { ts: reading.ts, grams_per_kwh: reading.grams_per_kwh });
    }
    let mut values: Vec<Option<f64>> = Vec::new();
    let mut before: Option<Timestamp> = None;
    for mean in window.means(step) {
        let hole = before
            .map_or(0, |before| (mean.ts - before).num_seconds() / step.num_seconds().max(1) - 1);
        values.extend(std::iter::repeat_n(None, usize::try_from(hole).unwrap_or(0)));
        values.push(Some(mean.grams_per_kwh));
        before = Some(mean.ts);
    }
    spark(screen, &values, |_| Ink::Plain)
}

fn time(ts: Timestamp) -> String {
    let local = New_York.from_utc_datetime(&ts.naive_utc());
    local.format("%a %b %-d %-I:%M:%S %p %Z").to_string()
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_shows_means_and_holes() {
        let start: Timestamp = "2026-03-10T04:00:00Z".parse().unwrap();
        let readings: Vec<Reading> = (1..=24)
            .filter(|n| !(9..=14).contains(n))
            .map(|n| Reading {
                ts: start + TimeDelta::minutes(5 * n),
                grams_per_kwh: if n < 12 { 100.0 } else { 300.0 },
            })
            .collect();
        let screen = Screen { columns: 80, colors: true, unicode: true };
        assert_eq!(sparkline(&readings, &screen), "▁▁▁ ████");
        assert_eq!(sparkline(&[], &screen), "");
        let narrow = Screen { columns: 8, colors: false, unicode: false };
        // Two columns are the indent.
        assert!(sparkline(&readings, &narrow).chars().count() <= 6);
    }
}
