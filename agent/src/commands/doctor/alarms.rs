//! Whether alarms have a way to the person. None is raised.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Finding;
use crate::config::NotifyConfig;

const CHECK: &str = "alarms";

/// Looks for the program; an address is not asked, since that would be an alarm.
pub fn look(notify: &NotifyConfig) -> Finding {
    let mut ways = Vec::new();
    if let Some(program) = notify.command.as_ref().and_then(|words| words.first()) {
        if !is_program(program) {
            return Finding::failure(
                CHECK,
                format!("{program} is no program that can be run"),
                "correct notify.command, or make it executable",
            );
        }
        ways.push(format!("by {program}"));
    }
    if let Some(webhook) = &notify.webhook {
        ways.push(format!("to {} (not tried)", webhook.host_str().unwrap_or_default()));
    }
    match ways.as_slice() {
        [] => Finding::ok(CHECK, "only the log has them; [notify] can tell you"),
        ways => Finding::ok(CHECK, format!("told {}", ways.join(" and "))),
    }
}

/// As a shell finds it.
fn is_program(name: &str) -> bool {
    let can_run = |path: &Path| {
        std::fs::metadata(path)
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return can_run(Path::new(name));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| can_run(&folder.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_as_a_shell_finds_it() {
        for (name, expected) in [
            ("sh", true),
            ("/bin/sh", true),
            ("/etc/passwd", false),
            ("/bin", false),
            ("no-such-program", false),
        ] {
            assert_eq!(is_program(name), expected, "{name}");
        }
    }
}
