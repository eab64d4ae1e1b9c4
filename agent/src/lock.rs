//! One agent to a state directory: two would fight over the contactor, and over its record.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};

/// Held for the life of the process; the kernel lets go of it whatever ends that.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the state directory, which is made if need be.
    ///
    /// # Errors
    /// When another process has it, or it cannot be used.
    pub fn take(state_dir: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(state_dir)
            .with_context(|| format!("cannot make the state directory {}", state_dir.display()))?;
        let path = state_dir.join("agent.lock");
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who it is is a courtesy.
                let _ = file.read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => String::new(),
                    pid => format!(" (process {pid})"),
                };
                bail!(
                    "another agent{holder} runs with the state directory {}; a second one needs a \
                     state_dir and an actuator of its own",
                    state_dir.display()
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
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
    fn a_place_that_cannot_be_made_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = format!("{:#}", Lock::take(&file.join("state")).unwrap_err());
        assert!(error.starts_with("cannot make the state directory"), "{error}");
    }
}
