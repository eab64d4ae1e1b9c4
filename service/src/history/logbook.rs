//! The rules of a history, over any sorted table of bytes.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use domain::Timestamp;

use super::series::{Series, millis, moment, split};
use super::{History, HistoryError, MAX_VALUE_BYTES, Record};

/// How many old records a write may remove. Two keep up with any stream and catch up after a
/// smaller retention; never more at once, because sled does not give space back for bulk deletes
/// (spacejam/sled #1333), and because no single write should be able to forget much.
const PRUNED_PER_WRITE: usize = 2;

/// Age is judged by no time later than this newest-but-n record. So many records would have to be
/// stamped in the future before the rest looks old.
const AGE_WITNESS: usize = 32;

/// Shows a key and its value; breaks to end the walk.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

/// Records of each series, by name: counting means walking them.
pub type Counts = HashMap<Vec<u8>, u64>;

/// A sorted table of bytes: what a history needs of its store.
pub trait Table: Send + Sync {
    /// The value of `key`.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, HistoryError>;

    /// Says whether the key had a value before.
    fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<bool, HistoryError>;

    /// Says whether the key had a value.
    fn remove(&mut self, key: &[u8]) -> Result<bool, HistoryError>;

    /// Walks the half-open range `from..to` in order.
    fn forward(&self, from: &[u8], to: &[u8], visit: Visit<'_>) -> Result<(), HistoryError>;

    /// Walks the half-open range `from..to` from its end.
    fn backward(&self, from: &[u8], to: &[u8], visit: Visit<'_>) -> Result<(), HistoryError>;

    /// See [`History::sync`].
    fn sync(&self) -> Result<(), HistoryError>;

    /// See [`History::size_on_disk`].
    fn size_on_disk(&self) -> Result<u64, HistoryError>;

    /// Told how many records there are, after a sync and at the end: something to hold the store
    /// against when it is opened next.
    fn note(&mut self, counts: &Counts) {
        let _ = counts;
    }

    /// Called before a write, and again when it failed: the table may put itself in order. `Some`
    /// says that it did, with its new counts, and that a failed write is worth another try.
    fn tend(&mut self, failed: Option<&HistoryError>) -> Option<Counts> {
        let _ = failed;
        None
    }
}

/// A history over a table.
#[derive(Debug)]
pub struct Logbook<T: Table> {
    inner: RwLock<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T: Table> {
    table: T,
    /// What is absent was not counted yet.
    counts: Counts,
}

impl<T: Table> Drop for Inner<T> {
    fn drop(&mut self) {
        self.table.note(&self.counts);
    }
}

impl<T: Table> Logbook<T> {
    pub(super) fn over(table: T, counts: Counts) -> Self {
        Self { inner: RwLock::new(Inner { table, counts }) }
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner<T>> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    // A poisoned lock is no reason to stop: what a panic can have left undone is one write.
    fn lock(&self) -> RwLockWriteGuard<'_, Inner<T>> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<R>(
        &self,
        work: impl Fn(&mut Inner<T>) -> Result<R, HistoryError>,
    ) -> Result<R, HistoryError> {
        let mut inner = self.lock();
        inner.tend(None);
        match work(&mut inner) {
            Err(error) if inner.tend(Some(&error)) => work(&mut inner),
            outcome => outcome,
        }
    }
}

impl<T: Table> Inner<T> {
    /// Whether the table was put in order.
    fn tend(&mut self, failed: Option<&HistoryError>) -> bool {
        let Some(counts) = self.table.tend(failed) else { return false };
        self.counts = counts;
        true
    }

    /// Milliseconds of the newest-but-`n` record; of the oldest when there are not so many.
    fn nth_newest(&self, series: &Series, n: usize) -> Result<Option<u64>, HistoryError> {
        let (mut left, mut found) = (n, None);
        self.table.backward(&series.key(0), &end_of(series), &mut |key, _| {
            found = split(key).map(|(_, millis)| millis);
            if left == 0 {
                return ControlFlow::Break(());
            }
            left -= 1;
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    fn first_millis(&self, series: &Series) -> Result<Option<u64>, HistoryError> {
        let mut found = None;
        self.table.forward(&series.key(0), &end_of(series), &mut |key, _| {
            found = split(key).map(|(_, millis)| millis);
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    fn count(&self, series: &Series) -> Result<u64, HistoryError> {
        if let Some(count) = self.counts.get(series.name().as_bytes()) {
            return Ok(*count);
        }
        let mut count = 0;
        self.table.forward(&series.key(0), &end_of(series), &mut |_, _| {
            count += 1;
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }

    /// Writes one record and makes room for it. `clock` is the time that age is judged by.
    fn insert(
        &mut self,
        series: &Series,
        millis: u64,
        value: &[u8],
        clock: u64,
    ) -> Result<(), HistoryError> {
        if MAX_VALUE_BYTES < value.len() {
            return Err(HistoryError::TooLong { len: value.len(), max: MAX_VALUE_BYTES });
        }
        let before = self.count(series)?;
        // Unknown again until all went well: a failed write may or may not have happened.
        self.counts.remove(series.name().as_bytes());
        let replaced = self.table.insert(&series.key(millis), value)?;
        let mut count = before + u64::from(!replaced);
        for _ in 0..PRUNED_PER_WRITE {
            let Some(oldest) = self.first_millis(series)? else { break };
            if !self.is_due(series, oldest, count, clock)? {
                break;
            }
            self.table.remove(&series.key(oldest))?;
            count -= 1;
        }
        self.counts.insert(series.name().into(), count);
        Ok(())
    }

    /// Whether the `oldest` of `count` records may go.
    fn is_due(
        &self,
        series: &Series,
        oldest: u64,
        count: u64,
        clock: u64,
    ) -> Result<bool, HistoryError> {
        let retention = series.retention();
        if retention.max_count < count {
            return Ok(true);
        }
        let max_age = u64::try_from(retention.max_age.as_millis()).unwrap_or(u64::MAX);
        let is_old = |now: u64| oldest < now.saturating_sub(max_age);
        // The witness costs a walk: ask it last.
        Ok(is_old(clock) && self.nth_newest(series, AGE_WITNESS)?.is_some_and(is_old))
    }
}

impl<T: Table> History for Logbook<T> {
    fn put(&self, series: &Series, ts: Timestamp, value: &[u8]) -> Result<(), HistoryError> {
        let millis = millis(ts).ok_or(HistoryError::Before1970 { ts })?;
        self.write(|inner| inner.insert(series, millis, value, millis))
    }

    fn append(
        &self,
        series: &Series,
        now: Timestamp,
        value: &[u8],
    ) -> Result<Timestamp, HistoryError> {
        // A clock before 1970 is wrong anyway, and an event must not be lost for it.
        let now = millis(now).unwrap_or(0);
        self.write(|inner| {
            let millis = match inner.nth_newest(series, 0)? {
                Some(last) => now.max(last.saturating_add(1)),
                None => now,
            };
            inner.insert(series, millis, value, now)?;
            Ok(moment(millis))
        })
    }

    fn get(&self, series: &Series, ts: Timestamp) -> Result<Option<Vec<u8>>, HistoryError> {
        millis(ts).map_or(Ok(None), |millis| self.read().table.get(&series.key(millis)))
    }

    fn remove(&self, series: &Series, ts: Timestamp) -> Result<bool, HistoryError> {
        let Some(millis) = millis(ts) else { return Ok(false) };
        self.write(|inner| {
            let before = inner.count(series)?;
            inner.counts.remove(series.name().as_bytes());
            let removed = inner.table.remove(&series.key(millis))?;
            inner.counts.insert(series.name().into(), before - u64::from(removed));
            Ok(removed)
        })
    }

    fn first(&self, series: &Series) -> Result<Option<Record>, HistoryError> {
        let mut found = None;
        self.read().table.forward(&series.key(0), &end_of(series), &mut |key, value| {
            found = record(key, value);
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    fn last(&self, series: &Series) -> Result<Option<Record>, HistoryError> {
        let mut found = None;
        self.read().table.backward(&series.key(0), &end_of(series), &mut |key, value| {
            found = record(key, value);
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    fn scan(
        &self,
        series: &Series,
        span: Range<Timestamp>,
        visit: &mut dyn FnMut(Timestamp, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), HistoryError> {
        let from = series.key(first_millis_from(span.start));
        let to = series.key(first_millis_from(span.end));
        self.read().table.forward(&from, &to, &mut |key, value| match split(key) {
            Some((_, millis)) => visit(moment(millis), value),
            None => ControlFlow::Continue(()),
        })
    }

    fn count(&self, series: &Series) -> Result<u64, HistoryError> {
        self.read().count(series)
    }

    fn sync(&self) -> Result<(), HistoryError> {
        self.lock().tend(None);
        // An fsync may take seconds on an SD card: others may read meanwhile.
        let outcome = self.read().table.sync();
        let mut inner = self.lock();
        match &outcome {
            Ok(()) => {
                let Inner { table, counts } = &mut *inner;
                table.note(counts);
            }
            // For the next write's sake. This sync failed for good: what it was to save may be lost.
            Err(error) => {
                inner.tend(Some(error));
            }
        }
        outcome
    }

    fn size_on_disk(&self) -> Result<u64, HistoryError> {
        self.read().table.size_on_disk()
    }
}

/// The end of a series' keys. Its very last millisecond, in the year 584 million, is left out.
fn end_of(series: &Series) -> Vec<u8> {
    series.key(u64::MAX)
}

/// The first whole millisecond at or after `ts`, which bounds a half-open span of whole ones.
fn first_millis_from(ts: Timestamp) -> u64 {
    let below = !ts.timestamp_subsec_nanos().is_multiple_of(1_000_000);
    millis(ts).map_or(0, |millis| millis + u64::from(below))
}

fn record(key: &[u8], value: &[u8]) -> Option<Record> {
    split(key).map(|(_, millis)| Record { ts: moment(millis), value: value.to_vec() })
}
