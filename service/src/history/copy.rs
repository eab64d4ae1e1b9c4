//! Reads a store record by record, stepping over what is damaged, and copies it.

use std::collections::BTreeSet;

use ::sled::{Db, IVec};

use super::logbook::Counts;
use super::series::split;

/// What a walk over a store found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records of each series that could be read.
    pub counts: Counts,
    /// Their bytes: keys and values.
    pub bytes: u64,
    /// Places that could not be read; each may hold one record or many.
    pub damaged: u64,
}

impl Tally {
    /// Records in all.
    pub fn records(&self) -> u64 {
        self.counts.values().sum()
    }

    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        self.bytes += (key.len() + value.len()) as u64;
        // A key of unknown make is copied and otherwise ignored.
        let Some((name, _)) = split(key) else { return };
        match self.counts.get_mut(name) {
            Some(count) => *count += 1,
            None => drop(self.counts.insert(name.to_vec(), 1)),
        }
    }
}

/// Counts what can be read, and stops at the first damage, as an error. Keeps nothing in memory.
pub fn tally(db: &Db) -> ::sled::Result<Tally> {
    let mut tally = Tally::default();
    for record in db.iter() {
        let (key, value) = record?;
        tally.add(&key, &value);
        settle_cache(db, &key, &value)?;
    }
    Ok(tally)
}

/// Keeps sled's cache near its size during a walk; call for each record.
///
/// sled evicts only once a shard of its cache counts 64 accesses, and has 256 of them, while a walk
/// accesses each page once: everything would stay in memory up to 16,000 pages. Looking a record up
/// again is a further access of its page. Measured with 100,000 records of 200 bytes and a cache of
/// 4 MiB: 20 instead of 42 MB resident.
pub fn settle_cache(db: &Db, key: &[u8], value: &[u8]) -> ::sled::Result<()> {
    for _ in 0..=value.len() / 256 {
        db.contains_key(key)?;
    }
    Ok(())
}

/// Shows `sink` everything that can be read in `db`, in order; `names` are the series known to
/// be there. Damage is stepped over. Stops when `sink` fails.
pub fn read_all<E>(
    db: &Db,
    names: &Counts,
    mut sink: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
) -> Result<Tally, E> {
    let mut tally = Tally::default();
    let mut names: BTreeSet<Vec<u8>> = names.keys().cloned().collect();
    names.extend(names_found(db));
    for name in names {
        let series = |millis: u64| {
            let mut key = name.clone();
            key.push(0);
            key.extend_from_slice(&millis.to_be_bytes());
            key
        };
        let mut from = 0;
        'series: loop {
            for record in db.range(series(from)..=series(u64::MAX)) {
                let Ok((key, value)) = record else {
                    tally.damaged += 1;
                    match next_readable(db, from, series) {
                        Some(next) => from = next,
                        None => break 'series,
                    }
                    continue 'series;
                };
                sink(&key, &value)?;
                tally.add(&key, &value);
                // Only for the memory's sake, and this record was read.
                let _ = settle_cache(db, &key, &value);
                let Some((_, millis)) = split(&key) else { continue };
                from = millis.saturating_add(1);
            }
            break;
        }
    }
    Ok(tally)
}

/// Series that show themselves between the damage: seen from the front, and from the back.
fn names_found(db: &Db) -> BTreeSet<Vec<u8>> {
    let mut names = BTreeSet::new();
    let mut note = |key: &IVec| {
        if let Some((name, _)) = split(key)
            && !names.contains(name)
        {
            names.insert(name.to_vec());
        }
    };
    db.iter().map_while(Result::ok).for_each(|(key, _)| note(&key));
    db.iter().rev().map_while(Result::ok).for_each(|(key, _)| note(&key));
    names
}

/// The first time from which a series can be read again, `from` being damaged: in doubling steps
/// past the damage, then halving back to its edge. sled does not tell where a damaged leaf ends.
fn next_readable(db: &Db, from: u64, series: impl Fn(u64) -> Vec<u8>) -> Option<u64> {
    let readable = |millis: u64| {
        db.range(series(millis)..=series(u64::MAX)).next().is_none_or(|record| record.is_ok())
    };
    let (mut bad, mut step) = (from, 1_u64);
    let mut good = loop {
        let probe = from.checked_add(step)?;
        if readable(probe) {
            break probe;
        }
        (bad, step) = (probe, step.checked_mul(2)?);
    };
    while 1 < good - bad {
        let middle = bad + (good - bad) / 2;
        if readable(middle) { good = middle } else { bad = middle }
    }
    Some(good)
}
