//! What was charged, session by session, and what it meant for the climate.
//!
//! ```text
//! ticks ──> [Book] ──> portions of energy, five minutes each ──┐
//!             └──────> sessions, from plug-in to unplug ───────┼──> [Account]: grams, and what charging at
//!                      readings of the grid ──> [Rates] ───────┘    once or by a 01:00 timer had been
//! ```
//!
//! Terms: a *session* lasts from plug-in to unplug. Where no presence is known, it lasts from the first
//! power of a meter on; where there is no meter either, from departure to departure by the schedule, the car
//! taken to be there from its usual hour; where there is not even that, while the contactor is closed.
//!
//! Energy is what the meter says, else what the charger is taken to give times the time the contactor was
//! closed: [`Session::metered_kwh`] tells how much of it is measured. Energy that came while the clock was wrong
//! or nobody looked is counted, but has no time, so no grams: the account says of how much energy it speaks.
//!
//! Invariant: energy of a time is never counted twice, and what is not known is not counted.

mod account;
mod rates;
mod session;

use std::time::Duration;

use chrono::TimeDelta;

pub use account::{Account, Sum};
pub use rates::Rates;
pub use session::{By, Open, Portion, Session};

use crate::Timestamp;
use crate::control::{Contactor, Moment};

/// Between two ticks at most this much counts: what was in between was not seen.
pub const LONGEST_TICK: Duration = Duration::from_secs(10 * 60);

/// Less power than this is a charger that waits, not a car that charges, kW.
pub const LEAST_KW: f64 = 0.1;

/// A session known by power or by the switch ends when neither was seen for so long. A planned night may
/// wait most of it.
pub const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(12);

/// No session is longer: a car that stays plugged in for weeks has one every two weeks.
pub const LONGEST_SESSION: TimeDelta = TimeDelta::days(14);

/// One known by the switch alone: a contactor that is always closed has one session a day.
pub const LONGEST_BY_SWITCH: TimeDelta = TimeDelta::hours(24);

/// No charger of a home gives more, kW: a meter that says so was replaced or reset.
const MOST_KW: f64 = 100.0;

/// What is seen at a tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tick {
    /// Now.
    pub at: Moment,
    /// Whether the wall clock can be believed.
    pub trusted: bool,
    /// Where the contactor is from now on.
    pub position: Contactor,
    /// What the charger is taken to give while the contactor is closed, kW; 0 or NaN where nobody said.
    pub power_kw: f64,
    /// What a meter says it gives, kW.
    pub charging_kw: Option<f64>,
    /// What a meter has counted so far, kWh.
    pub meter_kwh: Option<f64>,
    /// Whether the car is plugged in, where somebody tells.
    pub plugged: Option<bool>,
    /// The next departure.
    pub depart: Option<Timestamp>,
    /// Since when the car is taken to be there for that departure; may be to come.
    pub home_since: Option<Timestamp>,
    /// What the car needs for it, kWh. It takes no more where nothing is measured.
    pub need_kwh: Option<f64>,
}

impl Tick {
    fn measured_kw(&self) -> Option<f64> {
        self.charging_kw.filter(|kw| kw.is_finite() && (0.0..=MOST_KW).contains(kw))
    }

    fn assumed_kw(&self) -> Option<f64> {
        let there = self.plugged != Some(false) && self.position == Contactor::Closed;
        Some(self.power_kw).filter(|kw| there && kw.is_finite() && 0.0 < *kw && *kw <= MOST_KW)
    }

    fn has_power(&self) -> bool {
        self.measured_kw().is_some_and(|kw| LEAST_KW <= kw)
    }
}

/// What a tick came to, in the order in which it should be kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// The energy of five minutes that are over. It replaces what was said of them before.
    Portion(Portion),
    /// A session is over.
    Ended(Session),
}

/// Follows the sessions, tick by tick.
#[derive(Clone, Debug, Default)]
pub struct Book {
    open: Option<Open>,
    last: Option<Tick>,
}

impl Book {
    /// Goes on with the session that was open when the record was last kept.
    pub fn new(open: Option<Open>) -> Self {
        Self { open, last: None }
    }

    /// The session that is open.
    pub fn open(&self) -> Option<&Open> {
        self.open.as_ref()
    }

    /// Takes a tick in.
    pub fn tick(&mut self, tick: &Tick) -> Vec<Entry> {
        let mut entries = Vec::new();
        if let Some(open) = &mut self.open {
            open.settle_clock(tick);
            open.count(self.last.as_ref(), tick, &mut entries);
            if let Some(to) = end(open, self.last.as_ref(), tick) {
                open.close_portion(&mut entries);
                // A departure that nobody charged for is no session; a car that was there is one.
                if open.by == By::Presence || 0.0 < open.kwh() || 0 < open.charging_ms {
                    entries.push(Entry::Ended(open.end(to)));
                }
                self.open = None;
            } else {
                open.see(tick);
            }
        }
        if self.open.is_none() {
            self.open = start(tick);
        }
        self.last = Some(*tick);
        entries
    }
}

fn start(tick: &Tick) -> Option<Open> {
    let now = tick.at.wall;
    let (by, from) = match (tick.plugged, tick.measured_kw(), tick.depart) {
        (Some(true), ..) => (By::Presence, now),
        (Some(false), ..) => return None,
        (None, Some(_), _) if tick.has_power() => (By::Power, now),
        (None, Some(_), _) => return None,
        (None, None, Some(depart)) => {
            let since = tick.home_since.unwrap_or(now);
            let is_there = tick.trusted && since <= now && now < depart;
            is_there.then_some((By::Schedule, since))?
        }
        (None, None, None) => (tick.position == Contactor::Closed).then_some((By::Switch, now))?,
    };
    Some(Open::new(by, from, tick))
}

/// When the session ended, if it did.
fn end(open: &mut Open, last: Option<&Tick>, tick: &Tick) -> Option<Timestamp> {
    let now = tick.at.wall;
    // Of what happened while nobody looked only the last look is certain.
    let seen = last.is_some_and(|last| tick.at.at_least_since(&last.at) <= LONGEST_TICK);
    let just_now = if seen && tick.trusted { now.max(open.from) } else { open.seen };
    match (open.by, tick.plugged) {
        (_, Some(false)) => return Some(just_now),
        (By::Presence, _) => {}
        // Somebody tells now: from here on it is known.
        (By::Power | By::Schedule | By::Switch, Some(true)) => {
            if open.kwh() == 0.0 && seen {
                open.from = now;
            }
            open.by = By::Presence;
        }
        (By::Power | By::Schedule, None) if tick.trusted => {
            if let Some(depart) = open.depart.filter(|depart| *depart <= now) {
                return Some(depart.max(open.from));
            }
        }
        (By::Power | By::Schedule | By::Switch, None) => {}
    }
    if !tick.trusted {
        return None;
    }
    let paused = open.active.unwrap_or(open.from);
    if matches!(open.by, By::Power | By::Switch) && LONGEST_PAUSE <= now - paused {
        return Some(paused.max(open.from));
    }
    // Somebody has said when the car leaves: what was open by the switch alone ends with it.
    if open.by == By::Switch && tick.depart.is_some() {
        return Some(just_now);
    }
    let longest = if open.by == By::Switch { LONGEST_BY_SWITCH } else { LONGEST_SESSION };
    (longest <= now - open.from).then_some(just_now)
}

#[cfg(test)]
mod tests;
