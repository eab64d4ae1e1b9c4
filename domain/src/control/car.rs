//! The car at the other end of the cable: whether it is there, whether it takes current, and whether it bears
//! a pause.

use super::{Charge, Claim, Contactor, Facts, Mode, Priority, Reason, Settings, charge};
use chrono::TimeDelta;

/// What is known of the car. The default: nothing, and that it is like most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Car {
    /// Whether it is plugged in, where somebody tells.
    pub plugged: Option<bool>,
    /// Whether it takes current, where a meter tells.
    pub charging: Option<bool>,
    /// Whether it goes on after a pause.
    pub pauses: Pauses,
}

/// Whether a car goes on charging after the contactor was open for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pauses {
    /// It did so far, or was never seen not to.
    #[default]
    Bears,
    /// It did not at least once: it is charged without pauses.
    Refuses,
    /// It does not right now, although it was cut off while it charged.
    Refusing,
}

impl Car {
    /// It is known to be away.
    pub fn is_away(&self) -> bool {
        self.plugged == Some(false)
    }

    /// An opening now may be its last charge: it has begun, or may have, and bears no pause.
    fn bears_no_opening(&self) -> bool {
        match self.pauses {
            Pauses::Bears => false,
            Pauses::Refuses => self.charging != Some(false),
            Pauses::Refusing => true,
        }
    }
}

/// With no car there is nothing to charge and nothing to be ready: nothing is moved, not even for a departure.
pub(super) fn away(facts: &Facts<'_>, settings: &Settings) -> Option<Claim> {
    let decides = !matches!(settings.mode, Mode::Now | Mode::Off);
    (decides && facts.car.is_away()).then_some(Claim {
        priority: Priority::Plan,
        wants: facts.position,
        reason: Reason::NoCar,
    })
}

/// A car that bears no pause is not given one: once it charges it goes on until it has what it needs.
pub(super) fn unpaused(facts: &Facts<'_>, settings: &Settings) -> Option<Claim> {
    if facts.position == Contactor::Open || !facts.car.bears_no_opening() {
        return None;
    }
    let depart = if charge::is_planned(settings, facts) {
        let Charge { left, depart, .. } = charge::charge(facts, settings)?;
        (TimeDelta::zero() < left).then_some(depart)?.into()
    } else {
        None
    };
    let refusing = facts.car.pauses == Pauses::Refusing;
    // A departure would say that there is just time enough, which is not so while it takes nothing.
    let priority = if refusing { Priority::Departure } else { Priority::Plan };
    Some(Claim {
        priority,
        wants: Contactor::Closed,
        reason: Reason::Unpaused { refusing, depart },
    })
}
