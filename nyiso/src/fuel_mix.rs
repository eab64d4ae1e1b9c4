//! Real-time fuel mix (P-63): one file an Eastern day, seven rows an instant, a stamp that marks the END
//! of its interval.
//!
//! What the format does not say and the feed has shown is written beside each rule. Nothing here knows
//! the time: [`FuelMixFile::split_future`] takes it as an argument.

mod number;
mod oddity;
mod render;
mod stamp;

use std::collections::HashMap;

use chrono::TimeDelta;
use csv::ByteRecord;
use domain::Timestamp;
use domain::fuel_mix::{Fuel, FuelMix};
use domain::units::Megawatts;

use crate::gzip;
use number::Number;
use oddity::Notes;
pub use oddity::{MAX_ODDITIES, Oddity, OddityKind};
pub use render::render;
use stamp::StampReader;

/// Power of one category that is believed, MW: the same bounds as on the wire. The whole state peaks at
/// about 34,000 MW of load.
pub const BELIEVED_MW: std::ops::RangeInclusive<f64> = -5_000.0..=50_000.0;

/// Most categories beyond the seven that a fuel-mix file can have before it is taken for something else.
pub const MAX_UNKNOWN_FUELS: usize = 16;

/// How far ahead of our clock a stamp may be before it is taken for a fault: clocks differ a little,
/// while the newest stamp is really 5 to 20 minutes old.
pub const FUTURE_SLACK: TimeDelta = TimeDelta::seconds(60);

/// Length of an interval where the instant before it is not known, seconds.
pub const USUAL_INTERVAL_SECS: u32 = 300;

/// After a longer hole than this the instant before says nothing about an interval's length.
pub const LONGEST_INTERVAL: TimeDelta = TimeDelta::hours(6);

/// What a fuel-mix file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FuelMixFile {
    /// Ascending, one an instant: where a stamp comes twice, the last row of each fuel wins. An instant
    /// without a single value is left out; one with some is there and not complete.
    pub mixes: Vec<FuelMix>,
    /// What was not as it should be, in the order of the file; at most [`MAX_ODDITIES`].
    pub oddities: Vec<Oddity>,
    /// Oddities beyond [`MAX_ODDITIES`].
    pub more_oddities: usize,
    /// Rows below the header, good or bad.
    pub rows: u64,
}

/// Why a fuel-mix file could not be read at all. The pump keeps what it has and tries again later.
#[derive(Debug, thiserror::Error)]
pub enum FuelMixError {
    /// Zero bytes, or blank lines only.
    #[error("the file is empty: not even a header")]
    Empty,
    /// An error page that came with status 200.
    #[error("an HTML page where a CSV file should be; it begins {beginning:?}")]
    Html {
        /// Its first characters.
        beginning: String,
    },
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
    /// Not a fuel mix, whatever the header says.
    #[error(
        "line {line}: {name:?} is the {}th unknown fuel category: this is no fuel mix",
        MAX_UNKNOWN_FUELS + 1
    )]
    TooManyCategories {
        /// Line of the file, from 1.
        line: u64,
        /// What stands there.
        name: String,
    },
    /// The CSV reader gave up.
    #[error("not a CSV file")]
    Csv(#[from] csv::Error),
}

/// Reads a daily file of the fuel mix. A bad row is left out and becomes an [`Oddity`]; its instant is
/// then not complete. The last row may lack its line end, and does in NYISO's own files.
///
/// # Errors
/// [`FuelMixError`] when this is no fuel-mix file: a missing column is never guessed.
pub fn parse(file: &[u8]) -> Result<FuelMixFile, FuelMixError> {
    if gzip::is_gzip(file) || crate::archive::is_zip(file) {
        return Err(FuelMixError::Compressed);
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
    let mut record = ByteRecord::new();
    if !reader.read_byte_record(&mut record)? {
        return Err(FuelMixError::Empty);
    }
    let columns = Columns::find(&record, file)?;
    let mut rows = Rows::new(file, columns);
    let cut_off = !matches!(file.last(), Some(b'\n' | b'\r'));
    loop {
        let begins = reader.position().byte();
        if !reader.read_byte_record(&mut record)? {
            break;
        }
        let open_ended = cut_off && reader.position().byte() >= file.len() as u64;
        rows.read(&record, Place { begins, open_ended })?;
    }
    Ok(rows.finish())
}

/// Seconds that the instant at `ts` stands for: since the one before it, or
/// [`USUAL_INTERVAL_SECS`] for the first and after more than [`LONGEST_INTERVAL`].
pub fn interval_s(previous: Option<Timestamp>, ts: Timestamp) -> u32 {
    previous
        .map(|previous| ts - previous)
        .filter(|gap| TimeDelta::zero() < *gap && *gap <= LONGEST_INTERVAL)
        .and_then(|gap| u32::try_from(gap.num_seconds()).ok())
        .unwrap_or(USUAL_INTERVAL_SECS)
}

impl FuelMixFile {
    /// Takes out the instants that lie more than [`FUTURE_SLACK`] after `now`, and notes each: published,
    /// they would be "the newest" until the world caught up with them.
    pub fn split_future(&mut self, now: Timestamp) -> Vec<FuelMix> {
        let first = self.mixes.partition_point(|mix| mix.ts <= now + FUTURE_SLACK);
        let future = self.mixes.split_off(first);
        let mut notes = Notes::resume(std::mem::take(&mut self.oddities), self.more_oddities);
        for mix in &future {
            notes.add_instant(OddityKind::Future, mix.ts);
        }
        (self.oddities, self.more_oddities) = notes.finish();
        future
    }
}

/// Where the four columns stand. Found by name: NYISO renamed `Gen MWh` to `Gen MW` in November 2017,
/// which cost others weeks of data.
struct Columns {
    stamp: usize,
    zone: usize,
    fuel: usize,
    generation: usize,
    /// How many fields a row has.
    count: usize,
}

impl Columns {
    fn find(header: &ByteRecord, file: &[u8]) -> Result<Self, FuelMixError> {
        if header.get(0).is_some_and(|field| field.trim_ascii_start().starts_with(b"<")) {
            return Err(FuelMixError::Html { beginning: shown(file.trim_ascii_start()) });
        }
        let find = |name: &'static str, names: &[&str]| {
            header
                .iter()
                .position(|field| {
                    names
                        .iter()
                        .any(|name| field.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
                })
                .ok_or_else(|| {
                    let fields: Vec<_> = header.iter().map(String::from_utf8_lossy).collect();
                    FuelMixError::NoColumn { name, header: shown(fields.join(",").as_bytes()) }
                })
        };
        Ok(Self {
            stamp: find("Time Stamp", &["Time Stamp"])?,
            zone: find("Time Zone", &["Time Zone"])?,
            fuel: find("Fuel Category", &["Fuel Category"])?,
            generation: find("Gen MW (or Gen MWh)", &["Gen MW", "Gen MWh"])?,
            count: header.len(),
        })
    }
}

/// Where a row stands in the file.
#[derive(Clone, Copy)]
struct Place {
    /// Byte at which the reader began to look for it; line ends may come first.
    begins: u64,
    /// It is the last one and no line end follows: it may be half a row.
    open_ended: bool,
}

/// Rows become instants here.
struct Rows<'a> {
    columns: Columns,
    stamps: StampReader,
    notes: Notes<'a>,
    mixes: Vec<FuelMix>,
    /// The instant that the rows now belong to: its position in `mixes`.
    current: usize,
    /// What `current` has been given twice.
    repeats: Repeats,
    /// Positions by instant, from the moment at which the file is seen not to ascend.
    unordered: Option<HashMap<Timestamp, usize>>,
    unknown_fuels: Vec<String>,
    rows: u64,
}

#[derive(Clone, Copy, Default)]
struct Repeats {
    rows: usize,
    differing: usize,
    begins: u64,
}

impl<'a> Rows<'a> {
    fn new(file: &'a [u8], columns: Columns) -> Self {
        Self {
            columns,
            stamps: StampReader::default(),
            notes: Notes::new(file),
            // A row has about 42 bytes, an instant seven of them.
            mixes: Vec::with_capacity((file.len() / 280).min(1 << 16)),
            current: 0,
            repeats: Repeats::default(),
            unordered: None,
            unknown_fuels: Vec::new(),
            rows: 0,
        }
    }

    fn read(&mut self, record: &ByteRecord, place: Place) -> Result<(), FuelMixError> {
        self.rows += 1;
        if record.len() != self.columns.count {
            let kind = if place.open_ended && record.len() < self.columns.count {
                OddityKind::CutOff
            } else {
                OddityKind::Fields { expected: self.columns.count, found: record.len() }
            };
            self.notes.add_row(kind, place.begins);
            return Ok(());
        }
        let (stamp, zone) = (&record[self.columns.stamp], &record[self.columns.zone]);
        if !self.stamps.is_same(stamp, zone) {
            match self.stamps.read(stamp, zone) {
                Ok(ts) => self.turn_to(ts, place),
                Err(kind) => {
                    let value = if kind == OddityKind::Zone { zone } else { stamp };
                    self.notes.add(kind, place.begins, value);
                    return Ok(());
                }
            }
            if self.stamps.contradicts_calendar() {
                self.notes.add(OddityKind::ZoneContradictsCalendar, place.begins, stamp);
            }
        }
        let text = &record[self.columns.generation];
        // NYISO's values all end in ".0", and its last row has no line end: a value that just stops,
        // 22 of 2282.0, is half a row.
        let whole_row = !place.open_ended || self.columns.generation + 1 < self.columns.count;
        let power = match Number::read(text) {
            Number::Empty => {
                self.notes.add(OddityKind::EmptyValue, place.begins, &record[self.columns.fuel]);
                return Ok(());
            }
            Number::Bad => {
                let kind = if whole_row { OddityKind::NotANumber } else { OddityKind::CutOff };
                self.notes.add(kind, place.begins, text);
                return Ok(());
            }
            Number::Whole(_) if !whole_row => {
                self.notes.add(OddityKind::CutOff, place.begins, text);
                return Ok(());
            }
            Number::Whole(value) | Number::Fraction(value) => value,
        };
        let Some(power) = Megawatts::new(power).filter(|mw| BELIEVED_MW.contains(&mw.value()))
        else {
            self.notes.add(OddityKind::OutOfBounds, place.begins, text);
            return Ok(());
        };
        if power.value() < 0.0 {
            self.notes.add(OddityKind::Negative, place.begins, text);
        }
        let name = &record[self.columns.fuel];
        let fuel = Fuel::from_name_bytes(name).or_else(|| Fuel::from_name_bytes(name.trim_ascii()));
        match fuel {
            Some(fuel) => {
                if let Some(before) = self.mixes[self.current].set(fuel, power) {
                    self.repeats.rows += 1;
                    self.repeats.differing += usize::from(before != power);
                    self.repeats.begins = place.begins;
                }
            }
            None => self.unknown_fuel(name.trim_ascii(), power, place)?,
        }
        Ok(())
    }

    fn unknown_fuel(
        &mut self,
        name: &[u8],
        power: Megawatts,
        place: Place,
    ) -> Result<(), FuelMixError> {
        let name = shown(name);
        if !self.unknown_fuels.contains(&name) {
            self.notes.add(OddityKind::UnknownFuel, place.begins, name.as_bytes());
            if self.unknown_fuels.len() == MAX_UNKNOWN_FUELS {
                return Err(FuelMixError::TooManyCategories {
                    line: self.notes.line(place.begins),
                    name,
                });
            }
            self.unknown_fuels.push(name.clone());
        }
        self.mixes[self.current].set_unknown(&name, power);
        Ok(())
    }

    /// The rows that follow belong to `ts`: a new instant at the end, or, in a file that does not
    /// ascend, one that is already there.
    fn turn_to(&mut self, ts: Timestamp, place: Place) {
        if self.mixes.get(self.current).is_some_and(|mix| mix.ts == ts) {
            return;
        }
        self.note_repeats();
        let ascends = self.mixes.last().is_none_or(|last| last.ts < ts);
        if !ascends && self.unordered.is_none() {
            // Once a file, or every second row of a shuffled one would say it.
            self.notes.add_instant_at(OddityKind::OutOfOrder, place.begins, ts);
            let by_ts = self.mixes.iter().enumerate().map(|(index, mix)| (mix.ts, index));
            self.unordered = Some(by_ts.collect());
        }
        self.current = match &mut self.unordered {
            None => self.mixes.len(),
            Some(by_ts) => *by_ts.entry(ts).or_insert(self.mixes.len()),
        };
        if self.current == self.mixes.len() {
            self.mixes.push(FuelMix::new(ts));
        }
    }

    fn note_repeats(&mut self) {
        let Repeats { rows, differing, begins } = std::mem::take(&mut self.repeats);
        if rows > 0 {
            let ts = self.mixes[self.current].ts;
            self.notes.add_instant_at(OddityKind::Repeated { rows, differing }, begins, ts);
        }
    }

    fn finish(mut self) -> FuelMixFile {
        self.note_repeats();
        // The coming instant: its rows are there, its values are not.
        self.mixes.retain(|mix| !mix.is_empty());
        if self.unordered.is_some() {
            self.mixes.sort_unstable_by_key(|mix| mix.ts);
        }
        let (oddities, more_oddities) = self.notes.finish();
        FuelMixFile { mixes: self.mixes, oddities, more_oddities, rows: self.rows }
    }
}

/// Text of a file for people: readable whatever the bytes, on one line, and short.
fn shown(bytes: &[u8]) -> String {
    const LONGEST: usize = 80;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * LONGEST)]);
    let mut short: String =
        text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}
