//! Which alarms a decision raises: pure.

use std::time::Duration;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::control::{Decision, Mode, Reason};

use super::Alarm;
use crate::eastern::say;

/// So much too late is still in time: what a car takes is not known to the minute.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// Without any data for so long it is no hiccup of a start.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// Each of these alarms, and why it stands, if it does.
pub fn standing(
    decision: &Decision,
    mode: Mode,
    nothing_known: bool,
    running: Duration,
    now: Timestamp,
) -> [(Alarm, Option<String>); 2] {
    let no_data = (nothing_known && PATIENCE <= running).then(|| {
        "Nothing is known about the grid: neither live readings nor own history for this hour."
            .to_owned()
    });
    [(Alarm::NotReady, not_ready(decision, mode, now)), (Alarm::NoData, no_data)]
}

fn not_ready(decision: &Decision, mode: Mode, now: Timestamp) -> Option<String> {
    // Whoever asked for no charge, or only watches, knows.
    if mode == Mode::Observe || matches!(decision.claim().reason, Reason::Skip { .. }) {
        return None;
    }
    decision.claims.iter().find_map(|claim| match claim.reason {
        Reason::Departure { depart, done } if depart + TOLERANCE < done => Some(format!(
            "The car will not be ready at its departure, {}: it will have what it needs {}.",
            say(depart, now),
            say(done, now)
        )),
        _ => None,
    })
}
