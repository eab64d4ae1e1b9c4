//! Questions to the running agent.

use std::io::{ErrorKind, Write as _};

use serde_json::json;

use crate::api;
use crate::config::Config;

/// `status`
pub fn status(config: &Config, as_json: bool) -> anyhow::Result<()> {
    let status = api::ask(&config.state_dir)?;
    print(&if as_json { serde_json::to_string_pretty(&status)? } else { status.page() })
}

/// `why`
pub fn why(config: &Config, as_json: bool) -> anyhow::Result<()> {
    let status = api::ask(&config.state_dir)?;
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

/// To standard output; a reader that has had enough (`| head`) is no error.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
