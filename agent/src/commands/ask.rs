//! Questions to the running agent.

use std::io::{ErrorKind, Write as _};
use std::path::Path;

use serde_json::json;

use crate::api::{self, Prospect};
use crate::config::{Config, File};
use crate::picture::{Screen, status_page};
use crate::status::Status;

/// Where the agent of `systemd/ny-power-agent.service` lives.
const SERVICE_STATE_DIR: &str = "/var/lib/ny-power-agent";

/// `status`
pub fn status(file: &File, config: &Config, as_json: bool) -> anyhow::Result<()> {
    let screen = Screen::of_stdout();
    if as_json || screen.is_none() {
        let status = ask(file, config)?;
        return print(&if as_json {
            serde_json::to_string_pretty(&status)?
        } else {
            status_page(&status, None, None)
        });
    }
    let Prospect { status, foresight } = prospect(file, config)?;
    print(&status_page(&status, foresight.as_ref(), screen.as_ref()))
}

/// `why`
pub fn why(file: &File, config: &Config, as_json: bool) -> anyhow::Result<()> {
    let status = ask(file, config)?;
    print(&if as_json {
        serde_json::to_string_pretty(&json!({
            "now": status.now,
            "position": status.position,
            "reason": status.reason,
            "next_change": status.next_change,
            "next_is_likely": status.next_is_likely,
            "hold": status.hold,
            "claims": status.claims,
        }))?
    } else {
        status.why()
    })
}

/// Asks the agent of these settings for its plan.
pub(super) fn prospect(file: &File, config: &Config) -> anyhow::Result<Prospect> {
    api::ask_plan(home(file, config))
}

/// Asks the agent of these settings.
fn ask(file: &File, config: &Config) -> anyhow::Result<Status> {
    api::ask(home(file, config))
}

/// Where the agent of these settings lives; where they do not say where it lives, the system's as well.
pub(super) fn home<'a>(file: &File, config: &'a Config) -> &'a Path {
    let service = Path::new(SERVICE_STATE_DIR);
    let ours = api::socket_path(&config.state_dir);
    let use_service =
        !file.names_state_dir() && !ours.exists() && api::socket_path(service).exists();
    if use_service { service } else { &config.state_dir }
}

/// To standard output; a reader that has had enough (`| head`) is no error.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
