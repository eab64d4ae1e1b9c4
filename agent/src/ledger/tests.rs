//! The record over restarts, late readings and a store that fails.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use domain::control::{BootId, Contactor};
use domain::series::Sample;
use service::history::{History, HistoryError, MemoryHistory, Record, Series};

use super::*;

/// Seconds after Tuesday 2026-03-10, 00:00 EDT.
fn at(secs: i64) -> Timestamp {
    "2026-03-10T04:00:00Z".parse::<Timestamp>().unwrap() + TimeDelta::seconds(secs)
}

const HOUR: i64 = 3600;

struct Desk {
    store: Store,
    facts: CycleFacts,
}

impl Desk {
    /// 00:00; the car is there since 18:00 and leaves at 07:30.
    fn new() -> Self {
        let history: Arc<dyn History> = Arc::new(MemoryHistory::new());
        let at_start = Moment { wall: at(0), boot: BootId(1), uptime: Duration::from_secs(9000) };
        let facts = CycleFacts {
            at: at_start,
            clock_trusted: true,
            position: Contactor::Open,
            basis: "average",
            origin: Origin::Nyiso,
            average_g_per_kwh: None,
            marginal_g_per_kwh: None,
            price: None,
            depart: Some(at(7 * HOUR + 1800)),
            home_since: Some(at(-6 * HOUR)),
            need_kwh: None,
            power_kw: 7.2,
            charging_kw: None,
            meter_kwh: None,
            plugged: None,
        };
        Self { store: Store::new(history), facts }
    }

    fn ledger(&self) -> Ledger {
        Ledger::new(self.store.clone())
    }

    fn until(&mut self, ledger: &mut Ledger, secs: i64) {
        ledger.tick(&self.facts);
        while self.facts.at.wall < at(secs) {
            self.facts.at.wall += TimeDelta::seconds(10);
            self.facts.at.uptime += Duration::from_secs(10);
            ledger.tick(&self.facts);
        }
    }

    /// Readings of `[from, to]`: 100 g/kWh before 03:00, 300 after; marginal 400.
    fn read(&self, from: i64, to: i64) {
        for secs in (from..=to).step_by(300) {
            let grams_per_kwh = if secs <= 3 * HOUR { 100.0 } else { 300.0 };
            self.store.keep_reading(Origin::Nyiso, Sample { ts: at(secs), grams_per_kwh }).unwrap();
            let marginal = Sample { ts: at(secs), grams_per_kwh: 400.0 };
            self.store.keep_marginal(Origin::Nyiso, marginal).unwrap();
        }
    }

    fn sessions(&self) -> Vec<SessionEntry> {
        session_page(&self.store, Period::ALL).unwrap()
    }
}

fn rounded(value: Option<f64>) -> Option<f64> {
    value.map(f64::round)
}

#[test]
fn a_night_is_reckoned_once_its_readings_have_come() {
    let mut desk = Desk::new();
    let mut ledger = desk.ledger();
    desk.read(-6 * HOUR, 2 * HOUR);
    desk.facts.position = Contactor::Closed;
    desk.until(&mut ledger, HOUR);
    desk.facts.position = Contactor::Open;
    desk.until(&mut ledger, 4 * HOUR);
    desk.facts.position = Contactor::Closed;
    desk.until(&mut ledger, 5 * HOUR);
    desk.facts.position = Contactor::Open;
    desk.until(&mut ledger, 7 * HOUR + 1810);
    let [before] = &desk.sessions()[..] else { panic!("{:?}", desk.sessions()) };
    assert_eq!((before.kwh.round(), before.settled, before.open), (14.0, false, false));
    let average = before.average.unwrap();
    assert!(average.partial && average.saved_at_once_grams.is_none(), "{average:?}");

    // The rest of the readings comes; a restart in between forgets nothing.
    desk.read(2 * HOUR, 9 * HOUR);
    let mut ledger = desk.ledger();
    desk.facts.depart = Some(at(31 * HOUR));
    desk.facts.home_since = Some(at(18 * HOUR));
    desk.until(&mut ledger, 9 * HOUR);
    let [after] = &desk.sessions()[..] else { panic!("{:?}", desk.sessions()) };
    let average = after.average.unwrap();
    assert!(after.settled && !average.partial);
    assert_eq!(rounded(Some(average.grams)), Some(7.2 * 100.0 + 7.2 * 300.0));
    assert_eq!(rounded(average.at_once_grams), Some(1440.0), "18:00 to 20:00 was clean");
    assert_eq!(rounded(average.timer_grams), Some(1440.0));
    assert_eq!(rounded(average.saved_at_once_grams), Some(-1440.0), "and said so");
    assert_eq!(rounded(Some(after.marginal.unwrap().grams)), Some(14.4 * 400.0));
}

#[test]
fn an_open_session_is_told_and_goes_on_after_a_restart() {
    let mut desk = Desk::new();
    desk.read(-6 * HOUR, 3 * HOUR);
    let mut ledger = desk.ledger();
    desk.facts.position = Contactor::Closed;
    desk.until(&mut ledger, HOUR + 130);
    drop(ledger);
    let [open] = &desk.sessions()[..] else { panic!("{:?}", desk.sessions()) };
    assert!(open.open && (open.kwh - 7.2 * 3730.0 / 3600.0).abs() < 0.021, "{open:?}");
    assert_eq!(rounded(open.average.map(|average| average.grams / open.kwh)), Some(100.0));
    let mut ledger = desk.ledger();
    desk.until(&mut ledger, 2 * HOUR);
    let [on] = &desk.sessions()[..] else { panic!("{:?}", desk.sessions()) };
    assert!((on.kwh - 14.4).abs() < 0.021 && on.from == open.from, "{on:?}");
}

#[test]
fn two_sessions_within_five_minutes_do_not_share_their_energy() {
    let mut desk = Desk::new();
    desk.read(-6 * HOUR, 3 * HOUR);
    let mut ledger = desk.ledger();
    desk.facts.position = Contactor::Closed;
    for (plugged, secs) in [(true, 60), (false, 90), (true, 210), (false, 240)] {
        desk.facts.plugged = Some(plugged);
        desk.until(&mut ledger, secs);
    }
    let [first, second] = &desk.sessions()[..] else { panic!("{:?}", desk.sessions()) };
    for (session, secs) in [(first, 70.0), (second, 120.0)] {
        let expected = 7.2 * secs / 3600.0;
        assert!((session.kwh - expected).abs() < 0.05, "{session:?}");
        let known = session.average.unwrap().known_kwh;
        assert!((known - session.kwh).abs() < 1e-9, "{session:?}");
    }
}

#[test]
fn a_session_without_any_reading_is_given_up_after_two_days() {
    let mut desk = Desk::new();
    let mut ledger = desk.ledger();
    desk.facts.position = Contactor::Closed;
    desk.until(&mut ledger, HOUR);
    desk.facts.position = Contactor::Open;
    desk.until(&mut ledger, 8 * HOUR);
    let session = &desk.sessions()[0];
    assert_eq!((session.average, session.settled), (None, false));
    desk.facts.depart = None;
    desk.until(&mut ledger, 56 * HOUR);
    assert!(desk.sessions()[0].settled);
    assert!(ledger.unsettled.is_empty());
}

/// A history that counts what is written, and takes nothing while it is full.
#[derive(Default)]
struct Disk {
    memory: MemoryHistory,
    written: AtomicUsize,
    is_full: AtomicBool,
}

impl History for Disk {
    fn put(&self, series: &Series, ts: Timestamp, value: &[u8]) -> Result<(), HistoryError> {
        assert!(value.len() < 512 || series.name() == "sessions", "{} bytes", value.len());
        if self.is_full.load(Ordering::Relaxed) {
            return Err(HistoryError::Down { why: "no space left on device".to_owned() });
        }
        self.written.fetch_add(1, Ordering::Relaxed);
        self.memory.put(series, ts, value)
    }
    fn append(
        &self,
        series: &Series,
        now: Timestamp,
        value: &[u8],
    ) -> Result<Timestamp, HistoryError> {
        self.memory.append(series, now, value)
    }
    fn get(&self, series: &Series, ts: Timestamp) -> Result<Option<Vec<u8>>, HistoryError> {
        self.memory.get(series, ts)
    }
    fn remove(&self, series: &Series, ts: Timestamp) -> Result<bool, HistoryError> {
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
        self.memory.sync()
    }
    fn size_on_disk(&self) -> Result<u64, HistoryError> {
        self.memory.size_on_disk()
    }
}

#[test]
fn little_is_written_while_nothing_happens() {
    let disk = Arc::new(Disk::default());
    let mut desk = Desk { store: Store::new(disk.clone()), ..Desk::new() };
    let mut ledger = desk.ledger();
    let written = || disk.written.swap(0, Ordering::Relaxed);
    desk.until(&mut ledger, 10);
    written();
    desk.until(&mut ledger, HOUR + 10);
    let idle = written();
    assert!(idle <= 13, "{idle} writes in an idle hour");
    desk.facts.position = Contactor::Closed;
    desk.until(&mut ledger, 2 * HOUR + 10);
    let busy = written();
    assert!((360..=360 + 14).contains(&busy), "{busy} writes in 361 ticks");
}

#[test]
fn a_full_disk_stops_nothing_and_what_it_did_not_take_is_written_later() {
    let disk = Arc::new(Disk::default());
    let mut desk = Desk { store: Store::new(disk.clone()), ..Desk::new() };
    let mut ledger = desk.ledger();
    desk.read(-6 * HOUR, 10 * HOUR);
    desk.facts.position = Contactor::Closed;
    desk.until(&mut ledger, HOUR);
    disk.is_full.store(true, Ordering::Relaxed);
    desk.until(&mut ledger, 2 * HOUR);
    desk.facts.position = Contactor::Open;
    desk.until(&mut ledger, 7 * HOUR + 1810);
    let [stale] = &desk.sessions()[..] else { panic!("{:?}", desk.sessions()) };
    assert!(stale.open && (stale.kwh - 7.2).abs() < 0.1, "what was kept last: {stale:?}");
    disk.is_full.store(false, Ordering::Relaxed);
    desk.facts.depart = None;
    desk.until(&mut ledger, 8 * HOUR);
    let [session] = &desk.sessions()[..] else { panic!("{:?}", desk.sessions()) };
    assert!(!session.open && session.settled && (session.kwh - 14.4).abs() < 0.1, "{session:?}");
    assert!(!session.average.unwrap().partial, "{session:?}");
}

#[test]
fn a_question_is_read_back_as_it_was_asked() {
    let period = Period { from: at(0), to: at(3600) };
    for question in [Question::Sessions(period), Question::History(period)] {
        assert_eq!(Question::parse(&question.to_string()), Some(question));
    }
    for other in ["status", "sessions", "sessions now then", "history 2026-03-10T04:00:00Z"] {
        assert_eq!(Question::parse(other), None, "{other}");
    }
}
