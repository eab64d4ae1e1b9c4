//! Mixes in, intensities out, with their place in the week.

use std::time::Duration;

use chrono::TimeDelta;
use domain::consumption::{Neighbor, NetFlows};
use domain::units::Megawatts;
use domain::wire::{Flows, Mix, Origin, RealTime, ZoneSeries};
use domain::zone::LoadZone;
use testkit::PATIENCE;

use super::rig::{NOON, Rig, about, at, json, mix, text, with_both_brokers};
use crate::broker::{Bench, PUMP};

const NOW: &str = "ny-power/computed/co2";
const DAY: &str = "ny-power/archive/co2/24h";
const QUIET: Duration = Duration::from_millis(600);

with_both_brokers!(
    a_reading_travels_from_file_to_intensity,
    a_restart_goes_on_from_its_store,
    a_correction_travels_on,
    what_comes_after_a_reading_is_said_of_it_too,
);

async fn a_reading_travels_from_file_to_intensity(bench: Bench) {
    let rig = Rig::new(bench, NOON).await;
    let (co2, _archive) = rig.co2().await;
    let pump = rig.pump();
    let mut all = rig.subscriber("ny-power/#").await;
    rig.push(15, 300.0, 0.0);
    let newest = rig.push(10, 300.0, 600.0);
    let now = about(&mut all, NOW, newest).await;
    // 100 MW each of dual fuel (435), other fossil (750), other renewables (550) and three clean ones, and
    // 300 MW of gas (395): 292 kg over 800 MW; with 600 MW of wind over 1,400 MW.
    let grams = (100.0 * (435.0 + 750.0 + 550.0) + 300.0 * 395.0) / 1400.0;
    assert!((now["value"].as_f64().unwrap() - grams).abs() < 1e-9, "{now}");
    assert_eq!((&now["units"], &now["factor_set"]), (&"g / kWh".into(), &"ny-2026.1".into()));
    assert_eq!((&now["complete"], &now["origin"]), (&true.into(), &"generated".into()));
    assert_eq!(now["verdict"], serde_json::Value::Null, "ten minutes of history give no verdict");
    assert!(now["percentile_hours"].as_f64().unwrap() < 1.0);
    let day = loop {
        let day = json(&all.next(DAY, PATIENCE).await);
        if day["ts"].as_array().unwrap().len() == 2 {
            break day;
        }
    };
    assert_eq!(day["ts"][1], text(newest));
    assert_eq!(day["values"].as_array().unwrap().len(), 2);
    pump.stop().await;
    co2.stop().await;
}

/// At a first start the archive and the flows come when they come: the reading that was quicker is said anew.
async fn what_comes_after_a_reading_is_said_of_it_too(bench: Bench) {
    let rig = Rig::new(bench, NOON).await;
    let (co2, archive) = rig.co2().await;
    let pump = rig.pump();
    let mut all = rig.subscriber("ny-power/#").await;
    let newest = rig.push(10, 300.0, 600.0);
    let alone = about(&mut all, NOW, newest).await;
    assert_eq!(alone["verdict"], serde_json::Value::Null);
    assert!(alone["production_only"].as_str().is_some(), "{alone}");

    let week = (1..7 * 24 * 12).map(|index| {
        let ts = newest - TimeDelta::minutes(index * 5);
        Mix::new(&mix(ts, 300.0, (index % 100) as f64 * 5.0), 300, false, Origin::Generated)
    });
    archive.send(week.collect()).await.unwrap();
    let placed = about(&mut all, NOW, newest).await;
    assert!(placed["percentile_hours"].as_f64().unwrap() > 160.0, "{placed}");
    assert!(placed["verdict"].is_string(), "{placed}");
    assert_eq!((&placed["value"], &placed["revised"]), (&alone["value"], &false.into()));

    let mut net = NetFlows::new(newest);
    for neighbor in Neighbor::ALL {
        net.set(neighbor, Megawatts::new(100.0).unwrap());
    }
    let flows = Flows::new(&net, [], Origin::Generated).to_json();
    let flows = String::from_utf8(flows).unwrap();
    testkit::publish(rig.bench.addr(), PUMP, "ny-power/upstream/flows", &flows, true).await;
    let used = about(&mut all, NOW, newest).await;
    assert!(used["consumption"].is_number() && used["production_only"].is_null(), "{used}");

    // Who comes later has it from the broker.
    let retained = rig.subscriber(NOW).await.next(NOW, PATIENCE).await;
    assert_eq!(json(&retained), used);
    pump.stop().await;
    co2.stop().await;
}

async fn a_restart_goes_on_from_its_store(bench: Bench) {
    let rig = Rig::new(bench, NOON).await;
    let (co2, archive) = rig.co2().await;
    let week: Vec<Mix> = (0..7 * 24 * 12)
        .map(|index| {
            let ts = at(NOON) - TimeDelta::minutes(30 + index * 5);
            Mix::new(&mix(ts, 300.0, (index % 100) as f64 * 5.0), 300, false, Origin::Generated)
        })
        .collect();
    archive.send(week).await.unwrap();
    let mut all = rig.subscriber("ny-power/#").await;
    all.next(DAY, PATIENCE).await;
    co2.stop().await;
    let (co2, _archive) = rig.co2().await;
    let pump = rig.pump();
    let newest = rig.push(10, 300.0, 480.0);
    let now = about(&mut all, NOW, newest).await;
    assert!(now["percentile_hours"].as_f64().unwrap() > 167.0, "{now}");
    assert_eq!(now["verdict"], "clean");
    pump.stop().await;
    co2.stop().await;
}

async fn a_correction_travels_on(bench: Bench) {
    let rig = Rig::new(bench, NOON).await;
    let (co2, _archive) = rig.co2().await;
    let pump = rig.pump();
    let mut all = rig.subscriber("ny-power/#").await;
    let old = rig.push(15, 300.0, 0.0);
    let new = rig.push(10, 300.0, 0.0);
    about(&mut all, NOW, new).await;
    rig.push(15, 900.0, 0.0);
    let revised = about(&mut all, NOW, old).await;
    assert_eq!(revised["revised"], true);
    let retained = rig.subscriber(NOW).await.next(NOW, PATIENCE).await;
    assert_eq!(json(&retained)["ts"], text(new), "a correction of the past is not retained");
    pump.stop().await;
    co2.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_mix_is_dropped_and_the_next_one_counts() {
    let rig = Rig::new(Bench::embedded().await.unwrap(), NOON).await;
    let (co2, _archive) = rig.co2().await;
    let mut all = rig.subscriber("ny-power/computed/co2").await;
    let publish = async |payload: &str| {
        testkit::publish(rig.bench.addr(), PUMP, "ny-power/upstream/mix", payload, false).await;
    };
    let good = |minutes: i64, origin| {
        let ts = at(NOON) + TimeDelta::minutes(minutes);
        String::from_utf8(Mix::new(&mix(ts, 300.0, 0.0), 300, false, origin).to_json()).unwrap()
    };
    publish("<html>").await;
    publish(&good(0, Origin::Nyiso).replace("300.0", "9e9")).await;
    // A stamp ahead of the clock would shut out the true ones until its time comes.
    publish(&good(60, Origin::Nyiso)).await;
    publish(&good(1, Origin::Nyiso)).await;
    // Made-up data never enter a live history.
    publish(&good(5, Origin::Generated)).await;
    publish(&good(10, Origin::Nyiso)).await;
    let readings = all.all(QUIET).await;
    let stamps: Vec<_> = readings.iter().map(|reading| json(reading)["ts"].clone()).collect();
    assert_eq!(
        stamps,
        [text(at(NOON) + TimeDelta::minutes(1)), text(at(NOON) + TimeDelta::minutes(10))]
    );
    co2.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_played_back_faster_may_run_ahead_of_the_clock() {
    let rig = Rig::new(Bench::embedded().await.unwrap(), NOON).await;
    let (co2, _archive) = rig.co2().await;
    let mut all = rig.subscriber("ny-power/computed/co2").await;
    let ahead = at(NOON) + TimeDelta::hours(5);
    let played = Mix::new(&mix(ahead, 300.0, 0.0), 300, false, Origin::Recorded);
    let payload = String::from_utf8(played.to_json()).unwrap();
    testkit::publish(rig.bench.addr(), PUMP, "ny-power/upstream/mix", &payload, false).await;
    about(&mut all, NOW, ahead).await;
    co2.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imports_and_zones_are_told_with_their_basis() {
    let rig = Rig::new(Bench::embedded().await.unwrap(), NOON).await;
    let (co2, _archive) = rig.co2().await;
    let mut all = rig.subscriber("ny-power/computed/#").await;
    let publish = async |topic: &str, payload: Vec<u8>| {
        let payload = String::from_utf8(payload).unwrap();
        let topic = format!("ny-power/upstream/{topic}");
        testkit::publish(rig.bench.addr(), PUMP, &topic, &payload, false).await;
    };
    let mix_at = |minutes: i64| {
        let ts = at(NOON) + TimeDelta::minutes(minutes);
        Mix::new(&mix(ts, 400.0, 0.0), 300, false, Origin::Nyiso)
    };
    publish("mix", mix_at(-20).to_json()).await;
    let now = about(&mut all, NOW, mix_at(-20).ts).await;
    assert_eq!(now["production_only"], "no interface flows: production only");
    assert_eq!(now["marginal"], 377.0);
    for zone in LoadZone::ALL {
        let topic = format!("{NOW}/{}", zone.slug());
        let said = json(&all.next(&topic, PATIENCE).await);
        assert_eq!(
            (&said["marginal"], &said["marginal_basis"]),
            (&377.0.into(), &"state-wide estimate, ±15 %, fossil at the margin".into())
        );
    }
    let mut net = NetFlows::new(at(NOON) - TimeDelta::minutes(12));
    for neighbor in Neighbor::ALL {
        net.set(neighbor, Megawatts::new(-10.0).unwrap());
    }
    net.set(Neighbor::Hq, Megawatts::new(1000.0).unwrap());
    publish("flows", Flows::new(&net, [(23324, 1000.0)], Origin::Nyiso).to_json()).await;
    let rates = ZoneSeries {
        issued: at(NOON),
        zone: "nyc".into(),
        units: "g / kWh".into(),
        basis: "NYISO implied marginal emission rate".into(),
        start: at(NOON),
        step_s: 3600,
        values: vec![Some(500.0)],
        real_time: Some(RealTime { ts: at(NOON), value: 455.5 }),
        origin: Origin::Nyiso,
    };
    publish("marginal/nyc", rates.to_json()).await;
    let said = json(&all.next("ny-power/computed/co2/nyc", PATIENCE).await);
    assert_eq!((&said["marginal"], &said["ts"]), (&455.5.into(), &text(at(NOON)).into()));
    assert_eq!(said["marginal_basis"], "NYISO implied marginal emission rate, real time");
    publish("mix", mix_at(-15).to_json()).await;
    let now = about(&mut all, NOW, mix_at(-15).ts).await;
    // 900 MW here, 1000 MW from Québec at 5.5 g/kWh; the exports leave at the mean.
    let value = now["value"].as_f64().unwrap();
    let consumption = now["consumption"].as_f64().unwrap();
    assert!((consumption - (900.0 * value + 1000.0 * 5.5) / 1900.0).abs() < 1e-9, "{now}");
    assert_eq!(now["production_only"], serde_json::Value::Null);
    co2.stop().await;
}
