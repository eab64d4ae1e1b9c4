//! The program against a real broker.

use std::net::SocketAddr;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::wire::{CarbonNow, CarbonSeries, GRAMS_PER_KWH, Origin};
use service::clock::{Clock as _, SystemClock};
use testkit::{Mosquitto, MosquittoConfig, publish};

use crate::program::{Home, command, output};

const CO2: &str = "ny-power/computed/co2";

fn settings(broker: SocketAddr, min_on_secs: u64) -> String {
    format!(
        "[feed]\nurl = \"mqtt://{broker}\"\nstale_after_mins = 15\n\
         [control]\nmin_on_secs = {min_on_secs}\nmin_off_secs = 1\nstart_grace_secs = 1\ntick_secs = 1\n\
         [control.threshold]\nunit = \"g/kWh\"\nclose_below = 200\nopen_above = 250\n"
    )
}

fn now() -> Timestamp {
    SystemClock::new().now()
}

fn text(payload: Vec<u8>) -> String {
    String::from_utf8(payload).expect("UTF-8")
}

/// Tells the grid's intensity of `ago` ago, retained.
async fn tell(broker: SocketAddr, value: f64, ago: TimeDelta) {
    let reading = CarbonNow {
        ts: now() - ago,
        value,
        units: GRAMS_PER_KWH.to_owned(),
        life_cycle: None,
        consumption: None,
        consumption_life_cycle: None,
        production_only: None,
        marginal: None,
        marginal_basis: None,
        renewables_floor_mw: None,
        verdict: None,
        percentile_7d: None,
        percentile_hours: None,
        p33: None,
        p67: None,
        min_7d: None,
        max_7d: None,
        factor_set: "ny-2026.1".to_owned(),
        complete: true,
        missing: Vec::new(),
        unknown: Vec::new(),
        revised: false,
        origin: Origin::Nyiso,
    };
    publish(broker, None, CO2, &text(reading.to_json()), true).await;
}

#[tokio::test]
async fn a_reading_moves_the_relay_and_kill_9_does_not_shorten_its_minimum_time() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let home = Home::new(&settings(broker.addr(), 3600));
    let agent = home.run();
    tell(broker.addr(), 150.0, TimeDelta::minutes(10)).await;
    home.until("closed", |status| status.position.as_deref() == Some("closed"));
    assert_eq!(home.relay(), "closed\n");

    tell(broker.addr(), 300.0, TimeDelta::minutes(5)).await;
    let held = home.until("held", |status| status.hold.is_some());
    agent.kill();

    let _agent = home.run();
    let again = home.until("held again", |status| status.hold.is_some());
    let (before, after) = (held.next_change.expect("a time"), again.next_change.expect("a time"));
    // Each is told to the second.
    assert!((after - before).abs() <= TimeDelta::seconds(1), "{before} became {after}");
    assert_eq!((home.relay().as_str(), again.switches.lifetime), ("closed\n", 1));
    assert!(again.reason.contains("once on it stays on for 60 minutes"), "{}", again.reason);
}

#[tokio::test]
async fn minimum_over_the_relay_opens_by_itself() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let home = Home::new(&settings(broker.addr(), 2));
    let _agent = home.run();
    tell(broker.addr(), 150.0, TimeDelta::minutes(10)).await;
    let closed = home.until("closed", |status| status.position.as_deref() == Some("closed"));
    tell(broker.addr(), 300.0, TimeDelta::minutes(5)).await;
    let open = home.until("open", |status| status.position.as_deref() == Some("open"));
    let last = |status: &agent::status::Status| status.switches.last.expect("a move");
    // Told to the second, so a minimum of 2 s shows as at least 1.
    assert!(TimeDelta::seconds(1) <= last(&open) - last(&closed), "{closed:?} {open:?}");
    assert_eq!(home.relay(), "open\n");
}

#[tokio::test]
async fn broker_gone_history_decides_and_back_the_feed_does() {
    let Some(mut broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let home = Home::new(&settings(broker.addr(), 1));
    let _agent = home.run();
    // Two weeks in which this hour was always clean: of one alone, at some minutes of the hour so little
    // falls into this hour that the dirty reading below makes its mean too dirty.
    let week = CarbonSeries {
        units: GRAMS_PER_KWH.to_owned(),
        ts: (2..14 * 96).rev().map(|quarters| now() - TimeDelta::minutes(15 * quarters)).collect(),
        values: vec![100.0; 14 * 96 - 2],
        factor_set: "ny-2026.1".to_owned(),
        origin: Origin::Nyiso,
    };
    publish(broker.addr(), None, "ny-power/archive/co2/7d", &text(week.to_json()), true).await;
    // Fresh for five seconds more.
    let nearly_stale = TimeDelta::minutes(15) - TimeDelta::seconds(5);
    tell(broker.addr(), 300.0, nearly_stale).await;
    home.until("history and reading", |status| {
        150.0 < status.signal.history_hours && status.signal.grams_per_kwh == Some(300.0)
    });
    broker.kill();

    let bridged = home.until("own history decides", |status| {
        status.signal.source == "usual" && status.position.as_deref() == Some("closed")
    });
    assert!(!bridged.feed.connected);
    assert!(bridged.reason.contains("by this agent's own history"), "{}", bridged.reason);
    assert!(home.log().contains("by this agent's own history"), "the log says it, too");
    let (_, why, _) = output(command(&home.config()).arg("why"));
    assert!(why.contains("The feed has been away since"), "{why}");

    broker.start_again();
    tell(broker.addr(), 300.0, TimeDelta::minutes(5)).await;
    home.until("the feed decides", |status| {
        status.feed.connected
            && status.signal.source == "live"
            && status.position.as_deref() == Some("open")
    });
}

#[tokio::test]
async fn nonsense_on_the_feed_is_counted_and_moves_nothing() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let home = Home::new(&settings(broker.addr(), 1));
    let _agent = home.run();
    tell(broker.addr(), 300.0, TimeDelta::minutes(10)).await;
    home.until("the reading", |status| status.signal.grams_per_kwh == Some(300.0));
    let ts = (now() - TimeDelta::minutes(4)).to_rfc3339();
    let nonsense = [
        "{\"value\": 1}".to_owned(),
        "\u{0}".to_owned(),
        format!(
            "{{\"ts\":\"{ts}\",\"value\":-5,\"units\":\"g / kWh\",\"factor_set\":\"x\",\"complete\":true}}"
        ),
    ];
    for payload in &nonsense {
        publish(broker.addr(), None, CO2, payload, false).await;
    }
    let status = home.until("three refused", |status| status.feed.refused == 3);
    assert_eq!(status.signal.grams_per_kwh, Some(300.0));
    assert!(home.log().contains("a message of the feed was dropped"));
}

#[tokio::test]
async fn without_a_broker_it_runs_and_says_so() {
    let home = Home::new(&settings(testkit::free_addr(), 1));
    let agent = home.run();
    let status = home.until("safe", |status| status.position.as_deref() == Some("closed"));
    assert_eq!(status.signal.source, "none");
    assert!(!status.feed.connected);
    assert!(home.log().contains("the MQTT broker cannot be reached"), "{}", home.log());
    assert_eq!(agent.stop(), Some(0));
}

#[tokio::test]
async fn sigterm_leaves_the_relay_in_the_safe_position_and_no_socket() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let home = Home::new(&settings(broker.addr(), 1));
    let agent = home.run();
    tell(broker.addr(), 300.0, TimeDelta::minutes(10)).await;
    home.until("open for longer than its minimum", |status| {
        status.position.as_deref() == Some("open")
            && (status.switches.last.is_none_or(|last| TimeDelta::seconds(2) < status.now - last))
            && status.signal.source == "live"
    });
    assert_eq!(agent.stop(), Some(0));
    assert_eq!(home.relay(), "closed\n");
    assert_eq!(home.status(), None);
}

#[test]
fn a_second_agent_with_the_same_state_is_refused() {
    let home = Home::new(&settings(testkit::free_addr(), 1));
    let first = home.run();
    home.until("a status", |_| true);
    let (code, _, stderr) = output(command(&home.config()).arg("run"));
    assert_eq!(code, Some(1));
    let expected = format!("another agent (process {}) runs with the state directory", first.pid());
    assert!(stderr.contains(&expected), "{stderr}");
    // And the first goes on.
    home.until("a status", |_| true);
}

#[test]
fn it_listens_on_no_port() {
    let home = Home::new(&settings(testkit::free_addr(), 1));
    let agent = home.run();
    home.until("a status", |_| true);
    assert_eq!(listening(agent.pid()), Vec::<String>::new());
}

/// Lines of the kernel's tables for sockets of the process that take from anybody.
pub fn listening(pid: u32) -> Vec<String> {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("Linux");
    let sockets: Vec<String> = descriptors
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| {
            let link = link.to_str()?;
            Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect();
    assert!(!sockets.is_empty(), "the Unix socket at least");
    let mut listening = Vec::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let table = std::fs::read_to_string(format!("/proc/{pid}/net/{table}"));
        for line in table.unwrap_or_default().lines().skip(1) {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let (state, inode) = (columns[3], columns[9]);
            // 0A: listening; 07: a UDP socket that takes from anybody.
            if matches!(state, "0A" | "07") && sockets.iter().any(|ours| ours == inode) {
                listening.push(line.to_owned());
            }
        }
    }
    listening
}

/// What systemd hears, in order: ready with the first decision, then a sign of life a cycle, then the end.
#[test]
fn the_service_manager_hears_of_every_cycle() {
    let home = Home::new(&settings(testkit::free_addr(), 1));
    let path = home.config().with_file_name("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(crate::program::PATIENCE)).expect("a limit");
    let agent = home.run_with(&[("NOTIFY_SOCKET", path.as_os_str())]);
    let hear = || {
        let mut buffer = [0; 4096];
        let length = manager.recv(&mut buffer).expect("a word within the limit");
        String::from_utf8(buffer[..length].to_vec()).expect("UTF-8")
    };
    let first = hear();
    for word in ["READY=1", "WATCHDOG=1", "STATUS=Charging is off: it has just started"] {
        assert!(first.contains(word), "{word:?} is not in {first}");
    }
    let second = hear();
    assert!(second.contains("WATCHDOG=1") && !second.contains("READY=1"), "{second}");
    assert_eq!(agent.stop(), Some(0));
    while !hear().contains("STOPPING=1") {}
}
