use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::HistoryError;
use super::logbook::{Counts, Logbook, Table, Visit};

/// A history that ends with the process: for tests, and for a process that must go on although its
/// disk does not. Its rules are those of the one in sled.
pub type MemoryHistory = Logbook<Map>;

impl MemoryHistory {
    /// An empty one.
    pub fn new() -> Self {
        Self::over(Map::default(), Counts::new())
    }
}

impl Default for MemoryHistory {
    fn default() -> Self {
        Self::new()
    }
}

/// A sorted map in memory.
#[derive(Debug, Default)]
pub struct Map(BTreeMap<Vec<u8>, Vec<u8>>);

impl Table for Map {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, HistoryError> {
        Ok(self.0.get(key).cloned())
    }

    fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<bool, HistoryError> {
        Ok(self.0.insert(key.to_vec(), value.to_vec()).is_some())
    }

    fn remove(&mut self, key: &[u8]) -> Result<bool, HistoryError> {
        Ok(self.0.remove(key).is_some())
    }

    fn forward(&self, from: &[u8], to: &[u8], visit: Visit<'_>) -> Result<(), HistoryError> {
        if from < to {
            let range = self
                .0
                .range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Excluded(to)));
            let _: ControlFlow<()> =
                range.into_iter().try_for_each(|(key, value)| visit(key, value));
        }
        Ok(())
    }

    fn backward(&self, from: &[u8], to: &[u8], visit: Visit<'_>) -> Result<(), HistoryError> {
        if from < to {
            let range = self
                .0
                .range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Excluded(to)));
            let _: ControlFlow<()> = range.rev().try_for_each(|(key, value)| visit(key, value));
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), HistoryError> {
        Ok(())
    }

    fn size_on_disk(&self) -> Result<u64, HistoryError> {
        Ok(0)
    }
}
