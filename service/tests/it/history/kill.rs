//! `kill -9` at any moment: what was acknowledged by a sync is there, and the store opens.

use std::time::Duration;

use service::history::{History, Retention, Series, SledConfig, SledHistory};
use tempfile::TempDir;

use super::{CO2, at, open};
use crate::child::{self, Helper};

/// A log that rolls, so that pruning is also cut short.
const ROLLING: Series = Series::new("rolling", Retention::days(3650, 300));

const ROUNDS: u64 = 30;

#[test]
#[ignore = "runs in a child process only"]
fn writer() {
    let Some(dir) = child::dir() else { return };
    let (history, _) = SledHistory::open(&dir, SledConfig::default()).expect("opens");
    child::say("open");
    let mut i = history.count(&CO2).expect("a count");
    loop {
        for _ in 0..=i % 7 {
            let value = format!("{i:0100}");
            let ts = at(i64::try_from(i).expect("small"));
            history.put(&CO2, ts, value.as_bytes()).expect("a write");
            history.append(&ROLLING, ts, value.as_bytes()).expect("a write");
            i += 1;
        }
        history.sync().expect("a sync");
        child::say(&i.to_string());
    }
}

#[test]
fn no_acknowledged_record_is_lost() {
    let dir = TempDir::new().expect("a temporary directory");
    // Moments from before the store is open to long after; the same ones in every run.
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut acknowledged = 0;
    let mut killed_early = 0;
    for round in 0..ROUNDS {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = Duration::from_micros((random >> 33) % 60_000);
        let writer = Helper::start("history::kill::writer", dir.path(), None).expect("a child");
        let mut said = writer.said_within(moment);
        if round % 2 == 0 {
            // Past the start, whatever the machine's speed: wait for the first words, then kill.
            while said.len() < usize::try_from(round).expect("small") {
                said.push(writer.next().expect("a living child"));
            }
        }
        said.extend(writer.kill());
        killed_early += u64::from(said.is_empty());
        let acks = said.iter().filter_map(|text| text.parse::<u64>().ok());
        acknowledged = acks.max().unwrap_or(acknowledged).max(acknowledged);

        let (history, report) = open(dir.path());
        assert!(!report.is_trouble(), "round {round}: {report}");
        let found = history.count(&CO2).expect("a count");
        assert!(acknowledged <= found, "round {round}: {acknowledged} acknowledged, {found} found");
        let end = i64::try_from(found).expect("small");
        let records = history.range(&CO2, at(0)..at(end)).expect("a read");
        assert_eq!(records.len() as u64, found, "round {round}: no gap");
        for (i, record) in records.iter().enumerate() {
            assert_eq!(record.value, format!("{i:0100}").as_bytes(), "round {round}");
        }
        let rolling = history.range(&ROLLING, at(-1)..at(1_000_000)).expect("a read");
        let kept = u64::try_from(rolling.len()).expect("small");
        assert!(acknowledged.min(300) <= kept && kept <= 302, "round {round}: {kept} kept");
    }
    println!(
        "{ROUNDS} kills, {killed_early} of them before the store was open; \
         {acknowledged} records acknowledged, none lost"
    );
    assert!(100 < acknowledged, "the writer hardly wrote: {acknowledged} records");
}
