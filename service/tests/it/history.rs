//! The history: the same promises, kept by both implementations.

mod damage;
mod kill;
mod place;
mod rules;
mod size;

use std::time::Duration;

use domain::Timestamp;
use service::history::{
    History, MemoryHistory, OpenReport, Retention, Series, SledConfig, SledHistory,
};
use tempfile::TempDir;

/// Keeps more than any test writes.
pub const CO2: Series = Series::new("co2", Retention::days(3650, 1_000_000));

/// 2026-03-10 16:00 UTC plus `secs`.
pub fn at(secs: i64) -> Timestamp {
    Timestamp::from_timestamp(1_773_158_400 + secs, 0).expect("a valid instant")
}

pub fn open(dir: &std::path::Path) -> (SledHistory, OpenReport) {
    SledHistory::open(dir, SledConfig::default()).expect("opens")
}

/// Runs `check` on each implementation, empty.
#[track_caller]
pub fn on_each(check: impl Fn(&dyn History)) {
    check(&MemoryHistory::new());
    let dir = TempDir::new().expect("a temporary directory");
    check(&open(dir.path()).0);
}

/// Appends or puts `n` records at five-minute steps, each with its number as value.
pub fn fill(history: &dyn History, series: &Series, n: i64) {
    for i in 0..n {
        history.put(series, at(i * 300), i.to_string().as_bytes()).expect("a write");
    }
}

pub fn days(n: u64) -> Duration {
    Duration::from_secs(n * 86_400)
}
