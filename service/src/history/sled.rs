use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use tracing::{error, warn};

use super::HistoryError;
use super::files::Place;
use super::guard::{Gone, caught, within};
use super::ladder::{self, Opened};
use super::logbook::{Counts, Logbook, Table, Visit};
use super::report::OpenReport;

/// sled fsyncs by itself this often, and only when something was written.
const BACKGROUND_FLUSH: Duration = Duration::from_secs(1);

/// The longest that a flush or a close may take; an SD card in trouble needs seconds.
const SYNC_LIMIT: Duration = Duration::from_secs(30);

/// A store that failed is opened again no more often than this.
const REOPEN_EVERY: Duration = Duration::from_secs(10);

/// How a history in sled uses the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SledConfig {
    /// sled's page cache, in bytes: a target, not a bound. More buys nothing here.
    pub cache_bytes: u64,
    /// The store is kept below this on disk, in bytes: when retention does not achieve it, the
    /// oldest records go first. What was set aside as damaged is not counted.
    pub max_bytes: u64,
    /// The longest that opening may take before the store counts as damaged.
    pub open_limit: Duration,
}

impl Default for SledConfig {
    fn default() -> Self {
        Self { cache_bytes: 4 << 20, max_bytes: 128 << 20, open_limit: Duration::from_secs(120) }
    }
}

impl SledConfig {
    pub(super) fn sled(&self, path: &Path) -> ::sled::Config {
        let every_ms = u64::try_from(BACKGROUND_FLUSH.as_millis()).ok();
        // Mode LowSpace is the default; a mistake there would cost disk, not data.
        ::sled::Config::new().path(path).cache_capacity(self.cache_bytes).flush_every_ms(every_ms)
    }
}

/// A history in a sled store.
pub type SledHistory = Logbook<Store>;

impl SledHistory {
    /// Opens the history in `dir`, which is made if need be, whatever the damage, and says what was
    /// found. Log the report.
    ///
    /// # Errors
    /// When the place cannot be used: not a directory, no permission, in use by another process,
    /// disk full. Damage is not an error.
    pub fn open(dir: &Path, config: SledConfig) -> Result<(Self, OpenReport), HistoryError> {
        let place = Place::new(dir);
        let lock = place.take()?;
        let Opened { db, counts, report } = ladder::open(&place, &config)?;
        let state = State::Open(db);
        let store = Store { place, config, state, suspect: false.into(), _lock: lock };
        Ok((Self::over(store, counts), report))
    }
}

/// A sled store, guarded: its panics and hangs end here, and it is opened anew after trouble.
#[derive(Debug)]
pub struct Store {
    place: Place,
    config: SledConfig,
    state: State,
    /// A read met damage: put the store in order before the next write.
    suspect: std::sync::atomic::AtomicBool,
    _lock: File,
}

#[derive(Debug)]
enum State {
    Open(::sled::Db),
    /// Closed after trouble that opening anew did not cure; tried again now and then.
    Down {
        why: String,
        tried: Instant,
    },
}

impl Store {
    fn db(&self) -> Result<&::sled::Db, HistoryError> {
        match &self.state {
            State::Open(db) => Ok(db),
            State::Down { why, .. } => Err(HistoryError::Down { why: why.clone() }),
        }
    }

    /// Runs `work` on the database under guard.
    fn with<R>(
        &self,
        work: impl FnOnce(&::sled::Db) -> ::sled::Result<R>,
    ) -> Result<R, HistoryError> {
        let db = self.db()?;
        let outcome = match caught(|| work(db)) {
            Ok(outcome) => outcome.map_err(|error| ladder::meaning(&self.place, error)),
            Err(gone) => Err(damage(gone)),
        };
        if let Err(HistoryError::Damaged { .. }) = outcome {
            self.suspect.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        outcome
    }

    fn walk(
        &self,
        from: &[u8],
        to: &[u8],
        visit: Visit<'_>,
        step: impl Fn(&mut ::sled::Iter) -> Option<::sled::Result<(::sled::IVec, ::sled::IVec)>>,
    ) -> Result<(), HistoryError> {
        if to <= from {
            return Ok(());
        }
        let mut records = self.with(|db| Ok(db.range(from..to)))?;
        // Guarded record by record, so that a panic of `visit` stays its own.
        loop {
            let Some((key, value)) = self.with(|_| step(&mut records).transpose())? else {
                return Ok(());
            };
            if visit(&key, &value).is_break() {
                return Ok(());
            }
        }
    }

    /// Closes and opens anew, by the ladder.
    fn reopen(&mut self, why: String) -> Option<Counts> {
        warn!("the history failed ({why}); opening it anew");
        let down = State::Down { why, tried: Instant::now() };
        if let State::Open(db) = std::mem::replace(&mut self.state, down) {
            close(db);
        }
        self.suspect = false.into();
        match ladder::open(&self.place, &self.config) {
            Ok(Opened { db, counts, report }) => {
                warn!("{report}");
                self.state = State::Open(db);
                Some(counts)
            }
            Err(trouble) => {
                let why = format!("{:#}", anyhow::Error::from(trouble));
                error!("the history cannot be opened: {why}");
                self.state = State::Down { why, tried: Instant::now() };
                None
            }
        }
    }
}

impl Table for Store {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, HistoryError> {
        self.with(|db| Ok(db.get(key)?.map(|value| value.to_vec())))
    }

    fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<bool, HistoryError> {
        self.with(|db| Ok(db.insert(key, value)?.is_some()))
    }

    fn remove(&mut self, key: &[u8]) -> Result<bool, HistoryError> {
        self.with(|db| Ok(db.remove(key)?.is_some()))
    }

    fn forward(&self, from: &[u8], to: &[u8], visit: Visit<'_>) -> Result<(), HistoryError> {
        self.walk(from, to, visit, Iterator::next)
    }

    fn backward(&self, from: &[u8], to: &[u8], visit: Visit<'_>) -> Result<(), HistoryError> {
        self.walk(from, to, visit, DoubleEndedIterator::next_back)
    }

    fn sync(&mut self) -> Result<(), HistoryError> {
        sync(&self.place, self.db()?, &self.place.store())
    }

    fn size_on_disk(&self) -> Result<u64, HistoryError> {
        self.place.size()
    }

    fn tend(&mut self, failed: Option<&HistoryError>) -> Option<Counts> {
        let why = match (&self.state, failed) {
            (State::Down { why, tried }, None) if REOPEN_EVERY <= tried.elapsed() => why.clone(),
            (State::Down { .. }, _) => return None,
            (State::Open(_), Some(failed)) if is_trouble(failed) => failed.to_string(),
            (State::Open(_), None) if *self.suspect.get_mut() => "a read met damage".to_owned(),
            (State::Open(_), _) => return None,
        };
        self.reopen(why)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let down = State::Down { why: "closed".to_owned(), tried: Instant::now() };
        if let State::Open(db) = std::mem::replace(&mut self.state, down) {
            if let Err(error) = sync(&self.place, &db, &self.place.store()) {
                error!("the history was not saved whole: {:#}", anyhow::Error::from(error));
            }
            close(db);
        }
    }
}

/// Whether opening the store anew may help.
fn is_trouble(error: &HistoryError) -> bool {
    match error {
        HistoryError::Damaged { .. }
        | HistoryError::Stuck { .. }
        | HistoryError::DiskFull { .. }
        | HistoryError::Disk { .. } => true,
        HistoryError::NotADirectory { .. }
        | HistoryError::Permission { .. }
        | HistoryError::Locked { .. }
        | HistoryError::Down { .. }
        | HistoryError::Before1970 { .. }
        | HistoryError::TooLong { .. } => false,
    }
}

fn damage(gone: Gone) -> HistoryError {
    match gone {
        Gone::Panicked(what) => HistoryError::Damaged { what },
        Gone::Hung => HistoryError::Stuck { action: "answer", secs: SYNC_LIMIT.as_secs() },
    }
}

/// The durable point of a store in `path`.
///
/// `flush` alone is none: on Linux it ends in `sync_file_range`, which neither writes the file's
/// metadata nor empties the disk's own cache, whatever its documentation says (spacejam/sled #928,
/// #1351, #1452). Measured with power cuts: 6 of 8 lost acknowledged records with `flush` alone, 0
/// of 8 with the fsync behind it.
pub(super) fn sync(place: &Place, db: &::sled::Db, path: &Path) -> Result<(), HistoryError> {
    let (db, file) = (db.clone(), path.join("db"));
    let outcome = within(SYNC_LIMIT, move || -> ::sled::Result<()> {
        db.flush()?;
        Ok(File::open(file)?.sync_all()?)
    });
    match outcome {
        Ok(outcome) => outcome.map_err(|error| ladder::meaning(place, error)),
        Err(gone) => Err(damage(gone)),
    }
}

/// Closes a database. One that hangs is left behind.
pub(super) fn close(db: ::sled::Db) {
    if let Err(gone) = within(SYNC_LIMIT, move || drop(db)) {
        warn!("the history did not close: {gone:?}");
    }
}
