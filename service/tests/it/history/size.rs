//! The store stays within its bounds on disk.

use service::history::{History, Outcome, Retention, Series, SledConfig, SledHistory};
use tempfile::TempDir;

use super::{CO2, at, open};

const MB: u64 = 1 << 20;

#[test]
fn a_bloated_store_is_compacted_when_it_is_opened_and_nothing_is_lost() {
    let dir = TempDir::new().expect("a temporary directory");
    let wide = Series::new("wide", Retention::days(3650, 2_000));
    let (history, _) = open(dir.path());
    for i in 0..2_000 {
        history.put(&wide, at(i), &[1; 10_000]).expect("a write");
    }
    // A smaller retention leaves holes that sled never closes.
    for i in 0..2_000 {
        history.remove(&wide, at(i)).expect("a write");
    }
    for i in 0..100 {
        history.put(&CO2, at(i), b"kept").expect("a write");
    }
    drop(history);

    let (history, report) = open(dir.path());
    let (before, after) = report.compacted.unwrap_or_else(|| panic!("not compacted: {report}"));
    assert!(8 * MB < before && after < 4 * MB, "{report}");
    assert_eq!((report.outcome, report.records), (Outcome::Intact, 100), "{report}");
    assert_eq!(history.range(&CO2, at(0)..at(100)).expect("a read").len(), 100);
    assert!(history.size_on_disk().expect("a size") < 4 * MB);
    drop(history);
    assert_eq!(open(dir.path()).1.compacted, None, "once is enough");
}

#[test]
fn the_cap_holds_while_running_and_the_oldest_go_first() {
    let dir = TempDir::new().expect("a temporary directory");
    let config = SledConfig { max_bytes: 12 * MB, ..SledConfig::default() };
    let (history, _) = SledHistory::open(dir.path(), config).expect("opens");
    let mut largest = 0;
    for i in 0..30_000 {
        history.put(&CO2, at(i), &[1; 1_000]).expect("a write");
        if i % 500 == 0 {
            largest = largest.max(history.size_on_disk().expect("a size"));
        }
    }
    // sled writes behind, and is looked at now and then.
    assert!(largest < 18 * MB, "{largest} bytes on disk");
    let count = history.count(&CO2).expect("a count");
    assert!((2_000..20_000).contains(&count), "{count} records");
    let newest = history.range(&CO2, at(28_000)..at(30_000)).expect("a read");
    assert_eq!(newest.len(), 2_000, "the newest are all there");
    let first = history.first(&CO2).expect("a read").expect("a record").ts;
    assert_eq!(u64::try_from((at(30_000) - first).num_seconds()).expect("small"), count);
}

#[test]
fn many_writers_at_once_lose_nothing() {
    let dir = TempDir::new().expect("a temporary directory");
    let (history, _) = open(dir.path());
    std::thread::scope(|scope| {
        for writer in 0..4_u8 {
            let history = &history;
            scope.spawn(move || {
                for _ in 0..100 {
                    history.append(&CO2, at(0), &[writer]).expect("a write");
                }
            });
        }
    });
    assert_eq!(history.range(&CO2, at(0)..at(10)).expect("a read").len(), 400);
    assert_eq!(history.count(&CO2).expect("a count"), 400);
}
