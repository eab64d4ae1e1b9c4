//! The built program, killed with SIGKILL in the middle of its work.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chrono::TimeDelta;
use service::clock::{Clock as _, SystemClock};
use testkit::PATIENCE;

use super::rig::{Rig, json, mix, text};
use crate::broker::Bench;

/// As in `pump`: what a catch-up may repeat after a kill.
const MOST_REPEATED: usize = 24;

fn start(rig: &Rig, password: &std::path::Path) -> Child {
    Command::new(assert_cmd::cargo::cargo_bin!("ny-power-cloud"))
        .arg("pump")
        .env("NY_POWER_CLOUD__NYISO__URL", rig.base())
        .env("NY_POWER_CLOUD__NYISO__POLL_INTERVAL_SECS", "1")
        .env("NY_POWER_CLOUD__MQTT__URL", format!("mqtt://{}", rig.bench.addr()))
        .env("NY_POWER_CLOUD__MQTT__USERNAME", "pump")
        .env("NY_POWER_CLOUD__MQTT__PASSWORD_FILE", password)
        .env("NY_POWER_CLOUD__DATA_DIR", rig.dir().join("killed"))
        .env("NY_POWER_LOG", "warn")
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_it_skips_nothing_and_repeats_little() {
    // The program reads the machine's clock; to the minute is enough.
    let now = SystemClock::new().now().format("%Y-%m-%dT%H:%M:00Z").to_string();
    let rig = Rig::new(Bench::embedded().await.unwrap(), &now).await;
    let mut expected = Vec::new();
    // 17 hours: all of it is of yesterday or today, whatever the time is.
    for index in (0..200).rev() {
        let ts = rig.standin.now() - TimeDelta::minutes(10 + index * 5);
        rig.standin.push(&mix(ts, 300.0, 0.0));
        expected.push(text(ts));
    }
    let password = rig.dir().join("password");
    std::fs::write(&password, "hunter2\n").unwrap();
    let mut all = rig.subscriber("ny-power/upstream/mix").await;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut kills = 0;
    let deadline = tokio::time::Instant::now() + 3 * PATIENCE;
    for share in [10, 50, 90, 130, 170, usize::MAX] {
        let mut child = start(&rig, &password);
        while seen.len() < share.min(expected.len()) {
            assert!(tokio::time::Instant::now() < deadline, "{} of {}", seen.len(), expected.len());
            for message in all.all(Duration::from_millis(20)).await {
                *seen.entry(json(&message)["ts"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        for message in all.all(Duration::from_millis(300)).await {
            *seen.entry(json(&message)["ts"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert_eq!(seen.keys().cloned().collect::<Vec<_>>(), expected, "something was skipped");
    let repeats: usize = seen.values().map(|count| count - 1).sum();
    assert!(repeats <= kills * (MOST_REPEATED + 1), "{repeats} repeats in {kills} kills");
}
