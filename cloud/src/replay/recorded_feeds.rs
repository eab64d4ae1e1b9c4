//! Recorded files of the feeds beside the fuel mix, moved to another date. They have no zone column: which
//! of autumn's two hours a row is of, the order of the rows tells on either side.

use std::collections::HashMap;

use chrono::NaiveDate;
use domain::Timestamp;
use nyiso::eastern::{wall_clock, zone_at};
use nyiso::local_time::SeriesClock;
use nyiso::path::Feed;

use super::day_file::{StampStyle, read_stamp};
use super::posting::{reach, step};
use super::record::DayError;
use super::shift::{Placed, Shift};
use super::source::Loop;

/// The file of `day` as it is at `now`, `shift` after the record. `None` where the record lacks it, and at a
/// shift of another time of day: hours would not be hours any more.
///
/// # Errors
/// [`DayError`] when a recorded file cannot be read.
pub(super) fn file(
    recorded: &Loop,
    shift: Shift,
    feed: Feed,
    day: NaiveDate,
    now: Timestamp,
) -> Result<Option<Vec<u8>>, DayError> {
    if shift.0.num_seconds() % 86_400 != 0 {
        return Ok(None);
    }
    let source_day = day - shift.0;
    let back = recorded.rounds_back(source_day);
    let Some(bytes) = recorded.record.read_other(feed, source_day - back)? else {
        return Ok(None);
    };
    Ok(moved(&bytes, feed, Shift(shift.0 + back), reach(feed, now)))
}

/// The rows of `file` moved by `shift`, up to the stamp `until`; `None` when there is none. All but the stamps
/// stays byte for byte.
fn moved(file: &[u8], feed: Feed, shift: Shift, until: Timestamp) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(file);
    let (header, rows) = text.split_once('\n')?;
    let mut clocks: HashMap<&str, SeriesClock> = HashMap::new();
    let mut placed: Vec<(Placed, StampStyle, &str, &str)> = Vec::new();
    for row in rows.split_inclusive('\n') {
        let Some((stamp, rest)) = row.split_once(',') else { continue };
        let bare = stamp.trim_matches(['"', ' ']);
        let Some((wall, style)) = read_stamp(bare) else { continue };
        // A load forecast is one series; elsewhere the field after the stamp names zone or interface.
        let series = match feed {
            Feed::LoadForecast => "",
            _ => rest.split(',').next().unwrap_or_default(),
        };
        let clock = clocks.entry(series).or_insert_with(|| SeriesClock::new(step(feed)));
        let Some(ts) = clock.read(wall) else { continue };
        let quote = if stamp.starts_with('"') { "\"" } else { "" };
        let places = shift.places(wall, zone_at(ts)).filter(|placed| placed.ts <= until);
        placed.extend(places.map(|place| (place, style, quote, rest)));
    }
    if placed.is_empty() {
        return None;
    }
    // Rows of an instant stay in the order of the file.
    placed.sort_by_key(|(place, ..)| place.ts);
    let end = if header.ends_with('\r') { "\r\n" } else { "\n" };
    let mut out = format!("{header}\n");
    for (place, style, quote, rest) in placed {
        debug_assert_eq!(wall_clock(place.ts), (place.wall, place.zone));
        let format = match style {
            StampStyle::Minutes => "%m/%d/%Y %H:%M",
            StampStyle::Seconds => "%m/%d/%Y %H:%M:%S",
        };
        let rest = rest.trim_end_matches(['\r', '\n']);
        out.push_str(&format!("{quote}{}{quote},{rest}{end}", place.wall.format(format)));
    }
    Some(out.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    const HEADER: &str = "\"Time Stamp\",\"Name\",\"PTID\",\"LBMP ($/MWHr)\"";

    /// Prices of `from`, moved to `to`, without the header and what follows the zone's name.
    #[track_caller]
    fn check(from: &str, times: &[&str], to: &str, expected: &[&str]) {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let stamp = day(from).format("%m/%d/%Y");
        let rows: String = times
            .iter()
            .flat_map(|time| ["WEST", "N.Y.C."].map(|zone| (time, zone)))
            .map(|(time, zone)| format!("\"{stamp} {time}\",\"{zone}\",1,2.5\r\n"))
            .collect();
        let file = format!("{HEADER}\r\n{rows}");
        let shift = Shift(day(to) - day(from));
        let moved = moved(file.as_bytes(), Feed::DayAheadPrice, shift, Timestamp::MAX_UTC).unwrap();
        let text = String::from_utf8(moved).unwrap();
        let found: Vec<String> = text
            .lines()
            .skip(1)
            .map(|row| {
                assert!(row.starts_with(&format!("\"{}", day(to).format("%m/%d/%Y "))), "{row}");
                assert!(row.ends_with(",1,2.5"), "{row}");
                format!("{} {}", &row[12..17], &row[20..21])
            })
            .collect();
        let both = expected.iter().flat_map(|time| [format!("{time} W"), format!("{time} N")]);
        assert_eq!(found, both.collect::<Vec<_>>());
    }

    #[test]
    fn the_date_moves_and_nothing_else() {
        let hours = ["00:00", "01:00", "02:00", "03:00"];
        check("2017-11-22", &hours, "2026-07-08", &hours);
    }

    #[test]
    fn clock_changes_are_as_nyisos_are() {
        let (plain, autumn, spring) = (
            ["00:00", "01:00", "02:00", "03:00"],
            ["00:00", "01:00", "01:00", "02:00", "03:00"],
            ["00:00", "01:00", "03:00"],
        );
        check("2017-11-22", &plain, "2026-11-01", &autumn);
        check("2025-11-02", &autumn, "2026-07-08", &plain);
        check("2025-11-02", &autumn, "2026-11-01", &autumn);
        check("2017-11-22", &plain, "2026-03-08", &spring);
        check("2022-03-13", &spring, "2026-07-08", &plain);
    }

    #[test]
    fn nothing_of_the_future_is_shown() {
        let file =
            b"Timestamp,Interface Name,Point ID\n07/01/2025 00:00,A,1\n07/01/2025 00:05,A,1\n";
        let until = |until: &str| {
            let until = until.parse().unwrap();
            moved(file, Feed::InterfaceFlows, Shift(TimeDelta::days(365)), until)
        };
        let text = String::from_utf8(until("2026-07-01T04:04:00Z").unwrap()).unwrap();
        assert_eq!(text, "Timestamp,Interface Name,Point ID\n07/01/2026 00:00,A,1\n");
        assert_eq!(until("2026-07-01T03:59:00Z"), None);
    }
}
