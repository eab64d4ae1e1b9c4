//! Reasons as sentences: why is it (not) charging, and when will that change.

use std::time::Duration;

use domain::Timestamp;
use domain::control::{
    Awaited, Basis, Bounds, BoundsFrom, Claim, ClockTrust, Contactor, Decision, Hold, Limits, Live,
    NextChange, NoSignal, Reason, Side, Span,
};
use domain::plan::{Aim, PlanBasis};
use domain::units::CarbonIntensity;

use crate::eastern::{say, when};

/// One sentence: what the contactor does, why, and when that will change.
pub fn sentence(decision: &Decision, limits: &Limits, now: Timestamp) -> String {
    let claim = decision.claim();
    let state = on_or_off(decision.position);
    let because = because(claim, now);
    let next = next(decision, now);
    match decision.hold {
        None => format!("Charging is {state}: {because}; {next}."),
        Some(Hold::Observing) => format!(
            "Charging is {state}, only observing: {because}, so it would be switched {}; nothing is \
             moved until the mode is changed.",
            on_or_off(claim.wants)
        ),
        Some(hold) => {
            let hold = held_by(&hold, limits);
            format!("Charging is {state} although {because}: {hold}; {next}.")
        }
    }
}

/// The same for a contactor that does not do what it is told.
pub fn trouble(decision: &Decision, trouble: &str, now: Timestamp) -> String {
    let state = on_or_off(decision.position);
    let wants = on_or_off(decision.claim().wants);
    let again = match decision.hold.and_then(|hold| hold.until()) {
        Some(until) => format!("it is tried again {}", when(until, now)),
        None => "it is tried again at the next chance".to_owned(),
    };
    format!("Charging is {state} and should be {wants}: {trouble}; {again}.")
}

/// Why a claim wants what it wants, without its position: half a sentence.
pub fn because(claim: &Claim, now: Timestamp) -> String {
    match &claim.reason {
        Reason::Starting { awaited, until } => {
            let awaited = match awaited {
                Awaited::Clock => "a clock that can be trusted",
                Awaited::Data => "fresh data",
            };
            format!(
                "it has just started and keeps what it found, waiting for {awaited} until {} at most",
                say(*until, now)
            )
        }
        Reason::ByHand { since, .. } => {
            format!("somebody switched it {} by hand {}", on_or_off(claim.wants), when(*since, now))
        }
        Reason::ChargeNow { until } => {
            format!("you asked it to charge until {}", say(*until, now))
        }
        Reason::Skip { until } => {
            format!("you asked it not to charge until {}", say(*until, now))
        }
        Reason::Departure { depart, .. } => format!(
            "the car leaves {} and there is just time enough to be ready",
            when(*depart, now)
        ),
        Reason::Planned { depart, basis, aim, .. } => {
            let best = match aim {
                Aim::Clean => "cleanest",
                Aim::Cheap => "cheapest",
            };
            let why = match (basis, aim) {
                (PlanBasis::Forecast | PlanBasis::Mixed, Aim::Clean) => {
                    format!("by the forecast this is among the {best} hours")
                }
                (PlanBasis::Forecast | PlanBasis::Mixed, Aim::Cheap) => {
                    format!("this is among the {best} hours")
                }
                (PlanBasis::History, _) => {
                    format!("by this agent's own history this is usually among the {best} hours")
                }
                (PlanBasis::Deadline, _) => {
                    "no forecast is known and these are the last hours".to_owned()
                }
            };
            format!("{why} before the car leaves {}", when(*depart, now))
        }
        Reason::Waits { depart, basis, aim, .. } => {
            let better = match aim {
                Aim::Clean => "cleaner",
                Aim::Cheap => "cheaper",
            };
            let why = match (basis, aim) {
                (PlanBasis::Forecast | PlanBasis::Mixed, Aim::Clean) => {
                    format!("by the forecast {better} hours come")
                }
                (PlanBasis::Forecast | PlanBasis::Mixed, Aim::Cheap) => {
                    format!("{better} hours come")
                }
                (PlanBasis::History, _) => {
                    format!("by this agent's own history {better} hours usually come")
                }
                (PlanBasis::Deadline, _) => "no forecast is known and there is time".to_owned(),
            };
            format!("{why} before the car leaves {}", when(*depart, now))
        }
        Reason::Charged { depart } => {
            format!("the car has what it needs to leave {}", when(*depart, now))
        }
        Reason::NoCar => "no car is plugged in, so nothing is switched".to_owned(),
        Reason::Unpaused { refusing: true, .. } => {
            "the car takes no current since it was paused, and another pause would not help"
                .to_owned()
        }
        Reason::Unpaused { refusing: false, .. } => {
            "this car did not go on after a pause before, so it is not paused".to_owned()
        }
        Reason::ModeNow => "the mode is \"now\"".to_owned(),
        Reason::ModeOff => "the mode is \"off\"".to_owned(),
        Reason::Grid { side, intensity, basis, bounds } => {
            grid(*side, *intensity, basis, bounds, now)
        }
        Reason::NoSignal(no_signal) => format!(
            "{}, so the safe position holds ({})",
            why_no_signal(no_signal, now),
            on_or_off(claim.wants)
        ),
        Reason::Safe => format!("the safe position is {}", on_or_off(claim.wants)),
    }
}

fn on_or_off(position: Contactor) -> &'static str {
    match position {
        Contactor::Open => "off",
        Contactor::Closed => "on",
    }
}

fn grams(intensity: CarbonIntensity) -> String {
    format!("{:.0}", intensity.grams_per_kwh())
}

fn grid(
    side: Side,
    intensity: CarbonIntensity,
    basis: &Basis,
    bounds: &Bounds,
    now: Timestamp,
) -> String {
    let value = grams(intensity);
    let (low, high) = (grams(bounds.close_below), grams(bounds.open_above));
    let word = match side {
        Side::Clean => "clean",
        Side::Between => "neither clean nor dirty",
        Side::Dirty => "dirty",
    };
    let compared = match (side, bounds.from) {
        (Side::Clean, BoundsFrom::Settings) => format!("below {low}"),
        (Side::Dirty, BoundsFrom::Settings) => format!("above {high}"),
        (Side::Between, _) => format!("between {low} and {high}"),
        (Side::Clean, BoundsFrom::Week { close_below, hours, .. }) => {
            format!("below {low}, so among the cleanest {close_below:.0} % of {}", span(hours))
        }
        (Side::Dirty, BoundsFrom::Week { open_above, hours, .. }) => {
            let dirtiest = 100.0 - open_above;
            format!("above {high}, so among the dirtiest {dirtiest:.0} % of {}", span(hours))
        }
    };
    match basis {
        Basis::Live(live) => {
            format!("the grid is {word} ({value} g/kWh {}, {compared})", when(live.ts, now))
        }
        Basis::Forecast { newest } => format!(
            "{}, and by the last forecast the grid is {word} at this hour ({value} g/kWh, {compared})",
            silent(newest.as_ref(), now)
        ),
        Basis::Usual { newest } => format!(
            "{}, and by this agent's own history the grid is usually {word} at this hour \
             ({value} g/kWh, {compared})",
            silent(newest.as_ref(), now)
        ),
    }
}

fn span(hours: f64) -> String {
    if 160.0 <= hours {
        "the last 7 days".to_owned()
    } else {
        format!("the {hours:.0} hours known of the last 7 days")
    }
}

fn silent(newest: Option<&Live>, now: Timestamp) -> String {
    match newest {
        Some(live) => format!("the newest reading is too old ({})", say(live.ts, now)),
        None => "no reading has come".to_owned(),
    }
}

fn why_no_signal(no_signal: &NoSignal, now: Timestamp) -> String {
    match no_signal {
        NoSignal::Clock(ClockTrust::Behind { known }) => format!(
            "the clock is wrong (it shows {}, but {} has already been)",
            say(now, now),
            say(*known, now)
        ),
        NoSignal::Clock(_) => "the clock has not been set since the machine started".to_owned(),
        NoSignal::NoBounds => {
            "there is too little history to say what is clean here (a day is needed)".to_owned()
        }
        NoSignal::NoData { newest } => {
            format!("{}, and there is no history of this hour", silent(newest.as_ref(), now))
        }
    }
}

fn held_by(hold: &Hold, limits: &Limits) -> String {
    match hold {
        Hold::MinimumOn { .. } => format!("once on it stays on for {}", length(limits.min_on)),
        Hold::MinimumOff { .. } => format!("once off it stays off for {}", length(limits.min_off)),
        Hold::Budget { span, used, limit, .. } => {
            let span = match span {
                Span::Hour => "an hour",
                Span::Day => "24 hours",
            };
            format!(
                "{used} of {limit} switches allowed in {span} are used, and the last is kept for \
                 switching on again"
            )
        }
        Hold::Returning { .. } => {
            "power or feed have come back for everybody at once, and so that not all \
             cars start in the same second this one waits a little"
                .to_owned()
        }
        Hold::Turning { .. } => {
            "so that not all cars switch in the same second this one waits a little".to_owned()
        }
        Hold::Observing => "it only observes".to_owned(),
    }
}

/// A length of time as a person says it.
pub fn length(duration: Duration) -> String {
    let secs = duration.as_secs();
    let plural = |n: u64, unit: &str| format!("{n} {unit}{}", if n == 1 { "" } else { "s" });
    match secs {
        0..=119 => plural(secs, "second"),
        120..=7199 => plural(secs / 60, "minute"),
        7200..=172_799 => plural(secs / 3600, "hour"),
        _ => plural(secs / 86_400, "day"),
    }
}

fn next(decision: &Decision, now: Timestamp) -> String {
    let claim = decision.claim();
    let turns = match decision.position {
        Contactor::Closed => "stops",
        Contactor::Open => "starts",
    };
    let with_the_grid = match (&claim.reason, decision.position) {
        (Reason::Grid { bounds, .. }, Contactor::Closed) => {
            format!("it stops above {} g/kWh", grams(bounds.open_above))
        }
        (Reason::Grid { bounds, .. }, Contactor::Open) => {
            format!("it starts below {} g/kWh", grams(bounds.close_below))
        }
        _ => format!("it {turns} when the grid changes"),
    };
    match decision.next {
        NextChange::At(at) if decision.hold.is_some() => {
            format!("it {turns} {} unless that changes before", when(at, now))
        }
        NextChange::At(at)
            if matches!(
                claim.reason,
                Reason::Planned { .. } | Reason::Waits { .. } | Reason::Departure { .. }
            ) =>
        {
            format!("it {turns} {}", when(at, now))
        }
        NextChange::At(at) => format!("it decides anew {}", when(at, now)),
        NextChange::Likely(at) => format!("{with_the_grid}, likely around {}", say(at, now)),
        NextChange::WithTheGrid => with_the_grid,
        NextChange::WithData => match claim.reason {
            Reason::NoSignal(NoSignal::Clock(_)) => {
                "it decides by the grid again once the clock is right".to_owned()
            }
            _ => "it decides by the grid again once there are data".to_owned(),
        },
        NextChange::WithTheCar => match claim.reason {
            Reason::NoCar => "it decides anew when a car is plugged in".to_owned(),
            Reason::Unpaused { depart: Some(depart), .. } => {
                format!("it stops once the car has what it needs to leave {}", when(depart, now))
            }
            _ => "it stops once the car takes no more".to_owned(),
        },
        NextChange::ByUser => "that lasts until the settings are changed".to_owned(),
    }
}

#[cfg(test)]
mod tests;
