//! Older days from the archive: at a first start, and on demand.

use std::sync::Arc;
use std::time::Duration;

use chrono::{NaiveDate, TimeDelta};
use cloud::backfill;
use cloud::mix_history::MixHistory;
use cloud::replay::Standin;
use cloud::source::Source;
use domain::Timestamp;
use nyiso::client::{Client, ClientConfig};
use service::backoff::Backoff;
use service::clock::ManualClock;
use service::history::{History, MemoryHistory};
use testkit::PATIENCE;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::rig::{at, mix};

/// The day after the last of a month, so that this month's archive and the one before are asked for.
const NOW: &str = "2026-03-02T17:00:00Z";

struct Archive {
    standin: Standin,
    clock: Arc<ManualClock>,
    base: String,
    _serving: DropGuard,
}

impl Archive {
    /// A stand-in with an instant each day at noon, from the middle of January to yesterday.
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::new(at(NOW)));
        let standin = Standin::scripted(clock.clone());
        standin.stop_clock_at(at(NOW));
        for days in 1..46 {
            standin.push(&mix(at(NOW) - TimeDelta::days(days), 300.0, 0.0));
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/public/csv/", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(standin.clone().serve(listener, stop.clone()));
        Self { standin, clock, base, _serving: stop.drop_guard() }
    }

    fn source(&self) -> Source {
        let mut client = ClientConfig::new(&self.base).unwrap();
        client.min_interval = Duration::ZERO;
        Source::new(Client::new(client).unwrap())
    }

    fn break_month(&self, month: &str) {
        self.standin
            .put(&format!("rtfuelmix/{month}01rtfuelmix_csv.zip"), Some(b"<html>".to_vec()));
    }

    async fn command(&self, store: &Arc<MemoryHistory>, from: &str) -> anyhow::Result<()> {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let store: Arc<dyn History> = store.clone();
        let work =
            backfill::command(self.source(), store, 400, day(from), day("2026-03-01"), at(NOW));
        tokio::time::timeout(PATIENCE, work).await.expect("it does not end")
    }
}

fn count(store: &Arc<MemoryHistory>) -> u64 {
    MixHistory::new(store.clone(), 400).count().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_waits_for_nyiso() {
    let archive = Archive::new().await;
    archive.standin.set_faults(vec!["500".parse().unwrap()], 1);
    let (older_tx, mut older) = mpsc::channel(2);
    let stop = CancellationToken::new();
    let work = tokio::spawn(backfill::at_first_start(
        archive.source(),
        Arc::new(MemoryHistory::default()),
        20,
        archive.clock.clone(),
        Backoff::new(Duration::from_millis(20), Duration::from_millis(20)),
        older_tx,
        stop.clone(),
    ));
    let asked = tokio::time::timeout(PATIENCE, async {
        // Both months, and the first of them again.
        while archive.standin.requests() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    asked.await.expect("it gave up");
    archive.standin.set_faults(vec![], 1);
    let mut stamps: Vec<Timestamp> = Vec::new();
    while let Some(mixes) = tokio::time::timeout(PATIENCE, older.recv()).await.unwrap() {
        stamps.extend(mixes.iter().map(|mix| mix.ts));
    }
    stamps.sort();
    stamps.dedup();
    assert_eq!(stamps.len(), 20, "{stamps:?}");
    assert_eq!(stamps[0], at(NOW) - TimeDelta::days(20));
    tokio::time::timeout(PATIENCE, work).await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_read_is_told_and_asked_for_alone() {
    let archive = Archive::new().await;
    let store = Arc::new(MemoryHistory::default());
    archive.break_month("202602");
    let error = archive.command(&store, "2026-01-01").await.unwrap_err();
    assert!(error.to_string().contains("1 of these months could not be read"), "{error}");
    let without_february = count(&store);
    let asked = archive.standin.requests();
    archive.standin.put("rtfuelmix/20260201rtfuelmix_csv.zip", None);
    // NYISO answers and has no such archive: nothing to try again for.
    archive.command(&store, "2026-01-01").await.unwrap();
    assert_eq!(count(&store), without_february);
    assert_eq!(archive.standin.requests() - asked, 2, "January was read whole and is settled");
}
