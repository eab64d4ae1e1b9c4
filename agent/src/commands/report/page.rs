//! The report as a person reads it.

use std::fmt::Write as _;

use chrono::{Datelike, TimeZone as _};
use chrono_tz::America::New_York;
use domain::Timestamp;
use domain::wire::Origin;

use super::{Basis, Sessions, Total};
use crate::ledger::SessionEntry;

/// Columns of the longest bar.
const BAR: f64 = 24.0;

/// The page; with `bars` where a terminal shows it.
pub fn page(name: &str, sessions: &Sessions, total: &Total, basis: Basis, bars: bool) -> String {
    let mut page = format!("Charging in {name}, New York time\n\n");
    if sessions.shown.is_empty() {
        page.push_str("No session began in this time.\n");
        return page;
    }
    let longest = sessions.shown.iter().filter_map(|session| most(session, basis));
    let longest = longest.fold(0.0, f64::max);
    for session in &sessions.shown {
        let picture = if bars { bar_of(session, basis, longest) } else { String::new() };
        let line = format!("  {}{picture}", row(session, basis));
        let _ = writeln!(page, "{}", line.trim_end());
    }
    page.push('\n');
    page.push_str(&summary(total));
    page.push('\n');
    for note in notes(sessions, total, basis, bars) {
        let _ = writeln!(page, "{note}");
    }
    page
}

fn row(session: &SessionEntry, basis: Basis) -> String {
    let grams = match basis.of(session) {
        Some(account) if account.partial => format!("{:>7} part", kg(account.grams)),
        Some(account) => format!("{:>7} kg  ", kg(account.grams)),
        None => format!("{:>7}     ", "?"),
    };
    let saved = basis.of(session).and_then(|account| account.saved_at_once_grams);
    let saved = saved.map_or_else(|| "?".to_owned(), |saved| format!("{:+.2}", -saved / 1e3));
    let now = if session.open { " so far" } else { "" };
    format!("{:<41}{:>6.1} kWh {grams}{saved:>7}{now}", when(session), session.kwh)
}

/// `Tue Mar 10 6:00 PM to Wed 7:30 AM`.
pub fn when(session: &SessionEntry) -> String {
    let local = |ts: Timestamp| New_York.from_utc_datetime(&ts.naive_utc());
    let (from, to) = (local(session.from), local(session.to));
    let format = if from.date_naive() == to.date_naive() {
        "%-I:%M %p"
    } else if (to.date_naive() - from.date_naive()).num_days() < 7 {
        "%a %-I:%M %p"
    } else {
        "%b %-d %-I:%M %p"
    };
    let doubt = if session.time_is_doubtful { " (?)" } else { "" };
    let day = if from.year() == to.year() { "%a %b %-d %-I:%M %p" } else { "%b %-d %Y %-I:%M %p" };
    format!("{} to {}{doubt}", from.format(day), to.format(format))
}

/// kg with two decimals.
pub fn kg(grams: f64) -> String {
    format!("{:.2}", grams / 1e3)
}

fn most(session: &SessionEntry, basis: Basis) -> Option<f64> {
    let account = basis.of(session)?;
    Some(account.at_once_grams.map_or(account.grams, |at_once| at_once.max(account.grams)))
}

fn bar_of(session: &SessionEntry, basis: Basis, longest: f64) -> String {
    let Some(account) = basis.of(session) else { return String::new() };
    format!("  {}", bar(account.grams, most(session, basis).unwrap_or(0.0), longest))
}

/// `████▒▒`: what was set free, and what charging at once had added.
pub fn bar(grams: f64, at_once: f64, longest: f64) -> String {
    if longest <= 0.0 {
        return String::new();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the columns there are"
    )]
    let columns = |grams: f64| (grams / longest * BAR).round().clamp(0.0, BAR) as usize;
    let (full, all) = (columns(grams), columns(at_once.max(grams)));
    "█".repeat(full) + &"▒".repeat(all - full)
}

/// The sums, a line each.
pub fn summary(total: &Total) -> String {
    let mut text = format!("In all {}, {:.1} kWh", count(total.sessions), total.kwh);
    if 0.0 < total.known_kwh {
        let mean = total.grams / total.known_kwh;
        let part = match total.partial_sessions {
            0 => String::new(),
            _ => format!(" for the {:.1} kWh whose intensity is known", total.known_kwh),
        };
        let _ = write!(text, ", {} kg CO2{part}: {mean:.0} g/kWh", kg(total.grams));
    }
    text.push_str(".\n");
    let compared = &total.compared;
    if 0.0 < compared.kwh {
        if compared.sessions < total.sessions {
            let _ = writeln!(
                text,
                "Of {} of them, {:.1} kWh and {} kg, it is known what had been otherwise:",
                compared.sessions,
                compared.kwh,
                kg(compared.grams)
            );
        }
        for (what, grams) in [
            ("Charged at once", compared.at_once_grams),
            ("By a 01:00 timer", compared.timer_grams),
        ] {
            let _ = writeln!(
                text,
                "{what} it had been {} kg: {}.",
                kg(grams),
                saved(grams, compared.grams)
            );
        }
    }
    text
}

fn saved(other: f64, grams: f64) -> String {
    let saved = other - grams;
    let share = if 0.0 < other {
        format!(" ({:.1} %)", 100.0 * saved.abs() / other)
    } else {
        String::new()
    };
    if saved.abs() < 5.0 {
        "the same".to_owned()
    } else if 0.0 < saved {
        format!("{} kg saved{share}", kg(saved))
    } else {
        format!("{} kg more was set free than that{share}", kg(-saved))
    }
}

fn count(sessions: usize) -> String {
    if sessions == 1 { "1 session".to_owned() } else { format!("{sessions} sessions") }
}

/// What a reader must know to take the numbers for what they are.
fn notes(sessions: &Sessions, total: &Total, basis: Basis, bars: bool) -> Vec<String> {
    let mut notes = vec![format!("CO2 is by {}.", basis.words())];
    notes.push(
        "The last column is what was set free beyond charging at once, kg: with a minus, saved. At once and \
         timer are reckoned with the same kWh at the same power."
            .to_owned(),
    );
    if bars {
        notes.push("In the bars ▒ is what charging at once had added.".to_owned());
    }
    let assumed = total.kwh - total.metered_kwh;
    if 0.005 < assumed {
        let all = if total.metered_kwh < 0.005 { "The" } else { &format!("{assumed:.1} of the") };
        notes.push(format!(
            "{all} kWh are power times time of the contactor: nothing measured them."
        ));
    }
    if total.kwh == 0.0 && 0 < total.charging_s {
        notes.push("No power is known: set charge.power_kw, or give the agent a meter.".to_owned());
    }
    if 0 < total.partial_sessions {
        notes.push(format!(
            "{} part of the readings: energy counts, CO2 only where the intensity is known.",
            match total.partial_sessions {
                1 => "1 session lacks".to_owned(),
                n => format!("{n} sessions lack"),
            }
        ));
    }
    if sessions.shown.iter().any(|session| session.open) {
        notes.push("The last session goes on.".to_owned());
    }
    if let Some(demo) = sessions.shown.iter().find(|session| session.origin != Origin::Nyiso) {
        notes.push(format!("A demo: by {} data, true of no grid of today.", demo.origin.as_str()));
    }
    if 0 < sessions.left_out {
        notes.push(format!("{} by demo data left out.", count(sessions.left_out)));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::AccountEntry;

    /// 14 kWh from 6 PM, unplugged so many hours later; g as charged, and at once.
    fn session(hours: i64, grams: f64, at_once: f64) -> SessionEntry {
        let from: Timestamp = "2026-03-10T22:00:00Z".parse().unwrap();
        let account = AccountEntry {
            grams,
            known_kwh: 14.0,
            partial: false,
            at_once_grams: Some(at_once),
            timer_grams: Some(at_once),
            saved_at_once_grams: Some(at_once - grams),
            saved_timer_grams: Some(at_once - grams),
        };
        SessionEntry {
            from,
            to: from + chrono::TimeDelta::hours(hours),
            by: "presence".to_owned(),
            open: false,
            kwh: 14.0,
            metered_kwh: 14.0,
            charging_s: 7200,
            time_is_doubtful: false,
            origin: Origin::Nyiso,
            average: Some(account),
            marginal: None,
            settled: true,
        }
    }

    fn told(sessions: Vec<SessionEntry>, bars: bool) -> String {
        let sessions = Sessions::new(sessions);
        page(
            "March 2026",
            &sessions,
            &Total::of(&sessions.shown, Basis::Average),
            Basis::Average,
            bars,
        )
    }

    #[test]
    fn a_terminal_gets_bars_and_who_did_worse_is_told_so() {
        let page = told(vec![session(13, 1400.0, 2800.0), session(2, 2800.0, 2100.0)], true);
        let lines: Vec<&str> = page.lines().collect();
        assert_eq!(
            lines[2],
            "  Tue Mar 10 6:00 PM to Wed 7:00 AM          14.0 kWh    1.40 kg    -1.40  ████████████▒▒▒▒▒▒▒▒▒▒▒▒"
        );
        assert_eq!(
            lines[3],
            "  Tue Mar 10 6:00 PM to 8:00 PM              14.0 kWh    2.80 kg    +0.70  ████████████████████████"
        );
        let worse = told(vec![session(2, 2800.0, 2100.0)], false);
        let expected =
            "Charged at once it had been 2.10 kg: 0.70 kg more was set free than that (33.3 %).";
        assert!(worse.contains(expected), "{worse}");
        assert!(!worse.contains("nothing measured them"), "all of it was: {worse}");
    }

    #[test]
    fn a_demo_is_never_added_to_real_sessions() {
        let demo = || SessionEntry { origin: Origin::Generated, ..session(13, 1400.0, 2800.0) };
        let page = told(vec![session(13, 1400.0, 2800.0), demo()], false);
        assert!(page.contains("In all 1 session, 14.0 kWh"), "{page}");
        assert!(page.contains("1 session by demo data left out."), "{page}");
        let page = told(vec![demo()], false);
        assert!(page.contains("A demo: by generated data"), "{page}");
    }
}
