//! Every fact of the format has a file here that shows it: headers, stamps, line ends, clock changes.

use domain::Timestamp;
use domain::fuel_mix::{Fuel, FuelMix};
use nyiso::fuel_mix::{FuelMixFile, OddityKind, interval_s, parse, render};

pub const TODAY: &str = "Time Stamp,Time Zone,Fuel Category,Gen MW";

/// A file in today's format: CRLF, no line end after the last row.
pub fn file(header: &str, rows: &[String]) -> Vec<u8> {
    [header.to_owned()].iter().chain(rows).cloned().collect::<Vec<_>>().join("\r\n").into_bytes()
}

/// The seven rows of an instant; the value of a fuel is `base` plus its place in the file.
pub fn seven(stamp: &str, zone: &str, base: u32) -> Vec<String> {
    Fuel::ALL
        .iter()
        .zip(base..)
        .map(|(fuel, value)| format!("{stamp},{zone},{},{value}.0", fuel.name()))
        .collect()
}

/// Several instants.
pub fn instants(of: &[(&str, &str, u32)]) -> Vec<String> {
    of.iter().flat_map(|(stamp, zone, base)| seven(stamp, zone, *base)).collect()
}

pub fn utc(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Each instant as `HH:MM:SS Dual-Fuel-value`, with `?` where it is not complete.
pub fn draw(file: &FuelMixFile) -> String {
    let one = |mix: &FuelMix| {
        let dual = mix.get(Fuel::DualFuel).map_or("-".to_owned(), |mw| mw.value().to_string());
        let mark = if mix.is_complete() { "" } else { "?" };
        format!("{} {dual}{mark}", mix.ts.format("%H:%M:%S"))
    };
    file.mixes.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[track_caller]
pub fn read(bytes: &[u8]) -> FuelMixFile {
    parse(bytes).unwrap()
}

/// Reads without a remark, and is drawn like this.
#[track_caller]
fn check(bytes: &[u8], expected: &str) {
    let file = read(bytes);
    assert_eq!(file.oddities, []);
    assert_eq!(draw(&file), expected);
}

#[test]
fn todays_format() {
    let rows =
        instants(&[("03/10/2026 00:05:00", "EDT", 1000), ("03/10/2026 00:10:00", "EDT", 2000)]);
    let bytes = file(TODAY, &rows);
    check(&bytes, "04:05:00 1000, 04:10:00 2000");
    let mix = &read(&bytes).mixes[0];
    assert_eq!(mix.ts, utc("2026-03-10T04:05:00Z"), "the stamp is the interval end, in UTC");
    assert_eq!(mix.get(Fuel::Hydro).unwrap().value(), 1006.0);
    assert_eq!(mix.total(), 7021.0);
}

#[test]
fn the_format_of_2015_with_minutes_only_and_hydro_second() {
    let order = [
        "Dual Fuel",
        "Hydro",
        "Natural Gas",
        "Nuclear",
        "Other Fossil Fuels",
        "Other Renewables",
        "Wind",
    ];
    let rows: Vec<String> = order
        .iter()
        .zip(0..)
        .map(|(fuel, n)| format!("12/09/2015 00:05,EST,{fuel},28{n}.0"))
        .collect();
    let file = read(&file("Time Stamp,Time Zone,Fuel Category,Gen MWh", &rows));
    assert_eq!(draw(&file), "05:05:00 280");
    assert_eq!(file.mixes[0].get(Fuel::Hydro).unwrap().value(), 281.0);
    assert_eq!(file.mixes[0].get(Fuel::Wind).unwrap().value(), 286.0);
}

#[test]
fn columns_are_found_by_name_in_any_order() {
    let rows: Vec<String> = Fuel::ALL
        .iter()
        .map(|fuel| format!("x,7.0,{},EST,01/05/2016 00:05:00", fuel.name()))
        .collect();
    check(&file("Note,Gen MW,Fuel Category,Time Zone,Time Stamp", &rows), "05:05:00 7");
    check(&file("note, GEN MWH ,fuel category,time zone,time stamp", &rows), "05:05:00 7");
}

#[test]
fn line_ends_blank_lines_quotes_and_byte_order_marks_do_not_matter() {
    let rows = seven("03/10/2026 00:05:00", "EDT", 100);
    let plain = String::from_utf8(file(TODAY, &rows)).unwrap();
    let expected = "04:05:00 100";
    check(plain.replace("\r\n", "\n").as_bytes(), expected);
    check(format!("{plain}\r\n").as_bytes(), expected);
    check(format!("{}\n", plain.replace("\r\n", "\n")).as_bytes(), expected);
    check(plain.replace("\r\n", "\r\n\r\n").as_bytes(), expected);
    check(format!("\r\n{plain}\r\n\r\n").as_bytes(), expected);
    check(format!("\u{feff}{plain}").as_bytes(), expected);
    let quoted = plain
        .split("\r\n")
        .map(|line| {
            line.split(',').map(|field| format!("\"{field}\"")).collect::<Vec<_>>().join(",")
        })
        .collect::<Vec<_>>()
        .join("\r\n");
    check(quoted.as_bytes(), expected);
    check(format!("\u{feff}{quoted}").as_bytes(), expected);
}

#[test]
fn a_new_day_has_a_header_and_nothing_else() {
    for bytes in [TODAY.to_owned(), format!("{TODAY}\r\n")] {
        assert_eq!(read(bytes.as_bytes()), FuelMixFile::default());
    }
}

/// The hour that comes twice: 01:00 to 01:55 EDT, then 01:00 to 01:55 EST.
#[test]
fn autumn_is_told_apart_by_the_zone_column_only() {
    let mut rows = Vec::new();
    let mut base = 0;
    for (hour, zone) in [(0, "EDT"), (1, "EDT"), (1, "EST"), (2, "EST")] {
        for minute in (0..60).step_by(5) {
            base += 10;
            rows.extend(seven(&format!("11/01/2026 {hour:02}:{minute:02}:00"), zone, base));
        }
    }
    let file = read(&file(TODAY, &rows));
    assert_eq!(file.oddities, []);
    assert_eq!(file.mixes.len(), 48);
    assert!(file.mixes.windows(2).all(|pair| interval_s(Some(pair[0].ts), pair[1].ts) == 300));
    assert_eq!(file.mixes[0].ts, utc("2026-11-01T04:00:00Z"));
    assert_eq!(file.mixes[47].ts, utc("2026-11-01T07:55:00Z"));
    let dual: Vec<f64> =
        file.mixes.iter().map(|mix| mix.get(Fuel::DualFuel).unwrap().value()).collect();
    let as_written: Vec<f64> = (1..=48).map(|n| f64::from(10 * n)).collect();
    assert_eq!(dual, as_written, "no hour merged, swapped or averaged");
}

/// An off-grid stamp of the second hour has no twin in the first.
#[test]
fn an_off_grid_stamp_in_the_repeated_hour_occurs_once() {
    let rows = instants(&[
        ("11/01/2026 01:55:00", "EDT", 1),
        ("11/01/2026 01:07:34", "EST", 2),
        ("11/01/2026 01:10:00", "EST", 3),
    ]);
    check(&file(TODAY, &rows), "05:55:00 1, 06:07:34 2, 06:10:00 3");
}

#[test]
fn spring_leaves_an_hour_out_and_no_interval() {
    let rows = instants(&[("03/08/2026 01:55:00", "EST", 1), ("03/08/2026 03:00:00", "EDT", 2)]);
    let bytes = file(TODAY, &rows);
    check(&bytes, "06:55:00 1, 07:00:00 2");
    let mixes = read(&bytes).mixes;
    assert_eq!(interval_s(Some(mixes[0].ts), mixes[1].ts), 300);
}

#[test]
fn the_last_row_is_the_midnight_of_the_next_date() {
    let rows = instants(&[("03/10/2026 23:55:00", "EDT", 1), ("03/11/2026 00:00:00", "EDT", 2)]);
    let mixes = read(&file(TODAY, &rows)).mixes;
    let midnight = mixes[1].ts;
    assert_eq!(midnight, nyiso::eastern::midnight("2026-03-11".parse().unwrap()));
    assert_eq!(nyiso::eastern::day_of(midnight), "2026-03-11".parse().unwrap());
    assert_eq!(nyiso::eastern::file_day(midnight), "2026-03-10".parse().unwrap());
}

/// A string sort of `MM/DD/YYYY` says that December is newer.
#[test]
fn new_year_is_the_newest() {
    let rows = instants(&[("12/31/2025 23:55:00", "EST", 1), ("01/01/2026 00:00:00", "EST", 2)]);
    check(&file(TODAY, &rows), "04:55:00 1, 05:00:00 2");
}

#[test]
fn off_grid_stamps_and_two_snapshots_in_a_minute_are_instants_of_their_own() {
    let rows = instants(&[
        ("03/10/2026 15:30:00", "EDT", 1),
        ("03/10/2026 15:35:00", "EDT", 2),
        ("03/10/2026 15:35:22", "EDT", 3),
        ("03/10/2026 15:37:34", "EDT", 4),
    ]);
    let bytes = file(TODAY, &rows);
    check(&bytes, "19:30:00 1, 19:35:00 2, 19:35:22 3, 19:37:34 4");
    let mixes = read(&bytes).mixes;
    let mut previous = None;
    let lengths: Vec<u32> =
        mixes.iter().map(|mix| interval_s(previous.replace(mix.ts), mix.ts)).collect();
    assert_eq!(lengths, [300, 300, 22, 132]);
}

#[test]
fn interval_lengths() {
    let check = |previous: Option<&str>, expected: u32| {
        let ts = utc("2026-03-10T12:00:00Z");
        assert_eq!(interval_s(previous.map(utc), ts), expected, "{previous:?}");
    };
    check(None, 300);
    check(Some("2026-03-10T11:59:59Z"), 1);
    check(Some("2026-03-10T11:45:00Z"), 900);
    check(Some("2026-03-10T06:00:00Z"), 21_600);
    check(Some("2026-03-10T05:59:59Z"), 300);
    check(Some("2026-03-10T12:00:00Z"), 300);
    check(Some("2026-03-10T12:05:00Z"), 300);
}

#[test]
fn what_is_rendered_reads_back() {
    let rows = instants(&[
        ("11/01/2026 01:55:00", "EDT", 1),
        ("11/01/2026 01:00:00", "EST", 2),
        ("11/02/2026 00:00:00", "EST", 3),
    ]);
    let bytes = file(TODAY, &rows);
    assert_eq!(render(&read(&bytes).mixes), bytes);
}

#[test]
fn a_genuine_step_is_no_oddity() {
    let rows =
        instants(&[("03/10/2026 15:30:00", "EDT", 3000), ("03/10/2026 15:33:00", "EDT", 1992)]);
    check(&file(TODAY, &rows), "19:30:00 3000, 19:33:00 1992");
    let none: Vec<OddityKind> = Vec::new();
    let kinds: Vec<_> = read(&file(TODAY, &rows)).oddities.iter().map(|o| o.kind).collect();
    assert_eq!(kinds, none);
}
