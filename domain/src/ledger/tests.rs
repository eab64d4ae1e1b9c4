//! Sessions tick by tick, over restarts, wrong clocks and missing data.

use chrono::NaiveDateTime;
use proptest::prelude::*;

use super::*;
use crate::control::BootId;
use crate::schedule::WallClock;
use crate::series::Sample;

/// EDT all year.
const CLOCK: WallClock = WallClock {
    local: |ts| (ts - TimeDelta::hours(4)).naive_utc(),
    instant: |wall: NaiveDateTime| (wall + TimeDelta::hours(4)).and_utc(),
};

/// On 10 March 2026 by that clock; hours beyond 24 are of the next days.
fn at(hour: f64) -> Timestamp {
    let midnight = "2026-03-10T04:00:00Z".parse::<Timestamp>().unwrap();
    #[expect(clippy::cast_possible_truncation, reason = "a few days")]
    let ms = (hour * 3.6e6).round() as i64;
    midnight + TimeDelta::milliseconds(ms)
}

/// A charger without meter, presence and schedule: 7 kW when closed.
struct World {
    book: Book,
    tick: Tick,
    portions: Vec<Portion>,
    ended: Vec<Session>,
}

impl World {
    fn new(hour: f64) -> Self {
        let at = Moment { wall: at(hour), boot: BootId(1), uptime: Duration::from_secs(1000) };
        let tick = Tick {
            at,
            trusted: true,
            position: Contactor::Open,
            power_kw: 7.0,
            charging_kw: None,
            meter_kwh: None,
            plugged: None,
            depart: None,
            home_since: None,
            need_kwh: None,
        };
        Self { book: Book::default(), tick, portions: vec![], ended: vec![] }
    }

    /// Ready at 07:30 tomorrow, there from 18:00.
    fn with_schedule(mut self) -> Self {
        self.tick.depart = Some(at(31.5));
        self.tick.home_since = Some(at(18.0));
        self
    }

    fn tick(&mut self) {
        for entry in self.book.tick(&self.tick) {
            match entry {
                Entry::Portion(portion) => {
                    self.portions.retain(|known| known.start != portion.start);
                    self.portions.push(portion);
                }
                Entry::Ended(session) => self.ended.push(session),
            }
        }
    }

    fn wait(&mut self, secs: u64) {
        self.tick.at.uptime += Duration::from_secs(secs);
        self.tick.at.wall += TimeDelta::seconds(i64::try_from(secs).unwrap());
    }

    /// Ticks every ten seconds until it is so late.
    fn until(&mut self, hour: f64) {
        self.tick();
        while self.tick.at.wall < at(hour) {
            self.wait(10);
            if self.tick.plugged.is_some() {
                self.meter(10.0);
            }
            self.tick();
        }
    }

    /// A meter that counts what the contactor lets through.
    fn meter(&mut self, secs: f64) {
        if let (Some(kw), Some(kwh)) = (self.tick.charging_kw, &mut self.tick.meter_kwh) {
            *kwh += kw * secs / 3600.0;
        }
    }

    fn switch(&mut self, position: Contactor) {
        self.tick.position = position;
        self.tick();
    }

    /// A restart forgets all but what is kept.
    fn restart(&mut self) {
        self.book = Book::new(self.book.open().cloned());
    }

    #[track_caller]
    fn check(&self, expected: &[(f64, f64, By, f64)]) {
        let sessions: Vec<_> = self
            .ended
            .iter()
            .map(|session| {
                let hour = |ts: Timestamp| (ts - at(0.0)).num_seconds() as f64 / 3600.0;
                let kwh = (session.kwh * 100.0).round() / 100.0;
                (hour(session.from), hour(session.to), session.by, kwh)
            })
            .collect();
        assert_eq!(sessions, expected);
        let placed: f64 = self.portions.iter().map(|portion| portion.kwh).sum();
        let open = self.book.open().map_or(0.0, Open::kwh);
        let all: f64 = self.ended.iter().map(|session| session.kwh).sum::<f64>() + open;
        assert!(placed <= all + 1e-9, "{placed} of {all} kWh have a time");
    }
}

use Contactor::{Closed, Open as Opened};

/// 100 g/kWh from 01:00 to 05:00, 300 otherwise; one reading in five minutes of three days.
fn rates() -> Rates {
    Rates::new((0..3 * 288).map(|n| {
        let ts = at(f64::from(n) / 12.0);
        let hour = (f64::from(n) / 12.0 - 0.01).rem_euclid(24.0);
        let clean = (1.0..5.0).contains(&hour);
        Sample { ts, grams_per_kwh: if clean { 100.0 } else { 300.0 } }
    }))
}

#[test]
fn by_schedule_a_session_lasts_until_the_departure() {
    let mut world = World::new(17.0).with_schedule();
    world.until(25.0);
    world.switch(Closed);
    world.until(27.0);
    world.switch(Opened);
    world.until(31.4);
    world.check(&[]);
    world.tick.depart = Some(at(55.5));
    world.tick.home_since = Some(at(42.0));
    world.wait(1200);
    world.until(33.0);
    world.check(&[(18.0, 31.5, By::Schedule, 14.0)]);
    assert_eq!(world.ended[0].charging, TimeDelta::hours(2));
    assert_eq!(world.ended[0].metered_kwh, 0.0);
    assert_eq!(world.book.open(), None, "the car is away until 18:00");
}

#[test]
fn a_departure_that_nobody_charged_for_is_no_session_and_a_plugged_car_is_one() {
    let mut world = World::new(17.0).with_schedule();
    world.until(32.0);
    world.check(&[]);
    let mut world = World::new(17.0);
    world.tick.plugged = Some(true);
    world.until(18.0);
    world.tick.plugged = Some(false);
    world.until(19.0);
    world.check(&[(17.0, 18.0, By::Presence, 0.0)]);
}

#[test]
fn by_presence_and_meter_what_is_measured_counts_whatever_the_switch_says() {
    let mut world = World::new(17.0).with_schedule();
    world.tick.plugged = Some(true);
    world.tick.charging_kw = Some(0.0);
    world.tick.meter_kwh = Some(1234.5);
    world.until(18.0);
    world.tick.charging_kw = Some(3.6);
    world.until(20.0);
    world.tick.charging_kw = Some(0.02);
    world.until(30.0);
    world.tick.plugged = Some(false);
    world.tick.charging_kw = Some(0.0);
    world.until(30.5);
    world.check(&[(17.0, 30.0, By::Presence, 7.4)]);
    let session = world.ended[0];
    assert!((session.metered_kwh - session.kwh).abs() < 1e-9);
    assert!((session.charging - TimeDelta::hours(2)).abs() < TimeDelta::minutes(1));
}

#[test]
fn by_power_a_pause_within_a_night_ends_nothing_and_half_a_day_does() {
    let mut world = World::new(17.0);
    world.tick.charging_kw = Some(0.0);
    world.until(18.0);
    world.tick.charging_kw = Some(7.0);
    world.until(19.0);
    world.tick.charging_kw = Some(0.0);
    world.until(28.0);
    world.tick.charging_kw = Some(7.0);
    world.until(29.0);
    world.tick.charging_kw = Some(0.0);
    world.until(40.9);
    world.check(&[]);
    world.until(41.1);
    let [session] = world.ended[..] else { panic!("{:?}", world.ended) };
    assert_eq!((session.by, session.from), (By::Power, at(18.0)));
    assert!((session.to - at(29.0)).abs() < TimeDelta::minutes(1), "{session:?}");
    assert!((session.kwh - 14.0).abs() < 0.05, "{session:?}");
}

#[test]
fn with_nothing_but_the_switch_a_session_lasts_a_day_at_most() {
    let mut world = World::new(12.0);
    world.tick.power_kw = f64::NAN;
    world.switch(Closed);
    world.until(36.1);
    world.check(&[(12.0, 36.0, By::Switch, 0.0)]);
    // Nobody said what the charger gives: time there is, energy is not known, and none is made up.
    assert_eq!(world.ended[0].charging, TimeDelta::hours(24));
}

#[test]
fn a_restart_goes_on_and_what_nobody_saw_does_not_count() {
    let mut world = World::new(24.0).with_schedule();
    world.switch(Closed);
    world.until(25.0);
    world.restart();
    world.wait(3600);
    world.until(27.0);
    // A reboot: another stopwatch.
    world.restart();
    world.tick.at.boot = BootId(2);
    world.tick.at.uptime = Duration::from_secs(5);
    world.wait(1800);
    world.until(28.5);
    world.tick.depart = None;
    world.until(31.5);
    world.check(&[(18.0, 31.5, By::Schedule, 7.0 * (1.0 + 1.0 + 1.0 + 3.0))]);
}

#[test]
fn a_meters_count_goes_on_over_a_restart_but_has_no_time() {
    let mut world = World::new(24.0);
    world.tick.plugged = Some(true);
    world.tick.charging_kw = Some(7.0);
    world.tick.meter_kwh = Some(100.0);
    world.until(25.0);
    world.restart();
    world.wait(3600);
    world.meter(3600.0);
    world.until(26.5);
    world.tick.plugged = Some(false);
    world.until(26.6);
    let session = world.ended[0];
    assert!((session.kwh - 17.5).abs() < 0.05, "{session:?}");
    let account = Account::new(&session, &world.portions, &rates(), CLOCK);
    assert!((account.actual.known_kwh - 10.5).abs() < 0.05, "{account:?}");
    assert_eq!(account.saved_at_once(session.kwh), None, "7 kWh have no time, so no grams");
}

#[test]
fn while_a_meter_is_away_power_and_time_count_and_its_counter_does_not_count_them_again() {
    let mut world = World::new(24.0);
    world.tick.plugged = Some(true);
    world.tick.charging_kw = Some(7.0);
    world.tick.meter_kwh = Some(100.0);
    world.switch(Closed);
    world.until(25.0);
    world.tick.charging_kw = None;
    world.tick.meter_kwh = None;
    world.until(26.0);
    world.tick.charging_kw = Some(7.0);
    world.tick.meter_kwh = Some(114.0);
    world.until(27.0);
    world.tick.plugged = Some(false);
    world.until(27.1);
    let session = world.ended[0];
    assert!((session.kwh - 21.0).abs() < 0.05, "{session:?}");
    assert!((session.metered_kwh - 14.0).abs() < 0.05, "{session:?}");
}

#[test]
fn a_meter_that_was_reset_or_says_nonsense_adds_nothing_of_its_own() {
    for (meter, kw) in [(0.0, 0.0), (1e9, 0.0), (f64::NAN, f64::NAN), (100.0, f64::INFINITY)] {
        let mut world = World::new(24.0);
        world.tick.plugged = Some(true);
        world.tick.charging_kw = Some(0.0);
        world.tick.meter_kwh = Some(100.0);
        world.until(24.1);
        world.tick.meter_kwh = Some(meter);
        world.tick.charging_kw = Some(kw);
        world.until(24.2);
        world.tick.plugged = Some(false);
        world.until(24.3);
        assert_eq!(world.ended[0].kwh, 0.0, "{meter} {kw}");
    }
}

#[test]
fn without_a_meter_a_car_takes_no_more_than_it_needs_for_each_departure() {
    let mut world = World::new(24.0).with_schedule();
    world.tick.need_kwh = Some(14.0);
    world.tick.plugged = Some(true);
    world.switch(Closed);
    world.until(31.5);
    world.tick.depart = Some(at(55.5));
    world.until(40.0);
    world.tick.plugged = Some(false);
    world.until(40.1);
    let session = world.ended[0];
    assert_eq!((session.kwh.round(), session.charging.num_minutes()), (28.0, 240));
}

#[test]
fn under_a_wrong_clock_energy_counts_and_the_beginning_is_put_right() {
    let mut world = World::new(20.0);
    world.tick.plugged = Some(true);
    world.tick.trusted = false;
    world.tick.at.wall = "1970-01-01T00:05:00Z".parse().unwrap();
    world.switch(Closed);
    for _ in 0..360 {
        world.wait(10);
        world.tick();
    }
    world.tick.at.wall = at(21.0);
    world.tick.trusted = true;
    world.until(22.0);
    world.tick.plugged = Some(false);
    world.until(22.1);
    let session = world.ended[0];
    assert_eq!((session.from, session.time_is_doubtful), (at(20.0), false));
    assert_eq!((session.kwh * 10.0).round(), 140.0);
    let placed: f64 = world.portions.iter().map(|portion| portion.kwh).sum();
    assert!((placed - 7.0).abs() < 0.05, "{placed}");
}

#[test]
fn a_clock_that_goes_back_counts_no_energy_twice() {
    let mut world = World::new(24.0).with_schedule();
    world.switch(Closed);
    world.until(25.0);
    world.tick.at.wall = at(24.5);
    world.until(25.5);
    world.until(31.6);
    let placed: f64 = world.portions.iter().map(|portion| portion.kwh).sum();
    let session = world.ended[0];
    assert_eq!(session.kwh.round(), 7.0 * 8.0);
    assert!(placed <= session.kwh - 2.9, "{placed}");
}

#[track_caller]
fn check_account(hours: (f64, f64), charged: (f64, f64), expected: (f64, f64, f64)) {
    let mut world = World::new(hours.0);
    world.tick.plugged = Some(true);
    world.until(charged.0);
    world.switch(Closed);
    world.until(charged.1);
    world.switch(Opened);
    world.until(hours.1);
    world.tick.plugged = Some(false);
    world.until(hours.1 + 0.1);
    let session = world.ended[0];
    let account = Account::new(&session, &world.portions, &rates(), CLOCK);
    let per_kwh = |sum: Sum| (sum.whole(session.kwh).unwrap() / session.kwh).round();
    let got = (per_kwh(account.actual), per_kwh(account.at_once), per_kwh(account.timer));
    assert_eq!(got, expected);
    let saved = account.saved_at_once(session.kwh).unwrap() / session.kwh;
    assert!((saved - (expected.1 - expected.0)).abs() < 1.0, "{saved}");
}

#[test]
fn what_it_was_and_what_it_had_been_at_once_and_by_a_timer() {
    // Two hours by the plan, from 02:00; at once had been 18:00, the timer 01:00.
    check_account((18.0, 31.5), (26.0, 28.0), (100.0, 300.0, 100.0));
    // Eight hours: the timer begins at 23:30 to be done by 07:30.
    check_account((18.0, 31.5), (22.0, 30.0), (200.0, 275.0, 200.0));
    // By day no 01:00 comes: the timer charges at once.
    check_account((10.0, 16.0), (14.0, 15.0), (300.0, 300.0, 300.0));
    // Plugged in at 03:00, unplugged before the next 01:00.
    check_account((27.0, 32.0), (27.0, 28.0), (100.0, 100.0, 100.0));
}

#[test]
fn without_readings_the_energy_counts_and_the_grams_are_partial() {
    let mut world = World::new(24.0).with_schedule();
    world.switch(Closed);
    world.until(26.0);
    world.switch(Opened);
    world.until(31.6);
    let session = world.ended[0];
    let half = Rates::new((0..24).map(|n| Sample {
        ts: at(24.0 + f64::from(n + 1) / 24.0),
        grams_per_kwh: if n < 12 { f64::NAN } else { 200.0 },
    }));
    let account = Account::new(&session, &world.portions, &half, CLOCK);
    assert_eq!(session.kwh.round(), 14.0);
    assert!(account.actual.known_kwh < 10.0, "{account:?}");
    assert_eq!(account.actual.whole(session.kwh), None);
    assert_eq!(account.saved_at_once(session.kwh), None);
    let none = Account::new(&session, &world.portions, &Rates::default(), CLOCK);
    assert_eq!(none, Account::default());
}

#[test]
fn no_energy_is_no_grams() {
    assert_eq!(Sum::default().whole(0.0), Some(0.0));
    assert_eq!(Sum::default().whole(1.0), None);
}

/// Anything that may come between two ticks.
#[derive(Clone, Debug)]
enum Event {
    Wait(u64),
    Switch(bool),
    Plugged(Option<bool>),
    Power(Option<f64>),
    Meter(Option<f64>),
    Jump(i64),
    Trust(bool),
    Restart(bool),
    Depart(Option<i64>),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0u64..2000).prop_map(Event::Wait),
        3 => any::<bool>().prop_map(Event::Switch),
        1 => any::<Option<bool>>().prop_map(Event::Plugged),
        1 => prop::option::of(prop_oneof![(-1.0..50.0f64), Just(f64::NAN)]).prop_map(Event::Power),
        1 => prop::option::of(0.0..200.0f64).prop_map(Event::Meter),
        1 => (-200_000i64..200_000).prop_map(Event::Jump),
        1 => any::<bool>().prop_map(Event::Trust),
        1 => any::<bool>().prop_map(Event::Restart),
        1 => prop::option::of(-3600i64..200_000).prop_map(Event::Depart),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_energy_is_finite_and_never_counted_twice(
        events in prop::collection::vec(event(), 1..200)
    ) {
        let mut world = World::new(0.0);
        let mut closed_s = 0;
        for event in events {
            match event {
                Event::Wait(secs) => {
                    world.wait(secs);
                    closed_s += secs;
                }
                Event::Switch(closed) => world.tick.position = if closed { Closed } else { Opened },
                Event::Plugged(plugged) => world.tick.plugged = plugged,
                Event::Power(kw) => world.tick.charging_kw = kw,
                Event::Meter(kwh) => world.tick.meter_kwh = kwh,
                Event::Jump(secs) => world.tick.at.wall += TimeDelta::seconds(secs),
                Event::Trust(trusted) => world.tick.trusted = trusted,
                Event::Restart(reboot) => {
                    world.restart();
                    if reboot {
                        world.tick.at.boot.0 += 1;
                        world.tick.at.uptime = Duration::ZERO;
                    }
                }
                Event::Depart(ahead) => {
                    world.tick.depart = ahead.map(|s| world.tick.at.wall + TimeDelta::seconds(s));
                }
            }
            world.tick();
        }
        let open = world.book.open().map(|open| open.end(world.tick.at.wall));
        let mut metered = 0.0;
        for session in world.ended.iter().chain(&open) {
            prop_assert!(session.from <= session.to);
            prop_assert!(session.kwh.is_finite() && 0.0 <= session.kwh);
            prop_assert!(session.metered_kwh <= session.kwh + 1e-9);
            let account = Account::new(session, &world.portions, &rates(), CLOCK);
            prop_assert!(account.actual.grams.is_finite() && account.timer.grams.is_finite());
            metered += session.metered_kwh;
        }
        for portion in &world.portions {
            prop_assert!(0.0 < portion.kwh && portion.start.timestamp() % 300 == 0);
        }
        let all: f64 = world.ended.iter().chain(&open).map(|session| session.kwh).sum();
        // What was assumed is at most the power times the time.
        prop_assert!(all - metered <= 7.0 * closed_s as f64 / 3600.0 + 1e-6);
    }
}
