//! The last seven days of a signal: where the current reading stands among them, and the verdict.

/// How clean the grid is now, compared with its own last week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Cleaner than two thirds of the week.
    Clean,
    /// In between.
    Average,
    /// Dirtier than two thirds of the week.
    Dirty,
    /// The week hardly varied: P90 - P10 under 10 % of its median.
    Flat,
}
