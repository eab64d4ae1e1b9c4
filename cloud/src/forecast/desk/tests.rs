//! The desk over weeks of made-up history: no hole on any day, and a correction is learnt.

use chrono::{NaiveDateTime, Timelike};
use domain::forecast::slots::SLOTS;
use domain::wire::{CarbonForecast, Mix, Origin, Root, Signal, Topic};
use service::history::MemoryHistory;

use super::super::issue::Issue;
use super::super::new_york;
use super::*;
use crate::origin::OriginLock;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Gas follows the wall clock, so that a shifted hour would show.
fn gas(ts: Timestamp) -> f64 {
    let wall: NaiveDateTime = new_york(ts);
    1000.0 + 50.0 * f64::from(wall.hour())
}

fn put(store: &Arc<dyn History>, ts: Timestamp, gas: f64) {
    let mut mix = FuelMix::new(ts);
    for fuel in Fuel::ALL {
        mix.set(fuel, Megawatts::new(500.0).unwrap());
    }
    mix.set(Fuel::NaturalGas, Megawatts::new(gas).unwrap());
    let mix = Mix::new(&mix, 300, false, Origin::Nyiso);
    MixHistory::new(Arc::clone(store), 1100).put(&mix).unwrap();
}

/// A store with `days` of mixes before `end`, one each quarter of an hour.
fn store(days: i64, end: Timestamp) -> Arc<dyn History> {
    let store: Arc<dyn History> = Arc::new(MemoryHistory::default());
    OriginLock::open(Arc::clone(&store)).unwrap().check(Origin::Nyiso).unwrap();
    for quarter in 0..days * 96 {
        let ts = end - TimeDelta::minutes(15 * quarter);
        put(&store, ts, gas(ts - TimeDelta::seconds(1)));
    }
    store
}

fn desk(store: &Arc<dyn History>) -> Desk {
    let config = ForecastConfig {
        root: Root::default(),
        factors: domain::factors::FactorSetName::default(),
        retention_days: 1100,
    };
    Desk::open(config, Arc::clone(store)).unwrap()
}

fn forecast(issue: &Issue, signal: Signal) -> CarbonForecast {
    let topic = Topic::Forecast(signal);
    let (_, payload) = issue.payloads.iter().find(|(known, _)| *known == topic).unwrap();
    CarbonForecast::from_json(payload).unwrap()
}

/// What the mix of the wall clock's hour gives, g/kWh.
fn truth(ts: Timestamp) -> f64 {
    let gas = gas(ts);
    (500.0 * (435.0 + 750.0 + 550.0) + gas * 395.0) / (3000.0 + gas)
}

#[track_caller]
fn check(now: &str, days: i64, model: &str) {
    let now = at(now);
    let store = store(days, now - TimeDelta::minutes(10));
    let issue = desk(&store).issue(now).unwrap().unwrap();
    let said = forecast(&issue, Signal::Production);
    assert_eq!((said.model.as_str(), said.values.len()), (model, SLOTS), "{now}");
    for slot in said.slots() {
        let (from, to) =
            (truth(slot.start - TimeDelta::hours(1)), truth(slot.end + TimeDelta::hours(1)));
        let (low, high) =
            (from.min(to).min(truth(slot.start)), from.max(to).max(truth(slot.start)));
        assert!(
            low - 3.0 < slot.value && slot.value < high + 3.0,
            "{}: {} is not between {low} and {high}",
            slot.start,
            slot.value
        );
    }
}

#[test]
fn the_wall_clock_is_followed_across_both_clock_changes() {
    for now in ["2026-10-30T16:20:00Z", "2026-11-01T05:20:00Z", "2026-11-01T06:40:00Z"] {
        check(now, 20, "profile-14d");
    }
    for now in ["2027-03-13T16:20:00Z", "2027-03-14T06:59:00Z", "2027-03-14T07:00:00Z"] {
        check(now, 20, "profile-14d");
    }
    check("2026-10-31T16:20:00Z", 50, "ny-power");
}

#[test]
fn with_less_known_it_steps_down_and_never_falls_silent() {
    let now = at("2026-06-10T16:20:00Z");
    let silent = desk(&(Arc::new(MemoryHistory::default()) as Arc<dyn History>)).issue(now);
    assert!(silent.unwrap().is_none(), "not even the origin is known");
    let empty = store(0, now);
    let said = desk(&empty).issue(now).unwrap().unwrap();
    assert_eq!((said.model, forecast(&said, Signal::Production).values.len()), ("static", SLOTS));
    assert!(said.payloads.iter().all(|(topic, _)| *topic != Topic::Forecast(Signal::Consumption)));
    // A feed that has been silent for two days still has its fortnight.
    let old = store(50, now - TimeDelta::days(2));
    assert_eq!(desk(&old).issue(now).unwrap().unwrap().model, "profile-14d");
    // And one of last year has its level.
    let older = store(3, now - TimeDelta::days(300));
    assert_eq!(desk(&older).issue(now).unwrap().unwrap().model, "static");
}

#[test]
fn a_fit_holds_for_a_day_and_a_correction_of_the_past_is_learnt() {
    let now = at("2026-06-10T16:20:00Z");
    let store = store(50, now - TimeDelta::minutes(10));
    let mut desk = desk(&store);
    let fits = |desk: &mut Desk, now| desk.issue(now).unwrap().unwrap().fit.is_some();
    assert!(fits(&mut desk, now));
    assert!(!fits(&mut desk, now));
    let change = |desk: &mut Desk, ts: Timestamp, gas: f64| {
        put(&store, ts, gas);
        desk.take(News::Mixes(ts..ts + TimeDelta::seconds(1)), now)
    };
    // The hour that is still filling is no correction.
    change(&mut desk, now - TimeDelta::minutes(5), 1600.0);
    assert!(!fits(&mut desk, now));
    // Nor is what comes again as it was.
    let week_ago = now - TimeDelta::days(7) - TimeDelta::minutes(10);
    change(&mut desk, week_ago, gas(week_ago - TimeDelta::seconds(1)));
    assert!(!fits(&mut desk, now));
    change(&mut desk, week_ago, 5000.0);
    assert!(fits(&mut desk, now));
    // Another phase of the day has a model of its own; after a day's readings each is fit again.
    for quarter in 1..=96 {
        let ts = now + TimeDelta::minutes(15 * quarter);
        change(&mut desk, ts, 1600.0);
        match quarter {
            12 | 96 => assert!(fits(&mut desk, ts), "{ts}"),
            13 | 14 => assert!(!fits(&mut desk, ts), "{ts}"),
            _ => {}
        }
    }
}

#[test]
fn each_forecast_is_issued_later_than_the_one_before() {
    let now = at("2026-06-10T16:20:00Z");
    let mut desk = desk(&store(1, now));
    let mut issued = |now| forecast(&desk.issue(now).unwrap().unwrap(), Signal::Production).issued;
    let first = issued(now);
    assert_eq!(first, now);
    assert_eq!(issued(now), first + TimeDelta::seconds(1));
    assert_eq!(issued(now - TimeDelta::seconds(30)), first + TimeDelta::seconds(2));
    let earlier = now - TimeDelta::days(1);
    assert_eq!(issued(earlier), earlier, "a clock that was a day ahead is not followed");
}

#[test]
fn consumption_follows_the_imports_of_the_last_days() {
    let now = at("2026-06-10T16:20:00Z");
    let mut desk = desk(&store(20, now - TimeDelta::minutes(10)));
    for hour in 1..48 {
        let mut flows = NetFlows::new(now - TimeDelta::hours(hour));
        for neighbor in domain::consumption::Neighbor::ALL {
            flows.set(neighbor, Megawatts::new(0.0).unwrap());
        }
        flows.set(domain::consumption::Neighbor::Hq, Megawatts::new(2000.0).unwrap());
        let flows = domain::wire::Flows::new(&flows, [], Origin::Nyiso);
        desk.take(News::Flows(flows), now);
    }
    let issue = desk.issue(now).unwrap().unwrap();
    let production = forecast(&issue, Signal::Production);
    let consumption = forecast(&issue, Signal::Consumption);
    assert_eq!(consumption.basis, "average, consumption, direct");
    for (used, made) in consumption.slots().zip(production.slots()) {
        let total = 3000.0 + gas(used.start);
        let expected = (total * made.value + 2000.0 * 5.5) / (total + 2000.0);
        assert!((used.value - expected).abs() < 2.0, "{used:?}: {expected}");
        assert!(used.p90 - used.p10 > 0.0);
    }
}
