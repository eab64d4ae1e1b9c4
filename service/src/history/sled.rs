use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ::sled::IVec;
use tracing::{debug, error, info, warn};

use super::HistoryError;
use super::copy::settle_cache;
use super::files::{Place, write_counts};
use super::guard::{Gone, caught, within};
use super::ladder::{self, Opened};
use super::logbook::{Counts, Logbook, Table, Visit};
use super::report::OpenReport;

/// sled fsyncs by itself this often, and only when something was written.
const BACKGROUND_FLUSH: Duration = Duration::from_secs(1);

/// The longest that a flush or a close may take; an SD card in trouble needs seconds.
const SYNC_LIMIT: Duration = Duration::from_secs(30);

/// The size on disk is looked at once in so many writes.
const WRITES_PER_LOOK: u32 = 64;

/// How long a closed store may take to let go of its file.
const LET_GO_LIMIT: Duration = Duration::from_secs(10);

/// How a history in sled uses the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SledConfig {
    /// sled's page cache, in bytes: a target, not a bound. More buys nothing here.
    pub cache_bytes: u64,
    /// The store is kept below about this on disk, in bytes: what deleted records left behind is
    /// shed, and when that is not enough, the oldest records of each series go. While that happens
    /// its copy comes on top. What was set aside as damaged is not counted.
    pub max_bytes: u64,
    /// The longest that opening may take before the store counts as damaged.
    pub open_limit: Duration,
    /// After trouble that opening anew did not cure, such as a full disk, it is tried again with the
    /// first write after this time.
    pub retry_every: Duration,
}

impl Default for SledConfig {
    fn default() -> Self {
        Self {
            cache_bytes: 4 << 20,
            max_bytes: 128 << 20,
            open_limit: Duration::from_secs(120),
            retry_every: Duration::from_secs(10),
        }
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
    /// found; [`OpenReport::log`] it.
    ///
    /// # Errors
    /// When the place cannot be used: not a directory, no permission, in use by another process,
    /// disk full. Damage is not an error.
    pub fn open(dir: &Path, config: SledConfig) -> Result<(Self, OpenReport), HistoryError> {
        let place = Place::new(dir);
        let lock = place.take()?;
        let Opened { db, counts, report } = ladder::open(&place, &config)?;
        let state = State::Open(db);
        let store = Store {
            place,
            config,
            state,
            writes: 0,
            noted: counts.clone(),
            suspect: false.into(),
            _lock: lock,
        };
        Ok((Self::over(store, counts), report))
    }
}

/// A sled store, guarded: its panics and hangs end here, and it is opened anew after trouble.
#[derive(Debug)]
pub struct Store {
    place: Place,
    config: SledConfig,
    state: State,
    /// Writes since the size on disk was looked at.
    writes: u32,
    /// What was noted last.
    noted: Counts,
    /// A read met damage: put the store in order before the next write.
    suspect: AtomicBool,
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
            self.suspect.store(true, Ordering::Relaxed);
        }
        outcome
    }

    fn walk(
        &self,
        from: &[u8],
        to: &[u8],
        visit: Visit<'_>,
        step: impl Fn(&::sled::Db, &mut ::sled::Iter) -> ::sled::Result<Option<(IVec, IVec)>>,
    ) -> Result<(), HistoryError> {
        if to <= from {
            return Ok(());
        }
        let mut records = self.with(|db| Ok(db.range(from..to)))?;
        // Guarded record by record, so that a panic of `visit` stays its own.
        while let Some((key, value)) = self.with(|db| step(db, &mut records))? {
            if visit(&key, &value).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Keeps the store below its cap.
    fn fit(&mut self) -> Option<Counts> {
        self.writes = 0;
        let bytes = self.place.store_size().unwrap_or(0);
        if bytes <= self.config.max_bytes || !matches!(self.state, State::Open(_)) {
            return None;
        }
        info!(bytes, max_bytes = self.config.max_bytes, "compacting the history");
        // Closing and opening anew compacts: the ladder does it to whatever exceeds the cap.
        self.reopen()
    }

    /// Opens by the ladder. Nobody else may have the place while we hold its lock: what looks taken is our own
    /// closed store, whose threads let go of it in their own time on a busy machine.
    fn climb_when_free(&self) -> Result<Opened, HistoryError> {
        let until = Instant::now() + LET_GO_LIMIT;
        loop {
            match ladder::open(&self.place, &self.config) {
                Err(HistoryError::Locked { .. }) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                outcome => return outcome,
            }
        }
    }

    /// Closes and opens anew, by the ladder.
    fn reopen(&mut self) -> Option<Counts> {
        let down = State::Down { why: "opening anew".to_owned(), tried: Instant::now() };
        if let State::Open(db) = std::mem::replace(&mut self.state, down) {
            close(db);
        }
        self.suspect = false.into();
        match self.climb_when_free() {
            Ok(Opened { db, counts, report }) => {
                report.log();
                self.state = State::Open(db);
                self.noted.clone_from(&counts);
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
        self.writes += 1;
        self.with(|db| Ok(db.insert(key, value)?.is_some()))
    }

    fn remove(&mut self, key: &[u8]) -> Result<bool, HistoryError> {
        self.with(|db| Ok(db.remove(key)?.is_some()))
    }

    fn forward(&self, from: &[u8], to: &[u8], visit: Visit<'_>) -> Result<(), HistoryError> {
        self.walk(from, to, visit, |db, records| {
            let record = records.next().transpose()?;
            if let Some((key, value)) = &record {
                settle_cache(db, key, value)?;
            }
            Ok(record)
        })
    }

    fn backward(&self, from: &[u8], to: &[u8], visit: Visit<'_>) -> Result<(), HistoryError> {
        // Never a long walk: nothing here asks for more than a few records from the end.
        self.walk(from, to, visit, |_, records| records.next_back().transpose())
    }

    fn sync(&self) -> Result<(), HistoryError> {
        sync(&self.place, self.db()?, &self.place.store())
    }

    fn size_on_disk(&self) -> Result<u64, HistoryError> {
        self.place.size()
    }

    fn note(&mut self, counts: &Counts) {
        // Only for the report after a damage: a few records more or less are not worth a write.
        let total = |counts: &Counts| counts.values().sum::<u64>();
        let mut now = self.noted.clone();
        now.extend(counts.iter().map(|(name, count)| (name.clone(), *count)));
        let (old, new) = (total(&self.noted), total(&now));
        if old.abs_diff(new) <= old / 64 || !matches!(self.state, State::Open(_)) {
            return;
        }
        match write_counts(&self.place.store(), &now) {
            Ok(()) => self.noted = now,
            Err(error) => debug!("cannot note the number of records: {error}"),
        }
    }

    fn tend(&mut self, failed: Option<&HistoryError>) -> Option<Counts> {
        match (&self.state, failed) {
            (State::Down { tried, .. }, None) if self.config.retry_every <= tried.elapsed() => {
                self.reopen()
            }
            (State::Open(_), Some(failed)) if is_trouble(failed) => {
                warn!("{failed}; opening it anew");
                self.reopen()
            }
            (State::Open(_), None) if *self.suspect.get_mut() => {
                warn!("a reader found the history damaged; opening it anew");
                self.reopen()
            }
            (State::Open(_), None) if WRITES_PER_LOOK <= self.writes => self.fit(),
            _ => None,
        }
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
