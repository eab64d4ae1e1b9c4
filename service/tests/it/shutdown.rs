//! Real signals to a real process.

use std::time::Duration;

use service::shutdown::Shutdown;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::child::{self, Helper};

#[test]
#[ignore = "runs in a child process only"]
fn stoppable() {
    if child::dir().is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let shutdown = Shutdown::on_signals().expect("handlers");
        let token = shutdown.token();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            child::say("ready");
            token.cancelled().await;
            child::say("asked to stop");
            // Never done: only a second signal, or the end of the grace, ends it.
            std::future::pending().await
        });
        let outcome = shutdown.join(tasks, Duration::from_secs(3600)).await;
        child::say(&outcome.expect_err("dropped").to_string());
    });
}

#[test]
fn each_signal_asks_and_a_second_one_stops_at_once() {
    let dir = TempDir::new().expect("a temporary directory");
    for (first, second) in [("INT", "INT"), ("TERM", "INT"), ("HUP", "TERM")] {
        if first == "HUP" && hangup_is_ignored() {
            println!(
                "HUP left out: this test was started with it ignored, as by nohup, and so is its child"
            );
            continue;
        }
        let child = Helper::start("shutdown::stoppable", dir.path(), None).expect("a child");
        assert_eq!(child.next().as_deref(), Some("ready"));
        child.signal(first);
        assert_eq!(child.next().as_deref(), Some("asked to stop"), "{first}");
        child.signal(second);
        let said = child.next();
        let expected = "stopped before everything was done; tasks dropped: 1";
        assert_eq!(said.as_deref(), Some(expected), "{first}, {second}");
    }
}

fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("a mask");
    u64::from_str_radix(mask.trim(), 16).expect("hexadecimal") & 1 == 1
}
