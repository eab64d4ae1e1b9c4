//! A disk that does not answer: a reading waits for nothing that is written.

use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Condvar, Mutex};

use domain::Timestamp;
use domain::zone::LoadZone;
use service::history::{History, HistoryError, Record, Retention, Series};
use testkit::PATIENCE;

use super::rig::{NOON, Rig, about, json, text, with_both_brokers};
use crate::broker::Bench;

/// As in co2.
const MIXES: Series = Series::new("fuel-mix", Retention::days(30, 9_600));

const NOW: &str = "ny-power/computed/co2";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Put,
    Sync,
}

/// A store on a disk that lets one kind of act wait until it is let go.
struct SlowDisk {
    store: Arc<dyn History>,
    /// What waits.
    stuck: Mutex<Option<Act>>,
    let_go: Condvar,
}

impl SlowDisk {
    fn new(store: Arc<dyn History>, stuck: Act) -> Arc<Self> {
        Arc::new(Self { store, stuck: Mutex::new(Some(stuck)), let_go: Condvar::new() })
    }

    fn release(&self) {
        *self.stuck.lock().unwrap() = None;
        self.let_go.notify_all();
    }

    fn wait(&self, act: Act) {
        let stuck = self.stuck.lock().unwrap();
        // A test that failed ends all the same.
        let _ = self.let_go.wait_timeout_while(stuck, 2 * PATIENCE, |stuck| *stuck == Some(act));
    }
}

impl History for SlowDisk {
    fn put(&self, series: &Series, ts: Timestamp, value: &[u8]) -> Result<(), HistoryError> {
        self.wait(Act::Put);
        self.store.put(series, ts, value)
    }

    fn append(
        &self,
        series: &Series,
        now: Timestamp,
        value: &[u8],
    ) -> Result<Timestamp, HistoryError> {
        self.store.append(series, now, value)
    }

    fn get(&self, series: &Series, ts: Timestamp) -> Result<Option<Vec<u8>>, HistoryError> {
        self.store.get(series, ts)
    }

    fn remove(&self, series: &Series, ts: Timestamp) -> Result<bool, HistoryError> {
        self.store.remove(series, ts)
    }

    fn first(&self, series: &Series) -> Result<Option<Record>, HistoryError> {
        self.store.first(series)
    }

    fn last(&self, series: &Series) -> Result<Option<Record>, HistoryError> {
        self.store.last(series)
    }

    fn scan(
        &self,
        series: &Series,
        span: Range<Timestamp>,
        visit: &mut dyn FnMut(Timestamp, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), HistoryError> {
        self.store.scan(series, span, visit)
    }

    fn count(&self, series: &Series) -> Result<u64, HistoryError> {
        self.store.count(series)
    }

    fn sync(&self) -> Result<(), HistoryError> {
        self.wait(Act::Sync);
        self.store.sync()
    }

    fn size_on_disk(&self) -> Result<u64, HistoryError> {
        self.store.size_on_disk()
    }
}

/// The first thing that is said of an instant is its reading; the zones follow; and none of them waits until the
/// mix is kept.
async fn a_reading_goes_out_before_anything_is_written(bench: Bench) {
    let rig = Rig::new(bench, NOON).await;
    // The origin of the data is written with the very first of them, before anything is published.
    let (co2, _archive) = rig.co2().await;
    let pump = rig.pump();
    let mut all = rig.subscriber("ny-power/computed/#").await;
    let first = rig.push(15, 300.0, 0.0);
    about(&mut all, NOW, first).await;
    pump.stop().await;
    co2.stop().await;

    let disk = SlowDisk::new(rig.store("co2"), Act::Put);
    let (co2, _archive) = rig.co2_with(disk.clone()).await;
    let pump = rig.pump();
    let mut all = rig.subscriber("ny-power/computed/#").await;
    let newest = rig.push(10, 300.0, 600.0);
    let mut said = Vec::new();
    while said.len() <= LoadZone::COUNT {
        let message = all.take(1).await.remove(0);
        if json(&message)["ts"] == text(newest) {
            said.push(message.topic);
        }
    }
    assert_eq!(said[0], NOW, "{said:?}");
    let zones: BTreeSet<_> = said[1..].iter().collect();
    assert_eq!(zones.len(), LoadZone::COUNT, "{said:?}");
    disk.release();
    pump.stop().await;
    co2.stop().await;
    drop(disk);
    assert_eq!(rig.store("co2").count(&MIXES).unwrap(), 2);
}

async fn the_next_reading_does_not_wait_for_the_fsync_of_the_last(bench: Bench) {
    let rig = Rig::new(bench, NOON).await;
    let disk = SlowDisk::new(rig.store("co2"), Act::Sync);
    let (co2, _archive) = rig.co2_with(disk.clone()).await;
    let pump = rig.pump();
    let mut all = rig.subscriber("ny-power/#").await;
    let first = rig.push(15, 300.0, 0.0);
    about(&mut all, NOW, first).await;
    // The fsync begins when the series are out.
    all.next("ny-power/archive/co2/7d", PATIENCE).await;
    let newest = rig.push(10, 300.0, 600.0);
    about(&mut all, NOW, newest).await;
    disk.release();
    pump.stop().await;
    co2.stop().await;
}

with_both_brokers!(
    a_reading_goes_out_before_anything_is_written,
    the_next_reading_does_not_wait_for_the_fsync_of_the_last,
);
