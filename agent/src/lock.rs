//! One agent to a state directory: two would fight over the contactor, and over its record.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// Held for the life of the process; the kernel lets go of it whatever ends that.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// How long an agent that starts waits for one who only reads the record of the stopped one.
const READING_TAKES: Duration = Duration::from_secs(20);

/// Who has just taken the lock writes its name within this time.
const NAMING_TAKES: Duration = Duration::from_millis(300);

/// Before the number of a process that only reads.
const READER: &str = "reader ";

impl Lock {
    /// Takes the state directory, which is made if need be, to run an agent. Waits for one who reads.
    ///
    /// # Errors
    /// When another agent has it, or it cannot be used.
    pub fn take(state_dir: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(state_dir)
            .with_context(|| format!("cannot make the state directory {}", state_dir.display()))?;
        Self::take_as(state_dir, "")
    }

    /// Takes a state directory that is there, to read the record of a stopped agent. Let go of it only when
    /// the record is closed: an agent that starts waits for this lock, and not for the record.
    ///
    /// # Errors
    /// When an agent has it, or it cannot be used.
    pub fn take_to_read(state_dir: &Path) -> anyhow::Result<Self> {
        Self::take_as(state_dir, READER)
    }

    fn take_as(state_dir: &Path, role: &str) -> anyhow::Result<Self> {
        let path = state_dir.join("agent.lock");
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    // Who it is is a courtesy.
                    let _ = file.rewind().and_then(|()| file.read_to_string(&mut holder));
                    let reads = holder.starts_with(READER);
                    let patience = if reads { READING_TAKES } else { NAMING_TAKES };
                    if started.elapsed() < patience {
                        std::thread::sleep(Duration::from_millis(20));
                        continue;
                    }
                    let holder = holder.trim_start_matches(READER).trim();
                    let holder = match holder {
                        "" => String::new(),
                        pid => format!(" (process {pid})"),
                    };
                    let dir = state_dir.display();
                    if reads {
                        bail!("a command{holder} still reads the record in {dir}; try again");
                    }
                    if role == READER {
                        bail!("an agent{holder} is just starting or ending in {dir}; try again");
                    }
                    bail!(
                        "another agent{holder} runs with the state directory {dir}; a second one needs a \
                         state_dir and an actuator of its own"
                    );
                }
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("cannot lock {}", path.display()));
                }
            }
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{role}{}", std::process::id()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_agent_is_told_who_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let state_dir = dir.path().join("not/yet/there");
        let first = Lock::take(&state_dir).unwrap();
        let error = Lock::take(&state_dir).unwrap_err().to_string();
        let pid = std::process::id();
        assert!(error.starts_with(&format!("another agent (process {pid})")), "{error}");
        drop(first);
        Lock::take(&state_dir).unwrap();
    }

    #[test]
    fn an_agent_waits_for_one_who_reads() {
        let dir = tempfile::tempdir().unwrap();
        let reader = Lock::take_to_read(dir.path()).unwrap();
        let (state_dir, (told, done)) = (dir.path().to_owned(), std::sync::mpsc::channel());
        let agent = std::thread::spawn(move || {
            let lock = Lock::take(&state_dir);
            let _ = told.send(());
            lock
        });
        assert!(done.recv_timeout(NAMING_TAKES * 2).is_err(), "it waits");
        drop(reader);
        agent.join().unwrap().unwrap();
    }

    #[test]
    fn a_place_that_cannot_be_made_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = format!("{:#}", Lock::take(&file.join("state")).unwrap_err());
        assert!(error.starts_with("cannot make the state directory"), "{error}");
    }
}
