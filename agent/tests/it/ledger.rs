//! The ledger against `kill -9` at any moment: at most one tick is lost, and none is counted twice.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use agent::agent::CycleFacts;
use agent::ledger::{Ledger, Period, SessionEntry, session_page};
use agent::store::Store;
use chrono::TimeDelta;
use domain::Timestamp;
use domain::control::{BootId, Contactor, Moment};
use domain::wire::Origin;
use service::history::{SledConfig, SledHistory};

use crate::program::PATIENCE;

const DIR: &str = "NY_POWER_TEST_DIR";
const MARK: &str = "@child ";

/// kWh of a tick of 10 s at 7.2 kW.
const TICK_KWH: f64 = 0.02;

/// A session takes so many ticks, then the car is away for five.
const TICKS: u64 = 55;
const AWAY: u64 = 5;

fn at(tick: u64) -> Moment {
    let secs = 10 * tick;
    let start: Timestamp = "2026-03-10T04:00:00Z".parse().unwrap();
    Moment {
        wall: start + TimeDelta::seconds(i64::try_from(secs).unwrap()),
        boot: BootId(1),
        uptime: Duration::from_secs(1000 + secs),
    }
}

/// Plugged in and charging, or away.
fn facts(tick: u64) -> CycleFacts {
    let plugged = tick % (TICKS + AWAY) < TICKS;
    CycleFacts {
        at: at(tick),
        clock_trusted: true,
        position: if plugged { Contactor::Closed } else { Contactor::Open },
        basis: "average",
        origin: Origin::Nyiso,
        average_g_per_kwh: None,
        marginal_g_per_kwh: None,
        price: None,
        depart: None,
        home_since: None,
        need_kwh: None,
        power_kw: 7.2,
        charging_kw: None,
        meter_kwh: None,
        plugged: Some(plugged),
    }
}

/// Energy after `tick`, had nothing ever been lost.
fn true_kwh(tick: u64) -> f64 {
    let (cycles, rest) = (tick / (TICKS + AWAY), tick % (TICKS + AWAY));
    // A session's first tick has seen nothing yet, and the one that finds the car away counts what was before.
    TICK_KWH * (cycles * TICKS + rest.min(TICKS)) as f64
}

fn open(dir: &Path) -> Store {
    let (history, report) = SledHistory::open(dir, SledConfig::default()).expect("opens");
    assert!(!report.is_trouble(), "{report}");
    Store::new(Arc::new(history))
}

#[test]
#[ignore = "runs in a child process only"]
fn writer() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let from: u64 = std::env::var("NY_POWER_TEST_TICK").unwrap().parse().unwrap();
    let store = open(Path::new(&dir));
    let mut ledger = Ledger::new(store.clone());
    for tick in from.. {
        ledger.tick(&facts(tick));
        // What sled does by itself each second, far more often than the agent ticks.
        store.sync().expect("a sync");
        println!("{MARK}{tick}");
    }
}

/// Lets the writer go on from `tick` and kills it after `moment`; gives the last tick it told of.
fn run_and_kill(dir: &Path, tick: u64, moment: Duration) -> Option<u64> {
    let mut child = Command::new(std::env::current_exe().expect("a path"))
        .args(["ledger::writer", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .env("NY_POWER_TEST_TICK", tick.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child");
    let stdout = child.stdout.take().expect("piped");
    let (sender, ticks) = channel();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let tick = line.split_once(MARK).and_then(|(_, tick)| tick.parse::<u64>().ok());
            if let Some(tick) = tick {
                let _ = sender.send(tick);
            }
        }
    });
    // Past the start, whatever the machine's speed.
    let first = ticks.recv_timeout(PATIENCE).expect("the child ticks");
    std::thread::sleep(moment);
    child.kill().expect("killed");
    child.wait().expect("gone");
    reader.join().expect("no panic");
    ticks.iter().last().or(Some(first))
}

#[test]
fn kill_9_at_any_moment_loses_at_most_one_tick() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (mut next, mut lost) = (0, 0.0);
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for round in 0..25 {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = Duration::from_micros((random >> 33) % 80_000);
        let told = run_and_kill(dir.path(), next, moment).expect("a tick");
        let store = open(dir.path());
        let sessions = session_page(&store, Period::ALL).expect("a read");
        let kwh: f64 = sessions.iter().map(|session| session.kwh).sum();
        // It may have done one tick more than it could tell.
        let most = true_kwh(told + 1) - lost;
        assert!(kwh <= most + 1e-6, "round {round}: {kwh} kWh of {most} after tick {told}");
        let least = true_kwh(told) - lost;
        assert!(least - 1e-6 <= kwh, "round {round}: {kwh} kWh of {least} after tick {told}");
        check(&sessions);
        next = told + 1;
        // A restart has not seen the tick before it.
        lost = true_kwh(next) - kwh;
        assert!(lost <= (f64::from(round) + 1.0) * TICK_KWH + 1e-6, "round {round}: {lost} kWh");
    }
    println!("25 kills in {next} ticks, {lost:.3} kWh of {:.2} lost", true_kwh(next));
    assert!(200 < next, "the writer hardly wrote: {next} ticks");
}

/// One after the other, each with no more than it can have.
#[track_caller]
fn check(sessions: &[SessionEntry]) {
    for pair in sessions.windows(2) {
        assert!(pair[0].to <= pair[1].from, "{pair:?}");
        assert!(!pair[0].open, "{pair:?}");
    }
    for session in sessions {
        let most = TICK_KWH * TICKS as f64;
        assert!(session.kwh <= most + 1e-6 && session.by == "presence", "{session:?}");
    }
}

/// A month of nights, and what the commands say of it; the agent is stopped, or runs on the same record.
mod told {
    use super::*;
    use crate::program::{Home, command, output};
    use domain::series::Sample;
    use serde_json::Value;

    const SETTINGS: &str = "[feed]\nurl = \"mqtt://127.0.0.1:9\"\n\
        [control]\nmode = \"clean\"\nstart_grace_secs = 1\ntick_secs = 1\n\
        [charge]\nneed_kwh = 14\npower_kw = 7\nplugged_from = \"18:00\"\n\
        [schedule]\nmon = \"07:30\"\n";

    fn minutes(minutes: i64) -> Timestamp {
        "2026-03-09T22:00:00Z".parse::<Timestamp>().unwrap() + TimeDelta::minutes(minutes)
    }

    /// Three nights from 6 PM of 9 March on: two hours each from 2 AM, at 100 instead of 300 g/kWh. Of the
    /// third no reading is known.
    fn fill(home: &Home) {
        let store = open(&home.config().with_file_name("state").join("history"));
        let mut ledger = Ledger::new(store.clone());
        for n in 0..2 * 288 {
            let ts = minutes(5 * n);
            let clean = (485..=600).contains(&(5 * n % 1440));
            let grams_per_kwh = if clean { 100.0 } else { 300.0 };
            store.keep_reading(Origin::Nyiso, Sample { ts, grams_per_kwh }).unwrap();
        }
        for n in 0..3 * 24 * 60 {
            let (night, minute) = (n / 1440, n % 1440);
            let mut facts = facts(0);
            facts.at.wall = minutes(n);
            facts.at.uptime += Duration::from_secs(60 * u64::try_from(n).unwrap());
            facts.plugged = None;
            facts.power_kw = 7.0;
            facts.depart = Some(minutes(1440 * night + 810));
            facts.home_since = Some(minutes(1440 * night));
            if 810 <= minute {
                facts.depart = Some(minutes(1440 * (night + 1) + 810));
                facts.home_since = Some(minutes(1440 * (night + 1)));
            }
            let on = (480..600).contains(&minute);
            facts.position = if on { Contactor::Closed } else { Contactor::Open };
            ledger.tick(&facts);
        }
        store.sync().unwrap();
    }

    fn ask(home: &Home, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = output(command(&home.config()).args(arguments));
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}: {stdout}");
        stdout
    }

    #[test]
    fn a_stopped_agents_record_is_reported_as_text_json_and_csv() {
        let home = Home::new(SETTINGS);
        fill(&home);
        let text = ask(&home, &["report", "--month", "2026-03"]);
        for line in [
            "Charging in March 2026, New York time",
            "  Mon Mar 9 6:00 PM to Tue 7:30 AM           14.0 kWh    1.40 kg    -2.80",
            "  Wed Mar 11 6:00 PM to Thu 7:30 AM          14.0 kWh       ?           ?",
            "In all 3 sessions, 42.0 kWh, 2.80 kg CO2 for the 28.0 kWh whose intensity is known: 100 g/kWh.",
            "Of 2 of them, 28.0 kWh and 2.80 kg, it is known what had been otherwise:",
            "Charged at once it had been 8.40 kg: 5.60 kg saved (66.7 %).",
            // From 1 AM on: half of it in the hour before it is clean.
            "By a 01:00 timer it had been 5.60 kg: 2.80 kg saved (50.0 %).",
            "CO2 is by the average intensity of New York's own generation, direct emissions, imports left out.",
            "The kWh are power times time of the contactor: nothing measured them.",
            "1 session lacks part of the readings: energy counts, CO2 only where the intensity is known.",
        ] {
            assert!(text.lines().any(|is| is == line), "{line:?} is not in\n{text}");
        }
        assert!(!text.contains('█'), "no bars where no terminal is");

        let json: Value =
            serde_json::from_str(&ask(&home, &["report", "--year", "2026", "--json"])).unwrap();
        assert_eq!(json["basis"], "average, production, direct");
        assert_eq!(json["total"]["sessions"], 3);
        assert_eq!(json["total"]["kwh"], 42.0);
        assert_eq!(json["total"]["partial_sessions"], 1);
        assert_eq!(json["total"]["compared"]["saved_at_once_grams"], 5600.0);
        assert_eq!(json["sessions"][0]["from"], "2026-03-09T22:00:00Z");
        assert_eq!(json["sessions"][0]["by"], "schedule");

        let day = ["report", "--from", "2026-03-10", "--to", "2026-03-10", "--csv", "-"];
        let csv = ask(&home, &day);
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(
            lines[1],
            "2026-03-10T22:00:00Z,2026-03-11T11:30:00Z,schedule,false,14,0,7200,nyiso,\
             \"average, production, direct\",1400,14,false,4200,2800,2800,1400"
        );
        assert_eq!((lines.len(), lines[0].split(',').count()), (2, 16));

        let file = home.config().with_file_name("march.csv");
        let said = ask(&home, &["report", "--month", "2026-03", "--csv", file.to_str().unwrap()]);
        assert!(said.starts_with("3 sessions of March 2026 are in "), "{said}");
        assert_eq!(std::fs::read_to_string(file).unwrap().lines().count(), 4);

        let marginal = ask(&home, &["report", "--month", "2026-03", "--basis", "marginal"]);
        assert!(marginal.contains("CO2 is by the marginal intensity of the whole state"));
        assert!(marginal.contains("3 sessions lack part of the readings"), "{marginal}");
        let none = ask(&home, &["report", "--month", "2025-03"]);
        assert!(none.contains("No session began in this time."), "{none}");
    }

    #[test]
    fn history_shows_readings_switches_and_sessions_running_or_not() {
        let home = Home::new(SETTINGS);
        fill(&home);
        let day = ["history", "--from", "2026-03-10", "--to", "2026-03-10"];
        let stopped = ask(&home, &day);
        for part in [
            "Mar 10, 2026, New York time",
            "  288 from Tue Mar 10 12:00:00 AM EDT to Tue Mar 10 11:55:00 PM EDT, average intensity",
            "  lowest   100 g/kWh, Tue Mar 10 2:05:00 AM EDT",
            "  The contactor was not moved.",
            "14.0 kWh  1.40 kg CO2 (average), known by schedule",
        ] {
            assert!(stopped.contains(part), "{part:?} is not in\n{stopped}");
        }
        let _agent = home.run();
        home.until("a decision", |status| status.position.is_some());
        assert_eq!(ask(&home, &day), stopped, "the same over the socket");
        let json: Value = serde_json::from_str(&ask(&home, &["history", "--json"])).unwrap();
        assert_eq!(json["readings"], serde_json::json!([]));
        let report = ask(&home, &["report", "--month", "2026-03"]);
        assert!(report.contains("In all 3 sessions, 42.0 kWh"), "{report}");
    }

    #[test]
    fn what_cannot_be_told_is_one_clear_line() {
        let check = |home: &Home, arguments: &[&str], code: i32, expected: &str| {
            let (got, stdout, stderr) = output(command(&home.config()).args(arguments));
            assert_eq!(got, Some(code), "{arguments:?}: {stdout}{stderr}");
            assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
        };
        let home = Home::new(SETTINGS);
        check(&home, &["report"], 1, "nothing was recorded in ");
        check(&home, &["history"], 1, "start the agent with `ny-power-agent run`");
        check(&home, &["report", "--month", "2026-13"], 2, "not a month such as 2026-03");
        check(&home, &["report", "--month", "2026-03", "--year", "2026"], 2, "cannot be used with");
        let backward = ["report", "--from", "2026-03-10", "--to", "2026-03-09"];
        check(&home, &backward, 2, "--from 2026-03-10 comes after --to 2026-03-09: no day is both");
        fill(&home);
        let csv = ["report", "--month", "2026-03", "--csv", "/no/such/folder/x.csv"];
        check(&home, &csv, 1, "cannot write /no/such/folder/x.csv");
    }

    /// The program itself, killed while it charges.
    #[test]
    fn a_killed_agents_session_is_there_and_goes_on() {
        let home = Home::new(
            "[feed]\nurl = \"mqtt://127.0.0.1:9\"\n[control]\nmode = \"now\"\ntick_secs = 1\n\
             [clock]\ntrust = \"always\"\n",
        );
        let charged = || {
            let json: Value =
                serde_json::from_str(&ask(&home, &["report", "--json"])).expect("JSON");
            let sessions = json["sessions"].as_array().expect("a list").clone();
            assert!(sessions.len() <= 1, "{sessions:?}");
            sessions.first().map_or(0, |session| session["charging_s"].as_i64().expect("a number"))
        };
        let wait = |least: i64| {
            let started = std::time::Instant::now();
            loop {
                let secs = charged();
                if least <= secs {
                    return secs;
                }
                assert!(started.elapsed() < PATIENCE, "{secs} s charged; {}", home.log());
                std::thread::sleep(Duration::from_millis(100));
            }
        };
        let agent = home.run();
        home.until("closed", |status| status.position.as_deref() == Some("closed"));
        let told = wait(3);
        agent.kill();
        let kept = charged();
        // sled writes each second what the tick of a second put.
        assert!(told - 2 <= kept, "{told} s were told, {kept} s are kept");
        let _agent = home.run();
        wait(kept + 2);
    }

    /// A plug with a meter on the home broker, and somebody who tells when the car is there.
    #[tokio::test]
    async fn a_meter_and_a_presence_make_a_measured_session() {
        use testkit::{Mosquitto, MosquittoConfig, publish};
        let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
        let home = Home::new(&format!(
            "[feed]\nurl = \"mqtt://127.0.0.1:9\"\n[control]\nmode = \"now\"\ntick_secs = 1\n\
             [clock]\ntrust = \"always\"\n[home]\nurl = \"mqtt://{}\"\n\
             [meter]\npreset = \"shelly-gen2\"\ndevice = \"garage\"\n\
             presence_topic = \"car\"\nplugged = \"yes\"\nunplugged = \"no\"\n",
            broker.addr()
        ));
        let _agent = home.run();
        home.until("closed", |status| status.position.as_deref() == Some("closed"));
        let session = || {
            let json: Value =
                serde_json::from_str(&ask(&home, &["report", "--json"])).expect("JSON");
            json["sessions"].as_array().expect("a list").last().cloned().unwrap_or_default()
        };
        let started = std::time::Instant::now();
        let mut counted = 1000.0;
        loop {
            counted += 50.0;
            let said = format!(
                "{{\"output\":true,\"apower\":7200.0,\"aenergy\":{{\"total\":{counted}}}}}"
            );
            publish(broker.addr(), None, "garage/status/switch:0", &said, false).await;
            publish(broker.addr(), None, "car", "yes", true).await;
            let told = session();
            if told["by"] == "presence" && Some(0.1) < told["metered_kwh"].as_f64() {
                assert_eq!(told["kwh"], told["metered_kwh"], "{told}");
                break;
            }
            assert!(started.elapsed() < PATIENCE, "{told}; {}", home.log());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        publish(broker.addr(), None, "car", "no", true).await;
        while session()["open"] != false {
            assert!(started.elapsed() < 2 * PATIENCE, "{}", home.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
