//! Whether an agent runs, and what it says.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::{Finding, Patient};
use crate::api;
use crate::commands::setup::place::unit;
use crate::config::USUAL_FILE;
use crate::eastern::say;
use crate::status::Status;

const CHECK: &str = "agent";

/// Asks it.
pub async fn look(patient: &Patient<'_>) -> (Finding, Option<Status>) {
    let home = patient.home.clone();
    let asked = tokio::task::spawn_blocking(move || match api::is_running(&home) {
        Ok(true) => Some(api::ask(&home).map_err(|error| format!("{error:#}"))),
        Ok(false) => None,
        Err(error) => Some(Err(format!("it may not be asked: {error}"))),
    });
    let status = match asked.await {
        Ok(Some(Ok(status))) => status,
        Ok(Some(Err(trouble))) => {
            let advice = "look again in a minute; if it is another user's agent, ask with sudo";
            return (Finding::warning(CHECK, trouble, advice), None);
        }
        Ok(None) => return (absent(patient), None),
        Err(panic) => {
            return (Finding::failure(CHECK, panic.to_string(), "please report that"), None);
        }
    };
    let since = say(status.since, patient.now);
    let ours = env!("CARGO_PKG_VERSION");
    let finding = match &status.actuator.trouble {
        Some(trouble) => Finding::failure(
            CHECK,
            format!("runs since {since}, but its switch does not work: {trouble}"),
            "see the switch below",
        ),
        None if status.version != ours => Finding::warning(
            CHECK,
            format!("runs since {since} as version {}, and {ours} is installed", status.version),
            "restart it",
        ),
        None => Finding::ok(CHECK, format!("runs since {since}. {}", status.reason)),
    };
    (finding, Some(status))
}

/// Nobody answers. That is no mistake before the first start.
fn absent(patient: &Patient<'_>) -> Finding {
    // Only looked at: a shared lock that is let go of at once.
    let lock = File::open(patient.home.join("agent.lock"));
    let held =
        lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)));
    if held {
        return Finding::warning(
            CHECK,
            "one has the state directory and does not answer: it is just starting or ending",
            "look again in a minute",
        );
    }
    let advice = match patient.path.map_or_else(|| unit(Path::new(USUAL_FILE)), unit) {
        Some((unit, _)) => {
            format!("start it: sudo systemctl start {unit}; for a try, `ny-power-agent run`")
        }
        None => "start it: `ny-power-agent run` with these settings".to_owned(),
    };
    Finding::warning(CHECK, "none runs with these settings, so nothing is switched", advice)
}
