//! A tie between grids that this program does not know: in no sum, counted, and said once. The built program,
//! so that log and metrics are what an operator reads.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chrono::TimeDelta;
use nyiso::eastern;
use service::clock::{Clock as _, SystemClock};
use testkit::PATIENCE;

use super::feeds::next_flows;
use super::rig::Rig;
use crate::broker::Bench;

const LOG_LINE: &str = "a tie that this program does not know";

struct Pump(Child);

impl Drop for Pump {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(rig: &Rig, metrics: SocketAddr) -> Pump {
    let password = rig.dir().join("password");
    std::fs::write(&password, "hunter2\n").unwrap();
    let log = File::create(rig.dir().join("log")).unwrap();
    let child = Command::new(assert_cmd::cargo::cargo_bin!("ny-power-cloud"))
        .arg("pump")
        .env("NY_POWER_CLOUD__NYISO__URL", rig.base())
        .env("NY_POWER_CLOUD__NYISO__POLL_INTERVAL_SECS", "1")
        .env("NY_POWER_CLOUD__MQTT__URL", format!("mqtt://{}", rig.bench.addr()))
        .env("NY_POWER_CLOUD__MQTT__USERNAME", "pump")
        .env("NY_POWER_CLOUD__MQTT__PASSWORD_FILE", password)
        .env("NY_POWER_CLOUD__DATA_DIR", rig.dir().join("state"))
        .env("NY_POWER_CLOUD__METRICS__BIND", metrics.to_string())
        .env("NY_POWER_LOG", "warn")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    Pump(child)
}

/// What `/metrics` says of a name, once it says it.
async fn metric(addr: SocketAddr, name: &str) -> f64 {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let text = match reqwest::get(format!("http://{addr}/metrics")).await {
            Ok(answer) => answer.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        };
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        if let Some(value) = value {
            return value;
        }
        assert!(tokio::time::Instant::now() < deadline, "no {name} in:\n{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_tie_is_counted_said_once_and_in_no_sum() {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // The program reads the machine's clock.
    let now = SystemClock::new().now();
    let rig =
        Rig::new(Bench::embedded().await.unwrap(), &now.format("%Y-%m-%dT%H:%M:00Z").to_string())
            .await;
    // The rows of five minutes, in New York's time; the day's first minutes are of yesterday's file.
    let row = |ago: i64| {
        let ts = now - TimeDelta::minutes(5 * ago);
        eastern::wall_clock(ts).0
    };
    let name = |ago: i64| {
        let day = row(ago).date().format("%Y%m%d");
        format!("ExternalLimitsFlows/{day}ExternalLimitsFlows.csv")
    };
    let file = |ago: i64, hq: f64| {
        let time = row(ago).format("%m/%d/%Y %H:%M");
        let row = |tie: &str, point: u32, flow: f64| {
            format!("\r\n{time},{tie},{point},{flow},9999,-9999")
        };
        let header = "Timestamp,Interface Name,Point ID,Flow (MWH),Positive Limit (MWH),Negative Limit (MWH)";
        let rows = [
            row("SCH - HQ - NY", 23_324, hq),
            row("SCH - MARS", 700_001, 77.0),
            row("SCH - MOON", 700_002, 5.0),
        ];
        Some([header.to_owned(), rows.concat()].concat().into_bytes())
    };
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut subscriber = rig.subscriber("ny-power/upstream/flows").await;
    rig.standin.put(&name(1), file(1, 900.0));
    let _pump = start(&rig, free);
    let first = next_flows(&mut subscriber).await;
    assert_eq!(first.net, [("HQ".to_owned(), 900.0)].into());
    assert!(!first.points.contains_key("700001"), "{first:?}");
    let count = metric(free, r#"ny_power_unknown_ties{feed="flows"}"#).await;
    assert_eq!(count, 2.0);

    // The same ties in the next file are no news.
    rig.standin.put(&name(0), file(0, 910.0));
    assert_eq!(next_flows(&mut subscriber).await.net["HQ"], 910.0);
    let log = std::fs::read_to_string(rig.dir().join("log")).unwrap();
    for (point, tie) in [("700001", "SCH - MARS"), ("700002", "SCH - MOON")] {
        let said: Vec<_> = log
            .lines()
            .filter(|line| line.contains(LOG_LINE) && line.contains(point) && line.contains(tie))
            .collect();
        assert_eq!(said.len(), 1, "{log}");
        assert!(said[0].contains("WARN"), "{}", said[0]);
    }
    assert_eq!(metric(free, r#"ny_power_unknown_ties{feed="flows"}"#).await, 2.0);
}
