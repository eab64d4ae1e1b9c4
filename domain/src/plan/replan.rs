//! A new forecast arrives: go on with the plan that is running, or take the new one?

use chrono::TimeDelta;

use super::cells::{Forced, cells, nanos};
use super::request::ChargeRequest;
use super::result::{ChargePlan, Energy, assemble};
use super::{Nanos, Outlook, RequestError, whole};
use crate::Timestamp;

/// What to do with a new plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The running plan is as good, or nearly.
    Keep,
    /// The new plan is better by more than the share, or the running one does not do any more.
    Replace,
}

/// Whether `new` replaces `running`, both weighed by the same forecast: only if it saves more than
/// `share` (0.05 = 5 %) of what the running one costs. Forecasts wobble; a plan that wobbles along wears
/// the switch and tells the driver a new time every five minutes.
///
/// A plan that brings less energy, or ends later than the departure where the other does not, or rests on
/// less knowledge, is not as good at any cost.
pub fn keep_or_replace(running: &ChargePlan, new: &ChargePlan, share: f64) -> Choice {
    const KWH: f64 = 1e-6;
    if running.energy_kwh < new.energy_kwh - KWH || new.overrun < running.overrun {
        return Choice::Replace;
    }
    if new.energy_kwh < running.energy_kwh - KWH {
        // Less is needed than was planned: the running plan would charge too much.
        return Choice::Replace;
    }
    if running.known_kwh < new.known_kwh - KWH {
        return Choice::Replace;
    }
    let saved = running.grams - new.grams;
    if share.max(0.0) * running.grams.abs() < saved { Choice::Replace } else { Choice::Keep }
}

impl ChargePlan {
    /// What is left of this plan from `now` on, weighed by a new outlook: as much of it as `request` still
    /// needs, counted from its beginning. Compare it with a new plan by [`keep_or_replace`].
    ///
    /// # Errors
    /// As [`super::plan`].
    pub fn remaining(
        &self,
        now: Timestamp,
        request: &ChargeRequest,
        outlook: &Outlook,
    ) -> Result<Self, RequestError> {
        request.check_span(now)?;
        let mut left = whole(request.duration()?);
        let mut runs: Vec<(Nanos, Nanos)> = Vec::new();
        for (start, end) in self.runs() {
            let start = nanos(now, start).max(0);
            let end = nanos(now, end).min(start.saturating_add(left));
            if start < end {
                runs.push((start, end));
                left -= end - start;
            }
        }
        let until = runs.last().map_or(0, |run| run.1);
        let forced = Forced { head_end: 0, tail_start: until };
        let cells = cells(now, until, request, outlook, forced);
        let energy = Energy { power_kw: request.power_kw, taper: request.taper.as_ref() };
        let mut plan = assemble(now, &runs, &cells, energy);
        let end = now + TimeDelta::nanoseconds(until);
        plan.overrun = (end - request.depart).max(TimeDelta::zero());
        plan.limits_waived = self.limits_waived;
        Ok(plan)
    }
}
