//! docs/install-agent.md: what it tells people to type is there.

use std::path::Path;

use agent::commands::Arguments;
use clap::Parser as _;

fn guide() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/install-agent.md");
    std::fs::read_to_string(path).expect("the guide is there")
}

/// Every command of the agent in it: in blocks, and in the text between backticks.
fn commands(guide: &str) -> Vec<Vec<String>> {
    let spans = guide.split('`').chain(guide.lines());
    let commands = spans.filter_map(|span| {
        let span = span.split(" #").next()?.trim();
        let words: Vec<_> = span.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "ny-power-agent")?;
        // Before it at most who runs it; systemctl's and the shell's arguments are not commands of ours.
        let is_ours = matches!(words[..at], [] | ["sudo"] | ["sudo", "-u", "ny-power"]);
        let is_command = is_ours && !span.contains(['\n', '|', ';']) && at + 1 < words.len();
        is_command.then(|| words[at..].iter().map(|word| (*word).to_owned()).collect())
    });
    commands.collect()
}

#[test]
fn its_commands_exist() {
    let guide = guide();
    let commands = commands(&guide);
    assert!(10 < commands.len(), "{commands:?}");
    for words in &commands {
        if let Err(error) = Arguments::try_parse_from(words) {
            panic!("{words:?}: {error}");
        }
    }
    for known in ["setup", "doctor", "status", "override", "report"] {
        assert!(commands.iter().any(|words| words.iter().any(|word| word == known)), "{known}");
    }
}

#[test]
fn its_files_exist() {
    let guide = guide();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (file, shown) in [
        ("systemd/ny-power-agent.service", "ny-power-agent.service"),
        ("systemd/ny-power-agent@.service", "ny-power-agent@.service"),
        ("systemd/ny-power-cloud.service", "ny-power-cloud.service"),
        ("systemd/ny-power.sysusers.conf", "ny-power.sysusers.conf"),
        ("cross.toml", "CROSS_CONFIG=cross.toml"),
        ("scripts/check-systemd.sh", "scripts/check-systemd.sh"),
        ("scripts/check-gpio.sh", "scripts/check-gpio.sh"),
    ] {
        assert!(guide.contains(shown) && root.join(file).exists(), "{file}");
    }
}
