//! Opens a store, whatever the damage. Only damage leads down the ladder: a full disk or a missing
//! permission is told as it is, and touches nothing.
//!
//! ```text
//! settle an interrupted exchange, remove half-written snapshots
//! open and read everything once ──ok──────────────────────────> Intact (compact if bloated)
//!   │ damaged
//! rescue what another way of reading it still shows
//!   ├─ all that is known to have been there ──────────────────> Mended
//!   ├─ some ──> move the damaged store aside ─────────────────> Rescued
//!   └─ none ──> move the damaged store aside, begin empty ────> StartedOver
//! ```

use std::io::ErrorKind;
use std::path::Path;

use ::sled::Db;
use tracing::warn;

use super::HistoryError;
use super::copy::{self, Tally};
use super::files::{Derived, Place, read_counts, remove_derived, write_counts};
use super::guard::{Gone, within};
use super::logbook::Counts;
use super::report::{OpenReport, Outcome};
use super::rescue;
use super::sled::{SledConfig, close, sync};

/// A file below this is not worth compacting: sled's own files begin at about 1 MB.
const BLOAT_FLOOR: u64 = 8 << 20;

/// A file is bloated from this many times the live data on: rolling settles at about 4.
const BLOAT_FACTOR: u64 = 5;

/// Live data may take this part of the cap: a fresh copy takes about 2.4 times its size on disk, and
/// needs room to roll before it has to be copied again.
const LIVE_PART: u64 = 4;

/// A store that is open.
pub struct Opened {
    pub db: Db,
    pub counts: Counts,
    pub report: OpenReport,
}

/// Opens the store of `place`.
///
/// # Errors
/// When the place cannot be used. Damage is not an error.
pub fn open(place: &Place, config: &SledConfig) -> Result<Opened, HistoryError> {
    match climb(place, config) {
        // What was set aside as damaged is the first thing to go.
        Err(HistoryError::DiskFull { .. }) if place.drop_aside() => climb(place, config),
        outcome => outcome,
    }
}

fn climb(place: &Place, config: &SledConfig) -> Result<Opened, HistoryError> {
    place.settle()?;
    let store = place.store();
    remove_derived(&store, Derived::HalfSnapshots).map_err(|error| place.error(error))?;
    let new = !store.join("db").exists();
    let noted = read_counts(&store);
    let expected: u64 = noted.iter().flat_map(Counts::values).sum();

    let (mut outcome, mut set_aside) = (Outcome::Intact, None);
    let (mut db, mut tally) = match attempt(place, config, &store)? {
        Ok(usable) => usable,
        Err(what) => {
            warn!("the history is damaged ({what}); saving what can be saved");
            let (how, path) = rescue::rescue(place, config, &noted.unwrap_or_default())?;
            (outcome, set_aside) = (how, Some(path));
            attempt(place, config, &store)?.map_err(|what| HistoryError::Damaged { what })?
        }
    };
    if outcome == Outcome::Intact && tally.records() == 0 {
        // sled takes an empty or missing log without a snapshot for a store that never was.
        if 0 < expected {
            outcome = Outcome::StartedOver;
        } else if new {
            outcome = Outcome::New;
        }
    }

    let mut compacted = None;
    let before = place.store_size()?;
    if BLOAT_FLOOR.max(BLOAT_FACTOR * tally.bytes).min(config.max_bytes) < before {
        (db, tally) = compact(place, config, db, &tally)?;
        compacted = Some((before, place.store_size()?));
    }

    // A note for next time; without it damage is only told less exactly.
    if let Err(error) = write_counts(&store, &tally.counts) {
        warn!("cannot note the number of records: {error}");
    }
    let records = tally.records();
    let missing = expected.saturating_sub(records);
    let report = OpenReport { outcome, records, missing, set_aside, compacted };
    Ok(Opened { db, counts: tally.counts, report })
}

/// An open store and what is in it, or what is damaged.
pub(super) type Attempt = Result<(Db, Tally), String>;

/// Opens the store in `path` and reads everything once. The inner error says what is damaged.
pub(super) fn attempt(
    place: &Place,
    config: &SledConfig,
    path: &Path,
) -> Result<Attempt, HistoryError> {
    let sled = config.sled(path);
    let outcome = within(config.open_limit, move || {
        let db = sled.open()?;
        let tally = copy::tally(&db)?;
        ::sled::Result::Ok((db, tally))
    });
    match outcome {
        Ok(Ok(usable)) => Ok(Ok(usable)),
        Ok(Err(error)) => match meaning(place, error) {
            HistoryError::Damaged { what } => Ok(Err(what)),
            trouble => Err(trouble),
        },
        Err(Gone::Panicked(what)) => Ok(Err(what)),
        Err(Gone::Hung) => Ok(Err("it does not open in time".to_owned())),
    }
}

/// Copies the live records of `db` into a new store, which takes its place: sled gives no space back
/// for deleted ones (spacejam/sled #1333). The oldest of each series stay behind when even the copy
/// would be too large for the cap.
pub(super) fn compact(
    place: &Place,
    config: &SledConfig,
    db: Db,
    tally: &Tally,
) -> Result<(Db, Tally), HistoryError> {
    let copied = copy_to_new(place, config, &db, tally, config.max_bytes / LIVE_PART);
    close(db);
    copied?;
    place.exchange()?;
    attempt(place, config, &place.store())?.map_err(|what| HistoryError::Damaged { what })
}

/// Writes what can be read of `db`, but of each series only the newest part when `tally` exceeds
/// `max_bytes`, into `store.new`, and makes that durable.
pub(super) fn copy_to_new(
    place: &Place,
    config: &SledConfig,
    db: &Db,
    tally: &Tally,
    max_bytes: u64,
) -> Result<Tally, HistoryError> {
    let path = place.new_store();
    let (target, _) =
        attempt(place, config, &path)?.map_err(|what| HistoryError::Damaged { what })?;
    let mut left_out: Counts = tally
        .counts
        .iter()
        .map(|(name, count)| (name.clone(), surplus(*count, tally.bytes, max_bytes)))
        .collect();
    let outcome = {
        let (db, target, names) = (db.clone(), target.clone(), tally.counts.clone());
        within(config.open_limit, move || {
            let mut copied = Tally::default();
            copy::read_all(&db, &names, |key, value| {
                let name = super::series::split(key).map(|(name, _)| name);
                if let Some(left) = name.and_then(|name| left_out.get_mut(name))
                    && *left != 0
                {
                    *left -= 1;
                    return Ok(());
                }
                copied.add(key, value);
                target.insert(key, value).map(drop)
            })?;
            ::sled::Result::Ok(copied)
        })
    };
    let outcome = match outcome {
        Ok(Ok(copied)) => Ok(copied),
        Ok(Err(error)) => Err(meaning(place, error)),
        Err(Gone::Panicked(what)) => Err(HistoryError::Damaged { what }),
        Err(Gone::Hung) => Err(HistoryError::Stuck {
            action: "copy its records",
            secs: config.open_limit.as_secs(),
        }),
    };
    let outcome = outcome.and_then(|copied| {
        sync(place, &target, &path)?;
        write_counts(&path, &copied.counts).map_err(|error| place.error(error))?;
        Ok(copied)
    });
    close(target);
    outcome
}

/// How many of `count` records to leave out so that `bytes` in all come down to `max_bytes`.
fn surplus(count: u64, bytes: u64, max_bytes: u64) -> u64 {
    let share = u128::from(count) * u128::from(max_bytes) / u128::from(bytes.max(1));
    count.saturating_sub(u64::try_from(share).unwrap_or(u64::MAX))
}

/// What an error of sled means to a person.
pub(super) fn meaning(place: &Place, error: ::sled::Error) -> HistoryError {
    match error {
        ::sled::Error::Io(source) => match source.kind() {
            // Read past the end: the file is shorter than its snapshot says.
            ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput => {
                HistoryError::Damaged { what: source.to_string() }
            }
            // sled's words for its own lock on the `db` file.
            ErrorKind::Other if source.to_string().contains("could not acquire lock") => {
                HistoryError::Locked { path: place.dir().to_owned(), pid: None }
            }
            _ => place.error(source),
        },
        other => HistoryError::Damaged { what: other.to_string() },
    }
}
