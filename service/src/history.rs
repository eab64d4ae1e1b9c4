//! What a process remembers: records by time, in series, within stated bounds.
//!
//! ```text
//! put / append ──> Logbook (rules: keys, clock jumps, retention) ──> sled     SledHistory
//!                                                                └─> a map    MemoryHistory
//! ```
//!
//! Read on in this order: `series`, `logbook` for the rules, `sled` for the store, `ladder` and
//! `rescue` for how it opens whatever the damage.
//!
//! Invariants: values are bytes, callers serialize; no panic of sled gets out; a store that was
//! damaged is set aside, never deleted, until two newer ones are.
//!
//! Calls block for as long as the disk does: on an async worker thread use
//! `tokio::task::spawn_blocking`, above all for [`History::sync`].

mod copy;
mod error;
mod files;
mod guard;
mod ladder;
mod logbook;
mod memory;
mod report;
mod rescue;
mod series;
mod sled;

use std::ops::{ControlFlow, Range};

use domain::Timestamp;

pub use error::HistoryError;
pub use memory::MemoryHistory;
pub use report::{OpenReport, Outcome};
pub use series::{Retention, Series};
pub use sled::{SledConfig, SledHistory};

/// The longest value a record may have, in bytes. Longer ones would leave sled's log for files of
/// their own, which no retention here bounds.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// One record: when, and what the caller stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// To the millisecond.
    pub ts: Timestamp,
    /// As it was given.
    pub value: Vec<u8>,
}

/// A bounded memory of records by time. Shared as `Arc<dyn History>`.
///
/// Times are kept to the millisecond, what is below is cut off; before 1970 there is nothing.
/// What was written can be read at once; it survives the end of the process within about a second,
/// and a power cut after [`History::sync`].
pub trait History: Send + Sync {
    /// Writes the record of `ts`, in place of one that has the same `ts`. For data that carry their
    /// own time. A record older than all that the retention keeps is dropped again.
    ///
    /// # Errors
    /// When `ts` lies before 1970, the value is too long, or the store fails.
    fn put(&self, series: &Series, ts: Timestamp, value: &[u8]) -> Result<(), HistoryError>;

    /// Adds a record at the end, for a log of events, and gives the time it got: `now`, or just
    /// after the last record when the clock went back. So the order of records is the order of
    /// events whatever the clock does, and none overwrites another.
    ///
    /// # Errors
    /// When the value is too long or the store fails.
    fn append(
        &self,
        series: &Series,
        now: Timestamp,
        value: &[u8],
    ) -> Result<Timestamp, HistoryError>;

    /// The record of exactly `ts`.
    ///
    /// # Errors
    /// When the store fails, for example because that part of it is damaged.
    fn get(&self, series: &Series, ts: Timestamp) -> Result<Option<Vec<u8>>, HistoryError>;

    /// Removes the record of exactly `ts`, and says whether there was one.
    ///
    /// # Errors
    /// When the store fails.
    fn remove(&self, series: &Series, ts: Timestamp) -> Result<bool, HistoryError>;

    /// The oldest record.
    ///
    /// # Errors
    /// When the store fails, for example because that part of it is damaged.
    fn first(&self, series: &Series) -> Result<Option<Record>, HistoryError>;

    /// The newest record.
    ///
    /// # Errors
    /// When the store fails, for example because that part of it is damaged.
    fn last(&self, series: &Series) -> Result<Option<Record>, HistoryError>;

    /// Shows the records of the half-open `span` to `visit`, oldest first, until it breaks. Needs
    /// no memory for them; do not write to the same history from inside.
    ///
    /// # Errors
    /// When the store fails; `visit` has then seen the records before the damage.
    fn scan(
        &self,
        series: &Series,
        span: Range<Timestamp>,
        visit: &mut dyn FnMut(Timestamp, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), HistoryError>;

    /// The records of the half-open `span`, oldest first.
    ///
    /// # Errors
    /// When the store fails, for example because that part of it is damaged.
    fn range(&self, series: &Series, span: Range<Timestamp>) -> Result<Vec<Record>, HistoryError> {
        let mut records = Vec::new();
        self.scan(series, span, &mut |ts, value| {
            records.push(Record { ts, value: value.to_vec() });
            ControlFlow::Continue(())
        })?;
        Ok(records)
    }

    /// How many records the series has.
    ///
    /// # Errors
    /// When the store fails.
    fn count(&self, series: &Series) -> Result<u64, HistoryError>;

    /// The durable point: returns once everything written before would survive a power cut.
    ///
    /// # Errors
    /// When the disk is full or fails; nothing is promised then.
    fn sync(&self) -> Result<(), HistoryError>;

    /// Bytes on disk, everything included; 0 for what lives in memory.
    ///
    /// # Errors
    /// When the directory cannot be read.
    fn size_on_disk(&self) -> Result<u64, HistoryError>;
}
