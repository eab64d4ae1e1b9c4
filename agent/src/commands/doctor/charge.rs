//! What is asked for, said back: the next departure, and whether the night before it is long enough.

use domain::control::Mode;
use domain::schedule::last_before;

use super::{Finding, Patient};
use crate::commands::setup::takes;
use crate::eastern::NEW_YORK;
use crate::eastern::{say, when};
use crate::picture::span;

const CHECK: &str = "charge";

/// Says it back.
pub fn look(patient: &Patient<'_>) -> Finding {
    let (config, now) = (patient.config, patient.now);
    let Some(charge) = &config.charge else {
        return Finding::ok(
            CHECK,
            format!(
                "no departure is given; the mode \"{}\" decides alone",
                config.control.mode.as_str()
            ),
        );
    };
    let Some(depart) = charge.schedule.next_after(now, NEW_YORK) else {
        return Finding::warning(CHECK, "no departure follows", "give [schedule] one day at least");
    };
    let takes = takes(charge.need_kwh, charge.power_kw);
    let plugged = last_before(depart, charge.plugged_from, NEW_YORK);
    let night = depart - plugged;
    let text = format!(
        "the car leaves {} and needs {} kWh, which take {} at {} kW; it is plugged in from {}",
        when(depart, now),
        charge.need_kwh,
        span(takes),
        charge.power_kw,
        say(plugged, now)
    );
    if night < takes {
        return Finding::warning(
            CHECK,
            format!("{text}: that is only {}", span(night)),
            "plug in earlier, leave later, or ask for less; it charges all night and may not be ready",
        );
    }
    match config.control.mode {
        Mode::Off | Mode::Observe => Finding::warning(
            CHECK,
            format!("{text}; but the mode is \"{}\"", config.control.mode.as_str()),
            "control.mode = \"clean\" lets it charge",
        ),
        _ => Finding::ok(CHECK, text),
    }
}
