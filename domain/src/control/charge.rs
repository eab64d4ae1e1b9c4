//! A charge that is asked for: what claims it makes, by plan and by departure.

use chrono::TimeDelta;

use super::{Claim, ClockTrust, Contactor, Facts, Mode, Priority, Reason, Settings};
use crate::Timestamp;
use crate::plan::{Aim, PlanBasis};

/// A charge that is under way or to come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Charge<'a> {
    /// How long it must still charge; zero when the need is met.
    pub left: TimeDelta,
    /// When the car must be ready.
    pub depart: Timestamp,
    /// When to charge, ascending and disjoint.
    pub runs: &'a [(Timestamp, Timestamp)],
    /// What the runs were chosen by.
    pub basis: PlanBasis,
    /// What they were chosen for.
    pub aim: Aim,
}

/// What the user wants for once, each until its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Charge.
    pub charge_until: Option<Timestamp>,
    /// Do not charge, whatever departure.
    pub skip_until: Option<Timestamp>,
}

impl Charge<'_> {
    /// From here on waiting would make the car late: `slack` before the last moment.
    pub fn latest_start(&self, slack: std::time::Duration) -> Timestamp {
        let slack = TimeDelta::from_std(slack).unwrap_or_default();
        self.depart.checked_sub_signed(self.left + slack).unwrap_or(self.depart)
    }
}

/// Whether a plan is followed, or would be.
pub(super) fn is_planned(settings: &Settings, facts: &Facts<'_>) -> bool {
    match settings.mode {
        Mode::Clean => true,
        Mode::Observe => facts.charge.is_some(),
        Mode::Threshold | Mode::Now | Mode::Off => false,
    }
}

/// The departure's claim: the car comes first, whatever the grid and the plan.
pub(super) fn departure(facts: &Facts<'_>, settings: &Settings) -> Option<Claim> {
    let charge = charge(facts, settings).filter(|charge| TimeDelta::zero() < charge.left)?;
    if facts.car.is_away() {
        // Nothing to guarantee; when the car comes, there is.
        return None;
    }
    if facts.at.wall < charge.latest_start(settings.slack) {
        return None;
    }
    let done = facts.at.wall + charge.left;
    Some(Claim {
        priority: Priority::Departure,
        wants: Contactor::Closed,
        reason: Reason::Departure { depart: charge.depart, done },
    })
}

/// The plan's claim.
pub(super) fn plan(facts: &Facts<'_>, settings: &Settings) -> Option<Claim> {
    let charge = charge(facts, settings).filter(|_| !facts.car.is_away())?;
    let Charge { depart, basis, aim, .. } = charge;
    let claim = |wants, reason| Some(Claim { priority: Priority::Plan, wants, reason });
    if charge.left <= TimeDelta::zero() {
        return claim(Contactor::Open, Reason::Charged { depart });
    }
    // A plan that has run out without the need being met says nothing: what ranks below it speaks.
    let (start, end) = *charge.runs.iter().find(|run| facts.at.wall < run.1)?;
    if start <= facts.at.wall {
        claim(Contactor::Closed, Reason::Planned { until: end, depart, basis, aim })
    } else {
        let start = start.min(charge.latest_start(settings.slack));
        claim(Contactor::Open, Reason::Waits { start, depart, basis, aim })
    }
}

/// The charge, where it counts. By a clock that is wrong nobody can tell when the car leaves.
pub(super) fn charge<'a>(facts: &Facts<'a>, settings: &Settings) -> Option<Charge<'a>> {
    facts.charge.filter(|_| is_planned(settings, facts) && facts.clock == ClockTrust::Trusted)
}

/// What the user wants for once.
pub(super) fn wish(facts: &Facts<'_>) -> Option<Claim> {
    let holds = |until: &Timestamp| facts.clock == ClockTrust::Trusted && facts.at.wall < *until;
    let claim = |wants, reason| Some(Claim { priority: Priority::Manual, wants, reason });
    if let Some(until) = facts.wishes.charge_until.filter(holds) {
        return claim(Contactor::Closed, Reason::ChargeNow { until });
    }
    let until = facts.wishes.skip_until.filter(holds)?;
    claim(Contactor::Open, Reason::Skip { until })
}
