//! One day's file of the fuel mix, taken apart only as far as moving it in time needs: the stamps are
//! understood, everything else stays the text that it was.

use std::fmt::Write as _;
use std::ops::Range;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use nyiso::eastern::Zone;

/// How NYISO wrote its stamps in the days of this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StampStyle {
    /// `MM/DD/YYYY HH:MM`, until 2016-01-24: the seconds are cut off.
    Minutes,
    /// `MM/DD/YYYY HH:MM:SS`, since.
    Seconds,
}

/// A row: when, and what follows the time zone.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// End of the interval, by the Eastern wall clock.
    pub wall: NaiveDateTime,
    /// Which Eastern wall clock: daylight or standard time.
    pub zone: Zone,
    rest: Range<u32>,
}

/// A day's file: its rows in file order. May be empty.
#[derive(Debug)]
pub(super) struct DayFile {
    /// The first line, without its line end.
    pub header: String,
    /// How the stamps are written.
    pub style: StampStyle,
    text: String,
    rows: Vec<Row>,
}

/// The file is not one of the fuel mix.
#[derive(Debug, thiserror::Error)]
#[error(
    "not a fuel-mix file: it begins with {begins:?} and not with \"Time Stamp,Time Zone,Fuel Category,\""
)]
pub(super) struct NotFuelMix {
    begins: String,
}

/// What every header of the feed begins with, since 2015.
const HEADER_START: &str = "Time Stamp,Time Zone,Fuel Category,";

impl DayFile {
    /// A file without rows.
    pub fn new(header: &str, style: StampStyle) -> Self {
        Self { header: header.to_owned(), style, text: String::new(), rows: Vec::new() }
    }

    /// Adds a row; `rest` is all that follows the time zone: `Dual Fuel,2282.0`.
    pub fn push(&mut self, wall: NaiveDateTime, zone: Zone, rest: std::fmt::Arguments<'_>) {
        let start = self.end();
        self.text.write_fmt(rest).expect("a String takes everything");
        self.rows.push(Row { wall, zone, rest: start..self.end() });
    }

    fn end(&self) -> u32 {
        u32::try_from(self.text.len()).expect("a day's file is far under 4 GB")
    }

    /// The rows, in file order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// What follows the time zone in `row`, byte for byte.
    pub fn rest(&self, row: &Row) -> &str {
        &self.text[row.rest.start as usize..row.rest.end as usize]
    }

    /// Takes a file apart. Beside it: how many lines have no readable stamp and were left out.
    ///
    /// # Errors
    /// [`NotFuelMix`] when the header is not the feed's.
    pub fn parse(bytes: &[u8]) -> Result<(Self, usize), NotFuelMix> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        let header = lines.next().unwrap_or_default();
        if !header.starts_with(HEADER_START) {
            return Err(NotFuelMix { begins: header.chars().take(60).collect() });
        }
        let mut file = Self::new(header, StampStyle::Seconds);
        let mut skipped = 0;
        for line in lines.filter(|line| !line.is_empty()) {
            match split_row(line) {
                Some((wall, style, zone, rest)) => {
                    file.style = style;
                    file.push(wall, zone, format_args!("{rest}"));
                }
                None => skipped += 1,
            }
        }
        Ok((file, skipped))
    }
}

fn split_row(line: &str) -> Option<(NaiveDateTime, StampStyle, Zone, &str)> {
    let (stamp, rest) = line.split_once(',')?;
    let (zone, rest) = rest.split_once(',')?;
    let (wall, style) = read_stamp(stamp)?;
    Some((wall, style, Zone::from_word(zone.as_bytes())?, rest))
}

/// Reads `MM/DD/YYYY HH:MM[:SS]`. By hand, since a month's zip has 60,000 of them.
pub(super) fn read_stamp(stamp: &str) -> Option<(NaiveDateTime, StampStyle)> {
    let bytes = stamp.as_bytes();
    let style = match bytes.len() {
        16 => StampStyle::Minutes,
        19 => StampStyle::Seconds,
        _ => return None,
    };
    let separators = [(2, b'/'), (5, b'/'), (10, b' '), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, expected)| bytes.get(*at).is_some_and(|byte| byte != expected)) {
        return None;
    }
    let number = |range: Range<usize>| {
        bytes[range].iter().try_fold(0, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0'))
        })
    };
    let seconds = if style == StampStyle::Seconds { number(17..19)? } else { 0 };
    let year = i32::try_from(number(6..10)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(0..2)?, number(3..5)?)?;
    let time = NaiveTime::from_hms_opt(number(11..13)?, number(14..16)?, seconds)?;
    Some((date.and_time(time), style))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stamp: &str, expected: Option<(&str, StampStyle)>) {
        let expected = expected.map(|(wall, style)| (wall.parse().unwrap(), style));
        assert_eq!(read_stamp(stamp), expected, "{stamp:?}");
    }

    #[test]
    fn both_kinds_of_stamp_are_read_and_nothing_else() {
        check("03/12/2017 00:05:07", Some(("2017-03-12T00:05:07", StampStyle::Seconds)));
        check("12/31/2015 23:55", Some(("2015-12-31T23:55:00", StampStyle::Minutes)));
        for bad in ["", "2017-03-12 00:05:00", "13/12/2017 00:05:00", "03/12/2017 24:00:00"] {
            check(bad, None);
        }
        check("03/12/2017 00:05:0", None);
        check("03/12/2O17 00:05:00", None);
    }

    #[test]
    fn what_follows_the_zone_stays_as_it_is() {
        let text = "Time Stamp,Time Zone,Fuel Category,Gen MWh\r\n\
                    12/09/2015 00:05,EST,Hydro,2814.0\r\n\
                    garbage\r\n\
                    12/09/2015 00:05,EST,Something New,";
        let (file, skipped) = DayFile::parse(text.as_bytes()).unwrap();
        let rests = file.rows().iter().map(|row| file.rest(row)).collect::<Vec<_>>();
        assert_eq!(rests, ["Hydro,2814.0", "Something New,"]);
        assert_eq!((skipped, file.style), (1, StampStyle::Minutes));
        assert_eq!(file.header, "Time Stamp,Time Zone,Fuel Category,Gen MWh");
    }

    #[test]
    fn another_feed_is_refused_by_its_header() {
        let error = DayFile::parse(b"\"Time Stamp\",\"Time Zone\",\"Name\"\r\n").unwrap_err();
        assert!(error.to_string().contains("begins with"), "{error}");
    }
}
