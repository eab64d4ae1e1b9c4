use std::fmt;
use std::path::PathBuf;

use tracing::{info, warn};

/// What became of a store that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There was none; it is new and empty.
    New,
    /// Nothing was wrong.
    Intact,
    /// A part that can be made again was damaged, and was made again from the log.
    Mended,
    /// Records were damaged; those that could be read were carried over into a new store.
    Rescued,
    /// Nothing could be read; the store is empty.
    StartedOver,
}

/// What was found when a history was opened. Its text is one line for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenReport {
    /// What became of the store.
    pub outcome: Outcome,
    /// Records in it now.
    pub records: u64,
    /// Records that it had when it was last opened or closed, where known, and has no more.
    pub missing: u64,
    /// Where the damaged store was moved, for whoever wants to look. The newest two are kept.
    pub set_aside: Option<PathBuf>,
    /// Bytes on disk before and after, when the store was copied to shed what deleted records leave.
    pub compacted: Option<(u64, u64)>,
}

impl OpenReport {
    /// Whether a person should know: records are gone, or the store had to be repaired.
    pub fn is_trouble(&self) -> bool {
        self.missing != 0 || !matches!(self.outcome, Outcome::New | Outcome::Intact)
    }

    /// Logs it: a warning where a person should know.
    pub fn log(&self) {
        if self.is_trouble() {
            warn!("{self}");
        } else {
            info!("{self}");
        }
    }
}

impl fmt::Display for OpenReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, missing, .. } = self;
        match self.outcome {
            Outcome::New => write!(out, "the history is new and empty")?,
            Outcome::Intact => write!(out, "the history has {records} records")?,
            Outcome::Mended => {
                write!(out, "the history was damaged and repaired; it has {records} records")?;
            }
            Outcome::Rescued => {
                write!(out, "the history was damaged; {records} records could be saved")?;
            }
            Outcome::StartedOver => {
                write!(out, "the history was damaged beyond reading and starts anew")?;
            }
        }
        if *missing != 0 {
            write!(out, ", {missing} are lost")?;
        }
        if let Some(path) = &self.set_aside {
            write!(out, "; the damaged files are in {}", path.display())?;
        }
        if let Some((before, after)) = self.compacted {
            let (before, after) = (megabytes(before), megabytes(after));
            write!(out, "; compacted from {before:.1} to {after:.1} MB")?;
        }
        Ok(())
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(outcome: Outcome, missing: u64, aside: bool, trouble: bool, expected: &str) {
        let set_aside = aside.then(|| PathBuf::from("/h/store.corrupt-1"));
        let report = OpenReport { outcome, records: 300, missing, set_aside, compacted: None };
        assert_eq!(report.to_string(), expected);
        assert_eq!(report.is_trouble(), trouble);
    }

    #[test]
    fn says_in_one_line_what_happened() {
        check(Outcome::New, 0, false, false, "the history is new and empty");
        check(Outcome::Intact, 0, false, false, "the history has 300 records");
        check(Outcome::Intact, 7, false, true, "the history has 300 records, 7 are lost");
        check(
            Outcome::Mended,
            0,
            false,
            true,
            "the history was damaged and repaired; it has 300 records",
        );
        check(
            Outcome::Rescued,
            10,
            true,
            true,
            "the history was damaged; 300 records could be saved, 10 are lost; \
             the damaged files are in /h/store.corrupt-1",
        );
        check(
            Outcome::StartedOver,
            310,
            true,
            true,
            "the history was damaged beyond reading and starts anew, 310 are lost; \
             the damaged files are in /h/store.corrupt-1",
        );
    }

    #[test]
    fn compaction_is_told_but_no_trouble() {
        let report = OpenReport {
            outcome: Outcome::Intact,
            records: 5,
            missing: 0,
            set_aside: None,
            compacted: Some((96_000_000, 4_250_000)),
        };
        assert_eq!(report.to_string(), "the history has 5 records; compacted from 96.0 to 4.2 MB");
        assert!(!report.is_trouble());
    }
}
