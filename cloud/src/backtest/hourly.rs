//! Hourly means of the fuel mix as AndersonEnergyLab-Cornell/NYgrid keeps them: naive Eastern hour
//! starts, the time-zone column lost.
//!
//! On the autumn day the hour 01 is the mean of both, so that both take it; in spring the hour 02 is an
//! invention and is left out.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use chrono::NaiveDateTime;
use domain::forecast::Hour;
use domain::fuel_mix::Fuel;
use nyiso::eastern::{self, Zone};
use nyiso::gzip;

/// Most bytes that a file may unfold to; ten years are 30 MB.
const MAX_BYTES: usize = 256 << 20;

/// Mean MW of each fuel by hour; only hours with all seven.
///
/// # Errors
/// When it is no such file. It is refused whole: half a file would look like a hole in the record.
pub fn parse(file: &[u8]) -> anyhow::Result<BTreeMap<Hour, [f64; Fuel::COUNT]>> {
    let text = gzip::inflate(file, MAX_BYTES)?;
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let header = reader.headers()?.clone();
    ensure!(
        header.iter().eq(["TimeStamp", "FuelCategory", "GenMW"]),
        "the header is {header:?}, not TimeStamp,FuelCategory,GenMW"
    );
    let mut walls: BTreeMap<NaiveDateTime, [f64; Fuel::COUNT]> = BTreeMap::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let [stamp, fuel, power] = [0, 1, 2].map(|column| record.get(column).unwrap_or_default());
        let wall = NaiveDateTime::parse_from_str(stamp, "%Y-%m-%dT%H:%M")
            .with_context(|| format!("line {line}: {stamp:?} is no time"))?;
        let Some(fuel) = Fuel::from_name(fuel) else {
            bail!("line {line}: no fuel category {fuel:?}")
        };
        let power: f64 =
            power.parse().with_context(|| format!("line {line}: {power:?} is no number of MW"))?;
        walls.entry(wall).or_insert([f64::NAN; Fuel::COUNT])[fuel.index()] = power;
    }
    let mut hours = BTreeMap::new();
    for (wall, fuels) in walls {
        if fuels.iter().all(|power| power.is_finite()) {
            for zone in [Zone::Edt, Zone::Est] {
                let start = eastern::to_utc(wall, zone);
                if eastern::wall_clock(start).0 == wall {
                    hours.insert(Hour::of(start), fuels);
                }
            }
        }
    }
    Ok(hours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use std::io::Write;

    fn packed(rows: &[&str]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writeln!(encoder, "TimeStamp,FuelCategory,GenMW").unwrap();
        for stamp in rows {
            for fuel in Fuel::ALL {
                writeln!(encoder, "{stamp},{},{}", fuel.name(), 100.5).unwrap();
            }
        }
        encoder.finish().unwrap()
    }

    #[track_caller]
    fn check(rows: &[&str], utc: &[&str]) {
        let hours: Vec<Hour> = parse(&packed(rows)).unwrap().into_keys().collect();
        let expected: Vec<Hour> =
            utc.iter().map(|ts| Hour::of(ts.parse::<Timestamp>().unwrap())).collect();
        assert_eq!(hours, expected);
    }

    #[test]
    fn stamps_are_hour_starts_on_the_wall_clock() {
        check(
            &["2016-01-01T00:00", "2016-07-01T23:00"],
            &["2016-01-01T05:00:00Z", "2016-07-02T03:00:00Z"],
        );
    }

    #[test]
    fn both_autumn_hours_take_their_mean_and_the_spring_hour_is_no_hour() {
        check(&["2016-11-06T01:00"], &["2016-11-06T05:00:00Z", "2016-11-06T06:00:00Z"]);
        check(&["2017-03-12T02:00"], &[]);
    }

    #[test]
    fn another_file_is_refused_with_its_line() {
        let check = |body: &str, expected: &str| {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(body.as_bytes()).unwrap();
            let error = format!("{:#}", parse(&encoder.finish().unwrap()).unwrap_err());
            assert!(error.contains(expected), "{error}");
        };
        check("a,b\n1,2\n", "not TimeStamp,FuelCategory,GenMW");
        check("TimeStamp,FuelCategory,GenMW\nnoon,Wind,1\n", "line 2: \"noon\"");
        check(
            "TimeStamp,FuelCategory,GenMW\n2016-01-01T00:00,Coal,1\n",
            "line 2: no fuel category \"Coal\"",
        );
        check("TimeStamp,FuelCategory,GenMW\n2016-01-01T00:00,Wind,-\n", "line 2: \"-\"");
        assert!(parse(b"plain").is_err());
    }
}
