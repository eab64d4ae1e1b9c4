//! What a replay came to, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::NaiveDate;
use domain::control::Mode;
use serde_json::{Value, json};

use crate::commands::report::{Basis, Total, summary};
use crate::config::Config;
use crate::eastern;
use crate::ledger::Period;
use crate::replay::{Foreseen, Replayed};

const BASIS: Basis = Basis::Average;

/// Moves by New York day: the mean over the period, and the most.
fn switches(period_days: i64, replayed: &Replayed) -> (f64, usize) {
    let mut days: BTreeMap<NaiveDate, usize> = BTreeMap::new();
    for switch in &replayed.switches {
        *days.entry(eastern::local(switch.at.wall).date()).or_default() += 1;
    }
    let mean = replayed.switches.len() as f64 / period_days.max(1) as f64;
    (mean, days.into_values().max().unwrap_or(0))
}

/// For people.
pub fn text(from: NaiveDate, to: NaiveDate, config: &Config, replayed: &Replayed) -> String {
    let days = (to - from).num_days() + 1;
    let total = Total::of(&replayed.sessions, BASIS);
    let mode = config.control.mode.as_str();
    let mut text = format!("Replay of {from} to {to} ({days} days), mode {mode}");
    if let Some(charge) = &config.charge {
        let _ = write!(text, ", {} kWh at {} kW a departure", charge.need_kwh, charge.power_kw);
    }
    text.push_str("\n\n");
    text.push_str(&summary(&total));
    let (mean, most) = switches(days, replayed);
    let _ = writeln!(text, "Switches: {mean:.1} a day, {most} on the busiest.");
    if config.charge.is_some() {
        text.push_str(&departures(replayed));
    } else {
        text.push_str(
            "No departure is known, nor what the charger gives: set [charge] and [schedule] for kWh and kg.\n",
        );
    }
    text.push('\n');
    let _ = writeln!(text, "CO2 is by {}, as recorded.", BASIS.words());
    text.push_str(
        "At once and timer are reckoned with the same kWh at the same power; the timer begins at 01:00,\n\
         earlier where it would not be done by departure.\n",
    );
    let _ = writeln!(text, "{}", forecast_words(config.control.mode, replayed.foreseen));
    if replayed.known < 0.995 {
        let _ = writeln!(
            text,
            "Readings are there for {:.1} % of the time; the rest is decided without.",
            100.0 * replayed.known
        );
    }
    text
}

fn departures(replayed: &Replayed) -> String {
    let Replayed { departures, missed, impossible, .. } = replayed;
    let mut text = format!("Missed departures: {} of {departures}", missed.len());
    if *impossible != 0 {
        let _ = write!(text, ", {impossible} of them with too little time to charge at all");
    }
    text.push_str(".\n");
    for depart in missed.iter().take(10) {
        let local = eastern::local(*depart).format("%a %b %-d, %Y %-I:%M %p");
        let _ = writeln!(text, "  not ready at {local}");
    }
    text
}

fn forecast_words(mode: Mode, foreseen: Option<Foreseen>) -> String {
    match mode {
        Mode::Observe => {
            return "Mode observe moves nothing: this is how it is without the agent.".into();
        }
        Mode::Threshold => {
            return "Mode threshold plans nothing and guarantees no departure.".into();
        }
        Mode::Now | Mode::Off => return format!("Mode {} follows no grid.", mode.as_str()),
        Mode::Clean => {}
    }
    match foreseen {
        None => "Planned by the usual hours of the week: an agent's history holds no fuel mixes to forecast by."
            .to_owned(),
        Some(Foreseen { by_model, with_load_forecast, by_profile, fits }) => format!(
            "Planned by {} hourly forecasts, each by what was known then: {by_model} by the feed's model \
             ({with_load_forecast} with NYISO's load forecast, fit {fits} times), {by_profile} by the last two weeks.",
            by_model + by_profile
        ),
    }
}

/// For programs.
pub fn json(period: Period, config: &Config, replayed: &Replayed) -> Value {
    let total = Total::of(&replayed.sessions, BASIS);
    let days = (eastern::local(period.to).date() - eastern::local(period.from).date()).num_days();
    let (per_day, most) = switches(days, replayed);
    let kg = |grams: f64| grams.round() / 1e3;
    let compared = &total.compared;
    json!({
        "period": period,
        "days": days,
        "mode": config.control.mode.as_str(),
        "basis": BASIS.label(),
        "sessions": total.sessions,
        "kwh": (total.kwh * 1e3).round() / 1e3,
        "kg": kg(total.grams),
        "known_kwh": (total.known_kwh * 1e3).round() / 1e3,
        "compared_kwh": (compared.kwh * 1e3).round() / 1e3,
        "at_once_kg": kg(compared.at_once_grams),
        "timer_kg": kg(compared.timer_grams),
        "saved_at_once_kg": kg(compared.saved_at_once_grams),
        "saved_timer_kg": kg(compared.saved_timer_grams),
        "switches": replayed.switches.len(),
        "switches_per_day": (per_day * 1e3).round() / 1e3,
        "most_switches_on_a_day": most,
        "departures": replayed.departures,
        "missed_departures": replayed.missed.len(),
        "missed": replayed.missed,
        "impossible_departures": replayed.impossible,
        "readings_known": (replayed.known * 1e4).round() / 1e4,
        "forecasts": replayed.foreseen.map(|foreseen| json!({
            "by_model": foreseen.by_model,
            "with_load_forecast": foreseen.with_load_forecast,
            "by_profile": foreseen.by_profile,
            "fits": foreseen.fits,
        })),
    })
}
