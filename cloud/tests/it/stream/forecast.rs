//! Four days ahead: never a hole, from a first reading on to weeks of history, and how good it was.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use cloud::forecast::{News, channel, past};
use cloud::origin::OriginLock;
use cloud::replay::Standin;
use domain::Timestamp;
use domain::forecast::slots::SLOTS;
use domain::wire::{CarbonForecast, LoadSeries, Mix, Origin, Skill, ZoneSeries};
use domain::zone::LoadZone;
use nyiso::client::{Client, ClientConfig};
use service::backoff::Backoff;
use service::clock::ManualClock;
use service::history::{History, MemoryHistory};
use testkit::{PATIENCE, Subscriber};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::rig::{NOON, Rig, at, mix, with_both_brokers};
use crate::broker::{Bench, PUMP};

const FORECAST: &str = "ny-power/forecast/co2";
const NYC: &str = "ny-power/forecast/co2/marginal/nyc";
/// Longer than the forecast waits for the end of a burst of news.
const QUIET: Duration = Duration::from_millis(1500);
const SKILL: &str = "ny-power/forecast/co2/skill";

with_both_brokers!(a_first_reading_gives_a_forecast_of_all_kinds);

/// The next forecast on `topic`, which no slot lacks.
async fn next(all: &mut Subscriber, topic: &str) -> CarbonForecast {
    let received = all.next(topic, PATIENCE).await;
    assert!(received.text().len() < 64_000);
    let forecast = CarbonForecast::from_json(received.text().as_bytes()).unwrap();
    assert_eq!((forecast.values.len(), forecast.step_s), (SLOTS, 900));
    assert!(forecast.start <= forecast.issued);
    assert_eq!(forecast.start.timestamp() % 900, 0);
    for slot in forecast.slots() {
        assert!(0.0 < slot.p10 && slot.p10 <= slot.value && slot.value <= slot.p90, "{slot:?}");
    }
    forecast
}

/// The next one on `topic` that is made by `model`.
async fn by(all: &mut Subscriber, topic: &str, model: &str) -> CarbonForecast {
    loop {
        let forecast = next(all, topic).await;
        if forecast.model == model {
            return forecast;
        }
    }
}

/// `days` of five-minute mixes before `end`: a day that swings, and no two days alike.
fn history(end: Timestamp, days: i64) -> Vec<Mix> {
    (0..days * 288)
        .map(|index| {
            let ts = end - TimeDelta::minutes(5 * (days * 288 - index));
            let phase = ts.timestamp().rem_euclid(86_400) as f64 / 86_400.0;
            let day = ts.timestamp().div_euclid(86_400) as f64;
            let gas = 400.0 + 120.0 * (phase * std::f64::consts::TAU).sin() + 60.0 * day.sin();
            Mix::new(&mix(ts, gas, 300.0), 300, false, Origin::Generated)
        })
        .collect()
}

async fn a_first_reading_gives_a_forecast_of_all_kinds(bench: Bench) {
    let rig = Rig::new(bench, NOON).await;
    let (co2, archive) = rig.co2().await;
    let pump = rig.pump();
    let mut all = rig.subscriber("ny-power/forecast/#").await;
    rig.push(10, 300.0, 0.0);
    let first = next(&mut all, FORECAST).await;
    assert_eq!((first.start, first.origin), (at(NOON), Origin::Generated));
    assert_eq!(first.basis, "average, production, direct");
    // Nothing but a reading of this hour is known.
    assert_eq!(first.model, "static");
    for zone in LoadZone::ALL {
        let topic = format!("{FORECAST}/marginal/{}", zone.slug());
        let marginal = next(&mut all, &topic).await;
        assert_eq!(marginal.zone.as_deref(), Some(zone.slug()));
        assert_eq!((marginal.model.as_str(), marginal.known_until), ("fossil-table", None));
    }
    archive.send(history(at(NOON), 20)).await.unwrap();
    let profile = by(&mut all, FORECAST, "profile-14d").await;
    assert!(profile.issued > first.issued, "a reader takes the newer");
    archive.send(history(at(NOON) - TimeDelta::days(20), 30)).await.unwrap();
    by(&mut all, FORECAST, "ny-power").await;
    // The next quarter of an hour.
    rig.advance(15);
    let later = next(&mut all, FORECAST).await;
    assert_eq!(later.start, at(NOON) + TimeDelta::minutes(15));
    pump.stop().await;
    co2.stop().await;
    let (co2, _archive) = rig.co2().await;
    let again = next(&mut all, FORECAST).await;
    assert_eq!(again.model, "ny-power", "after a restart, from the store");
    co2.stop().await;
}

async fn publish(rig: &Rig, topic: &str, payload: Vec<u8>) {
    let payload = String::from_utf8(payload).unwrap();
    let topic = format!("ny-power/upstream/{topic}");
    testkit::publish(rig.bench.addr(), PUMP, &topic, &payload, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rates_and_load_forecasts_are_worth_a_forecast_of_their_own() {
    let rig = Rig::new(Bench::embedded().await.unwrap(), NOON).await;
    let (co2, archive) = rig.co2().await;
    let mut all = rig.subscriber("ny-power/forecast/#").await;
    archive.send(history(at(NOON), 3)).await.unwrap();
    let first = next(&mut all, FORECAST).await;
    by(&mut all, NYC, "fossil-table").await;
    let series = ZoneSeries {
        issued: at(NOON),
        zone: "nyc".into(),
        units: "g / kWh".into(),
        basis: "NYISO implied marginal emission rate".into(),
        start: at(NOON) - TimeDelta::hours(12),
        step_s: 3600,
        values: (0..36).map(|hour| Some(400.0 + f64::from(hour))).collect(),
        real_time: None,
        origin: Origin::Generated,
    };
    publish(&rig, "marginal/nyc", series.to_json()).await;
    let ahead = by(&mut all, NYC, "nyiso-day-ahead").await;
    assert_eq!(ahead.known_until, Some(at(NOON) + TimeDelta::hours(24)));
    assert_eq!((ahead.values[0], ahead.values[3], ahead.values[4]), (412.0, 412.0, 413.0));
    assert_eq!(ahead.factor_set, "");
    // What is known already is no news; a load forecast is.
    all.all(QUIET).await;
    publish(&rig, "marginal/nyc", series.to_json()).await;
    assert!(all.all(QUIET).await.is_empty());
    let loads = vec![Some(15_000.0); 144];
    let zones = LoadZone::ALL.map(|zone| (zone.slug().to_owned(), vec![Some(1_400.0); 144]));
    let loads = LoadSeries {
        issued: at(NOON),
        units: "MW".into(),
        basis: "NYISO load forecast".into(),
        start: at(NOON) - TimeDelta::hours(12),
        step_s: 3600,
        values: loads,
        zones: zones.into_iter().collect(),
        origin: Origin::Generated,
    };
    publish(&rig, "load-forecast", loads.to_json()).await;
    let after = next(&mut all, FORECAST).await;
    assert!(first.issued < ahead.issued && ahead.issued < after.issued);
    co2.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_published_is_held_against_what_came_across_restarts() {
    let rig = Rig::new(Bench::embedded().await.unwrap(), NOON).await;
    let (co2, archive) = rig.co2().await;
    let mut all = rig.subscriber("ny-power/forecast/#").await;
    archive.send(history(at(NOON), 20)).await.unwrap();
    by(&mut all, FORECAST, "profile-14d").await;
    co2.stop().await;
    // Two days later, of which the archive tells.
    rig.advance(2 * 24 * 60);
    let (co2, archive) = rig.co2().await;
    archive.send(history(at(NOON) + TimeDelta::days(2), 2)).await.unwrap();
    let skill = loop {
        let received = all.next(SKILL, PATIENCE).await;
        let skill = Skill::from_json(received.text().as_bytes()).unwrap();
        if skill.from.is_some() {
            break skill;
        }
        rig.advance(60);
    };
    let hours: Vec<u32> = skill.horizons.iter().map(|day| day.hours).collect();
    assert_eq!(hours, [24, 24, 0, 0]);
    assert_eq!(skill.from, Some(at(NOON)));
    assert_eq!(skill.horizons[3].mape, None);
    let first = skill.horizons[0];
    assert!(first.mape.is_some_and(|mape| 0.0 < mape && mape < 30.0), "{first:?}");
    assert!(first.mae.is_some() && first.coverage_p10_p90.is_some());
    assert_eq!((skill.days, skill.horizons.len()), (30, 4));
    co2.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn load_forecasts_of_past_weeks_are_fetched_once() {
    let clock = Arc::new(ManualClock::new(at(NOON)));
    let standin = Standin::generated(2018, clock.clone());
    standin.stop_clock_at(at(NOON));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/public/csv/", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let _serving = stop.clone().drop_guard();
    tokio::spawn(standin.serve(listener, stop));
    let fetch = async |store: Arc<dyn History>| {
        let (teller, mut news) = channel();
        let mut client = ClientConfig::new(&base).unwrap();
        client.min_interval = Duration::ZERO;
        let ended = past::run(
            Client::new(client).unwrap(),
            store,
            6,
            clock.clone(),
            Backoff::new(Duration::from_millis(1), Duration::from_millis(5)),
            teller,
            CancellationToken::new(),
        );
        tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap();
        let mut files = Vec::new();
        while let Ok(News::PastLoads(past)) = news.try_recv() {
            files.extend(past);
        }
        files
    };
    let store: Arc<dyn History> = Arc::new(MemoryHistory::default());
    OriginLock::open(store.clone()).unwrap().check(Origin::Generated).unwrap();
    let files = fetch(store).await;
    // Today's and those of six days before, each known since the morning before its day.
    assert_eq!(files.len(), 7);
    for file in &files {
        assert_eq!(file.known_from, file.first().start() - TimeDelta::minutes(15 * 60 + 30));
    }
    let live: Arc<dyn History> = Arc::new(MemoryHistory::default());
    OriginLock::open(live.clone()).unwrap().check(Origin::Nyiso).unwrap();
    assert!(fetch(live).await.is_empty(), "what is made up is not of a live store");
}
