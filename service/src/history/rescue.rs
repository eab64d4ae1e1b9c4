//! Saves what can be saved of a damaged store. Every try works on a scratch copy: sled writes while
//! it opens, and what one try cannot read another still may.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use ::sled::Db;
use tracing::{debug, warn};

use super::HistoryError;
use super::copy::{self, Tally};
use super::files::{Derived, Place, remove_derived};
use super::guard::within;
use super::ladder::copy_to_new;
use super::logbook::Counts;
use super::report::Outcome;
use super::sled::{SledConfig, close};

/// sled's segments; a file that was cut short is padded with empty ones.
const SEGMENT: u64 = 512 * 1024;

/// One way of reading a damaged store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    /// Let sled make its snapshot and settings anew from the log.
    from_log: bool,
    /// Lengthen the file by empty segments: a snapshot that points behind the end makes sled panic.
    padding: u64,
}

fn ways() -> impl Iterator<Item = Way> {
    [0, 1, 2, 4, 8, 16, 32, 64, 128, 256].into_iter().flat_map(|padding| {
        [false, true].into_iter().map(move |from_log| Way { from_log, padding })
    })
}

/// Replaces the damaged store by what can be read of it, `noted` being what is known to have been
/// there, and says how it went and where the damaged one is now.
///
/// # Errors
/// When the disk does not let us.
pub fn rescue(
    place: &Place,
    config: &SledConfig,
    noted: &Counts,
) -> Result<(Outcome, PathBuf), HistoryError> {
    let scratch = place.dir().join("store.scratch");
    let expected: u64 = noted.values().sum();
    let mut best: Option<(Way, Tally)> = None;
    for way in ways() {
        let Some(db) = open_scratch(place, config, &scratch, way)? else { continue };
        let tally = read(config, &db, noted);
        close(db);
        let Some(tally) = tally else { continue };
        debug!(?way, records = tally.records(), damaged = tally.damaged, "a way to read it");
        let complete = tally.damaged == 0 && expected <= tally.records() && 0 < tally.records();
        if best.as_ref().is_none_or(|(_, held)| held.records() < tally.records()) {
            best = Some((way, tally));
        }
        if complete {
            break;
        }
    }

    let outcome = match best {
        Some((way, tally)) if tally.records() != 0 => {
            carry_over(place, config, &scratch, way, &tally, noted)?
        }
        _ => Outcome::StartedOver,
    };
    remove(place, &scratch)?;
    Ok((outcome, place.set_aside()?))
}

/// Copies what `way` shows, which is `tally`, into a new store.
fn carry_over(
    place: &Place,
    config: &SledConfig,
    scratch: &Path,
    way: Way,
    tally: &Tally,
    noted: &Counts,
) -> Result<Outcome, HistoryError> {
    let Some(db) = open_scratch(place, config, scratch, way)? else {
        return Ok(Outcome::StartedOver);
    };
    let names = Tally { counts: merged(noted, &tally.counts), ..tally.clone() };
    let copied = copy_to_new(place, config, &db, &names, u64::MAX);
    close(db);
    match copied {
        Ok(copied) if tally.damaged == 0 && noted.values().sum::<u64>() <= copied.records() => {
            Ok(Outcome::Mended)
        }
        Ok(_) => Ok(Outcome::Rescued),
        // It could be read a moment ago, so this is a rare one; an empty store is better than none.
        Err(HistoryError::Damaged { what }) => {
            warn!("what was readable could not be copied: {what}");
            remove(place, &place.new_store())?;
            Ok(Outcome::StartedOver)
        }
        Err(trouble) => Err(trouble),
    }
}

/// Opens a fresh scratch copy of the store in the given way; `None` when that fails.
fn open_scratch(
    place: &Place,
    config: &SledConfig,
    scratch: &Path,
    way: Way,
) -> Result<Option<Db>, HistoryError> {
    let prepare = || -> io::Result<()> {
        if scratch.exists() {
            fs::remove_dir_all(scratch)?;
        }
        copy_dir(&place.store(), scratch)?;
        remove_derived(scratch, Derived::HalfSnapshots)?;
        if way.from_log {
            remove_derived(scratch, Derived::All)?;
        }
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).open(scratch.join("db"))?;
        if way.padding != 0 {
            let whole = file.metadata()?.len().div_ceil(SEGMENT) + way.padding;
            // Sparse: takes no space on disk.
            file.set_len(whole * SEGMENT)?;
        }
        Ok(())
    };
    prepare().map_err(|error| place.error(error))?;
    let sled = config.sled(scratch);
    match within(config.open_limit, move || sled.open()) {
        Ok(Ok(db)) => Ok(Some(db)),
        failed => {
            debug!(?way, ?failed, "this way it does not open");
            Ok(None)
        }
    }
}

/// What can be read of `db`; `None` when reading panics or hangs.
fn read(config: &SledConfig, db: &Db, noted: &Counts) -> Option<Tally> {
    let (db, noted) = (db.clone(), noted.clone());
    within(config.open_limit, move || {
        copy::read_all(&db, &noted, |_, _| Ok::<(), std::convert::Infallible>(()))
    })
    .ok()
    .map(|outcome| match outcome {
        Ok(tally) => tally,
        Err(never) => match never {},
    })
}

fn merged(a: &Counts, b: &Counts) -> Counts {
    let mut all = a.clone();
    for (name, count) in b {
        let held = all.entry(name.clone()).or_default();
        *held = (*held).max(*count);
    }
    all
}

fn remove(place: &Place, path: &Path) -> Result<(), HistoryError> {
    super::files::remove_dir(path).map_err(|error| place.error(error))
}

fn copy_dir(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
