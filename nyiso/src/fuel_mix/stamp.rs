//! Time stamps of a file: `MM/DD/YYYY HH:MM:SS` (until January 2016 without the seconds) and a zone
//! column. Seven rows share each, so that the bytes of the last one are kept.

use chrono::{NaiveDate, NaiveDateTime};
use domain::Timestamp;

use super::OddityKind;
use crate::eastern::{self, Zone};

/// Longest stamp that is kept for comparison; NYISO's have 16 or 19 bytes.
const KEPT: usize = 24;

/// Reads stamps, and remembers the last one.
#[derive(Default)]
pub(super) struct StampReader {
    stamp: [u8; KEPT],
    stamp_len: usize,
    zone: [u8; 3],
    /// The date of the last stamp: its ten bytes, and what they mean.
    date: Option<([u8; 10], NaiveDate)>,
    /// An hour (since 1970) and the zone that the calendar has then: clocks change on the hour.
    calendar: Option<(i64, Zone)>,
    contradicts: bool,
}

impl StampReader {
    /// The stamp and zone of the row before, byte for byte.
    pub(super) fn is_same(&self, stamp: &[u8], zone: &[u8]) -> bool {
        self.stamp_len > 0 && &self.stamp[..self.stamp_len] == stamp && self.zone == zone
    }

    /// The instant that `stamp` and `zone` mean.
    ///
    /// # Errors
    /// [`OddityKind::Stamp`] or [`OddityKind::Zone`]: which of the two it is that cannot be read.
    pub(super) fn read(&mut self, stamp: &[u8], zone: &[u8]) -> Result<Timestamp, OddityKind> {
        self.stamp_len = 0;
        let wall = self.wall_clock(stamp).ok_or(OddityKind::Stamp)?;
        let known = Zone::from_word(zone.trim_ascii()).ok_or(OddityKind::Zone)?;
        let ts = eastern::to_utc(wall, known);
        self.contradicts = self.calendar_zone(ts) != known;
        if let (1..=KEPT, Ok(zone)) = (stamp.len(), zone.try_into()) {
            self.stamp[..stamp.len()].copy_from_slice(stamp);
            self.stamp_len = stamp.len();
            self.zone = zone;
        }
        Ok(ts)
    }

    /// The zone of the last stamp is not the one that New York had or will have then.
    pub(super) fn contradicts_calendar(&self) -> bool {
        self.contradicts
    }

    fn calendar_zone(&mut self, ts: Timestamp) -> Zone {
        let hour = ts.timestamp().div_euclid(3600);
        match self.calendar {
            Some((known, zone)) if known == hour => zone,
            _ => {
                let zone = eastern::zone_at(ts);
                self.calendar = Some((hour, zone));
                zone
            }
        }
    }

    fn wall_clock(&mut self, stamp: &[u8]) -> Option<NaiveDateTime> {
        let fixed = match stamp {
            [date @ .., b' ', h1, h2, b':', m1, m2, b':', s1, s2] if date.len() == 10 => {
                Some((date, [*h1, *h2], [*m1, *m2], [*s1, *s2]))
            }
            [date @ .., b' ', h1, h2, b':', m1, m2] if date.len() == 10 => {
                Some((date, [*h1, *h2], [*m1, *m2], *b"00"))
            }
            _ => None,
        };
        let Some((date, hour, minute, second)) = fixed else { return lenient(stamp) };
        let date = self.date(date.try_into().ok()?)?;
        date.and_hms_opt(two_digits(hour)?, two_digits(minute)?, two_digits(second)?)
    }

    fn date(&mut self, text: [u8; 10]) -> Option<NaiveDate> {
        if let Some((known, date)) = self.date
            && known == text
        {
            return Some(date);
        }
        let [m1, m2, b'/', d1, d2, b'/', y1, y2, y3, y4] = text else { return None };
        let year = 100 * two_digits([y1, y2])? + two_digits([y3, y4])?;
        let date = believed(year, two_digits([m1, m2])?, two_digits([d1, d2])?)?;
        self.date = Some((text, date));
        Some(date)
    }
}

/// `1/5/2016 3:05`, with blanks around: what a spreadsheet makes of NYISO's stamps.
#[cold]
fn lenient(stamp: &[u8]) -> Option<NaiveDateTime> {
    fn numbers<const N: usize>(text: &str, separator: char) -> Option<[u32; N]> {
        let parts: Vec<u32> = text
            .split(separator)
            .map(|part| {
                let digits =
                    (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
                digits.then(|| part.parse().ok())?
            })
            .collect::<Option<_>>()?;
        parts.try_into().ok()
    }
    let (date, time) = std::str::from_utf8(stamp).ok()?.trim().split_once(' ')?;
    let [month, day, year] = numbers(date, '/')?;
    let time = time.trim_start();
    // One digit of a minute is what a cut-off file leaves of two.
    if time.split(':').skip(1).any(|part| part.len() != 2) {
        return None;
    }
    let [hour, minute, second] = match numbers::<2>(time, ':') {
        Some([hour, minute]) => [hour, minute, 0],
        None => numbers(time, ':')?,
    };
    believed(year, month, day)?.and_hms_opt(hour, minute, second)
}

/// The feed begins in 2015; a year far from it is a damaged stamp.
fn believed(year: u32, month: u32, day: u32) -> Option<NaiveDate> {
    let year = (2000..2200).contains(&year).then_some(year)?;
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

fn two_digits([tens, ones]: [u8; 2]) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| u32::from(10 * tens + ones))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stamp: &str, zone: &str, expected: Result<&str, OddityKind>) {
        let mut reader = StampReader::default();
        for _ in 0..2 {
            let read = reader
                .read(stamp.as_bytes(), zone.as_bytes())
                .map(|ts| ts.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
            assert_eq!(read.as_deref().map_err(|kind| *kind), expected, "{stamp} {zone}");
        }
    }

    #[test]
    fn reads_both_formats() {
        check("01/24/2016 23:55", "EST", Ok("2016-01-25T04:55:00Z"));
        check("01/25/2016 00:05:00", "EST", Ok("2016-01-25T05:05:00Z"));
        check("07/04/2026 00:07:34", "EDT", Ok("2026-07-04T04:07:34Z"));
    }

    #[test]
    fn reads_what_a_spreadsheet_leaves() {
        check("7/4/2026 0:05", "EDT", Ok("2026-07-04T04:05:00Z"));
        check(" 07/04/2026  00:05:00 ", "EDT ", Ok("2026-07-04T04:05:00Z"));
    }

    #[test]
    fn refuses_what_is_no_time() {
        for stamp in [
            "",
            "03/10/20",
            "03/10/2026",
            "03/10/2026 00:0",
            "13/10/2026 00:05:00",
            "02/30/2026 00:05:00",
            "03/10/2026 24:00:00",
            "03/10/2026 00:60:00",
            "03/10/2026 00:00:60",
            "03/10/1026 00:05:00",
            "2026-03-10 00:05:00",
            "03/10/2026 00:05:00.5",
            "03/10/2026 00:05 AM",
            "3/10/+2026 0:05",
        ] {
            check(stamp, "EST", Err(OddityKind::Stamp));
        }
        check("03/10/2026 00:05:00", "PST", Err(OddityKind::Zone));
        check("03/10/2026 00:05:00", "", Err(OddityKind::Zone));
    }

    #[test]
    fn remembers_only_what_it_could_read() {
        let mut reader = StampReader::default();
        assert!(!reader.is_same(b"", b"\0\0\0"));
        reader.read(b"03/10/2026 00:05:00", b"EDT").unwrap();
        assert!(reader.is_same(b"03/10/2026 00:05:00", b"EDT"));
        assert!(!reader.is_same(b"03/10/2026 00:05:00", b"EST"));
        reader.read(b"03/10/2026 00:99:00", b"EDT").unwrap_err();
        assert!(!reader.is_same(b"03/10/2026 00:99:00", b"EDT"));
        assert!(!reader.is_same(b"03/10/2026 00:05:00", b"EDT"));
    }

    #[test]
    fn notices_a_zone_that_the_calendar_does_not_have() {
        let mut reader = StampReader::default();
        for (stamp, zone, contradicts) in [
            ("07/04/2026 12:00:00", "EDT", false),
            ("07/04/2026 12:00:00", "EST", true),
            ("01/04/2026 12:00:00", "EDT", true),
            ("11/01/2026 01:30:00", "EDT", false),
            ("11/01/2026 01:30:00", "EST", false),
            ("11/01/2026 02:30:00", "EDT", true),
            ("03/08/2026 02:30:00", "EST", true),
        ] {
            reader.read(stamp.as_bytes(), zone.as_bytes()).unwrap();
            assert_eq!(reader.contradicts_calendar(), contradicts, "{stamp} {zone}");
        }
    }
}
