//! A night with faults: 2026-03-24, 17:00 EDT, until the car leaves at 07:30, in steps of a minute. The world
//! keeps the true time whatever clock the agent has; the relay, the feed and the disk do as the script says.
//!
//! Whatever it says: the car is ready if that is physically possible, no minimum time is cut short, no budget
//! is exceeded, nothing panics.

use std::ops::{ControlFlow, Range};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use agent::subscriber::FeedEvent;
use chrono::{DurationRound as _, TimeDelta, Timelike as _};
use domain::Timestamp;
use domain::control::Contactor;
use domain::wire::{CarbonForecast, CarbonNow, Origin, WireError};
use service::history::{
    History, HistoryError, MemoryHistory, OpenReport, Record, Series, SledConfig, SledHistory,
};

use crate::charge::{at, charge, clean_nights, forecast};
use crate::desk::{Desk, Running};
use Contactor::Closed;

/// What happens to the agent or around it.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// The feed's broker goes, or comes back.
    Feed(bool),
    /// The home broker, behind which the relay is, goes or comes back: it can neither be read nor moved.
    Home(bool),
    /// `kill -9`, and systemd starts it again.
    Kill,
    /// SIGTERM, and it is started again.
    Restart,
    /// Power goes and comes back: another boot, and the relay falls to this position.
    PowerCut(Contactor),
    /// The wall clock is so far off.
    ClockOff(TimeDelta),
    /// It shows 1970.
    ClockAt1970,
    /// The relay takes orders and stays.
    Stuck(bool),
    /// Somebody moves it.
    Hand(Contactor),
    /// Nothing can be written any more, or again.
    DiskFull(bool),
    /// `kill -9`, and the store is empty at the next start, as after damage.
    StoreLost,
    /// `kill -9`, and this happens to the files of the store.
    Damage(Damage),
    /// From now on forecasts are like this.
    Forecasts(Foresight),
    /// From now on readings are like this.
    Readings(Reading),
}

/// What becomes of the store's files.
#[derive(Clone, Copy, Debug)]
pub enum Damage {
    /// Only so many hundredths of the file are left.
    Truncated(u64),
    /// 4 KiB of noise in the middle.
    Noise,
    /// 4 KiB of noise at the head.
    NoHead,
    /// All files are empty.
    Emptied,
}

/// What the publisher says of the coming days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Foresight {
    /// Clean from 01:00 to 04:00 EDT.
    True,
    /// Nothing.
    None,
    /// One that was made 90 hours ago.
    Old,
    /// One that was made four days ago: no slot of it is left.
    Over,
    /// Zero grams, all the time.
    Zero,
    /// Not a number, all the time.
    NotANumber,
    /// A new one, and after it one that is six hours older and says that it is clean now.
    OutOfOrder,
    /// Of a publisher whose clock is a day ahead.
    Ahead,
    /// Another opinion each time.
    Fickle,
    /// It is always cleaner after the car has left.
    Never,
}

/// What the publisher says of now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// Clean from 01:00 to 04:00 EDT.
    True,
    /// Not a number, negative, beyond all bounds, of the future, in turn.
    Nonsense,
    /// Always the same number.
    Flat,
}

/// The night and what happens in it.
#[derive(Default)]
pub struct Script {
    once: Vec<(u32, Act)>,
    every: Vec<(Range<u32>, u32, Act)>,
}

impl Script {
    /// `act` at this minute of the night.
    #[must_use]
    pub fn at(mut self, minute: u32, act: Act) -> Self {
        self.once.push((minute, act));
        self
    }

    /// `act` each `period` minutes within `minutes`.
    #[must_use]
    pub fn each(mut self, minutes: Range<u32>, period: u32, act: Act) -> Self {
        self.every.push((minutes, period, act));
        self
    }

    fn due(&self, minute: u32) -> Vec<Act> {
        let once = self.once.iter().filter(|(when, _)| *when == minute).map(|(_, act)| *act);
        let every = self.every.iter().filter(|(minutes, period, _)| {
            minutes.contains(&minute) && (minute - minutes.start).is_multiple_of(*period)
        });
        once.chain(every.map(|(.., act)| *act)).collect()
    }
}

/// A night of March, or one of the two in which the clock changes: its first instant, and the departure.
pub type Evening = (&'static str, &'static str);

pub const MARCH: Evening = ("2026-03-24T21:00:00Z", "2026-03-25T11:30:00Z");
pub const SPRING_FORWARD: Evening = ("2026-03-07T22:00:00Z", "2026-03-08T11:30:00Z");
pub const FALL_BACK: Evening = ("2026-10-31T21:00:00Z", "2026-11-01T12:30:00Z");

/// What came of a night.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Minutes of charge between 18:00 and the departure.
    pub charged: u32,
    /// Moves: minute, where to, and whether the agent did it.
    pub moves: Vec<(u32, Contactor, bool)>,
    /// Orders that the relay got.
    pub orders: usize,
    /// The alarms that stood at any time.
    pub alarms: std::collections::BTreeSet<&'static str>,
}

impl Outcome {
    /// Two hours were needed.
    pub fn is_ready(&self) -> bool {
        119 <= self.charged
    }

    /// No minimum time is cut short by the agent, and no budget exceeded.
    pub fn check_limits(&self, name: &str) {
        for pair in self.moves.windows(2) {
            let (minute, to, is_ours) = pair[1];
            let minimum = if to == Closed { 5 } else { 10 };
            let held = minute - pair[0].0;
            assert!(!is_ours || minimum <= held, "{name}: {to} after {held} min: {self:?}");
        }
        let ours: Vec<u32> = self.moves.iter().filter(|m| m.2).map(|m| m.0).collect();
        for (span, limit) in [(60, 4), (24 * 60, 12)] {
            for (n, last) in ours.iter().enumerate() {
                let within = ours[..=n].iter().filter(|minute| last - *minute < span).count();
                assert!(within <= limit, "{name}: {within} moves in {span} min: {self:?}");
            }
        }
    }
}

/// Lives through the night, with a store in memory.
pub async fn night(evening: Evening, found: Contactor, script: &Script) -> Outcome {
    live(evening, found, script, None).await
}

/// The same with the real store, in files.
pub async fn night_on_disk(found: Contactor, script: &Script) -> Outcome {
    let dir = tempfile::tempdir().expect("a temporary directory");
    live(MARCH, found, script, Some(&dir.path().join("history"))).await
}

async fn live(
    evening: Evening,
    found: Contactor,
    script: &Script,
    files: Option<&Path>,
) -> Outcome {
    let disk = Arc::new(files.map_or_else(Disk::default, |files| Disk::of(open(files).0)));
    let mut desk = Desk::with_history(found, Arc::clone(&disk) as Arc<dyn History>);
    desk.settings.mode = domain::control::Mode::Clean;
    desk.charge = Some(charge());
    desk.clock.set(at(evening.0));
    let world = World {
        agent: Some(desk.start()),
        desk,
        disk,
        now: at(evening.0),
        feed: true,
        home: true,
        foresight: Foresight::True,
        readings: Reading::True,
        outcome: Outcome::default(),
        files: files.map(Path::to_owned),
    };
    world.live(at(evening.1), script).await
}

struct World {
    desk: Desk,
    agent: Option<Running>,
    disk: Arc<Disk>,
    /// The true time.
    now: Timestamp,
    feed: bool,
    home: bool,
    foresight: Foresight,
    readings: Reading,
    outcome: Outcome,
    files: Option<PathBuf>,
}

impl World {
    async fn live(mut self, depart: Timestamp, script: &Script) -> Outcome {
        // Two weeks of the same nights, so that the agent has learned what is usual.
        self.agent().fill(14, Origin::Nyiso, |ts| clean_nights(ts - TimeDelta::minutes(1)));
        let home_since = self.now + TimeDelta::hours(1);
        let mut minute = 0;
        while self.now < depart {
            for act in script.due(minute) {
                self.act(act, minute).await;
            }
            if self.feed && minute.is_multiple_of(5) {
                self.publish(minute);
            }
            let before = self.desk.bench().position;
            self.agent().cycle().await;
            let after = self.desk.bench().position;
            if before != after {
                self.outcome.moves.push((minute, after, true));
            }
            for alarm in agent::notify::Alarm::ALL {
                if self.agent().is_told(alarm) {
                    self.outcome.alarms.insert(alarm.as_str());
                }
            }
            if after == Closed && home_since <= self.now {
                self.outcome.charged += 1;
            }
            self.desk.clock.advance(std::time::Duration::from_secs(60));
            self.now += TimeDelta::minutes(1);
            minute += 1;
        }
        self.outcome.orders = self.desk.bench().orders.len();
        self.agent.take().expect("running").kill().await;
        self.outcome
    }

    fn agent(&mut self) -> &mut Running {
        self.agent.as_mut().expect("running")
    }

    async fn act(&mut self, act: Act, minute: u32) {
        match act {
            Act::Feed(is_there) => {
                self.feed = is_there;
                let event = match is_there {
                    true => FeedEvent::Connected,
                    false => FeedEvent::Lost { reason: "connection refused".to_owned() },
                };
                self.agent().hear_event(event);
            }
            Act::Home(is_there) => {
                self.home = is_there;
                self.desk.bench().is_unreadable = !is_there;
            }
            Act::Kill => {
                self.agent.take().expect("running").kill().await;
                self.start();
            }
            Act::Restart => {
                let before = self.desk.bench().position;
                self.agent.take().expect("running").stop().await;
                let after = self.desk.bench().position;
                if before != after {
                    // The way out need not wait for a minimum on, and is counted.
                    self.outcome.moves.push((minute, after, true));
                }
                self.start();
            }
            Act::PowerCut(position) => {
                self.agent.take().expect("running").kill().await;
                self.desk.boot_again();
                self.move_it(position, minute);
                self.start();
            }
            Act::ClockOff(by) => self.desk.clock.set(self.now + by),
            Act::ClockAt1970 => self.desk.clock.set(at("1970-01-01T00:03:00Z")),
            Act::Stuck(is_stuck) => self.desk.bench().is_stuck = is_stuck,
            Act::Hand(position) => self.move_it(position, minute),
            Act::DiskFull(is_full) => self.disk.is_full.store(is_full, Ordering::Relaxed),
            Act::StoreLost => {
                self.agent.take().expect("running").kill().await;
                self.disk = Arc::new(Disk::default());
                self.desk.replace_history(Arc::clone(&self.disk) as Arc<dyn History>);
                self.desk.record_is_doubtful = true;
                self.start();
                self.desk.record_is_doubtful = false;
            }
            Act::Damage(damage) => {
                self.agent.take().expect("running").kill().await;
                // Nobody may hold the files any more.
                self.disk = Arc::new(Disk::default());
                self.desk.replace_history(Arc::clone(&self.disk) as Arc<dyn History>);
                let files = self.files.clone().expect("a store in files");
                harm(&files, damage);
                let (history, report) = open(&files);
                self.disk = Arc::new(Disk::of(history));
                self.desk.replace_history(Arc::clone(&self.disk) as Arc<dyn History>);
                self.desk.record_is_doubtful = report.is_trouble();
                self.start();
                self.desk.record_is_doubtful = false;
            }
            Act::Forecasts(foresight) => self.foresight = foresight,
            Act::Readings(readings) => self.readings = readings,
        }
    }

    fn move_it(&mut self, position: Contactor, minute: u32) {
        let before = std::mem::replace(&mut self.desk.bench().position, position);
        if before != position {
            self.outcome.moves.push((minute, position, false));
        }
    }

    fn start(&mut self) {
        self.agent = Some(self.desk.start());
        if self.feed {
            self.agent().hear_event(FeedEvent::Connected);
        }
    }

    fn publish(&mut self, minute: u32) {
        let (now, readings) = (self.now, self.readings);
        let mut reading = self.agent().reading(clean_nights(now));
        reading.ts = now - TimeDelta::minutes(10);
        match (readings, minute / 5 % 4) {
            (Reading::True, _) => {}
            (Reading::Flat, _) => reading.value = 300.0,
            (Reading::Nonsense, 0) => reading.value = f64::NAN,
            (Reading::Nonsense, 1) => reading.value = -40.0,
            (Reading::Nonsense, 2) => reading.value = 1e9,
            (Reading::Nonsense, _) => reading.ts = now + TimeDelta::days(2),
        }
        let event = match CarbonNow::from_json(&reading.to_json()) {
            Ok(reading) => FeedEvent::Reading { reading: Box::new(reading), retained: false },
            Err(error) => refused("computed/co2", &error),
        };
        self.agent().hear_event(event);
        if minute.is_multiple_of(60) {
            for forecast in self.forecasts(minute) {
                let event = match CarbonForecast::from_json(&forecast.to_json()) {
                    Ok(forecast) => FeedEvent::Forecast(Box::new(forecast)),
                    Err(error) => refused("forecast/co2", &error),
                };
                self.agent().hear_event(event);
            }
        }
    }

    fn forecasts(&self, minute: u32) -> Vec<CarbonForecast> {
        let quarter = self.now.duration_trunc(TimeDelta::minutes(15)).expect("a time");
        let of =
            |ago, value: fn(Timestamp) -> f64| forecast(quarter - TimeDelta::hours(ago), value);
        match self.foresight {
            Foresight::None => vec![],
            Foresight::True => vec![of(0, clean_nights)],
            Foresight::Old => vec![of(90, clean_nights)],
            Foresight::Over => vec![of(96, clean_nights)],
            Foresight::Zero => vec![of(0, |_| 0.0)],
            Foresight::NotANumber => vec![of(0, |_| f64::NAN)],
            Foresight::OutOfOrder => vec![of(0, clean_nights), of(6, |_| 50.0)],
            Foresight::Ahead => vec![of(-24, clean_nights)],
            Foresight::Fickle if minute.is_multiple_of(120) => {
                vec![of(0, |ts| if ts.hour().is_multiple_of(2) { 100.0 } else { 300.0 })]
            }
            Foresight::Fickle => {
                vec![of(0, |ts| if ts.hour().is_multiple_of(2) { 300.0 } else { 100.0 })]
            }
            Foresight::Never => {
                vec![of(0, |ts| 500.0 - (ts.timestamp() - 1_774_000_000) as f64 / 10_000.0)]
            }
        }
    }
}

/// As the subscriber does at the door.
fn refused(topic: &str, error: &WireError) -> FeedEvent {
    FeedEvent::Refused { topic: topic.to_owned(), trouble: error.to_string() }
}

/// As `run` does.
fn open(files: &Path) -> (SledHistory, OpenReport) {
    SledHistory::open(files, SledConfig::default()).expect("a store opens whatever the damage")
}

fn harm(files: &Path, damage: Damage) {
    let mut biggest: Option<(u64, PathBuf)> = None;
    let mut pending = vec![files.to_owned()];
    while let Some(dir) = pending.pop() {
        for entry in std::fs::read_dir(dir).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                pending.push(path);
                continue;
            }
            if let Damage::Emptied = damage {
                std::fs::write(&path, "").expect("writable");
            }
            let size = std::fs::metadata(&path).expect("readable").len();
            if biggest.as_ref().is_none_or(|(most, _)| *most < size) {
                biggest = Some((size, path));
            }
        }
    }
    let (size, path) = biggest.expect("a file");
    let file = std::fs::File::options().write(true).open(path).expect("writable");
    let noise: Vec<u8> =
        (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    match damage {
        Damage::Truncated(hundredths) => file.set_len(size * hundredths / 100).expect("cut"),
        Damage::Noise => file.write_all_at(&noise, size / 2).expect("written"),
        Damage::NoHead => file.write_all_at(&noise, 0).expect("written"),
        Damage::Emptied => {}
    }
}

/// A disk that may be full: what is there can still be read.
pub struct Disk {
    memory: Box<dyn History>,
    is_full: AtomicBool,
}

impl Default for Disk {
    fn default() -> Self {
        Self::of(MemoryHistory::new())
    }
}

impl Disk {
    fn of(history: impl History + 'static) -> Self {
        Self { memory: Box::new(history), is_full: AtomicBool::new(false) }
    }

    fn room(&self) -> Result<(), HistoryError> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(HistoryError::Down { why: "no space left on device".to_owned() });
        }
        Ok(())
    }
}

impl History for Disk {
    fn put(&self, series: &Series, ts: Timestamp, value: &[u8]) -> Result<(), HistoryError> {
        self.room()?;
        self.memory.put(series, ts, value)
    }
    fn append(&self, s: &Series, now: Timestamp, value: &[u8]) -> Result<Timestamp, HistoryError> {
        self.room()?;
        self.memory.append(s, now, value)
    }
    fn get(&self, series: &Series, ts: Timestamp) -> Result<Option<Vec<u8>>, HistoryError> {
        self.memory.get(series, ts)
    }
    fn remove(&self, series: &Series, ts: Timestamp) -> Result<bool, HistoryError> {
        self.room()?;
        self.memory.remove(series, ts)
    }
    fn first(&self, series: &Series) -> Result<Option<Record>, HistoryError> {
        self.memory.first(series)
    }
    fn last(&self, series: &Series) -> Result<Option<Record>, HistoryError> {
        self.memory.last(series)
    }
    fn scan(
        &self,
        series: &Series,
        span: Range<Timestamp>,
        visit: &mut dyn FnMut(Timestamp, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), HistoryError> {
        self.memory.scan(series, span, visit)
    }
    fn count(&self, series: &Series) -> Result<u64, HistoryError> {
        self.memory.count(series)
    }
    fn sync(&self) -> Result<(), HistoryError> {
        self.room()
    }
    fn size_on_disk(&self) -> Result<u64, HistoryError> {
        self.memory.size_on_disk()
    }
}
