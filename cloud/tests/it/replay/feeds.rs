//! The feeds beside the fuel mix: recorded ones under other dates, and what goes wrong with them.

use cloud::replay::{Material, Settings};
use nyiso::{archive, load_forecast};

use super::harness::{Served, recorded, serve};

const FLOWS: &str = "ExternalLimitsFlows/20261125ExternalLimitsFlows.csv";
const LOADS: &str = "isolf/20261125isolf.csv";

/// The record with `at` shown at `now`.
async fn shown(at: &str, now: &str, faults: &[&str]) -> Option<Served> {
    let faults = faults.iter().map(|fault| fault.parse().expect("a fault")).collect();
    let at = Some(at.parse().expect("a time"));
    let settings = Settings { at, faults, ..Settings::default() };
    Some(serve(Material::Folder(recorded()?), now, settings).await)
}

/// 22 November 2017, a Wednesday, shown as 25 November 2026, a Wednesday, three days later.
async fn wednesday() -> Option<Served> {
    shown("2017-11-25", "2026-11-28T17:00:00Z", &[]).await
}

fn original(path: &str) -> String {
    let folder = recorded().expect("checked before");
    std::fs::read_to_string(folder.join(path)).expect("a file of the record")
}

#[tokio::test]
async fn a_recorded_day_of_flows_is_the_same_under_another_date() {
    let Some(served) = wednesday().await else { return };
    let answer = served.file(FLOWS).await;
    assert_eq!((answer.status, answer.header("x-ny-power-origin")), (200, "recorded"));
    let before = original("ExternalLimitsFlows/20171122ExternalLimitsFlows.csv");
    let expected = before.replace("11/22/2017", "11/25/2026");
    assert_eq!(answer.text().lines().count(), expected.lines().count());
    for (found, expected) in answer.text().lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a_recorded_load_forecast_moves_all_its_six_days() {
    let Some(served) = wednesday().await else { return };
    let moved = load_forecast::parse(&served.file(LOADS).await.body).expect("a load forecast");
    let before = original("isolf/20171122isolf.csv");
    let before = load_forecast::parse(before.as_bytes()).expect("a load forecast");
    assert_eq!(moved.day.to_string(), "2026-11-25");
    let apart = moved.day - before.day;
    let expected: Vec<_> =
        before.hours.iter().map(|(hour, loads)| (*hour + apart, *loads)).collect();
    assert_eq!(moved.hours, expected);
    // Older days stand in the zip of their month, as at NYISO.
    let month = archive::days(&served.file("isolf/20261101isolf_csv.zip").await.body);
    let month = month.expect("a zip");
    assert!(month.len() >= 27, "{}", month.len());
    assert!(month.iter().any(|(name, _)| name == "20261125isolf.csv"));
}

#[tokio::test]
async fn what_is_not_recorded_or_not_there_yet_is_a_404() {
    let Some(served) = wednesday().await else { return };
    assert_eq!(served.file("damimer/20261125dam_imer.csv").await.status, 404);
    assert_eq!(served.file("isolf/20261130isolf.csv").await.status, 404, "the day after tomorrow");
    drop(served);
    // With another time of day hours would be no hours any more.
    let odd = shown("2017-11-22T05:30", "2026-11-25T17:00:00Z", &[]).await.expect("the record");
    assert_eq!(
        odd.file(&nyiso::path::fuel_mix_day("2026-11-25".parse().unwrap())).await.status,
        200
    );
    assert_eq!(odd.file(FLOWS).await.status, 404);
}

#[tokio::test]
async fn nothing_recorded_is_shown_before_its_time() {
    // 12:02 in New York.
    let Some(served) = shown("2017-11-22", "2026-11-25T17:02:00Z", &[]).await else { return };
    let text = served.file(FLOWS).await.text().to_owned();
    let last = text.lines().last().expect("rows");
    assert!(last.starts_with("11/25/2026 12:00,"), "{last}");
    assert!(served.get("/").await.text().contains("interface flows of 1 days"));
}

#[tokio::test]
async fn faults_strike_these_feeds_too() {
    let Some(served) = shown("2017-11-22", "2026-11-25T17:02:00Z", &["500"]).await else { return };
    assert_eq!(served.file(FLOWS).await.status, 500);
    drop(served);
    let late = shown("2017-11-22", "2026-11-25T17:02:00Z", &["late:2h"]).await.expect("the record");
    let text = late.file(FLOWS).await.text().to_owned();
    let last = text.lines().last().expect("rows");
    assert!(last.starts_with("11/25/2026 10:00,"), "{last}");
}
