//! A car that will not be ready: its person hears of it, once.

use std::path::Path;

use chrono::TimeDelta;
use service::clock::{Clock as _, SystemClock};

use crate::program::{Home, command, output};

/// What the user's program wrote down.
fn heard(log: &Path) -> Vec<String> {
    std::fs::read_to_string(log).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[track_caller]
fn wish(home: &Home, arguments: &[&str]) {
    let (code, _, stderr) = output(command(&home.config()).arg("override").args(arguments));
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}");
}

#[test]
fn a_car_that_will_not_be_ready_is_told_once_and_not_again_after_kill_9() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let log = dir.path().join("heard");
    let now = SystemClock::new().now();
    let plugged = agent::eastern::local(now - TimeDelta::hours(2)).format("%H:%M");
    let script = format!("printf '%s: %s\\n' \"$1\" \"$2\" >> '{}'", log.display());
    // Four hours of charge.
    let home = Home::new(&format!(
        "[feed]\nurl = \"mqtt://127.0.0.1:9\"\n[clock]\ntrust = \"always\"\n\
         [control]\nmode = \"clean\"\ntick_secs = 1\nstart_grace_secs = 0\nmin_off_secs = 1\n\
         [charge]\nneed_kwh = 28\npower_kw = 7\nplugged_from = \"{plugged}\"\noffset_secs = 0\n\
         [schedule]\nmon = \"12:00\"\n\
         [notify]\ncommand = [\"/bin/sh\", \"-c\", {script:?}, \"tell\"]\n"
    ));
    let agent = home.run();
    home.until("a decision", |_| true);
    let depart = (now + TimeDelta::hours(1)).to_rfc3339();
    wish(&home, &["depart", &depart, "--once"]);
    home.until("the alarm", |_| !heard(&log).is_empty());
    let [line] = &heard(&log)[..] else { panic!("{:?}", heard(&log)) };
    assert!(line.starts_with("not-ready: The car will not be ready at its departure, "), "{line}");
    // Until then a kill would rightly have it told again.
    home.until("the record of it", |_| home.log().contains("an alarm was told"));
    agent.kill();

    let agent = home.run();
    home.until("charging again", |status| {
        status.charge.as_ref().is_some_and(|charge| 27.0 < charge.left_kwh)
            && status.position.as_deref() == Some("closed")
    });
    // It stands again, and is logged when it is news: before the status that shows the charge.
    assert_eq!(home.log().matches("The car will not be ready").count(), 1, "{}", home.log());
    assert_eq!(agent.stop(), Some(0));
    assert_eq!(heard(&log).len(), 1, "{:?}", heard(&log));
}
