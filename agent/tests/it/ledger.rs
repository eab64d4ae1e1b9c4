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
        let sessions = session_page(&store, Period::ALL, at(told).wall).expect("a read");
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
