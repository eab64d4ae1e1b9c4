//! Every fault, seen from outside.

use std::time::Duration;

use cloud::replay::{Fault, Material, Settings};
use domain::fuel_mix::Fuel;
use nyiso::fuel_mix::parse;

use super::harness::{LIMIT, Served, rows, serve, ts};

const PATH: &str = "rtfuelmix/20261124rtfuelmix.csv";

fn faults(texts: &[&str]) -> Vec<Fault> {
    texts.iter().map(|text| text.parse().expect("a fault")).collect()
}

async fn faulty(texts: &[&str]) -> Served {
    let settings = Settings { faults: faults(texts), ..Settings::default() };
    serve(Material::Generated, "2026-11-24T17:00:00Z", settings).await
}

/// The file as it should be.
async fn sound() -> Vec<u8> {
    faulty(&[]).await.file(PATH).await.body
}

#[tokio::test]
async fn missing_has_no_body_and_broken_has_one() {
    let missing = faulty(&["404"]).await.file(PATH).await;
    assert_eq!((missing.status, missing.body.len()), (404, 0));
    let broken = faulty(&["500"]).await.file(PATH).await;
    assert_eq!(broken.status, 500);
    assert!(broken.text().contains("<html>"));
}

#[tokio::test]
async fn garbage_is_html_with_status_200() {
    let garbage = faulty(&["garbage"]).await.file(PATH).await;
    assert_eq!(garbage.status, 200);
    assert!(garbage.header("content-type").starts_with("text/html"));
    assert!(parse(&garbage.body).is_err());
}

#[tokio::test]
async fn truncate_short_is_a_whole_answer_that_ends_in_a_row() {
    let whole = sound().await;
    let served = faulty(&["truncate"]).await;
    let cut = served.file(PATH).await;
    assert_eq!(cut.status, 200);
    assert_eq!(cut.header("content-length"), cut.body.len().to_string());
    assert!(cut.body.len() < whole.len() && whole.starts_with(&cut.body));
    assert!(whole[cut.body.len()..][0] != b'\r', "in the middle of a row");
    let zip = served.file("rtfuelmix/20261001rtfuelmix_csv.zip").await;
    assert!(nyiso::archive::days(&zip.body).is_err(), "zips are cut too");
}

#[tokio::test]
async fn truncate_closed_breaks_the_promise_of_its_length() {
    let whole = sound().await;
    let served = faulty(&["truncate:closed"]).await;
    let answer = served.ask(&format!("/public/csv/{PATH}")).await;
    assert_eq!(answer.content_length(), Some(whole.len() as u64));
    assert!(answer.bytes().await.is_err(), "the connection closes before");
}

#[tokio::test]
async fn stall_sends_the_head_and_then_nothing_until_it_is_told_to_stop() {
    let served = faulty(&["stall"]).await;
    let mut answer = served.ask(&format!("/public/csv/{PATH}")).await;
    assert_eq!(answer.status().as_u16(), 200);
    // Silence cannot be waited out; that nothing is there yet can be seen.
    let nothing = tokio::time::timeout(Duration::from_millis(200), answer.chunk()).await;
    assert!(nothing.is_err(), "not a byte");
    served.stop().await;
    let end = tokio::time::timeout(LIMIT, answer.chunk()).await.expect("the connection closes");
    assert!(end.is_err(), "{end:?}");
}

#[tokio::test]
async fn a_stall_of_a_second_ends_by_itself() {
    let served = faulty(&["stall:1s"]).await;
    let answer = served.ask(&format!("/public/csv/{PATH}")).await;
    assert!(answer.bytes().await.is_err());
}

#[tokio::test]
async fn slow_drips_and_all_of_it_comes() {
    let whole = sound().await;
    let served = faulty(&["slow:1s"]).await;
    let mut answer = served.ask(&format!("/public/csv/{PATH}")).await;
    assert_eq!(answer.content_length(), Some(whole.len() as u64));
    let mut body = answer.chunk().await.expect("a piece").expect("a piece").to_vec();
    assert!(body.len() <= whole.len() / 4 + 1, "{} of {} at once", body.len(), whole.len());
    while let Some(piece) = answer.chunk().await.expect("a piece") {
        body.extend_from_slice(&piece);
    }
    assert_eq!(body, whole);
    // Half a file can drip in too, and a drip of an hour does not hold up the end.
    served.standin.set_faults(faults(&["slow:1h", "truncate:closed"]), 1);
    let mut answer = served.ask(&format!("/public/csv/{PATH}")).await;
    assert!(answer.chunk().await.expect("a piece").expect("a piece").len() < 100);
    served.stop().await;
}

#[tokio::test]
async fn duplicates_repeat_the_newest_instants_and_the_last_row_is_true() {
    let whole = sound().await;
    let whole = std::str::from_utf8(&whole).expect("ASCII");
    let served = faulty(&["duplicate"]).await;
    let conflict = served.file(PATH).await;
    served.standin.set_faults(faults(&["duplicate:same"]), 1);
    let same = served.file(PATH).await;

    let extra = 3 * Fuel::COUNT;
    for answer in [&conflict, &same] {
        assert_eq!(rows(answer.text()).len(), rows(whole).len() + extra);
        let mixes = parse(&answer.body).expect("a file").mixes;
        assert_eq!(mixes, parse(whole.as_bytes()).expect("a file").mixes, "the last row wins");
    }
    let stray = |text: &str| {
        let known = rows(whole);
        rows(text).into_iter().filter(|row| !known.contains(row)).count()
    };
    assert_eq!(stray(conflict.text()), extra, "other values first");
    assert_eq!(stray(same.text()), 0);
}

#[tokio::test]
async fn late_holds_back_what_is_new() {
    let served = faulty(&["late:45m"]).await;
    let late = served.file(PATH).await;
    let newest = parse(&late.body).expect("a file").mixes.last().expect("an instant").ts;
    assert_eq!(newest, ts("2026-11-24T16:15:00Z"));
    assert!(sound().await.starts_with(&late.body), "and nothing else");
    served.standin.set_faults(faults(&["late:24h"]), 1);
    assert_eq!(served.file(PATH).await.status, 404, "nothing of today is there yet");
    assert_eq!(served.file("rtfuelmix/20261123rtfuelmix.csv").await.status, 200);
}

#[tokio::test]
async fn several_faults_strike_by_turns() {
    let served = faulty(&["500:every-3", "garbage:every-2"]).await;
    let mut seen = Vec::new();
    for _ in 0..6 {
        let answer = served.file(PATH).await;
        seen.push((answer.status, answer.header("content-type").starts_with("text/csv")));
    }
    let (sound, garbage, broken) = ((200, true), (200, false), (500, false));
    assert_eq!(seen, [sound, garbage, broken, garbage, sound, broken]);
    assert_eq!(served.standin.requests(), 6);
    assert_eq!(served.get("/").await.status, 200, "its own page is spared");
    assert_eq!(served.standin.requests(), 6);
}

#[tokio::test]
async fn the_same_seed_strikes_the_same_answers() {
    let run = async |seed| {
        let settings = Settings { faults: faults(&["404:0.4"]), seed, ..Settings::default() };
        let served = serve(Material::Scripted, "2026-11-24T17:00:00Z", settings).await;
        served.standin.put("x.csv", Some(Vec::new()));
        let mut seen = Vec::new();
        for _ in 0..40 {
            seen.push(served.file("x.csv").await.status);
        }
        seen
    };
    let one = run(1).await;
    assert_eq!(one, run(1).await);
    assert_ne!(one, run(2).await);
    assert!(one.contains(&200) && one.contains(&404));
}
