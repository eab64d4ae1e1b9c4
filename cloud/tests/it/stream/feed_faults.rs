//! What NYISO does to the feeds beside the fuel mix, and what comes of it: the last good state stays, the
//! status says why, and nothing is said twice.

use std::time::Duration;

use chrono::NaiveDate;
use cloud::feeds::{self, Kind};
use cloud::replay::Fault;
use domain::wire::{LoadSeries, Origin, ZoneSeries};
use nyiso::client::{Client, ClientConfig};
use testkit::{PATIENCE, Received};

use super::feeds::{FLOWS, flows, next_flows, next_reason, next_status, rates};
use super::rig::{NOON, Rig, at, json};
use crate::broker::Bench;
use crate::replay::harness::recorded;

const FLOWS_TOPIC: &str = "ny-power/upstream/flows";
const STATUS: &str = "ny-power/status/feed/flows";
/// Long enough for several looks at the stand-in.
const QUIET: Duration = Duration::from_millis(600);

async fn rig(now: &str) -> Rig {
    Rig::new(Bench::embedded().await.expect("the embedded broker"), now).await
}

fn live(messages: &[Received], topic: &str) -> usize {
    messages.iter().filter(|message| message.topic == topic && !message.retain).count()
}

/// With `fault` at every answer the good state stays, the status holds `word`, and the feed comes back.
async fn check_fault(fault: &str, word: &str) {
    let rig = rig(NOON).await;
    rig.standin.put(FLOWS, flows(&[("12:00", 23_324, 900.0)]));
    let mut all = rig.subscriber("ny-power/#").await;
    let service = rig.feed(Kind::Flows);
    let good = next_flows(&mut all).await;
    rig.standin.set_faults(vec![fault.parse::<Fault>().unwrap()], 1);
    rig.advance(5);
    rig.standin.put(FLOWS, flows(&[("12:00", 23_324, 900.0), ("12:05", 23_324, 400.0)]));
    let status = next_reason(&mut all, "flows", word).await;
    assert_eq!(status["state"], "late", "{fault}: {status}");
    assert_eq!(status["newest"], NOON, "{fault}");
    let mut late = rig.subscriber(FLOWS_TOPIC).await;
    assert_eq!(next_flows(&mut late).await, good, "{fault}: the last good state stays");
    rig.standin.set_faults(vec![], 1);
    assert_eq!(next_flows(&mut all).await.net["HQ"], 400.0, "{fault}");
    next_status(&mut all, "flows", "fresh").await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_404_or_500_stays_the_last_good_state() {
    check_fault("404", "not found").await;
    check_fault("500", "status 500").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_html_page_or_half_an_answer_stays_the_last_good_state() {
    check_fault("garbage", "HTML page").await;
    check_fault("truncate:closed", "truncated").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_or_a_trickle_stays_the_last_good_state() {
    check_fault("stall", "stalled").await;
    check_fault("slow:30", "stalled").await;
}

/// The file ends in the middle of a row, and nothing but the row can tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_cut_off_is_left_out_and_comes_later() {
    let rig = rig(NOON).await;
    let whole = flows(&[("11:55", 23_324, 900.0), ("12:00", 23_324, 1250.0)]).unwrap();
    rig.standin.put(FLOWS, Some(whole[..whole.len() - 16].to_vec()));
    let mut all = rig.subscriber("ny-power/#").await;
    let service = rig.feed(Kind::Flows);
    assert_eq!(next_flows(&mut all).await.ts, at("2026-03-10T15:55:00Z"));
    rig.standin.put(FLOWS, Some(whole));
    let flows = next_flows(&mut all).await;
    assert_eq!((flows.ts, flows.net["HQ"]), (at(NOON), 1250.0));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_that_stands_still_is_late_and_then_gone() {
    let rig = rig(NOON).await;
    rig.standin.put(FLOWS, flows(&[("12:00", 23_324, 900.0)]));
    let mut all = rig.subscriber("ny-power/#").await;
    let service = rig.feed(Kind::Flows);
    next_status(&mut all, "flows", "fresh").await;
    rig.advance(25);
    let status = next_status(&mut all, "flows", "late").await;
    assert_eq!(status["reason"], "The newest value is 25 minutes old.");
    rig.advance(40);
    next_status(&mut all, "flows", "gone").await;
    // The same file, however often it was looked at, is said once.
    let again = all.all(QUIET).await;
    assert_eq!(live(&again, FLOWS_TOPIC), 0);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_that_is_not_there_is_gone() {
    let rig = rig(NOON).await;
    let mut all = rig.subscriber("ny-power/#").await;
    let service = rig.feed(Kind::Marginal);
    let status = next_status(&mut all, "marginal", "gone").await;
    assert!(status["reason"].as_str().unwrap().contains("not found"), "{status}");
    service.stop().await;
}

/// Prices of tomorrow do not suffer from those of now, nor the other way round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_feed_is_better_than_none() {
    let rig = rig(NOON).await;
    let now = "rtimer/20260310rt_imer.csv";
    rig.standin.put(now, rates(&[("11:55:00", "WEST", 0.4)]));
    let mut all = rig.subscriber("ny-power/#").await;
    let service = rig.feed(Kind::Marginal);
    let west = "ny-power/upstream/marginal/west";
    let first = ZoneSeries::from_json(&all.next(west, PATIENCE).await.payload).unwrap();
    assert_eq!((first.values.len(), first.real_time.unwrap().value), (0, 400.0));
    let status = next_reason(&mut all, "marginal", "damimer").await;
    assert_eq!(
        (&status["state"], &status["newest"]),
        (&"late".into(), &"2026-03-10T15:55:00Z".into())
    );
    rig.advance(5);
    rig.standin.put(now, rates(&[("12:05:00", "WEST", 0.5)]));
    let second = ZoneSeries::from_json(&all.next(west, PATIENCE).await.payload).unwrap();
    assert_eq!(second.real_time.unwrap().value, 500.0);
    service.stop().await;
}

/// Today's file comes at 00:10 to 00:20; till then yesterday's holds the newest, and gains its last row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn midnight_is_no_outage() {
    // 23:52 in New York on 9 March, summer time.
    let rig = rig("2026-03-10T03:52:00Z").await;
    let yesterday = "ExternalLimitsFlows/20260309ExternalLimitsFlows.csv";
    let file = |times: &[&str]| {
        let rows: Vec<_> = times.iter().map(|time| (*time, 23_324, 900.0)).collect();
        let text = String::from_utf8(flows(&rows).unwrap()).unwrap();
        Some(text.replace("03/10/2026", "03/09/2026").into_bytes())
    };
    rig.standin.put(yesterday, file(&["23:50"]));
    let mut all = rig.subscriber("ny-power/#").await;
    let service = rig.feed(Kind::Flows);
    assert_eq!(next_flows(&mut all).await.ts, at("2026-03-10T03:50:00Z"));
    rig.advance(9);
    rig.standin.put(yesterday, file(&["23:50", "23:55"]));
    assert_eq!(next_flows(&mut all).await.ts, at("2026-03-10T03:55:00Z"));
    rig.advance(12);
    let after = all.all(QUIET).await;
    let trouble = after.iter().filter(|message| message.topic == STATUS);
    for status in trouble.map(json) {
        assert_eq!((&status["state"], &status["reason"]), (&"fresh".into(), &"".into()));
    }
    rig.standin.put(FLOWS, flows(&[("00:00", 23_324, 1.0), ("00:10", 23_324, 2.0)]));
    assert_eq!(next_flows(&mut all).await.ts, at("2026-03-10T04:00:00Z"));
    assert_eq!(next_flows(&mut all).await.ts, at("2026-03-10T04:10:00Z"));
    service.stop().await;
}

const LOADS: &str = "\"Time Stamp\",\"Capitl\",\"Centrl\",\"Dunwod\",\"Genese\",\"Hud Vl\",\"Longil\",\
    \"Mhk Vl\",\"Millwd\",\"N.Y.C.\",\"North\",\"West\",\"NYISO\"";

fn loads(day: &str, load: u32) -> Vec<u8> {
    let day = day.parse::<NaiveDate>().unwrap().format("%m/%d/%Y");
    let rows: String = (0..24)
        .map(|hour| format!("\n\"{day} {hour:02}:00\",1,2,3,4,5,6,7,8,9,10,11,{load}"))
        .collect();
    format!("{LOADS}{rows}\n").into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrected_load_forecast_is_said_and_the_other_day_is_not() {
    let rig = rig(NOON).await;
    rig.standin.put("isolf/20260310isolf.csv", Some(loads("2026-03-10", 15_000)));
    rig.standin.put("isolf/20260311isolf.csv", Some(loads("2026-03-11", 16_000)));
    let mut all = rig.subscriber("ny-power/upstream/#").await;
    let service = rig.feed(Kind::LoadForecast);
    assert_eq!(all.all(QUIET).await.len(), 2, "today's, then tomorrow's");
    rig.standin.put("isolf/20260311isolf.csv", Some(loads("2026-03-11", 17_000)));
    rig.advance(61);
    let said = all.all(QUIET).await;
    let said: Vec<_> =
        said.iter().map(|said| LoadSeries::from_json(&said.payload).unwrap()).collect();
    assert_eq!((said.len(), said[0].values[0]), (1, Some(17_000.0)));
    service.stop().await;
}

/// 01:00 comes twice, with two prices: by the order of the rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_recorded_autumn_hour_has_two_prices_on_the_wire() {
    let Some(folder) = recorded() else { return };
    let file = folder.join("damlbmp/20251102damlbmp_zone_excerpt.csv");
    let rig = rig("2025-11-02T12:00:00Z").await;
    rig.standin.put(
        "damlbmp/20251102damlbmp_zone.csv",
        Some(std::fs::read(file).expect("the excerpt of the record")),
    );
    let mut all = rig.subscriber("ny-power/#").await;
    let service = rig.feed(Kind::Price);
    let received = all.next("ny-power/upstream/price/capitl", PATIENCE).await;
    let series = ZoneSeries::from_json(&received.payload).unwrap();
    assert_eq!((series.start, series.values.len()), (at("2025-11-02T04:00:00Z"), 25));
    assert_eq!(series.values[1..4], [Some(52.73), Some(51.44), Some(42.62)]);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_load_forecasts_come_out_of_the_archive_where_days_are_gone() {
    let rig = rig(NOON).await;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for day in ["2026-02-11", "2026-02-10", "2026-02-12"] {
        let name = format!("{}isolf.csv", day.replace('-', ""));
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut zip, &loads(day, 14_000)).unwrap();
    }
    let zip = zip.finish().unwrap().into_inner();
    rig.standin.put("isolf/20260201isolf_csv.zip", Some(zip));
    rig.standin.put("isolf/20260301isolf_csv.zip", Some(b"<html>".to_vec()));
    rig.standin.put("isolf/20260310isolf.csv", Some(loads("2026-03-10", 15_000)));
    let mut client = ClientConfig::new(rig.base()).unwrap();
    client.min_interval = Duration::ZERO;
    let client = Client::new(client).unwrap();
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    let files = feeds::past_load_forecasts(&client, day("2026-02-09"), day("2026-03-10")).await;
    let days: Vec<_> = files.iter().map(|(file, _)| file.day.to_string()).collect();
    assert_eq!(days, ["2026-02-10", "2026-02-11", "2026-02-12", "2026-03-10"]);
    // A scripted stand-in is no NYISO, whichever file it was.
    assert!(files.iter().all(|(_, origin)| *origin == Origin::Generated));
}
