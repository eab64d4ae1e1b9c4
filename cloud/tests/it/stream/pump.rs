//! Files in, events out, whatever happens in between.

use std::time::Duration;

use chrono::TimeDelta;
use cloud::replay::Fault;
use domain::fuel_mix::Fuel;
use domain::units::Megawatts;
use testkit::{PATIENCE, Received};

use super::rig::{NOON, Rig, about, at, json, mix, text, with_both_brokers};
use crate::broker::Bench;

const MIX: &str = "ny-power/upstream/mix";
const STATUS: &str = "ny-power/status/feed/fuel-mix";
/// Long enough for several looks at the stand-in.
const QUIET: Duration = Duration::from_millis(600);

with_both_brokers!(
    first_start_catches_up_both_days_in_order,
    a_restart_skips_nothing_and_repeats_nothing,
    a_correction_is_a_revised_event,
    the_broker_goes_and_comes_back,
    old_clients_find_their_topics,
);

/// Instants of the live messages on upstream/mix, in order.
fn stamps(messages: &[Received]) -> Vec<String> {
    let mixes = messages.iter().filter(|message| message.topic == MIX && !message.retain);
    mixes.map(|message| json(message)["ts"].as_str().unwrap().to_owned()).collect()
}

async fn first_start_catches_up_both_days_in_order(bench: Bench) {
    let rig = Rig::new(bench, NOON).await;
    let mut expected = Vec::new();
    for minutes_ago in [26 * 60, 20 * 60, 60, 15, 10] {
        expected.push(text(rig.push(minutes_ago, 300.0, 0.0)));
    }
    let mut all = rig.subscriber("ny-power/#").await;
    let pump = rig.pump();
    let messages = all.all(QUIET).await;
    assert_eq!(stamps(&messages), expected, "26 hours ago is yesterday in New York");
    // What is retained is the newest and nothing else.
    let mut late = rig.subscriber("ny-power/#").await;
    let retained = late.all(QUIET).await;
    let newest: Vec<_> = retained.iter().filter(|message| message.topic == MIX).collect();
    assert_eq!(newest.len(), 1);
    assert_eq!(json(newest[0])["ts"], expected[4]);
    assert_eq!(json(newest[0])["interval_s"], 300);
    pump.stop().await;
}

async fn a_restart_skips_nothing_and_repeats_nothing(bench: Bench) {
    let rig = Rig::new(bench, NOON).await;
    let first = rig.push(20, 300.0, 0.0);
    let mut all = rig.subscriber("ny-power/#").await;
    let pump = rig.pump();
    about(&mut all, MIX, first).await;
    pump.stop().await;
    all.all(QUIET).await;
    // What NYISO publishes while we are away, an older instant among it.
    let missed = [
        text(rig.push(25, 300.0, 0.0)),
        text(rig.push(15, 300.0, 0.0)),
        text(rig.push(10, 300.0, 0.0)),
    ];
    let pump = rig.pump();
    assert_eq!(stamps(&all.all(QUIET).await), missed);
    pump.stop().await;
    let pump = rig.pump();
    // The retained snapshot may come again, as an event nothing may.
    let again = stamps(&all.all(QUIET).await);
    assert!(again.iter().all(|ts| *ts == missed[2]), "{again:?}");
    pump.stop().await;
}

async fn a_correction_is_a_revised_event(bench: Bench) {
    let rig = Rig::new(bench, NOON).await;
    let old = rig.push(15, 300.0, 0.0);
    let new = rig.push(10, 300.0, 0.0);
    let mut all = rig.subscriber("ny-power/#").await;
    let pump = rig.pump();
    about(&mut all, MIX, new).await;
    rig.push(15, 500.0, 0.0);
    let revised = about(&mut all, MIX, old).await;
    assert_eq!(
        (&revised["revised"], &revised["fuels"]["Natural Gas"]),
        (&true.into(), &500.0.into())
    );
    // The newest stays the retained one.
    let retained = rig.subscriber(MIX).await.next(MIX, PATIENCE).await;
    assert_eq!(json(&retained)["ts"], text(new));
    pump.stop().await;
}

async fn the_broker_goes_and_comes_back(bench: Bench) {
    let mut rig = Rig::new(bench, NOON).await;
    let first = rig.push(30, 300.0, 0.0);
    let mut all = rig.subscriber("ny-power/#").await;
    let pump = rig.pump();
    about(&mut all, MIX, first).await;
    rig.bench.kill().await;
    let missed = rig.push(20, 300.0, 0.0);
    tokio::time::sleep(Duration::from_millis(200)).await;
    rig.bench.forget();
    rig.bench.start_again().await;
    // The publisher is the source of truth: all that was retained comes back, and nothing was skipped.
    let mut all = rig.subscriber("ny-power/#").await;
    about(&mut all, MIX, missed).await;
    let mut late = rig.subscriber("ny-power/#").await;
    late.next("ny-power/upstream/fuel-mix/Natural Gas", PATIENCE).await;
    pump.stop().await;
}

async fn old_clients_find_their_topics(bench: Bench) {
    let rig = Rig::new(bench, NOON).await;
    let newest = rig.push(10, 300.0, 40.0);
    let pump = rig.pump();
    let mut old = rig.subscriber("ny-power/#").await;
    let gas = about(&mut old, "ny-power/upstream/fuel-mix/Natural Gas", newest).await;
    assert_eq!((&gas["value"], &gas["units"]), (&300.0.into(), &"MW".into()));
    let mut updated = rig.subscriber("ny-power/status/fuel-mix/updated").await;
    about(&mut updated, "ny-power/status/fuel-mix/updated", newest).await;
    // IBM's archiver takes every topic below upstream/fuel-mix apart: nothing else may be there.
    let mut below = rig.subscriber("ny-power/upstream/fuel-mix/#").await;
    for message in below.all(QUIET).await {
        let fuel = message.topic.rsplit('/').next().unwrap();
        assert!(Fuel::from_name(fuel).is_some(), "{}", message.topic);
    }
    pump.stop().await;
}

/// The fault, the state it leads to after half an hour, and a word of the reason.
async fn check_fault(fault: &str, word: &str) {
    let rig = Rig::new(Bench::embedded().await.unwrap(), NOON).await;
    let good = rig.push(10, 300.0, 0.0);
    let mut all = rig.subscriber("ny-power/#").await;
    let pump = rig.pump();
    about(&mut all, MIX, good).await;
    rig.standin.set_faults(vec![fault.parse::<Fault>().unwrap()], 1);
    // Something new that cannot be read, half an hour later.
    rig.advance(30);
    let hidden = rig.push(10, 999.0, 0.0);
    let status = loop {
        let status = json(&all.next(STATUS, PATIENCE).await);
        if status["state"] == "late" && status["reason"].as_str().unwrap().contains(word) {
            break status;
        }
    };
    assert_eq!(status["newest"], text(good), "{fault}");
    // The last good state stays.
    let retained = rig.subscriber(MIX).await.next(MIX, PATIENCE).await;
    assert_eq!(json(&retained)["ts"], text(good), "{fault}");
    rig.standin.set_faults(vec![], 1);
    about(&mut all, MIX, hidden).await;
    pump.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_404_stays_the_last_good_state() {
    check_fault("404", "not found").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_500_stays_the_last_good_state() {
    check_fault("500", "status 500").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_html_page_stays_the_last_good_state() {
    check_fault("garbage", "HTML page").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_in_a_row_stays_the_last_good_state() {
    check_fault("truncate:closed", "truncated").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_connection_stays_the_last_good_state() {
    check_fault("stall", "stalled").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_megabytes_stay_the_last_good_state() {
    let rig = Rig::new(Bench::embedded().await.unwrap(), NOON).await;
    let good = rig.push(10, 300.0, 0.0);
    let mut all = rig.subscriber("ny-power/#").await;
    let pump = rig.pump();
    about(&mut all, MIX, good).await;
    rig.advance(30);
    rig.standin.put("rtfuelmix/20260310rtfuelmix.csv", Some(vec![b'x'; 50 << 20]));
    let status = loop {
        let status = json(&all.next(STATUS, PATIENCE).await);
        if status["state"] == "late" && status["reason"].as_str().unwrap().contains("more than") {
            break status;
        }
    };
    assert_eq!(status["newest"], text(good));
    pump.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn around_midnight_both_days_are_looked_at() {
    // 23:55 in New York, summer time.
    let rig = Rig::new(Bench::embedded().await.unwrap(), "2026-07-05T03:55:00Z").await;
    let before = rig.push(10, 300.0, 0.0);
    let mut all = rig.subscriber("ny-power/#").await;
    let pump = rig.pump();
    about(&mut all, MIX, before).await;
    // 00:10: the new day's file is not there yet, the old one gets its midnight row.
    rig.advance(15);
    rig.standin.put("rtfuelmix/20260705rtfuelmix.csv", None);
    let midnight = at("2026-07-05T04:00:00Z");
    rig.standin.push(&mix(midnight, 300.0, 0.0));
    about(&mut all, MIX, midnight).await;
    let status = json(&rig.subscriber(STATUS).await.next(STATUS, PATIENCE).await);
    assert_eq!((&status["state"], &status["reason"]), (&"fresh".into(), &"".into()));
    pump.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_days_away_every_day_is_read() {
    let rig = Rig::new(Bench::embedded().await.unwrap(), NOON).await;
    let first = rig.push(10, 300.0, 0.0);
    let mut all = rig.subscriber("ny-power/#").await;
    let pump = rig.pump();
    about(&mut all, MIX, first).await;
    pump.stop().await;
    all.all(QUIET).await;
    // Three days pass, a reading each.
    let mut missed = Vec::new();
    for _ in 0..3 {
        rig.advance(24 * 60);
        missed.push(text(rig.push(10, 300.0, 0.0)));
    }
    let pump = rig.pump();
    assert_eq!(stamps(&all.all(QUIET).await), missed);
    pump.stop().await;
}

/// A day in the middle of a catch-up is `broken` while later days are not; a restart comes between.
async fn check_owed(broken: Option<Vec<u8>>) {
    let rig = Rig::new(Bench::embedded().await.unwrap(), NOON).await;
    let first = rig.push(10, 300.0, 0.0);
    let mut all = rig.subscriber("ny-power/#").await;
    let pump = rig.pump();
    about(&mut all, MIX, first).await;
    pump.stop().await;
    rig.advance(24 * 60);
    let between = rig.push(10, 300.0, 0.0);
    for _ in 0..2 {
        rig.advance(24 * 60);
    }
    let newest = rig.push(10, 300.0, 0.0);
    rig.standin.put("rtfuelmix/20260311rtfuelmix.csv", broken);
    rig.standin.put("rtfuelmix/20260301rtfuelmix_csv.zip", None);
    let pump = rig.pump();
    about(&mut all, MIX, newest).await;
    pump.stop().await;
    let mut day = "Time Stamp,Time Zone,Fuel Category,Gen MW".to_owned();
    for fuel in Fuel::ALL {
        day += &format!("\r\n03/11/2026 11:50:00,EDT,{},100.0", fuel.name());
    }
    rig.standin.put("rtfuelmix/20260311rtfuelmix.csv", Some(day.into_bytes()));
    let pump = rig.pump();
    about(&mut all, MIX, between).await;
    pump.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_that_cannot_be_read_in_a_catch_up_is_read_later() {
    check_owed(Some(b"<html>".to_vec())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_that_is_missing_in_a_catch_up_is_looked_for_again() {
    check_owed(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instant_with_fewer_fuels_is_never_called_complete() {
    let rig = Rig::new(Bench::embedded().await.unwrap(), NOON).await;
    rig.push(20, 300.0, 0.0);
    let ts = rig.standin.now() - TimeDelta::minutes(10);
    let mut partial = domain::fuel_mix::FuelMix::new(ts);
    partial.set(Fuel::Hydro, Megawatts::new(2814.0).unwrap());
    rig.standin.push(&partial);
    let mut all = rig.subscriber("ny-power/#").await;
    let pump = rig.pump();
    let first = about(&mut all, MIX, ts).await;
    assert_eq!((&first["complete"], &first["revised"]), (&false.into(), &false.into()));
    rig.standin.push(&mix(ts, 300.0, 0.0));
    let second = about(&mut all, MIX, ts).await;
    assert_eq!((&second["complete"], &second["revised"]), (&true.into(), &true.into()));
    pump.stop().await;
}
