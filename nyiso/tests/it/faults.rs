//! Every fault that the feed or the way to it has shown, and the reading of it that is safe.

use domain::carbon::average_intensity;
use domain::factors::FactorSetName;
use domain::fuel_mix::Fuel;
use nyiso::fuel_mix::{FuelMixError, MAX_ODDITIES, Oddity, OddityKind, parse};

use crate::formats::{TODAY, draw, file, instants, read, seven, utc};

/// Is read like this, with these remarks.
#[track_caller]
fn check(bytes: &[u8], expected: &str, oddities: &[(Option<u64>, OddityKind, &str)]) {
    let file = read(bytes);
    assert_eq!(draw(&file), expected);
    let expected: Vec<Oddity> = oddities
        .iter()
        .map(|(line, kind, value)| Oddity { line: *line, kind: *kind, value: (*value).to_owned() })
        .collect();
    assert_eq!(file.oddities, expected);
    assert_eq!(file.more_oddities, 0);
}

fn two_instants() -> Vec<String> {
    instants(&[("03/10/2026 00:05:00", "EDT", 2000), ("03/10/2026 00:10:00", "EDT", 3000)])
}

#[test]
fn a_header_without_generation_fails_loudly() {
    #[track_caller]
    fn check(header: &str, expected: &str) {
        let error = parse(header.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, expected);
    }
    check(
        "Time Stamp,Time Zone,Fuel Category,Gen kW",
        "no column \"Gen MW (or Gen MWh)\"; the header is \"Time Stamp,Time Zone,Fuel Category,Gen kW\"",
    );
    check(
        "\"Time Stamp\",\"Name\",\"PTID\",\"Load\"\r\n",
        "no column \"Time Zone\"; the header is \"Time Stamp,Name,PTID,Load\"",
    );
    check(
        "03/10/2026 00:05:00,EDT,Wind,22.0",
        "no column \"Time Stamp\"; the header is \"03/10/2026 00:05:00,EDT,Wind,22.0\"",
    );
    check("", "the file is empty: not even a header");
    check("\r\n\r\n", "the file is empty: not even a header");
}

#[test]
fn a_web_page_with_status_200_is_no_file() {
    for page in [
        "<!DOCTYPE html>\r\n<html><head><title>503</title></head></html>",
        "\u{feff}<html>",
        "\r\n  <HTML><body>a,b</body></HTML>",
        "<?xml version=\"1.0\"?><Error/>",
    ] {
        assert!(matches!(parse(page.as_bytes()), Err(FuelMixError::Html { .. })), "{page}");
    }
}

#[test]
fn compressed_bytes_are_named_as_such() {
    for bytes in [&b"\x1f\x8b\x08\0\0\0"[..], b"PK\x03\x04\x14\0"] {
        assert!(matches!(parse(bytes), Err(FuelMixError::Compressed)));
    }
}

/// Cut at every byte: what is read is a beginning of the truth, and never another number.
#[test]
fn a_body_that_ends_mid_row_never_becomes_a_wrong_number() {
    let whole = file(TODAY, &two_instants());
    let truth = read(&whole).mixes;
    for cut in TODAY.len()..whole.len() {
        let part = read(&whole[..cut]);
        assert!(part.mixes.len() <= truth.len());
        for (read, truth) in part.mixes.iter().zip(&truth) {
            assert_eq!(read.ts, truth.ts, "cut at {cut}");
            for (fuel, power) in read.fuels() {
                assert_eq!(Some(power), truth.get(fuel), "{fuel:?} cut at {cut}");
            }
            assert_eq!(read.unknown(), [], "no half name, cut at {cut}");
        }
        let rows = part.mixes.iter().map(|mix| mix.fuels().count()).sum::<usize>();
        assert_eq!(rows < 14, draw(&part) != "04:05:00 2000, 04:10:00 3000", "cut at {cut}");
    }
    for cut in 0..TODAY.len() {
        assert!(parse(&whole[..cut]).is_err(), "half a header, cut at {cut}");
    }
}

#[test]
fn a_cut_off_row_is_noted_with_its_line() {
    let mut bytes = file(TODAY, &two_instants());
    bytes.truncate(bytes.len() - "06.0".len());
    check(&bytes, "04:05:00 2000, 04:10:00 3000?", &[(Some(15), OddityKind::CutOff, "30")]);
    bytes.truncate(bytes.len() - ",30".len());
    check(
        &bytes,
        "04:05:00 2000, 04:10:00 3000?",
        &[(Some(15), OddityKind::CutOff, "03/10/2026 00:10:00,EDT,Hydro")],
    );
}

#[test]
fn a_value_without_decimals_counts_where_a_line_end_follows() {
    let bytes = String::from_utf8(file(TODAY, &two_instants())).unwrap().replace(".0", "");
    check(format!("{bytes}\r\n").as_bytes(), "04:05:00 2000, 04:10:00 3000", &[]);
    check(
        bytes.as_bytes(),
        "04:05:00 2000, 04:10:00 3000?",
        &[(Some(15), OddityKind::CutOff, "3006")],
    );
}

/// Two runs within a minute, before stamps had seconds.
#[test]
fn of_two_rows_for_one_stamp_and_fuel_the_last_wins() {
    let mut second = seven("12/11/2015 19:05", "EST", 500);
    second[6] = "12/11/2015 19:05,EST,Hydro,106.0".to_owned();
    let mut rows = seven("12/11/2015 19:05", "EST", 100);
    rows.extend(second);
    rows.extend(seven("12/11/2015 19:10", "EST", 700));
    let repeated = OddityKind::Repeated { rows: 7, differing: 6 };
    check(
        &file(TODAY, &rows),
        "00:05:00 500, 00:10:00 700",
        &[(Some(15), repeated, "2015-12-12T00:05:00Z")],
    );
}

#[test]
fn rows_that_alternate_between_two_runs_count_the_same() {
    let one = seven("12/11/2015 19:05", "EST", 100);
    let other = seven("12/11/2015 19:05", "EST", 500);
    let rows: Vec<String> = one.into_iter().zip(other).flat_map(|(a, b)| [a, b]).collect();
    let repeated = OddityKind::Repeated { rows: 7, differing: 7 };
    check(&file(TODAY, &rows), "00:05:00 500", &[(Some(15), repeated, "2015-12-12T00:05:00Z")]);
}

#[test]
fn a_file_that_does_not_ascend_is_sorted_and_its_last_rows_win() {
    let rows = instants(&[
        ("03/10/2026 00:10:00", "EDT", 1),
        ("03/10/2026 00:05:00", "EDT", 2),
        ("03/10/2026 00:10:00", "EDT", 3),
        ("03/10/2026 00:15:00", "EDT", 4),
    ]);
    check(
        &file(TODAY, &rows),
        "04:05:00 2, 04:10:00 3, 04:15:00 4",
        &[
            (Some(9), OddityKind::OutOfOrder, "2026-03-10T04:05:00Z"),
            (Some(22), OddityKind::Repeated { rows: 7, differing: 7 }, "2026-03-10T04:10:00Z"),
        ],
    );
}

#[test]
fn the_coming_instant_has_rows_and_no_values() {
    let mut rows = two_instants();
    rows.extend(Fuel::ALL.map(|fuel| format!("03/10/2026 00:15:00,EDT,{},", fuel.name())));
    let file = read(&file(TODAY, &rows));
    assert_eq!(
        draw(&file),
        "04:05:00 2000, 04:10:00 3000",
        "it is not there, least of all as zero"
    );
    assert_eq!(file.oddities.len(), 7);
    assert_eq!(
        file.oddities[6],
        Oddity { line: Some(22), kind: OddityKind::EmptyValue, value: "Hydro".to_owned() }
    );
}

#[test]
fn an_instant_with_fewer_than_seven_fuels_is_not_complete() {
    let mut rows = two_instants();
    rows[11] = "03/10/2026 00:10:00,EDT,Other Renewables,".to_owned();
    rows.remove(3);
    check(
        &file(TODAY, &rows),
        "04:05:00 2000?, 04:10:00 3000?",
        &[(Some(12), OddityKind::EmptyValue, "Other Renewables")],
    );
}

#[test]
fn an_unknown_category_is_kept_and_noted_once_and_makes_it_incomplete() {
    let mut rows = two_instants();
    rows.insert(7, "03/10/2026 00:05:00,EDT,Energy Storage,120.0".to_owned());
    rows.push("03/10/2026 00:10:00,EDT,Energy Storage,130.0".to_owned());
    let bytes = file(TODAY, &rows);
    check(
        &bytes,
        "04:05:00 2000?, 04:10:00 3000?",
        &[(Some(9), OddityKind::UnknownFuel, "Energy Storage")],
    );
    let mix = &read(&bytes).mixes[1];
    assert_eq!(mix.unknown().len(), 1);
    assert_eq!(mix.unknown()[0].1.value(), 130.0);
    let intensity = average_intensity(mix, FactorSetName::Ny2026_1.load()).unwrap();
    assert!(!intensity.complete, "the intensity says that it is not the whole truth");
}

#[test]
fn a_file_of_made_up_categories_is_refused() {
    let rows: Vec<String> =
        (0..40).map(|n| format!("03/10/2026 00:05:00,EDT,Fuel {n},1.0")).collect();
    let error = parse(&file(TODAY, &rows)).unwrap_err().to_string();
    assert_eq!(
        error,
        "line 18: \"Fuel 16\" is the 17th unknown fuel category: this is no fuel mix"
    );
}

#[test]
fn rows_that_cannot_be_read_are_left_out_and_named() {
    #[track_caller]
    fn check_row(row: &str, kind: OddityKind, value: &str) {
        let mut rows = two_instants();
        rows[5] = row.to_owned();
        check(&file(TODAY, &rows), "04:05:00 2000?, 04:10:00 3000", &[(Some(7), kind, value)]);
    }
    let stamp = "03/10/2026 00:05:00";
    check_row(&format!("{stamp},EDT,Wind,NaN"), OddityKind::NotANumber, "NaN");
    check_row(&format!("{stamp},EDT,Wind,1e3"), OddityKind::NotANumber, "1e3");
    check_row(&format!("{stamp},EDT,Wind,\"2,282.0\""), OddityKind::NotANumber, "2,282.0");
    check_row(&format!("{stamp},EDT,Wind,50001.0"), OddityKind::OutOfBounds, "50001.0");
    check_row(&format!("{stamp},EDT,Wind,-5001.0"), OddityKind::OutOfBounds, "-5001.0");
    check_row(&format!("{stamp},PDT,Wind,7.0"), OddityKind::Zone, "PDT");
    check_row("03/10/2026 00:05:61,EDT,Wind,7.0", OddityKind::Stamp, "03/10/2026 00:05:61");
    let fields = |found| OddityKind::Fields { expected: 4, found };
    check_row(&format!("{stamp},EDT,Wind"), fields(3), &format!("{stamp},EDT,Wind"));
    check_row(
        &format!("{stamp},EDT,Wind,7.0,8.0"),
        fields(5),
        &format!("{stamp},EDT,Wind,7.0,8.0"),
    );
    check_row("\u{1b}[31mred", fields(1), " [31mred");
}

#[test]
fn generation_below_zero_is_kept_and_noted() {
    let mut rows = two_instants();
    rows[6] = "03/10/2026 00:05:00,EDT,Hydro,-12.0".to_owned();
    let bytes = file(TODAY, &rows);
    check(&bytes, "04:05:00 2000, 04:10:00 3000", &[(Some(8), OddityKind::Negative, "-12.0")]);
    assert_eq!(read(&bytes).mixes[0].get(Fuel::Hydro).unwrap().value(), -12.0);
}

#[test]
fn the_zone_column_is_believed_against_the_calendar_and_that_is_noted() {
    let rows = seven("07/04/2026 12:00:00", "EST", 1);
    check(
        &file(TODAY, &rows),
        "17:00:00 1",
        &[(Some(2), OddityKind::ZoneContradictsCalendar, "07/04/2026 12:00:00")],
    );
}

#[test]
fn lines_are_counted_whatever_the_line_ends() {
    let mut rows = two_instants();
    rows[9] = "03/10/2026 00:10:00,EDT,Nuclear,x".to_owned();
    let crlf = String::from_utf8(file(TODAY, &rows)).unwrap();
    for (text, line) in [
        (crlf.clone(), 11),
        (crlf.replace("\r\n", "\n"), 11),
        (format!("\r\n\r\n{crlf}"), 13),
        (crlf.replace("\r\n", "\r\n\r\n"), 21),
    ] {
        assert_eq!(read(text.as_bytes()).oddities[0].line, Some(line));
    }
}

#[test]
fn a_quote_that_never_closes_is_noted() {
    let mut rows = two_instants();
    rows[3] = "03/10/2026 00:05:00,EDT,\"Other Fossil Fuels,1.0".to_owned();
    let file = read(&file(TODAY, &rows));
    assert_eq!(draw(&file), "04:05:00 2000?");
    assert_eq!(file.oddities.len(), 1, "{:?}", file.oddities);
    assert_eq!(file.oddities[0].line, Some(5));
}

#[test]
fn instants_that_have_not_come_yet_are_taken_out() {
    let mut file = read(&file(TODAY, &two_instants()));
    assert_eq!(file.split_future(utc("2026-03-10T04:10:00Z")), []);
    assert_eq!(file.split_future(utc("2026-03-10T04:09:00Z")), [], "clocks differ a little");
    let future = file.split_future(utc("2026-03-10T04:08:59Z"));
    assert_eq!(future.len(), 1);
    assert_eq!(draw(&file), "04:05:00 2000");
    assert_eq!(
        file.oddities,
        [Oddity { line: None, kind: OddityKind::Future, value: "2026-03-10T04:10:00Z".to_owned() }]
    );
    assert_eq!(
        file.oddities[0].to_string(),
        "this instant has not come yet; left out (\"2026-03-10T04:10:00Z\")"
    );
}

#[test]
fn garbage_below_a_good_header_is_bounded() {
    let mut bytes = file(TODAY, &two_instants());
    while bytes.len() < 50_000_000 {
        bytes.extend_from_slice(b"\r\n,,,\xff\xfe\0garbage");
    }
    let file = read(&bytes);
    assert_eq!(draw(&file), "04:05:00 2000, 04:10:00 3000");
    assert_eq!(file.oddities.len(), MAX_ODDITIES);
    assert_eq!(file.more_oddities as u64, file.rows - 14 - MAX_ODDITIES as u64);
}

/// The tail of a live file: it begins mid-row, so that nothing says which column is which.
#[test]
fn a_tail_without_its_header_is_refused() {
    let bytes = b"1:15:00,EDT,Other Renewables,829.0\n09/14/2026 11:15:00,EDT,Wind,520.0\n";
    assert!(matches!(parse(bytes), Err(FuelMixError::NoColumn { .. })));
}

#[test]
fn remarks_are_one_readable_line() {
    let mut rows = two_instants();
    rows[5] = format!("03/10/2026 00:05:00,EDT,{},1.0", "W".repeat(500));
    let file = read(&file(TODAY, &rows));
    let remark = file.oddities[0].to_string();
    assert!(
        remark
            .starts_with("line 7: unknown fuel category; kept, and its instants are not complete")
    );
    assert!(remark.len() < 200 && !remark.contains('\n'), "{remark}");
}
