use std::io;
use std::path::PathBuf;

use domain::Timestamp;

/// Why the history could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The path leads to a file; nothing was touched.
    #[error("{} is not a directory; remove that file or choose another place for the history", .path.display())]
    NotADirectory {
        /// The configured place.
        path: PathBuf,
    },
    /// The place cannot be read or written by this user, or is mounted read-only.
    #[error("the history in {} cannot be read and written by this user; give it the directory (chown) or choose another place", .path.display())]
    Permission {
        /// The configured place.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has the store open.
    #[error("the history in {} is in use by {}; stop that process, or give this one a place of its own", .path.display(), holder(*.pid))]
    Locked {
        /// The configured place.
        path: PathBuf,
        /// Who holds it, where known.
        pid: Option<u32>,
    },
    /// No space is left. What was synced before is safe.
    #[error("no space left for the history in {}; free some, writing goes on by itself then", .path.display())]
    DiskFull {
        /// The configured place.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Any other trouble of the disk.
    #[error("the disk failed under the history in {}", .path.display())]
    Disk {
        /// The configured place.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A part of the store cannot be read. The next write repairs what can be repaired.
    #[error("the history is damaged: {what}")]
    Damaged {
        /// In the store's words.
        what: String,
    },
    /// The store does not answer within the time allowed.
    #[error("the history did not {action} within {secs} s")]
    Stuck {
        /// What was tried.
        action: &'static str,
        /// The time allowed.
        secs: u64,
    },
    /// Opening the store anew after trouble did not work; writing tries again now and then.
    #[error("the history is out of order ({why}); it is tried again every few seconds")]
    Down {
        /// What stood in the way.
        why: String,
    },
    /// The caller gave a time that no record can have.
    #[error("a record cannot be of {ts}, before 1970")]
    Before1970 {
        /// That time.
        ts: Timestamp,
    },
    /// The caller gave a value that is too long.
    #[error("a value of {len} bytes is too long for the history; it takes {max}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The longest allowed.
        max: usize,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
