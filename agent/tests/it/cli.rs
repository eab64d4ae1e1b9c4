//! The command line, as a person meets it.

use crate::program::{Home, command, output};

#[test]
fn check_config_prints_what_is_used_and_can_be_used() {
    let home = Home::new("[control]\nmode = \"observe\"\n");
    let (code, stdout, stderr) = output(command(&home.config()).arg("check-config"));
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    for expected in [
        "No mistakes.",
        "mode = \"observe\"",
        "min_on_secs = 600",
        "close_below = 40",
        "/state/relay",
    ] {
        assert!(stdout.contains(expected), "{expected:?} is not in {stdout}");
    }
    let again = home.config().with_file_name("again.toml");
    std::fs::write(&again, &stdout).expect("writable");
    let (code, twice, _) = output(command(&again).arg("check-config"));
    let settings = |text: &str| text.lines().skip(1).collect::<Vec<_>>().join("\n");
    assert_eq!((code, settings(&twice)), (Some(0), settings(&stdout)));
}

#[test]
fn secrets_are_masked() {
    let home = Home::new("");
    let secret = home.config().with_file_name("secret");
    std::fs::write(&secret, "hunter2\n").expect("writable");
    let (code, stdout, stderr) = output(
        command(&home.config())
            .arg("check-config")
            .env("NY_POWER_AGENT__FEED__USERNAME", "ada")
            .env("NY_POWER_AGENT__FEED__PASSWORD_FILE", &secret),
    );
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("# password of ada: ***"), "{stdout}");
    assert!(!format!("{stdout}{stderr}").contains("hunter2"));
}

#[test]
fn every_mistake_is_told_at_once_and_nothing_starts() {
    let home = Home::new("[control]\nmode = \"maybe\"\ntick_secs = 0\n[feeed]\nurl = 1\n");
    for subcommand in ["check-config", "run", "status", "why"] {
        let (code, stdout, stderr) = output(command(&home.config()).arg(subcommand));
        assert_eq!((code, stdout.as_str()), (Some(78), ""), "{subcommand}");
        for expected in ["3 mistakes", "control.mode: ", "control.tick_secs: 0", "feeed: "] {
            assert!(stderr.contains(expected), "{expected:?} is not in {stderr}");
        }
    }
    assert_eq!(home.log(), "");
}

#[test]
fn the_environment_wins_over_the_file_and_its_mistakes_are_told_too() {
    let home = Home::new("[control]\nmode = \"now\"\n");
    let check = |value: &str| {
        output(
            command(&home.config()).arg("check-config").env("NY_POWER_AGENT__CONTROL__MODE", value),
        )
    };
    let (code, stdout, _) = check("off");
    assert!(code == Some(0) && stdout.contains("mode = \"off\""), "{stdout}");
    let (code, _, stderr) = check("perhaps");
    assert!(
        code == Some(78) && stderr.contains("control.mode: unknown variant `perhaps`"),
        "{stderr}"
    );
}

#[test]
fn a_settings_file_that_is_not_there_is_named() {
    let home = Home::new("");
    let absent = home.config().with_file_name("absent.toml");
    let (code, _, stderr) = output(command(&absent).arg("run"));
    assert_eq!(code, Some(78));
    assert!(stderr.contains("absent.toml: cannot be read"), "{stderr}");
}

#[test]
fn without_an_agent_there_is_nobody_to_ask() {
    let home = Home::new("");
    for subcommand in ["status", "why"] {
        let (code, stdout, stderr) = output(command(&home.config()).arg(subcommand));
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{subcommand}");
        assert!(stderr.contains("start it with `ny-power-agent run`"), "{stderr}");
    }
}

#[test]
fn status_and_why_answer_in_words_and_in_json() {
    let home = Home::new(
        "[feed]\nurl = \"mqtt://127.0.0.1:9\"\n[control]\nmode = \"now\"\nmin_off_secs = 1\n",
    );
    let _agent = home.run();
    home.until("closed", |status| status.position.as_deref() == Some("closed"));
    let sentence =
        "Charging is on: the mode is \"now\"; that lasts until the settings are changed.";
    let ask = |arguments: &[&str]| {
        let (code, stdout, stderr) = output(command(&home.config()).args(arguments));
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}");
        stdout
    };
    let page = ask(&["status"]);
    assert!(page.contains("charging   on (contactor closed)") && page.contains(sentence), "{page}");
    let why = ask(&["why"]);
    assert!(why.starts_with(sentence) && why.contains("manual     closed"), "{why}");
    for arguments in [["status", "--json"], ["why", "--json"]] {
        let answer: serde_json::Value = serde_json::from_str(&ask(&arguments)).expect("JSON");
        assert_eq!(answer["reason"], sentence, "{arguments:?}");
        assert_eq!(answer["position"], "closed");
    }
}

#[test]
fn help_and_version_need_no_settings() {
    let home = Home::new("nonsense = 1\n");
    for argument in ["--help", "--version"] {
        let (code, stdout, _) = output(command(&home.config()).arg(argument));
        assert!(code == Some(0) && stdout.to_lowercase().contains("ny-power"), "{stdout}");
    }
}
