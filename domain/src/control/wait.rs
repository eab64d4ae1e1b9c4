//! A wait of this device's own after something that all devices live through at once: the return of power,
//! of the feed. Without it ten thousand cars would close in the same second.

use std::time::Duration;

use super::{Claim, Contactor, Facts, Hold, Moment, Priority};

/// Since when, and how long, this device waits before it closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// When that was which all devices saw.
    pub since: Moment,
    /// How long this one waits: see [`crate::fleet::wait`].
    pub length: Duration,
}

impl Wait {
    /// What of it is left at `now`; `None` when it is over.
    pub fn rest(&self, now: &Moment) -> Option<Duration> {
        let rest = self.length.checked_sub(now.at_least_since(&self.since))?;
        (!rest.is_zero()).then_some(rest)
    }
}

/// The hold on a closing. A person does not wait, and a departure that has no time left does not either.
pub(super) fn hold(facts: &Facts<'_>, claim: &Claim) -> Option<Hold> {
    if claim.wants == Contactor::Open || Priority::Departure <= claim.priority {
        return None;
    }
    let rest = facts.wait?.rest(&facts.at)?;
    Some(Hold::Returning { until: facts.at.wall_in(rest) })
}
