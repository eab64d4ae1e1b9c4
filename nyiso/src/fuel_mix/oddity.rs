//! What is not as it should be in a file that can still be read.

use domain::Timestamp;

use super::shown;

/// Most oddities that are kept of one file: 50 MB of garbage must not become a gigabyte of remarks.
pub const MAX_ODDITIES: usize = 1_000;

/// Something in a file that is not as it should be: where, what, and the value.
#[derive(Clone, Debug, PartialEq)]
pub struct Oddity {
    /// Line of the file, from 1 (the header); `None` where it is about an instant and not a row.
    pub line: Option<u64>,
    /// What it is.
    pub kind: OddityKind,
    /// The value that shows it: a field, a row or an instant; one line, cut short.
    pub value: String,
}

/// What can be odd about a row or an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddityKind {
    /// The file ends inside this row; the row is left out.
    CutOff,
    /// Not as many fields as the header has; the row is left out.
    Fields {
        /// Fields of the header.
        expected: usize,
        /// Fields of the row.
        found: usize,
    },
    /// A stamp that is no time; the row is left out.
    Stamp,
    /// A zone that is neither EST nor EDT; the row is left out.
    Zone,
    /// EST in summer or EDT in winter; the column is believed.
    ZoneContradictsCalendar,
    /// A row of the coming instant, or of a category that was not read; the row is left out.
    EmptyValue,
    /// Not a number; the row is left out.
    NotANumber,
    /// A number that no category can have; the row is left out.
    OutOfBounds,
    /// Less than nothing; kept.
    Negative,
    /// A category that is not one of the seven; kept, and its instants are not complete. Once a name.
    UnknownFuel,
    /// Fuels of one instant given twice (two runs within a minute); the last row wins.
    Repeated {
        /// How many rows repeat a fuel.
        rows: usize,
        /// How many of them say something else.
        differing: usize,
    },
    /// The file does not ascend from here on; its instants are sorted. Once a file.
    OutOfOrder,
    /// An instant that has not come yet; left out.
    Future,
}

impl OddityKind {
    /// A word for counting by.
    pub fn name(self) -> &'static str {
        match self {
            Self::CutOff => "cut-off",
            Self::Fields { .. } => "fields",
            Self::Stamp => "stamp",
            Self::Zone => "zone",
            Self::ZoneContradictsCalendar => "zone-contradicts-calendar",
            Self::EmptyValue => "empty-value",
            Self::NotANumber => "not-a-number",
            Self::OutOfBounds => "out-of-bounds",
            Self::Negative => "negative",
            Self::UnknownFuel => "unknown-fuel",
            Self::Repeated { .. } => "repeated",
            Self::OutOfOrder => "out-of-order",
            Self::Future => "future",
        }
    }
}

impl std::fmt::Display for OddityKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CutOff => f.write_str("the file ends inside this row, which is left out"),
            Self::Fields { expected, found } => {
                write!(f, "{found} fields where {expected} should be; the row is left out")
            }
            Self::Stamp => f.write_str("the time stamp is no time; the row is left out"),
            Self::Zone => f.write_str("the time zone is neither EST nor EDT; the row is left out"),
            Self::ZoneContradictsCalendar => {
                f.write_str("New York has the other time zone then; the column is believed")
            }
            Self::EmptyValue => f.write_str("no value; the row is left out"),
            Self::NotANumber => f.write_str("generation is not a number; the row is left out"),
            Self::OutOfBounds => f.write_str("no fuel generates that much; the row is left out"),
            Self::Negative => f.write_str("generation is below zero; kept"),
            Self::UnknownFuel => {
                f.write_str("unknown fuel category; kept, and its instants are not complete")
            }
            Self::Repeated { rows, differing } => {
                write!(f, "{rows} fuels given twice, {differing} with another value; the last wins")
            }
            Self::OutOfOrder => f.write_str("earlier than the row before; the file is sorted"),
            Self::Future => f.write_str("this instant has not come yet; left out"),
        }
    }
}

impl std::fmt::Display for Oddity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{} ({:?})", self.kind, self.value)
    }
}

/// Collects oddities and counts lines only where one is found.
// The csv crate's own line number is that of the row before in a file with CRLF.
pub(super) struct Notes<'a> {
    file: &'a [u8],
    /// A byte and the line it stands on: where counting goes on from.
    counted: (usize, u64),
    oddities: Vec<Oddity>,
    more: usize,
}

impl<'a> Notes<'a> {
    pub(super) fn new(file: &'a [u8]) -> Self {
        Self { file, counted: (0, 1), oddities: Vec::new(), more: 0 }
    }

    /// Goes on with the notes of a file that is no longer at hand.
    pub(super) fn resume(oddities: Vec<Oddity>, more: usize) -> Self {
        Self { oddities, more, ..Self::new(&[]) }
    }

    #[cold]
    pub(super) fn add(&mut self, kind: OddityKind, begins: u64, value: &[u8]) {
        if self.is_full() {
            return;
        }
        let line = Some(self.line(begins));
        self.oddities.push(Oddity { line, kind, value: shown(value) });
    }

    /// Notes the whole row, as it stands in the file.
    #[cold]
    pub(super) fn add_row(&mut self, kind: OddityKind, begins: u64) {
        let row = &self.file[self.row_at(begins)..];
        let end = row.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(row.len());
        self.add(kind, begins, &row[..end]);
    }

    #[cold]
    pub(super) fn add_instant(&mut self, kind: OddityKind, ts: Timestamp) {
        if !self.is_full() {
            self.oddities.push(Oddity { line: None, kind, value: text(ts) });
        }
    }

    #[cold]
    pub(super) fn add_instant_at(&mut self, kind: OddityKind, begins: u64, ts: Timestamp) {
        self.add(kind, begins, text(ts).as_bytes());
    }

    /// The line of the row that the reader looked for from byte `begins` on.
    pub(super) fn line(&mut self, begins: u64) -> u64 {
        let row = self.row_at(begins);
        let (from, line) = if self.counted.0 <= row { self.counted } else { (0, 1) };
        let ends = self.file[from..row].iter().filter(|byte| **byte == b'\n').count();
        self.counted = (row, line + ends as u64);
        self.counted.1
    }

    /// Where the row begins: line ends may come first.
    fn row_at(&self, begins: u64) -> usize {
        let begins = usize::try_from(begins).unwrap_or(usize::MAX).min(self.file.len());
        let line_ends = self.file[begins..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        begins + line_ends.count()
    }

    pub(super) fn finish(self) -> (Vec<Oddity>, usize) {
        (self.oddities, self.more)
    }

    fn is_full(&mut self) -> bool {
        let full = self.oddities.len() >= MAX_ODDITIES;
        self.more += usize::from(full);
        full
    }
}

fn text(ts: Timestamp) -> String {
    ts.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
