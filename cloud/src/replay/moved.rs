//! A day as it is served: the rows of the source that fall into it, moved in time.

use std::sync::Arc;

use chrono::{Days, NaiveDate, NaiveTime};
use nyiso::eastern::midnight;

use super::day_file::{DayFile, StampStyle};
use super::generator::HEADER;
use super::record::DayError;
use super::shift::{Placed, Shift};
use super::source::Source;

/// Rows of one Eastern day, ascending; where an instant has several rows of a fuel, in file order.
#[derive(Debug)]
pub(super) struct MovedDay {
    sources: Vec<Arc<DayFile>>,
    rows: Vec<MovedRow>,
}

#[derive(Debug)]
struct MovedRow {
    placed: Placed,
    source: usize,
    row: usize,
}

/// One row, ready to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// When and in which zone.
    pub placed: Placed,
    /// What follows the zone.
    pub rest: &'a str,
}

impl MovedDay {
    /// The file of `day` after moving `source` by `shift`; `None` where the source has no row for it.
    ///
    /// # Errors
    /// [`DayError`] when a recorded day cannot be read.
    pub fn load(source: &Source, shift: Shift, day: NaiveDate) -> Result<Option<Self>, DayError> {
        let (after, until) = (midnight(day), midnight(day + Days::new(1)));
        // A shift by whole days needs one day of the source, any other needs two.
        let first = (day.and_time(NaiveTime::MIN) - shift.0).date();
        let last =
            (day.and_time(NaiveTime::MIN) + chrono::TimeDelta::seconds(86_399) - shift.0).date();
        let mut moved = Self { sources: Vec::new(), rows: Vec::new() };
        for source_day in first.iter_days().take_while(|source_day| *source_day <= last) {
            let Some((file, again)) = source.day(source_day)? else { continue };
            let shift = Shift(shift.0 + again);
            let index = moved.sources.len();
            for (row, read) in file.rows().iter().enumerate() {
                let places = shift.places(read.wall, read.zone);
                let inside = places.filter(|placed| after < placed.ts && placed.ts <= until);
                moved.rows.extend(inside.map(|placed| MovedRow { placed, source: index, row }));
            }
            moved.sources.push(file);
        }
        moved.rows.sort_by_key(|row| row.placed.ts);
        Ok((!moved.rows.is_empty()).then_some(moved))
    }

    /// Its rows.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.rows.iter().map(|moved| {
            let file = &self.sources[moved.source];
            Line { placed: moved.placed, rest: file.rest(&file.rows()[moved.row]) }
        })
    }

    /// The header line; where two files of the source make up the day, the earlier one's.
    pub fn header(&self) -> &str {
        self.sources.first().map_or(HEADER, |file| &file.header)
    }

    /// How its stamps are written.
    pub fn style(&self) -> StampStyle {
        self.sources.first().map_or(StampStyle::Seconds, |file| file.style)
    }
}
