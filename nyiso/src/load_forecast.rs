//! Load forecast (P-7): one file a day, hourly loads of the eleven zones and the state for six days.
//!
//! Stamps mark the hour's START on the Eastern wall clock, without a zone column: in the autumn hour
//! that comes twice the order of the rows tells which is meant. A usual file has 144 rows, 143 where it
//! spans the spring change, 145 where it spans autumn's; some have 120.

use std::borrow::Cow;

use chrono::{Days, NaiveDate, NaiveTime, TimeDelta};
use csv::ByteRecord;
use domain::Timestamp;
use domain::forecast::Hour;
use domain::forecast::load::{COLUMNS, LoadForecast, Loads};

use crate::eastern::{self, Zone};
use crate::local_time::{self, SeriesClock, Step};

/// The columns after the time stamp, in the order in which they are given on.
pub const NAMES: [&str; COLUMNS] = [
    "Capitl", "Centrl", "Dunwod", "Genese", "Hud Vl", "Longil", "Mhk Vl", "Millwd", "N.Y.C.",
    "North", "West", "NYISO",
];

/// Loads that are believed, MW. The state has peaked at 33,956 MW.
pub const BELIEVED_MW: std::ops::RangeInclusive<f32> = -5_000.0..=60_000.0;

/// Most rows that are believed; six days have 145.
const MAX_ROWS: usize = 1_000;

/// What a load forecast file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadForecastFile {
    /// The Eastern date of its first row, which is the date in its name.
    pub day: NaiveDate,
    /// Start of the hour and loads in MW, ascending, one an hour; where a stamp comes again outside of
    /// autumn the last row wins.
    pub hours: Vec<(Timestamp, Loads)>,
    /// Rows that could not be read (line of the file and reason); they are left out.
    pub oddities: Vec<(u64, String)>,
}

/// Why a load forecast could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum LoadForecastError {
    /// The format changed, or this is another file.
    #[error("no column {name:?}; the header is {header:?}")]
    NoColumn {
        /// The column that was looked for.
        name: &'static str,
        /// What the first line says.
        header: String,
    },
    /// A header and no row that could be read below it.
    #[error("no row can be read{}", first.as_ref().map(|reason| format!("; the first: {reason}")).unwrap_or_default())]
    NoRows {
        /// What was wrong with the first row.
        first: Option<String>,
    },
    /// More rows than six days have hours.
    #[error("more than {MAX_ROWS} rows: this is no load forecast")]
    TooManyRows,
    /// The CSV reader gave up.
    #[error("not a CSV file")]
    Csv(#[from] csv::Error),
}

/// Reads a file of the load forecast.
///
/// # Errors
/// [`LoadForecastError`] when a column is missing or no row can be read; a column is never guessed.
pub fn parse(file: &[u8]) -> Result<LoadForecastFile, LoadForecastError> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
    let mut record = ByteRecord::new();
    reader.read_byte_record(&mut record)?;
    let find = |name: &'static str| {
        record.iter().position(|field| field.trim_ascii() == name.as_bytes()).ok_or_else(|| {
            let header: Vec<Cow<'_, str>> = record.iter().map(String::from_utf8_lossy).collect();
            let header: String = header.join(",").chars().take(120).collect();
            LoadForecastError::NoColumn { name, header }
        })
    };
    let stamp = find("Time Stamp")?;
    let mut columns = [0; COLUMNS];
    for (column, name) in columns.iter_mut().zip(NAMES) {
        *column = find(name)?;
    }

    let mut clock = SeriesClock::new(Step::Hourly);
    let mut hours: Vec<(Timestamp, Loads)> = Vec::new();
    let mut oddities = Vec::new();
    while reader.read_byte_record(&mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        if hours.len() + oddities.len() >= MAX_ROWS {
            return Err(LoadForecastError::TooManyRows);
        }
        match row(&record, stamp, &columns, &mut clock) {
            Ok(row) => hours.push(row),
            Err(reason) => oddities.push((line, reason)),
        }
    }
    let Some((first, _)) = hours.first() else {
        let first =
            oddities.into_iter().next().map(|(line, reason)| format!("line {line}: {reason}"));
        return Err(LoadForecastError::NoRows { first });
    };
    let day = eastern::day_of(*first);
    hours.reverse();
    hours.sort_by_key(|(hour, _)| *hour);
    hours.dedup_by_key(|(hour, _)| *hour);
    Ok(LoadForecastFile { day, hours, oddities })
}

fn row(
    record: &ByteRecord,
    stamp: usize,
    columns: &[usize; COLUMNS],
    clock: &mut SeriesClock,
) -> Result<(Timestamp, Loads), String> {
    let text = |column: usize| String::from_utf8_lossy(record.get(column).unwrap_or_default());
    let stamp = text(stamp);
    let wall = local_time::wall_clock(&stamp)?;
    let hour = clock.read(wall).ok_or_else(|| format!("New York had no {stamp}"))?;
    let mut loads = [0.0; COLUMNS];
    for ((load, column), name) in loads.iter_mut().zip(columns).zip(NAMES) {
        let value = text(*column);
        *load = value
            .trim()
            .parse()
            .ok()
            .filter(|load| BELIEVED_MW.contains(load))
            .ok_or_else(|| format!("{value:?} is no load of {name}"))?;
    }
    Ok((hour, loads))
}

impl LoadForecastFile {
    /// For the forecast model, known from `known_from` on; `None` for a file that spans weeks.
    pub fn known_from(&self, known_from: Timestamp) -> Option<LoadForecast> {
        let hours: Vec<(Hour, Loads)> =
            self.hours.iter().map(|(start, loads)| (Hour::of(*start), *loads)).collect();
        LoadForecast::new(known_from, &hours)
    }
}

/// When the file of `day` counts as posted: 08:30 on the day before, Eastern time. Of 1,583 recorded
/// files 98.5 % were there by 07:15.
pub fn posted_by(day: NaiveDate) -> Timestamp {
    let half_past_eight = NaiveTime::from_hms_opt(8, 30, 0).expect("a time of day");
    let wall = (day - Days::new(1)).and_time(half_past_eight);
    let winter = eastern::to_utc(wall, Zone::Est);
    if eastern::wall_clock(winter).0 == wall { winter } else { winter - TimeDelta::hours(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = concat!(
        r#""Time Stamp","Capitl","Centrl","Dunwod","Genese","Hud Vl","Longil","Mhk Vl","Millwd","#,
        r#""N.Y.C.","North","West","NYISO""#
    );

    fn file(stamps: &[&str]) -> String {
        let rows = stamps.iter().enumerate().map(|(row, stamp)| {
            format!(
                "\"{stamp}\",1107,1491,505,906,881,1678,607,218,4573,464,1532,{}\n",
                13_000 + row
            )
        });
        format!("{HEADER}\n{}", rows.collect::<String>())
    }

    #[track_caller]
    fn check(stamps: &[&str], utc: &[&str]) {
        let parsed = parse(file(stamps).as_bytes()).unwrap();
        let hours: Vec<String> =
            parsed.hours.iter().map(|(ts, _)| ts.format("%d %H:%M").to_string()).collect();
        assert_eq!(hours, utc);
        assert_eq!(parsed.oddities, []);
    }

    #[test]
    fn the_autumn_hour_goes_by_order() {
        check(
            &["11/02/2025 00:00", "11/02/2025 01:00", "11/02/2025 01:00", "11/02/2025 02:00"],
            &["02 04:00", "02 05:00", "02 06:00", "02 07:00"],
        );
    }

    #[test]
    fn spring_leaves_an_hour_out() {
        check(
            &["03/12/2017 01:00", "03/12/2017 03:00", "03/12/2017 04:00"],
            &["12 06:00", "12 07:00", "12 08:00"],
        );
    }

    #[test]
    fn zones_and_state_keep_their_columns_whatever_their_order() {
        let parsed = parse(file(&["11/22/2017 00:00"]).as_bytes()).unwrap();
        assert_eq!(parsed.day, "2017-11-22".parse().unwrap());
        let (_, loads) = parsed.hours[0];
        assert_eq!((loads[0], loads[8], loads[11]), (1107.0, 4573.0, 13_000.0));
        let moved = concat!(
            "NYISO,Time Stamp,Capitl,Centrl,Dunwod,Genese,Hud Vl,Longil,Mhk Vl,Millwd,N.Y.C.,North,",
            "West,New\r\n9,11/22/2017 00:00:00,1,2,3,4,5,6,7,8,10,11,12,13"
        );
        let (_, loads) = parse(moved.as_bytes()).unwrap().hours[0];
        assert_eq!(loads, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 11.0, 12.0, 9.0]);
    }

    #[test]
    fn a_bad_row_is_left_out_and_named() {
        let mut text = file(&["11/22/2017 00:00", "03/12/2017 02:00", "11/22/2017 01:00", "noon"]);
        text.push_str("\"11/22/2017 02:00\",1107,,505,906,881,1678,607,218,4573,464,1532,1\n");
        text.push_str("\"11/22/2017 03:00\",1107,1e9,505,906,881,1678,607,218,4573,464,1532,1\n");
        text.push_str("\"11/22/2017 04:00\",1107");
        let parsed = parse(text.as_bytes()).unwrap();
        assert_eq!(parsed.hours.len(), 2);
        let reasons: Vec<String> =
            parsed.oddities.iter().map(|(line, reason)| format!("{line}: {reason}")).collect();
        assert_eq!(
            reasons,
            [
                "3: New York had no 03/12/2017 02:00",
                "5: \"noon\" is no time",
                "6: \"\" is no load of Centrl",
                "7: \"1e9\" is no load of Centrl",
                "8: \"\" is no load of Centrl",
            ]
        );
    }

    #[test]
    fn what_is_no_load_forecast_is_refused() {
        let check = |file: &str, expected: &str| {
            let error = parse(file.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("", "no column \"Time Stamp\"");
        check("<html>sorry</html>", "<html>sorry</html>");
        check(&HEADER.replace("NYISO", "Total"), "no column \"NYISO\"");
        check(HEADER, "no row can be read");
        check(&format!("{HEADER}\nx,1,1,1,1,1,1,1,1,1,1,1,1\n"), "line 2: \"x\" is no time");
        check(&file(&["11/22/2017 00:00"; 1_001]), "more than 1000 rows");
    }

    #[test]
    fn a_file_counts_as_known_from_half_past_eight_the_day_before() {
        let check = |day: &str, utc: &str| {
            assert_eq!(posted_by(day.parse().unwrap()), utc.parse::<Timestamp>().unwrap(), "{day}");
        };
        check("2019-01-15", "2019-01-14T13:30:00Z");
        check("2019-07-15", "2019-07-14T12:30:00Z");
        check("2019-03-11", "2019-03-10T12:30:00Z");
        check("2019-11-04", "2019-11-03T13:30:00Z");
    }
}
