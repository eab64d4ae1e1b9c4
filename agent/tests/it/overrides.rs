//! Wishes for once: asked for, said back, kept.

use crate::program::{Home, command, output};

const QUIET: &str = "[feed]\nurl = \"mqtt://127.0.0.1:9\"\n";

fn wish(home: &Home, arguments: &[&str]) -> (Option<i32>, String, String) {
    output(command(&home.config()).arg("override").args(arguments))
}

/// The sentence of a wish that is taken.
#[track_caller]
fn said(home: &Home, arguments: &[&str]) -> String {
    let (code, stdout, stderr) = wish(home, arguments);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}");
    stdout
}

#[test]
fn a_wish_is_said_back_with_its_end_and_outlives_kill_9() {
    let home = Home::new(QUIET);
    let agent = home.run();
    home.until("an agent", |_| true);
    let now = said(&home, &["charge-now"]);
    assert!(now.starts_with("Charging now until ") && now.contains(", then back to the plan."));
    let away = said(&home, &["away", "--until", "tomorrow", "18:00"]);
    assert!(away.contains("until tomorrow 6 PM E"), "{away}");
    let depart = said(&home, &["depart", "tomorrow 07:00", "--once", "--json"]);
    let depart: serde_json::Value = serde_json::from_str(&depart).expect("JSON");
    let sentence = depart["said"].as_str().expect("a sentence");
    assert!(sentence.starts_with("The next departure is tomorrow 7 AM E"), "{sentence}");
    assert!(sentence.ends_with("That ends \"away\"."), "{sentence}");
    let at = depart["overrides"]["depart_once"].clone();
    assert!(at.is_string(), "{depart}");
    agent.kill();

    let _agent = home.run();
    home.until("the agent again", |_| true);
    let show = said(&home, &["show", "--json"]);
    let show: serde_json::Value = serde_json::from_str(&show).expect("JSON");
    assert_eq!(show["overrides"]["depart_once"], at);
    assert_eq!(said(&home, &["clear"]), "Back to the plan, now.\n");
    assert_eq!(said(&home, &["show"]), "No override; the plan goes on.\n");
}

#[test]
fn a_wrong_wish_is_one_line_and_exit_2_with_or_without_an_agent() {
    let home = Home::new(QUIET);
    for arguments in [
        ["away", "--until", "soon", ""],
        ["away", "--until", "2020-01-01T00:00:00Z", ""],
        ["depart", "2020-01-01 07:00", "--once", ""],
        ["charge-now", "--until", "25:00", ""],
    ] {
        let arguments: Vec<&str> = arguments.into_iter().filter(|word| !word.is_empty()).collect();
        let (code, stdout, stderr) = wish(&home, &arguments);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    for arguments in [&["away"][..], &["depart", "07:00"], &["depart", "--once"], &["party"], &[]] {
        assert_eq!(wish(&home, arguments).0, Some(2), "{arguments:?}");
    }
}

#[test]
fn without_an_agent_a_wish_says_so() {
    let home = Home::new(QUIET);
    let (code, stdout, stderr) = wish(&home, &["skip-tonight"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("no agent answers at") && stderr.contains("run`"), "{stderr}");
}
