//! The built program, as a person starts it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use domain::wire::CarbonNow;
use serde_json::Value;
use testkit::{PATIENCE, Subscriber};

fn program() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("ny-power-cloud"));
    command.env_remove("NY_POWER_LOG").stdin(Stdio::null());
    command
}

/// `up --demo` on ports of its own.
struct Up {
    child: Child,
    web: SocketAddr,
    mqtt: SocketAddr,
}

impl Up {
    fn start(data: &Path, web: SocketAddr, mqtt: SocketAddr) -> Self {
        let child =
            up(data, web, mqtt).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, web, mqtt }
    }

    /// SIGTERM, and the exit status.
    fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < until, "it does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The current reading, once the week behind it is known.
    async fn with_a_week(&self) -> Value {
        let until = Instant::now() + 2 * PATIENCE;
        loop {
            let now: Value = serde_json::from_str(&self.get("/current/co2").await).unwrap();
            if now["percentile_hours"].as_f64().is_some_and(|hours| hours > 160.0) {
                return now;
            }
            assert!(Instant::now() < until, "{now}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The body of `path`, once it is there.
    async fn get(&self, path: &str) -> String {
        let url = format!("http://{}{path}", self.web);
        let until = Instant::now() + PATIENCE;
        loop {
            match reqwest::get(&url).await {
                Ok(answer) if answer.status().is_success() => return answer.text().await.unwrap(),
                answer => assert!(Instant::now() < until, "{url}: {answer:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn up(data: &Path, web: SocketAddr, mqtt: SocketAddr) -> Command {
    let mut command = program();
    command
        .args(["up", "--demo"])
        .env("NY_POWER_CLOUD__DATA_DIR", data)
        .env("NY_POWER_CLOUD__WEB__BIND", web.to_string())
        .env("NY_POWER_CLOUD__BROKER__BIND", mqtt.to_string());
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_runs_says_what_it_is_and_survives_a_restart() {
    nyiso::client::install_crypto();
    let data = tempfile::tempdir().unwrap();
    let (web, mqtt) = (testkit::free_addr(), testkit::free_addr());
    let up = Up::start(data.path(), web, mqtt);

    // The whole chain: generated file, pump, broker, co2, broker, web.
    let now = up.with_a_week().await;
    assert_eq!((&now["units"], &now["origin"]), (&"g / kWh".into(), &"generated".into()));
    assert!(up.get("/").await.contains("Generated demo data"));
    assert!(up.get("/console").await.contains("Generated demo data"));
    assert!(up.get("/metrics").await.contains("ny_power_instants_total"));

    // A stranger on the broker reads, and may not write.
    let mut stranger = Subscriber::connect(mqtt, "ny-power/#").await;
    let retained = stranger.next("ny-power/computed/co2", PATIENCE).await;
    let first = CarbonNow::from_json(&retained.payload).unwrap();
    let forged = String::from_utf8(CarbonNow { value: 1.0, ..first.clone() }.to_json()).unwrap();
    testkit::publish(mqtt, None, "ny-power/computed/co2", &forged, true).await;
    let again =
        Subscriber::connect(mqtt, "ny-power/#").await.next("ny-power/computed/co2", PATIENCE).await;
    assert_ne!(CarbonNow::from_json(&again.payload).unwrap().value, 1.0);

    // A second one says what is in its way.
    let second = self::up(data.path(), web, testkit::free_addr()).output().unwrap();
    let complaint = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{complaint}");
    for part in [web.to_string().as_str(), "is taken by", "ny-power-cloud", "web.bind"] {
        assert!(complaint.contains(part), "{part:?} is not in {complaint}");
    }

    assert_eq!(up.stop(), Some(0));
    let up = Up::start(data.path(), web, mqtt);
    up.with_a_week().await;
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn an_exit_is_said_to_subscribers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        nyiso::client::install_crypto();
        let data = tempfile::tempdir().unwrap();
        let up = Up::start(data.path(), testkit::free_addr(), testkit::free_addr());
        up.get("/current/co2").await;
        let mut watcher = Subscriber::connect(up.mqtt, "ny-power/status/#").await;
        watcher.next("ny-power/status/pump", PATIENCE).await;
        let stopping = tokio::task::spawn_blocking(move || up.stop());
        loop {
            let said = watcher.next("ny-power/status/pump", PATIENCE).await;
            if said.text().contains("offline") {
                break;
            }
        }
        assert_eq!(stopping.await.unwrap(), Some(0));
    });
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Runs the program with settings, and expects these words.
#[track_caller]
fn check(args: &[&str], settings: &str, code: i32, expected: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("settings.toml");
    std::fs::write(&file, settings).unwrap();
    let output =
        program().args(args).arg("--config").arg(&file).env("HOME", dir.path()).output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in expected {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
}

#[test]
fn check_config_prints_what_is_in_force() {
    check(
        &["check-config"],
        "[web]\nbind = \"0.0.0.0:80\"\n",
        0,
        &["bind = \"0.0.0.0:80\"", "poll_interval_secs = 60"],
    );
}

#[test]
fn check_config_names_every_mistake() {
    let settings = "[web]\nbnid = 1\n[co2]\nfactor_set = \"2030\"\nretention_days = \"long\"\n";
    let expected =
        ["3 mistakes", "web.bnid: no such setting; did you mean web.bind?", "co2.retention_days"];
    check(&["check-config"], settings, 78, &expected);
    check(
        &["check-config"],
        "[co2]\nfactor_set = \"2030\"\n",
        78,
        &["no factor set \"2030\"", "ny-2026.1"],
    );
}

#[test]
fn check_feed_says_who_does_not_answer() {
    let settings = format!("[nyiso]\nurl = \"http://{}/public/csv/\"\n", testkit::free_addr());
    check(&["check-feed", "--timeout", "5"], &settings, 1, &["cannot connect", "public/csv"]);
}

#[test]
fn a_backfill_that_cannot_be_says_why() {
    let args = ["backfill", "--from", "2016-01-01", "--to", "2016-02-01"];
    check(&args, "", 1, &["older than what is kept", "retention_days"]);
    let args = ["backfill", "--from", "2026-02-01", "--to", "2026-01-01"];
    check(&args, "", 1, &["--to 2026-01-01 is before --from 2026-02-01"]);
}

#[test]
fn the_example_shows_the_defaults() {
    let example = include_str!("../../cloud.example.toml");
    let uncommented: String = example
        .lines()
        .filter(|line| !line.starts_with("##"))
        .map(|line| line.strip_prefix("# ").unwrap_or(line))
        // What has no default is an example value.
        .filter(|line| {
            !["data_dir", "username", "password_file", "ca_file"]
                .iter()
                .any(|key| line.starts_with(key))
        })
        .collect::<Vec<_>>()
        .join("\n");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("example.toml");
    std::fs::write(&file, uncommented).unwrap();
    let mut config: cloud::config::Config =
        service::settings::load(Some(&file), "NO_SUCH_PREFIX").unwrap();
    assert!(config.metrics.bind.take().is_some(), "an example value as well");
    assert_eq!(config, cloud::config::Config::default());
}
