//! A forecast and a charge request in, the slots to charge in out.
//!
//! [`plan`] keeps the total low (carbon, price: whatever the slots' values are) and the energy whole:
//!
//! * Time that nobody knows is never free: it ranks after every known slot, the latest first.
//! * Time outside the windows of the request ranks after all time inside.
//! * Ties go late: a later plan can still change its mind.
//! * Too little time left is no error: one block from now, and the plan says by how much it overruns.
//!
//! Without limits on the switch the plan is the best at any instant: the best stretches first, or the
//! best window for a continuous charge. With limits it is the best on the grid of the forecast, `now` and
//! the departure, by dynamic programming. A taper has its energy weighed in both.
//!
//! Behavior that others rely on (evcc's planner) is kept; `tests/it/plan` has it case by case.

mod amounts;
mod cells;
mod continuous;
mod corridor;
mod cost;
mod greedy;
mod limited;
mod moves;
mod objective;
mod replan;
mod request;
mod result;
mod search;
mod slot;
mod taper;

use chrono::TimeDelta;

use crate::Timestamp;
use cells::{Forced, Nanos, cells, cut_holes, nanos};
use limited::Problem;
use result::{Energy, assemble};

pub use objective::{Aim, Band, Caution, Objective, Signals, intersect};
pub use replan::{Choice, keep_or_replace};
pub use request::{Before, ChargeRequest, Limits, RequestError, Window};
pub use result::{ChargePlan, PlanBasis, PlanSlot, Source};
pub use slot::{Outlook, Slot, SlotError, normalize};
pub use taper::{EFFICIENCY, Taper};

/// The best plan for `request`, seen from `now`.
///
/// # Errors
/// [`RequestError`] when the request has a number that means nothing. Missing data and missing time are
/// no errors.
pub fn plan(
    now: Timestamp,
    request: &ChargeRequest,
    outlook: &Outlook,
) -> Result<ChargePlan, RequestError> {
    request.check()?;
    request.check_span(now)?;
    let need = whole(request.duration()?);
    let head = whole(request.time_for(request.minimum_first_kwh.min(request.need_kwh))?).min(need);
    let tail = whole(request.precondition).clamp(0, need - head);
    let depart = nanos(now, request.depart);
    let energy = Energy { power_kw: request.power_kw, taper: request.taper.as_ref() };
    if need == 0 {
        let basis = if outlook.is_empty() { PlanBasis::Deadline } else { PlanBasis::Forecast };
        return Ok(ChargePlan::empty(basis));
    }

    if depart <= need {
        // Nothing to choose.
        let cells = cells(now, need, request, outlook, Forced { head_end: 0, tail_start: need });
        let mut plan = assemble(now, &[(0, need)], &cells, energy);
        plan.overrun = now + TimeDelta::nanoseconds(need) - request.depart;
        if TimeDelta::zero() < plan.overrun {
            plan.basis = PlanBasis::Deadline;
        }
        return Ok(plan);
    }

    let forced = Forced { head_end: head, tail_start: depart - tail };
    let cells = cells(now, depart, request, outlook, forced);
    let limits = &request.limits;
    let mut waived = false;
    let runs = if request.continuous {
        let free: Vec<_> = cells.iter().filter(|cell| !cell.forced).copied().collect();
        let mut runs = Vec::new();
        greedy::push(&mut runs, 0, head);
        if head + tail < need {
            let (start, end) = continuous::window(&free, need - head - tail, head, energy);
            greedy::push(&mut runs, start, end);
        }
        greedy::push(&mut runs, depart - tail, depart);
        runs
    } else {
        let simple = || greedy::runs(&cells, need, 0 < tail);
        if limits.are_off() && request.taper.is_none() {
            simple()
        } else {
            let grid = cut_holes(cells.clone(), outlook);
            let problem = Problem {
                cells: &grid,
                need,
                min_on: whole(limits.min_on).max(0),
                min_off: whole(limits.min_off).max(0),
                start_cost: limits.start_cost,
                max_starts: limits.max_starts,
                before: before(now, request),
                energy,
            };
            problem.runs().unwrap_or_else(|| {
                waived = true;
                simple()
            })
        }
    };
    let mut plan = assemble(now, &runs, &cells, energy);
    plan.limits_waived = waived;
    Ok(plan)
}

/// What the switch did, and the nanosecond until which a minimum makes it go on with that.
fn before(now: Timestamp, request: &ChargeRequest) -> Option<(Before, Nanos)> {
    let (since, least) = match request.before {
        Before::Unknown => return None,
        Before::Charging { since } => (since, request.limits.min_on),
        Before::Idle { since } => (since, request.limits.min_off),
    };
    Some((request.before, nanos(now, since).min(0).saturating_add(whole(least)).max(0)))
}

/// Nanoseconds of a span; what is too long is as long as can be.
fn whole(span: TimeDelta) -> Nanos {
    let longest = i64::MAX / 8;
    span.num_nanoseconds().map_or(longest, |nanos| nanos.clamp(-longest, longest))
}
