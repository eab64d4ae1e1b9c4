//! `doctor`: what it finds, and that it only looks.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use chrono::TimeDelta;
use service::clock::{Clock as _, SystemClock};
use testkit::{Mosquitto, MosquittoConfig, publish};

use crate::household::{Device, SHELLY, TASMOTA};
use crate::program::{Home, command, output};

const NOWHERE: &str = "[feed]\nurl = \"mqtt://127.0.0.1:9\"\n";

/// What it found: level and text by check, and the exit status.
struct Found {
    code: Option<i32>,
    checks: BTreeMap<String, (String, String, String)>,
}

impl Found {
    #[track_caller]
    fn check(&self, check: &str, level: &str, expected: &str) {
        let (found, text, advice) =
            self.checks.get(check).unwrap_or_else(|| panic!("no {check}: {:?}", self.checks));
        assert!(found == level && text.contains(expected), "{check}: {found}: {text} ({advice})");
        assert_eq!(advice.is_empty(), level == "ok", "{check}: {advice}");
    }
}

/// With `systemctl` as the test has it.
fn doctor(home: &Home, arguments: &[&str], systemctl: Option<&str>) -> Found {
    let bin = home.config().with_file_name("bin");
    std::fs::create_dir_all(&bin).unwrap();
    if let Some(script) = systemctl {
        let path = bin.join("systemctl");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = command(&home.config());
    command
        .args(["doctor", "--json"])
        .args(arguments)
        .env("PATH", format!("{}:/bin", bin.display()));
    let (code, stdout, stderr) = output(&mut command);
    assert_eq!(stderr, "");
    let answer: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(answer["ok"], code == Some(0), "{answer}");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let checks = answer["checks"].as_array().unwrap().iter().map(|check| {
        (
            text(&check["check"]),
            (text(&check["level"]), text(&check["text"]), text(&check["advice"])),
        )
    });
    Found { code, checks: checks.collect() }
}

fn listing(home: &Home) -> Vec<PathBuf> {
    let folder = home.config().with_file_name("state");
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn before_the_first_start_it_makes_nothing() {
    let home = Home::new(NOWHERE);
    let found = doctor(&home, &[], None);
    assert_eq!(found.code, Some(1));
    found.check("settings", "ok", "no mistakes");
    found.check("state", "ok", "is made at the first start");
    found.check("agent", "warning", "none runs with these settings");
    found.check("feed", "failure", "mqtt://127.0.0.1:9: Not reached: Connection refused");
    found.check("switch", "ok", "nothing real is moved");
    found.check("alarms", "ok", "only the log");
    found.check("charge", "ok", "no departure is given");
    // No service has its settings there.
    assert!(!found.checks.contains_key("systemd"), "{:?}", found.checks);
    assert!(!home.config().with_file_name("state").exists());
    assert_eq!(home.relay(), "");
}

#[test]
fn in_words_a_pipe_gets_plain_lines() {
    let home = Home::new(NOWHERE);
    let (code, stdout, _) = output(command(&home.config()).arg("doctor"));
    assert_eq!(code, Some(1));
    assert!(stdout.contains("FAILURE  feed      mqtt://127.0.0.1:9: Not reached: "), "{stdout}");
    assert!(stdout.contains("\n                   -> start `ny-power-cloud up` there"), "{stdout}");
    assert!(stdout.ends_with("\n1 failure, 1 warning.\n"), "{stdout}");
    assert!(!stdout.contains('\u{1b}'), "{stdout}");
}

#[test]
fn mistakes_in_the_settings_are_all_told_and_the_rest_is_looked_at() {
    let home = Home::new("[control]\nmode = \"maybe\"\ntick_secs = 0\n");
    let found = doctor(&home, &["--unit", "x"], Some("echo LoadState=not-found"));
    assert_eq!(found.code, Some(1));
    found.check("settings", "failure", "control.mode: unknown variant `maybe`");
    found.check("settings", "failure", "control.tick_secs: 0 is not within 1 to 300");
    found.check("systemd", "warning", "x is not installed");
    assert!(found.checks.contains_key("clock"), "{:?}", found.checks);
    let absent = Home::new("");
    std::fs::remove_file(absent.config()).unwrap();
    doctor(&absent, &[], None).check("settings", "failure", "cannot be read");
}

#[test]
fn a_running_agent_answers_and_is_not_disturbed() {
    let home = Home::new(&format!(
        "{NOWHERE}[control]\nmode = \"now\"\ntick_secs = 1\nmin_off_secs = 1\n"
    ));
    let agent = home.run();
    let before = home.until("closed", |status| status.position.as_deref() == Some("closed"));
    let files = listing(&home);
    for _ in 0..3 {
        let found = doctor(&home, &[], None);
        found.check("agent", "ok", "Charging is on: the mode is \"now\"");
        found.check("switch", "ok", "it is on, the car may charge");
        assert!(!found.checks.contains_key("record"), "the agent has it open: {:?}", found.checks);
    }
    let after = home.until("asked", |status| status.position.as_deref() == Some("closed"));
    assert_eq!((after.switches.lifetime, after.since), (before.switches.lifetime, before.since));
    assert_eq!(listing(&home), files);
    assert_eq!(agent.stop(), Some(0), "{}", home.log());
    // Stopped: the record is opened, and can be opened again by an agent.
    doctor(&home, &[], None).check("record", "ok", "can be read");
    let again = home.run();
    home.until("it runs again", |status| status.switches.lifetime == before.switches.lifetime);
    assert_eq!(again.stop(), Some(0), "{}", home.log());
}

#[test]
fn a_damaged_record_and_a_state_that_is_none_are_told() {
    let home = Home::new(&format!("{NOWHERE}[control]\nmode = \"now\"\nmin_off_secs = 1\n"));
    let agent = home.run();
    home.until("closed", |status| status.position.as_deref() == Some("closed"));
    assert_eq!(agent.stop(), Some(0), "{}", home.log());
    let state = home.config().with_file_name("state");
    for file in std::fs::read_dir(state.join("history/store")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let length = std::fs::metadata(&path).unwrap().len() as usize;
            std::fs::write(&path, vec![0xa5; length]).unwrap();
        }
    }
    let found = doctor(&home, &[], None);
    found.check("record", "warning", "the history was damaged");
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::write(&state, "").unwrap();
    doctor(&home, &[], None).check("state", "failure", "is no directory");
}

#[tokio::test]
async fn the_feed_is_told_with_its_age_and_origin() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let settings = format!("[feed]\nurl = \"mqtt://{}\"\n", broker.addr());
    let real = "[actuator]\nkind = \"command\"\n[actuator.command]\non = [\"true\"]\noff = [\"true\"]\n\
                state = [\"echo\", \"on\"]\n";
    let look = |more: &'static str| {
        let home = Home::new(&format!("{settings}{more}"));
        tokio::task::spawn_blocking(move || doctor(&home, &[], None))
    };
    look("").await.unwrap().check("feed", "failure", "has no reading of the grid");
    let tell = async |ago: i64, origin: &str| {
        let ts = (SystemClock::new().now() - TimeDelta::minutes(ago)).to_rfc3339();
        let reading = format!(
            "{{\"ts\":\"{ts}\",\"value\":212.4,\"units\":\"g / kWh\",\"factor_set\":\"x\",\"complete\":true,\
             \"origin\":\"{origin}\"}}"
        );
        publish(broker.addr(), None, "ny-power/computed/co2", &reading, true).await;
    };
    tell(12, "nyiso").await;
    look("").await.unwrap().check("feed", "ok", "212 g/kWh at ");
    tell(45, "nyiso").await;
    look("").await.unwrap().check("feed", "warning", "45 minutes old");
    tell(12, "generated").await;
    look("").await.unwrap().check("feed", "ok", "generated data");
    look(real).await.unwrap().check("feed", "failure", "generated data, which move no real switch");
    publish(broker.addr(), None, "ny-power/computed/co2", "{\"value\":9000}", true).await;
    look("").await.unwrap().check("feed", "failure", "is not understood: ny-power/computed/co2: ");
}

#[tokio::test]
async fn nyiso_is_asked_where_it_is_the_source() {
    let home = Home::new("[signal]\nsource = \"nyiso\"\nnyiso_url = \"http://127.0.0.1:9/csv/\"\n");
    let found = tokio::task::spawn_blocking(move || doctor(&home, &[], None)).await.unwrap();
    found.check("feed", "ok", "not used");
    found.check("nyiso", "failure", "127.0.0.1:9");

    // A file of yesterday's, whatever day is asked for.
    let file = "Time Stamp,Time Zone,Fuel Category,Gen MW\n03/09/2026 00:05:00,EDT,Hydro,2900\n";
    let app = axum::Router::new().fallback(move || async move { file });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/csv/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let settings = format!("{NOWHERE}[signal]\nnyiso_url = \"{url}\"\n");
    let look = |arguments: &'static [&'static str]| {
        let home = Home::new(&settings);
        tokio::task::spawn_blocking(move || doctor(&home, arguments, None))
    };
    look(&["--online"]).await.unwrap().check("nyiso", "ok", "1 instants of yesterday");
    // Otherwise it is left in peace.
    assert!(!look(&[]).await.unwrap().checks.contains_key("nyiso"));
    server.abort();
}

#[tokio::test]
async fn a_clock_behind_the_grid_is_told() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let ts = (SystemClock::new().now() + TimeDelta::hours(3)).to_rfc3339();
    let reading = format!(
        "{{\"ts\":\"{ts}\",\"value\":212.4,\"units\":\"g / kWh\",\"factor_set\":\"x\",\"complete\":true,\
         \"origin\":\"nyiso\"}}"
    );
    publish(broker.addr(), None, "ny-power/computed/co2", &reading, true).await;
    let home = Home::new(&format!("[feed]\nurl = \"mqtt://{}\"\n", broker.addr()));
    let found = tokio::task::spawn_blocking(move || doctor(&home, &[], None)).await.unwrap();
    found.check("clock", "failure", "and that is over: it was ");
}

#[tokio::test]
async fn switches_on_the_home_broker_are_asked_and_not_moved() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    for (dialect, preset, is_on) in
        [(TASMOTA, "tasmota", true), (TASMOTA, "tasmota", false), (SHELLY, "shelly-gen2", true)]
    {
        let device = Device::connect(broker.addr(), dialect, is_on).await;
        let home = Home::new(&format!(
            "{NOWHERE}[home]\nurl = \"mqtt://{}\"\n[actuator]\nkind = \"mqtt\"\n[actuator.mqtt]\n\
             preset = \"{preset}\"\ndevice = \"garage\"\n",
            broker.addr()
        ));
        let found = tokio::task::spawn_blocking(move || doctor(&home, &[], None)).await.unwrap();
        found.check("home", "ok", "lets us in");
        found.check(
            "switch",
            "ok",
            if is_on { "on, the car may charge" } else { "off, the car may not" },
        );
        let bench = device.bench();
        let is_order = |order: &str| (dialect.understand)(order).is_some();
        assert!(
            bench.is_on == is_on && !bench.orders.iter().any(|(order, _)| is_order(order)),
            "{bench:?}"
        );
    }
}

#[tokio::test]
async fn a_meter_is_listened_to() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let settings = format!(
        "{NOWHERE}[home]\nurl = \"mqtt://{}\"\n[meter]\npower_topic = \"m/power\"\npresence_topic = \"m/car\"\n\
         plugged = \"true\"\nunplugged = \"false\"\n",
        broker.addr()
    );
    publish(broker.addr(), None, "m/car", "true", true).await;
    let look = || {
        let home = Home::new(&settings);
        tokio::task::spawn_blocking(move || doctor(&home, &[], None))
    };
    // What the broker has kept of the power is not what flows now.
    publish(broker.addr(), None, "m/power", "500", true).await;
    let silent = look().await.unwrap();
    silent.check("meter", "warning", "a car is plugged in; no power on m/power within 6 s");
    let asked = look();
    let speaking = async {
        loop {
            publish(broker.addr(), None, "m/power", "7150", false).await;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let found = tokio::select! {
        found = asked => found.unwrap(),
        () = speaking => return,
    };
    found.check("meter", "ok", "7.15 kW flow; a car is plugged in");
}

#[tokio::test]
async fn a_broker_that_refuses_and_a_switch_that_is_silent_are_told() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open().closed()) else { return };
    let home = Home::new(&format!(
        "{NOWHERE}[home]\nurl = \"mqtt://{}\"\n[actuator]\nkind = \"mqtt\"\n[actuator.mqtt]\n\
         preset = \"tasmota\"\ndevice = \"garage\"\ntimeout_secs = 1\n",
        broker.addr()
    ));
    let found = tokio::task::spawn_blocking(move || doctor(&home, &[], None)).await.unwrap();
    found.check("home", "failure", "refuses an anonymous client: not authorized");
    found.check("switch", "failure", "is away");
}

#[test]
fn programs_are_asked_with_a_limit() {
    let home = Home::new(&format!(
        "{NOWHERE}[actuator]\nkind = \"command\"\n[actuator.command]\non = [\"/bin/false\"]\noff = [\"/bin/false\"]\n\
         state = [\"/bin/sleep\", \"1000\"]\ntimeout_secs = 1\n[notify]\ncommand = [\"/no/such/program\"]\n"
    ));
    let found = doctor(&home, &["--unit", "x"], Some("exec /bin/sleep 1000"));
    found.check("switch", "failure", "was killed: it took longer than 1 s");
    found.check("alarms", "failure", "/no/such/program is no program that can be run");
    found.check("systemd", "warning", "does not answer within 5 s");
}

#[test]
fn a_relay_without_its_chip_is_told_what_there_is() {
    let home = Home::new(&format!(
        "{NOWHERE}[actuator]\nkind = \"gpio\"\n[actuator.gpio]\nchip = \"no-such-chip\"\nline = 17\ncontact = \"nc\"\n"
    ));
    doctor(&home, &[], None).check("switch", "failure", "GPIO");
}

#[test]
fn the_next_departure_is_said_back_and_a_short_night_too() {
    let schedule = "mon = \"07:30\"\ntue = \"07:30\"\nwed = \"07:30\"\nthu = \"07:30\"\nfri = \"07:30\"\n\
                    sat = \"07:30\"\nsun = \"07:30\"\n";
    let look = |need: &str| {
        let charge = format!("[charge]\nneed_kwh = {need}\npower_kw = 7.2\n[schedule]\n{schedule}");
        doctor(&Home::new(&format!("{NOWHERE}{charge}")), &[], None)
    };
    look("10").check("charge", "ok", "7:30 AM E");
    look("10").check("charge", "ok", "which take 1 h 23 min at 7.2 kW; it is plugged in from ");
    look("200").check("charge", "warning", "that is only 13 h 30 min");
}

#[test]
fn what_systemd_says_of_the_unit_is_told() {
    let home = Home::new(NOWHERE);
    let says = "[ \"$4\" = ny-power-agent@garage ] && printf 'LoadState=loaded\\nActiveState=active\\n\
                UnitFileState=enabled\\nWatchdogUSec=2min\\nNRestarts=3\\n'";
    let found = doctor(&home, &["--unit", "ny-power-agent@garage"], Some(says));
    found.check(
        "systemd",
        "ok",
        "is enabled and active, started again 3 times; its watchdog is 2min",
    );
    let found = doctor(&home, &["--unit", "x"], Some("echo no >&2; exit 1"));
    found.check("systemd", "warning", "does not run systemd");
}
