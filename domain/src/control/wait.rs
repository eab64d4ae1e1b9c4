//! A wait of this device's own after something that all devices live through at once: the return of power, of
//! the feed, a reading beyond the threshold. Without it ten thousand cars would move in the same second.

use std::time::Duration;

use super::{Claim, Contactor, Facts, Hold, Moment, Priority};

/// Since when, and how long, this device waits before it moves.
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

/// The hold on a move. A person does not wait, and a departure that has no time left does not either; a plan has
/// its offsets already.
pub(super) fn hold(facts: &Facts<'_>, claim: &Claim) -> Option<Hold> {
    let until = |wait: Option<Wait>| Some(facts.at.wall_in(wait?.rest(&facts.at)?));
    let closes = claim.wants == Contactor::Closed && claim.priority < Priority::Departure;
    let returning = until(facts.wait.filter(|_| closes)).map(|until| Hold::Returning { until });
    let turns = claim.priority == Priority::Threshold;
    let turning = until(facts.turn.filter(|_| turns)).map(|until| Hold::Turning { until });
    returning.into_iter().chain(turning).max_by_key(Hold::until)
}
