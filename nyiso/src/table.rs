//! What the smaller CSV feeds share: a header whose columns are found by name, rows that are left out and
//! named when they cannot be read, and the refusal of what is no CSV file at all.

use csv::ByteRecord;

use crate::{archive, gzip};

/// Most rows that are believed: a day of five-minute rows of 18 interfaces has 5,400.
const MAX_ROWS: u64 = 50_000;

/// Odd rows that are kept; the rest are counted.
const MAX_ODD_ROWS: usize = 100;

/// Why a file could not be read at all. What is held stays, and the file is asked for again later.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Zero bytes, or blank lines only.
    #[error("the file is empty: not even a header")]
    Empty,
    /// An error page that came with status 200.
    #[error("an HTML page where a CSV file should be; it begins {0:?}")]
    Html(String),
    /// Compressed data where none was asked for.
    #[error("compressed data where a CSV file should be (gzip or zip); unpack it first")]
    Compressed,
    /// The format changed, or this is another file.
    #[error("no column {name:?}; the header is {header:?}")]
    NoColumn {
        /// The column that was looked for.
        name: &'static str,
        /// What the first line says.
        header: String,
    },
    /// A header and no row that could be read below it.
    #[error("no row can be read{}", first.as_ref().map(|first| format!("; the first: {first}")).unwrap_or_default())]
    NoRows {
        /// What was wrong with the first row.
        first: Option<String>,
    },
    /// Far more rows than a day has.
    #[error("more than {MAX_ROWS} rows: this is no file of a day")]
    TooManyRows,
    /// The carbon column fits no unit, or two: see [`crate::emission_rate`].
    #[error("unit of the emission rates unknown: {0}")]
    Unit(String),
    /// The CSV reader gave up.
    #[error("not a CSV file")]
    Csv(#[from] csv::Error),
}

/// Rows that could not be read; they are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OddRows {
    /// Line of the file and reason, in the order of the file; at most a hundred.
    pub rows: Vec<(u64, String)>,
    /// Rows beyond those.
    pub more: usize,
}

impl OddRows {
    /// Every row could be read.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many could not.
    pub fn len(&self) -> usize {
        self.rows.len() + self.more
    }

    fn add(&mut self, line: u64, reason: String) {
        if self.rows.len() < MAX_ODD_ROWS {
            self.rows.push((line, reason));
        } else {
            self.more += 1;
        }
    }
}

/// A row, by its columns.
pub(crate) struct Row<'a> {
    record: &'a ByteRecord,
}

impl Row<'_> {
    /// The text of a column, trimmed.
    pub(crate) fn text(&self, column: usize) -> String {
        let field = self.record.get(column).unwrap_or_default();
        String::from_utf8_lossy(field.trim_ascii()).into_owned()
    }

    /// The number of a column within `believed`; `what` names it in the reason.
    pub(crate) fn number(
        &self,
        column: usize,
        what: &str,
        believed: &std::ops::RangeInclusive<f64>,
    ) -> Result<f64, String> {
        let text = self.text(column);
        if text.is_empty() {
            return Err(format!("no {what}"));
        }
        text.parse()
            .ok()
            .filter(|value| believed.contains(value))
            .ok_or_else(|| format!("{text:?} is no {what}"))
    }
}

/// A file with its header read.
pub(crate) struct Table<'a> {
    file: &'a [u8],
    reader: csv::Reader<&'a [u8]>,
    header: Vec<String>,
}

impl<'a> Table<'a> {
    pub(crate) fn open(file: &'a [u8]) -> Result<Self, TableError> {
        if gzip::is_gzip(file) || archive::is_zip(file) {
            return Err(TableError::Compressed);
        }
        let beginning = file.trim_ascii_start();
        if beginning.starts_with(b"<") {
            let beginning = &beginning[..beginning.len().min(200)];
            let text = String::from_utf8_lossy(beginning);
            let shown = text.chars().take(80);
            return Err(TableError::Html(
                shown.map(|c| if c.is_control() { ' ' } else { c }).collect(),
            ));
        }
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
        let mut record = ByteRecord::new();
        if !reader.read_byte_record(&mut record)? {
            return Err(TableError::Empty);
        }
        let header = record
            .iter()
            .map(|field| String::from_utf8_lossy(field.trim_ascii()).into_owned())
            .collect();
        Ok(Self { file, reader, header })
    }

    /// The position of the column whose name `is` it; `name` is for the message.
    pub(crate) fn column(
        &self,
        name: &'static str,
        is: impl Fn(&str) -> bool,
    ) -> Result<usize, TableError> {
        self.header.iter().position(|field| is(field)).ok_or_else(|| TableError::NoColumn {
            name,
            header: self.header.join(",").chars().take(160).collect(),
        })
    }

    /// The position of the column of exactly this name, upper or lower case.
    pub(crate) fn named(&self, name: &'static str) -> Result<usize, TableError> {
        self.column(name, |field| field.eq_ignore_ascii_case(name))
    }

    /// Gives every row to `take`; what it refuses is odd.
    pub(crate) fn rows(
        mut self,
        mut take: impl FnMut(Row<'_>) -> Result<(), String>,
    ) -> Result<OddRows, TableError> {
        let mut odd = OddRows::default();
        let mut record = ByteRecord::new();
        let (mut rows, mut good) = (0, false);
        while self.reader.read_byte_record(&mut record)? {
            rows += 1;
            if rows > MAX_ROWS {
                return Err(TableError::TooManyRows);
            }
            let (found, expected) = (record.len(), self.header.len());
            let taken = if found == expected {
                take(Row { record: &record })
            } else {
                Err(format!("{found} fields where the header has {expected}"))
            };
            match taken {
                Ok(()) => good = true,
                Err(reason) => odd.add(line_of(self.file, &record), reason),
            }
        }
        if good {
            return Ok(odd);
        }
        let first = odd.rows.into_iter().next();
        Err(TableError::NoRows {
            first: first.map(|(line, reason)| format!("line {line}: {reason}")),
        })
    }
}

/// The line of a row, from 1. Counted here: where lines end with CRLF the reader's own count lags by one.
fn line_of(file: &[u8], record: &ByteRecord) -> u64 {
    let begins = record.position().map_or(0, csv::Position::byte);
    let begins = usize::try_from(begins).unwrap_or(file.len()).min(file.len());
    let blank = file[begins..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let ends = file[..begins + blank].iter().filter(|byte| **byte == b'\n').count();
    u64::try_from(ends).unwrap_or(u64::MAX).saturating_add(1)
}

/// The faults that every feed must survive, tried on one good file: its header and one good row after it.
#[cfg(test)]
#[track_caller]
pub(crate) fn check_faults<T: std::fmt::Debug>(
    parse: impl Fn(&[u8]) -> Result<T, TableError>,
    header: &str,
    row: &str,
) {
    let refused = |file: &[u8], expected: &str| {
        let error = parse(file).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    };
    refused(b"", "empty");
    refused(b"\r\n\r\n", "empty");
    refused(b" <!DOCTYPE html>\n<html>sorry</html>", "HTML");
    refused(&[0x1f, 0x8b, 8, 0, 0], "compressed");
    refused(b"PK\x03\x04 and more", "compressed");
    refused(b"Time,Value\n1,2\n", "no column");
    refused(header.as_bytes(), "no row can be read");
    let half: String = row.chars().take(row.len() / 3).collect();
    refused(format!("{header}\n{half}").as_bytes(), "line 2");
    parse(format!("{header}\r\n{row}").as_bytes()).unwrap();
    refused(format!("{header}\n{}", format!("{row}\n").repeat(50_001)).as_bytes(), "50000 rows");
}
