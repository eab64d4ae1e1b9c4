//! Whether systemd starts the agent again, after a power cut and after a hang.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::Finding;
use crate::commands::setup::place::unit;

const CHECK: &str = "systemd";

const ASKING_TAKES: Duration = Duration::from_secs(5);

const WANTED: &str = "--property=LoadState,ActiveState,UnitFileState,WatchdogUSec,NRestarts";

/// Asks systemd about the unit of these settings; nothing where they are no service's.
pub async fn look(named: Option<&str>, path: Option<&Path>) -> Vec<Finding> {
    let usual = || unit(path.unwrap_or(Path::new(crate::config::USUAL_FILE))).map(|(unit, _)| unit);
    let Some(unit) = named.map(str::to_owned).or_else(usual) else { return Vec::new() };
    let mut systemctl = Command::new("systemctl");
    systemctl.args(["show", WANTED, "--", &unit]).stdin(Stdio::null()).kill_on_drop(true);
    let finding = match timeout(ASKING_TAKES, systemctl.output()).await {
        Ok(Ok(output)) if output.status.success() => {
            judge(&unit, &String::from_utf8_lossy(&output.stdout))
        }
        Ok(Ok(_) | Err(_)) => Finding::warning(
            CHECK,
            "this machine does not run systemd",
            "see that something starts the agent after a power cut",
        ),
        Err(_) => Finding::warning(
            CHECK,
            format!("systemctl does not answer within {} s", ASKING_TAKES.as_secs()),
            "look again later",
        ),
    };
    vec![finding]
}

fn judge(unit: &str, shown: &str) -> Finding {
    let property = |name: &str| {
        let line = shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default()
    };
    if property("LoadState") != "loaded" {
        return Finding::warning(
            CHECK,
            format!("{unit} is not installed, so nothing starts the agent after a power cut"),
            "install it as docs/install-agent.md says",
        );
    }
    let restarts = match property("NRestarts") {
        "" | "0" => String::new(),
        count => format!(", started again {count} times"),
    };
    match (property("ActiveState"), property("UnitFileState")) {
        ("failed", _) => Finding::failure(
            CHECK,
            format!("{unit} has failed{restarts}"),
            format!("see why: sudo journalctl -eu {unit}"),
        ),
        (state, file) if !file.starts_with("enabled") => Finding::warning(
            CHECK,
            format!("{unit} is {state}, but not enabled: it does not come back after a power cut"),
            format!("sudo systemctl enable --now {unit}"),
        ),
        (state, _) if !matches!(state, "active" | "activating" | "reloading") => Finding::warning(
            CHECK,
            format!("{unit} is enabled and {state}{restarts}"),
            format!("sudo systemctl start {unit}"),
        ),
        (state, _) if matches!(property("WatchdogUSec"), "0" | "" | "infinity") => {
            Finding::warning(
                CHECK,
                format!("{unit} is enabled and {state}{restarts}, without a watchdog"),
                "add WatchdogSec=120 to it: an agent that hangs is then started again",
            )
        }
        (state, _) => Finding::ok(
            CHECK,
            format!(
                "{unit} is enabled and {state}{restarts}; its watchdog is {}",
                property("WatchdogUSec")
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn what_systemd_says_is_weighed() {
        #[track_caller]
        fn check(shown: &str, level: Level, expected: &str) {
            let found = judge("ny-power-agent@garage", &shown.replace(' ', "\n"));
            assert_eq!(found.level, level, "{}", found.text);
            assert!(found.text.contains(expected), "{}", found.text);
        }
        let well = "NRestarts=0 LoadState=loaded ActiveState=active UnitFileState=enabled WatchdogUSec=2min";
        check(well, Level::Ok, "ny-power-agent@garage is enabled and active; its watchdog is 2min");
        check(&well.replace("=0", "=7"), Level::Ok, "started again 7 times");
        check(&well.replace("2min", "0"), Level::Warning, "without a watchdog");
        check(&well.replace("enabled", "disabled"), Level::Warning, "not enabled");
        check(&well.replace("=active", "=inactive"), Level::Warning, "enabled and inactive");
        check(&well.replace("=active", "=failed"), Level::Failure, "has failed");
        check(&well.replace("=loaded", "=not-found"), Level::Warning, "is not installed");
        check("", Level::Warning, "is not installed");
    }
}
