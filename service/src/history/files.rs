//! The directory of a history, and what may be found in it.
//!
//! ```text
//! <dir>/lock              held by the process that has the history open; its pid
//! <dir>/store/            sled's files, and `records`: how many there were
//! <dir>/store.new/        a copy in the making: unfinished as long as `store` is there too
//! <dir>/store.old/        what a finished copy replaced
//! <dir>/store.corrupt-N/  damaged stores, set aside
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::HistoryError;
use super::logbook::Counts;

/// How many damaged stores are kept: they fill the SD card.
pub const KEPT_ASIDE: usize = 2;

/// A program that is being started holds what its parent has open, and for that moment also what the parent has
/// closed since: a lock that seems to be our own is waited for this long.
const FORK_LIMIT: Duration = Duration::from_secs(2);

/// Where a history lives.
#[derive(Clone, Debug)]
pub struct Place {
    dir: PathBuf,
}

impl Place {
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn store(&self) -> PathBuf {
        self.dir.join("store")
    }

    pub fn new_store(&self) -> PathBuf {
        self.dir.join("store.new")
    }

    fn old_store(&self) -> PathBuf {
        self.dir.join("store.old")
    }

    /// Makes the directory if need be, and takes it for this process.
    ///
    /// The lock is on a file beside the store: sled's own is inside it, and a store that another
    /// process has open must not be moved aside as damaged.
    pub fn take(&self) -> Result<File, HistoryError> {
        match fs::metadata(&self.dir) {
            Ok(found) if !found.is_dir() => {
                return Err(HistoryError::NotADirectory { path: self.dir.clone() });
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(&self.dir).map_err(|error| self.error(error))?;
            }
            Err(error) => return Err(self.error(error)),
        }
        let path = self.dir.join("lock");
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| self.error(error))?;
        let until = Instant::now() + FORK_LIMIT;
        loop {
            match lock.try_lock() {
                Ok(()) => {
                    // Only for the message of whoever comes second, so a full disk must not matter.
                    let _ = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
                    return Ok(lock);
                }
                Err(TryLockError::WouldBlock) => {
                    let mut text = String::new();
                    let _ = lock.rewind().and_then(|()| lock.read_to_string(&mut text));
                    let pid = text.trim().parse().ok();
                    if pid != Some(std::process::id()) || until <= Instant::now() {
                        return Err(HistoryError::Locked { path: self.dir.clone(), pid });
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(TryLockError::Error(error)) => return Err(self.error(error)),
            }
        }
    }

    /// Brings an interrupted exchange of stores to its end, or back to its beginning.
    pub fn settle(&self) -> Result<(), HistoryError> {
        let (store, new, old) = (self.store(), self.new_store(), self.old_store());
        let settle = || -> io::Result<()> {
            if !store.exists() {
                // The new one was complete and synced before the old one was moved.
                let complete = if new.exists() { &new } else { &old };
                if complete.exists() {
                    fs::rename(complete, &store)?;
                    sync_dir(&self.dir)?;
                }
            }
            remove_dir(&new)?;
            remove_dir(&old)
        };
        settle().map_err(|error| self.error(error))
    }

    /// Puts the finished `store.new` in place of `store`, which is deleted. A crash at any step is
    /// settled by [`Place::settle`].
    pub fn exchange(&self) -> Result<(), HistoryError> {
        let exchange = || -> io::Result<()> {
            sync_dir(&self.new_store())?;
            fs::rename(self.store(), self.old_store())?;
            fs::rename(self.new_store(), self.store())?;
            sync_dir(&self.dir)?;
            remove_dir(&self.old_store())
        };
        exchange().map_err(|error| self.error(error))
    }

    /// Moves the damaged `store` aside, and `store.new` in its place if there is one.
    pub fn set_aside(&self) -> Result<PathBuf, HistoryError> {
        let set_aside = || -> io::Result<PathBuf> {
            let aside = self.aside()?;
            let number = aside.last_key_value().map_or(1, |(number, _)| number + 1);
            let path = self.dir.join(format!("store.corrupt-{number}"));
            if self.new_store().exists() {
                sync_dir(&self.new_store())?;
            }
            fs::rename(self.store(), &path)?;
            if self.new_store().exists() {
                fs::rename(self.new_store(), self.store())?;
            }
            sync_dir(&self.dir)?;
            let surplus = (aside.len() + 1).saturating_sub(KEPT_ASIDE);
            for old in aside.values().take(surplus) {
                remove_dir(old)?;
            }
            Ok(path)
        };
        set_aside().map_err(|error| self.error(error))
    }

    /// Deletes what was set aside, to make room; says whether there was any.
    pub fn drop_aside(&self) -> bool {
        let aside = self.aside().unwrap_or_default();
        // Any that cannot be removed simply stays.
        aside.values().filter(|path| remove_dir(path).is_ok()).count() != 0
    }

    /// Damaged stores that were set aside, oldest first.
    fn aside(&self) -> io::Result<BTreeMap<u64, PathBuf>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let number = path
                .file_name()
                .and_then(|name| name.to_str()?.strip_prefix("store.corrupt-")?.parse().ok());
            if let Some(number) = number {
                found.insert(number, path);
            }
        }
        Ok(found)
    }

    /// Bytes of everything in the directory.
    pub fn size(&self) -> Result<u64, HistoryError> {
        size_of(&self.dir).map_err(|error| self.error(error))
    }

    /// Bytes of the store alone.
    pub fn store_size(&self) -> Result<u64, HistoryError> {
        size_of(&self.store()).map_err(|error| self.error(error))
    }

    /// What an IO error here means to a person.
    pub fn error(&self, source: io::Error) -> HistoryError {
        let path = self.dir.clone();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                HistoryError::DiskFull { path, source }
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                HistoryError::Permission { path, source }
            }
            ErrorKind::NotADirectory => HistoryError::NotADirectory { path },
            _ => HistoryError::Disk { path, source },
        }
    }
}

/// Files of a store that sled can make again from its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derived {
    /// `snap.<lsn>.generating`: a snapshot that a crash left half-written. sled takes it for the
    /// newest one and refuses to open for ever (spacejam/sled #1527, #1533).
    HalfSnapshots,
    /// `snap.*` and `conf`. Snapshots are made anew from the log; `conf` holds sled's own defaults.
    All,
}

/// Removes such files from `store`; says whether there were any.
pub fn remove_derived(store: &Path, which: Derived) -> io::Result<bool> {
    let mut removed = false;
    let entries = match fs::read_dir(store) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let snapshot = name.starts_with("snap.");
        let wanted = match which {
            Derived::HalfSnapshots => snapshot && name.ends_with(".generating"),
            Derived::All => snapshot || name == "conf",
        };
        if wanted {
            fs::remove_file(entry.path())?;
            removed = true;
        }
    }
    Ok(removed)
}

/// What `store/records` says: the number of records of each series when the store was last opened,
/// closed or copied. Absent or garbled: nothing is known.
pub fn read_counts(store: &Path) -> Option<Counts> {
    let text = fs::read_to_string(store.join("records")).ok()?;
    text.lines()
        .map(|line| {
            let (count, name) = line.split_once(' ')?;
            Some((name.as_bytes().to_vec(), count.parse().ok()?))
        })
        .collect()
}

/// Notes the number of records of each series in `store/records`.
pub fn write_counts(store: &Path, counts: &Counts) -> io::Result<()> {
    let mut lines: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{count} {}\n", String::from_utf8_lossy(name)))
        .collect();
    lines.sort();
    fs::write(store.join("records"), lines.concat())
}

/// Makes renames and new files in `dir` survive a power cut.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

pub fn remove_dir(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn size_of(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        bytes += match entry.metadata() {
            Ok(found) if found.is_dir() => size_of(&entry.path())?,
            Ok(found) => found.len(),
            // sled replaces snapshots while we look.
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
    }
    Ok(bytes)
}
