//! The settings: there, readable, without mistakes, and readable for the agent too.

use std::path::Path;

use service::settings::Mistakes;

use super::users::{may_read, our_id};
use super::{Finding, Patient};
use crate::commands::setup::place::{SERVICE, unit};
use crate::config::USUAL_FILE;

const CHECK: &str = "settings";

/// Without mistakes, but perhaps not there or not for the agent.
pub fn look(patient: &Patient<'_>) -> Finding {
    let Some(path) = patient.path else {
        return Finding::warning(
            CHECK,
            format!("there is no {USUAL_FILE}, so all is at its default: a simulated switch"),
            "`sudo ny-power-agent setup` asks the few questions that matter",
        );
    };
    let shown = path.display();
    // Root reads everything, the service does not.
    if our_id() == Some(0) && unit(path).is_some() && may_read(path, SERVICE) == Some(false) {
        return Finding::failure(
            CHECK,
            format!("{shown} has no mistakes, but the service's user {SERVICE} may not read it"),
            format!("sudo chgrp {SERVICE} {shown} && sudo chmod 640 {shown}"),
        );
    }
    Finding::ok(
        CHECK,
        format!("{shown}: no mistakes, mode {}", patient.config.control.mode.as_str()),
    )
}

/// With mistakes.
pub fn mistaken(path: Option<&Path>, mistakes: &Mistakes) -> Finding {
    let told: Vec<_> = mistakes
        .mistakes
        .iter()
        .map(|mistake| format!("{}: {}", mistake.key, mistake.text))
        .collect();
    let from = path.map_or_else(|| "the environment".to_owned(), |path| path.display().to_string());
    let is_denied = path.is_some_and(|path| {
        std::fs::File::open(path)
            .is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
    });
    if is_denied {
        return Finding::failure(
            CHECK,
            format!("{from} may not be read"),
            format!(
                "look as the agent's user, sudo -u {SERVICE} ny-power-agent doctor, or with sudo"
            ),
        );
    }
    Finding::failure(
        CHECK,
        format!("mistakes in {from}: {}", told.join("; ")),
        "correct them, or write the file anew with `ny-power-agent setup`; the agent does not start with them",
    )
}
