//! `kill -9` at every persisted step of a night's charge: a child lives the night and kills itself, before or
//! after a write to the real store, and another goes on. The world outlives it in two files: what the relay is,
//! and which minute it is.
//!
//! The minimum times are kept in true time and the car is ready, whatever step was the last.

use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use agent::actuator::{Exit, Ownership, Simulated, own};
use agent::agent::{Agent, ClockPolicy, stale_after};
use agent::charger::Charger;
use agent::config::TrustPolicy;
use agent::grid::Grid;
use agent::moments::Moments;
use agent::overrides::Overrides;
use agent::store::Store;
use agent::subscriber::FeedEvent;
use chrono::{DurationRound as _, TimeDelta};
use domain::Timestamp;
use domain::control::{BootId, Mode, Settings};
use service::clock::{Clock as _, ManualClock};
use service::history::{History, HistoryError, Record, Series, SledConfig, SledHistory};
use tokio::sync::watch;

use crate::charge::{at, charge, clean_nights, forecast};

const DIR: &str = "NY_POWER_TEST_DIR";
const STEPS: &str = "NY_POWER_TEST_STEPS";

/// 2026-03-24, 17:00 EDT; the car leaves at 07:30.
const EVENING: &str = "2026-03-24T21:00:00Z";
const MINUTES: u32 = 870;

/// A store that is the death of its process: at each kind of step when it comes first, and at the `left`th step.
struct Deadly {
    inner: SledHistory,
    dir: std::path::PathBuf,
    left: AtomicU32,
}

impl Deadly {
    fn step<T>(&self, what: &str, work: impl FnOnce() -> T) -> T {
        self.die(&format!("before {what}"));
        let result = work();
        self.die(&format!("after {what}"));
        result
    }

    fn die(&self, step: &str) {
        let path = self.dir.join("deaths");
        let deaths = std::fs::read_to_string(&path).unwrap_or_default();
        let is_new = !deaths.lines().any(|line| line == step);
        if !is_new && self.left.fetch_sub(1, Ordering::Relaxed) != 1 {
            return;
        }
        std::fs::write(&path, format!("{deaths}{step}\n")).expect("writable");
        let pid = std::process::id().to_string();
        Command::new("kill").args(["-9", &pid]).status().expect("the command kill");
        std::thread::sleep(Duration::from_secs(60));
    }
}

impl History for Deadly {
    fn put(&self, series: &Series, ts: Timestamp, value: &[u8]) -> Result<(), HistoryError> {
        self.step(&format!("put {}", series.name()), || self.inner.put(series, ts, value))
    }
    fn append(&self, s: &Series, now: Timestamp, value: &[u8]) -> Result<Timestamp, HistoryError> {
        self.step(&format!("append {}", s.name()), || self.inner.append(s, now, value))
    }
    fn get(&self, series: &Series, ts: Timestamp) -> Result<Option<Vec<u8>>, HistoryError> {
        self.inner.get(series, ts)
    }
    fn remove(&self, series: &Series, ts: Timestamp) -> Result<bool, HistoryError> {
        self.inner.remove(series, ts)
    }
    fn first(&self, series: &Series) -> Result<Option<Record>, HistoryError> {
        self.inner.first(series)
    }
    fn last(&self, series: &Series) -> Result<Option<Record>, HistoryError> {
        self.inner.last(series)
    }
    fn scan(
        &self,
        series: &Series,
        span: Range<Timestamp>,
        visit: &mut dyn FnMut(Timestamp, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), HistoryError> {
        self.inner.scan(series, span, visit)
    }
    fn count(&self, series: &Series) -> Result<u64, HistoryError> {
        self.inner.count(series)
    }
    fn sync(&self) -> Result<(), HistoryError> {
        self.step("sync", || self.inner.sync())
    }
    fn size_on_disk(&self) -> Result<u64, HistoryError> {
        self.inner.size_on_disk()
    }
}

/// The agent as `run` builds it, on this store and this relay.
fn agent(store: &Store, relay: &Path, clock: &Arc<ManualClock>) -> Agent {
    let settings = Settings { mode: Mode::Clean, ..Settings::default() };
    let moments = Moments::of_clock(Arc::clone(clock) as _, BootId(1));
    let switches = store.switches().expect("readable");
    let (handle, owner) = own(
        Simulated::new(relay),
        Ownership {
            limits: settings.limits,
            exit: Exit::Keep,
            moments: moments.clone(),
            store: store.clone(),
            switches,
            record_is_doubtful: false,
        },
    );
    tokio::spawn(owner);
    let (threshold, stale) = (settings.threshold, stale_after(&settings));
    let grid = Grid::new(store.clone(), threshold, false, stale, moments.now());
    let policy = ClockPolicy {
        policy: TrustPolicy::Always,
        built: at("2026-01-01T00:00:00Z"),
        forgetful_board: false,
        synchronized: || Some(true),
    };
    let charger = Charger::new(Some(charge()), store.clone());
    let (_, overrides) = watch::channel(Overrides::default());
    let name = "simulated".to_owned();
    Agent::new(settings, moments, policy, (grid, charger), overrides, (handle, name), String::new())
        .remembering(store.clone())
}

#[tokio::test]
#[ignore = "runs in a child process only"]
async fn child() {
    let Some(dir) = std::env::var_os(DIR).map(std::path::PathBuf::from) else { return };
    let left = AtomicU32::new(std::env::var(STEPS).unwrap().parse().unwrap());
    let (inner, report) =
        SledHistory::open(&dir.join("history"), SledConfig::default()).expect("opens");
    assert!(!report.is_trouble(), "{report}");
    let store = Store::new(Arc::new(Deadly { inner, dir: dir.clone(), left }));
    let relay = dir.join("relay");
    let position = || std::fs::read_to_string(&relay).unwrap_or_else(|_| "open\n".to_owned());

    // minute, minutes charged, what the relay was; and the moves.
    let world = std::fs::read_to_string(dir.join("world")).unwrap_or_default();
    let mut words = world.split_whitespace();
    let mut minute: u32 = words.next().map_or(0, |word| word.parse().unwrap());
    let mut charged: u32 = words.next().map_or(0, |word| word.parse().unwrap());
    let mut before = words.next().unwrap_or("open").to_owned();
    let mut moves = std::fs::read_to_string(dir.join("moves")).unwrap_or_default();

    let clock = Arc::new(ManualClock::new(at(EVENING) - TimeDelta::days(1)));
    clock.advance(Duration::from_secs(24 * 3600 + u64::from(minute) * 60));
    let mut agent = agent(&store, &relay, &clock);
    while minute < MINUTES {
        if minute.is_multiple_of(5) {
            let quarter = clock.now().duration_trunc(TimeDelta::minutes(15)).unwrap();
            let made = forecast(quarter, clean_nights);
            agent.hear(FeedEvent::Forecast(Box::new(made)));
        }
        agent.cycle().await.expect("the owner lives");
        let after = position().trim().to_owned();
        if before != after {
            moves.push_str(&format!("{minute} {after}\n"));
            std::fs::write(dir.join("moves"), &moves).unwrap();
        }
        charged += u32::from(after == "closed" && 60 <= minute);
        before = after;
        clock.advance(Duration::from_secs(60));
        minute += 1;
        std::fs::write(dir.join("world"), format!("{minute} {charged} {before}")).unwrap();
    }
}

#[test]
fn kill_9_at_every_persisted_step() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let minute = || {
        let world = std::fs::read_to_string(dir.path().join("world")).unwrap_or_default();
        let mut words = world.split_whitespace().map(str::to_owned);
        let minute: u32 = words.next().map_or(0, |word| word.parse().unwrap());
        (minute, words.next().map_or(0, |word| word.parse::<u32>().unwrap()))
    };
    let mut runs = 0;
    while minute().0 < MINUTES {
        // Not always after the same number of steps.
        let steps = 5 + runs * 7 % 23;
        let status = Command::new(std::env::current_exe().expect("a path"))
            .args(["killed::child", "--exact", "--ignored", "--test-threads=1"])
            .env(DIR, dir.path())
            .env(STEPS, steps.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("a child");
        use std::os::unix::process::ExitStatusExt as _;
        assert!(status.success() || status.signal() == Some(9), "run {runs}: {status}");
        runs += 1;
        assert!(runs < 300, "it does not get on: {:?}", minute());
    }
    let deaths = std::fs::read_to_string(dir.path().join("deaths")).unwrap();
    for step in ["append switches", "sync", "put charge-progress", "put forecast"] {
        for when in ["before", "after"] {
            assert!(deaths.contains(&format!("{when} {step}\n")), "{when} {step}: {deaths}");
        }
    }
    let moves = std::fs::read_to_string(dir.path().join("moves")).unwrap();
    let charged = minute().1;
    println!("{runs} runs; moves: {moves:?}; {charged} minutes charged");
    assert!(119 <= charged, "{charged} minutes; {moves}");
    let moves: Vec<(u32, bool)> = moves
        .lines()
        .map(|line| line.split_once(' ').expect("a move"))
        .map(|(minute, to)| (minute.parse().expect("a minute"), to == "closed"))
        .collect();
    for pair in moves.windows(2) {
        let minimum = if pair[1].1 { 5 } else { 10 };
        assert!(minimum <= pair[1].0 - pair[0].0, "{moves:?}");
    }
}
