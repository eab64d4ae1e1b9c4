//! Recorded days come out as they went in, under other dates.

use std::collections::BTreeMap;
use std::sync::Mutex;

use chrono::NaiveDate;
use cloud::replay::{Material, Settings};

use super::harness::{Served, recorded, rows, serve};

/// The days of a month by file name.
type Month = BTreeMap<String, String>;

/// A day of the record, read by nothing of the stand-in.
fn recorded_day(day: NaiveDate) -> String {
    static MONTHS: Mutex<BTreeMap<String, Month>> = Mutex::new(BTreeMap::new());
    let zip = format!("{}01rtfuelmix_csv.zip", day.format("%Y%m"));
    let mut months = MONTHS.lock().expect("no panic in here");
    let month = months.entry(zip.clone()).or_insert_with(|| {
        let folder = recorded().expect("checked before").join("rtfuelmix");
        let bytes = std::fs::read(folder.join(zip)).expect("the month's zip");
        let days = nyiso::archive::days(&bytes).expect("a zip").into_iter();
        days.map(|(name, day)| (name, String::from_utf8(day).expect("ASCII"))).collect()
    });
    month[&format!("{}rtfuelmix.csv", day.format("%Y%m%d"))].clone()
}

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

/// Shows the recorded day `from` as the day `to`, and gives both files.
async fn shown(from: &str, to: &str) -> Option<(String, String)> {
    let folder = recorded()?;
    let (from, to) = (date(from), date(to));
    // Three days later by UTC the whole day is out, whatever the delay and the zone.
    let later = chrono::Days::new(3);
    let settings = Settings {
        at: Some(format!("{}", from + later).parse().expect("a day")),
        ..Settings::default()
    };
    let now = format!("{}T17:00:00Z", to + later);
    let served = serve(Material::Folder(folder), &now, settings).await;
    let answer = served.file(&nyiso::path::fuel_mix_day(to)).await;
    assert_eq!(answer.status, 200, "{to}");
    assert_eq!(answer.header("x-ny-power-origin"), "recorded");
    assert_eq!(answer.header("content-type"), "text/csv");
    Some((recorded_day(from), answer.text().to_owned()))
}

/// `from` has no clock change and neither has `to`: only dates and zones may differ.
async fn check_same(from: &str, to: &str, zone: &str) {
    let Some((original, served)) = shown(from, to).await else { return };
    assert_eq!(original.split("\r\n").next(), served.split("\r\n").next(), "the header stays");
    assert!(!served.ends_with('\n'), "no line end after the last row");
    let stamp = |day: NaiveDate| day.format("%m/%d/%Y").to_string();
    let next = |day: &str| date(day).succ_opt().expect("a day");
    let (today, tomorrow) = (stamp(date(to)), stamp(next(to)));
    let expected = original.split("\r\n").skip(1).map(|line| {
        let moved = if line.starts_with(&stamp(date(from))) { &today } else { &tomorrow };
        let (_, rest) = line.split_at(10);
        let rest = rest.replacen(",EST,", &format!(",{zone},"), 1);
        format!("{moved}{}", rest.replacen(",EDT,", &format!(",{zone},"), 1))
    });
    let expected = expected.collect::<Vec<_>>();
    let found = served.split("\r\n").skip(1).collect::<Vec<_>>();
    assert_eq!(found.len(), expected.len(), "{from} as {to}");
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected, "{from} as {to}");
    }
}

#[tokio::test]
async fn every_format_and_oddity_comes_out_as_it_went_in() {
    for (from, to, zone) in [
        ("2015-12-20", "2026-11-22", "EST"), // minutes only, two rows for one stamp
        ("2016-01-20", "2026-11-25", "EST"), // the same
        ("2016-01-30", "2026-07-04", "EDT"), // seconds, Gen MWh
        ("2016-07-04", "2026-01-04", "EST"), // summer shown in winter
        ("2017-04-21", "2026-11-20", "EST"), // cut off at 23:15
        ("2017-11-15", "2026-06-17", "EDT"), // Gen MW
        ("2022-03-14", "2026-10-12", "EDT"), // two hours frozen
        ("2025-02-11", "2026-11-24", "EST"), // 309 stamps off the grid
        ("2025-02-06", "2026-12-31", "EST"), // no midnight row; over New Year
    ] {
        check_same(from, to, zone).await;
    }
}

/// What follows the zone in every row: fuel and value, byte for byte.
fn rests(file: &str) -> Vec<&str> {
    rows(file).into_iter().map(|(_, _, rest)| rest).collect()
}

/// Stamps of a served file as `HH:MM:SS ZONE`, one an instant.
fn clock_times(served: &str) -> Vec<String> {
    let mut times = rows(served)
        .iter()
        .map(|(stamp, zone, _)| format!("{} {zone}", &stamp[11..]))
        .collect::<Vec<_>>();
    times.dedup();
    times
}

/// One value, to follow a row through a move.
fn value<'a>(file: &'a str, time: &str, zone: &str) -> Option<&'a str> {
    rows(file)
        .into_iter()
        .find(|(stamp, found, rest)| {
            stamp[11..] == *time && *found == zone && rest.starts_with("Hydro,")
        })
        .map(|(_, _, rest)| rest)
}

#[tokio::test]
async fn an_ordinary_day_shown_on_a_spring_day_skips_hour_two() {
    let Some((original, served)) = shown("2017-02-12", "2026-03-08").await else { return };
    let times = clock_times(&served);
    assert!(
        times.contains(&"01:55:00 EST".to_owned()) && times.contains(&"03:00:00 EDT".to_owned())
    );
    assert!(!times.iter().any(|time| time.starts_with("02:")), "{times:?}");
    assert!(times[times.len() - 1].ends_with("EDT"));
    assert_eq!(value(&served, "03:00:00", "EDT"), value(&original, "03:00:00", "EST"));
    assert_eq!(value(&served, "17:00:00", "EDT"), value(&original, "17:00:00", "EST"));
    // The same as counted by the product's own parser: 23 hours.
    let (served, original) = (instants(&served), instants(&original));
    let hour_two = original.iter().filter(|ts| ts.format("%H").to_string() == "07").count();
    assert_eq!(served.len(), original.len() - hour_two);
}

fn instants(file: &str) -> Vec<domain::Timestamp> {
    let parsed = nyiso::fuel_mix::parse(file.as_bytes()).expect("a fuel-mix file");
    parsed.mixes.iter().map(|mix| mix.ts).collect()
}

#[tokio::test]
async fn an_ordinary_day_shown_on_an_autumn_day_has_hour_one_twice() {
    let Some((original, served)) = shown("2017-02-12", "2026-11-01").await else { return };
    let times = clock_times(&served);
    let first = times.iter().position(|time| time == "01:00:00 EDT").expect("the EDT hour");
    let second = times.iter().position(|time| time == "01:00:00 EST").expect("the EST hour");
    let last_edt = times.iter().rposition(|time| time.ends_with("EDT")).expect("EDT");
    assert!(first < last_edt && last_edt + 1 == second, "EDT first, then EST: {times:?}");
    assert_eq!(value(&served, "01:30:00", "EDT"), value(&original, "01:30:00", "EST"));
    assert_eq!(value(&served, "01:30:00", "EST"), value(&original, "01:30:00", "EST"));
    assert_eq!(value(&served, "17:00:00", "EST"), value(&original, "17:00:00", "EST"));
    assert!(instants(&served).windows(2).all(|pair| pair[0] < pair[1]));
}

#[tokio::test]
async fn a_recorded_clock_change_on_a_day_with_the_same_change_is_itself() {
    // 2016-11-06 and 2026-11-01, 2022-03-13 and 2026-03-08: both Sundays of a change.
    for (from, to) in [("2016-11-06", "2026-11-01"), ("2022-03-13", "2026-03-08")] {
        let Some((original, served)) = shown(from, to).await else { return };
        assert_eq!(clock_times(&served), clock_times(&original), "{from}");
        assert!(rests(&served) == rests(&original), "{from}");
    }
}

#[tokio::test]
async fn a_recorded_clock_change_on_an_ordinary_day_has_24_hours() {
    let Some((original, served)) = shown("2016-11-06", "2026-06-07").await else { return };
    assert_eq!(instants(&original).len(), 300);
    assert_eq!(instants(&served).len(), 288);
    assert_eq!(value(&served, "01:30:00", "EDT"), value(&original, "01:30:00", "EDT"));
    let Some((original, served)) = shown("2022-03-13", "2026-06-07").await else { return };
    assert_eq!(value(&served, "02:30:00", "EDT"), value(&original, "01:30:00", "EST"));
    assert_eq!(value(&served, "03:30:00", "EDT"), value(&original, "03:30:00", "EDT"));
}

async fn february(now: &str, at: Option<&str>) -> Option<(Served, tempfile::TempDir)> {
    let folder = recorded()?.join("rtfuelmix");
    let only = tempfile::tempdir().expect("a folder");
    let deep = only.path().join("some/where");
    std::fs::create_dir_all(&deep).expect("a folder");
    let name = "20250201rtfuelmix_csv.zip";
    std::fs::copy(folder.join(name), deep.join(name)).expect("copied");
    let at = at.map(|at| at.parse().expect("a time"));
    let settings = Settings { at, ..Settings::default() };
    // The folder is read at each request: the caller keeps it.
    Some((serve(Material::Folder(only.path().to_owned()), now, settings).await, only))
}

#[tokio::test]
async fn by_default_today_is_the_latest_recorded_day_with_this_weekday() {
    // A Tuesday, 12:00:30 EST. The latest Tuesday of February 2025 is the 25th.
    let Some((served, _folder)) = february("2026-11-24T17:00:30Z", None).await else { return };
    let today = served.file("rtfuelmix/20261124rtfuelmix.csv").await;
    assert_eq!(today.header("x-ny-power-now"), "2026-11-24T17:00:30Z");
    assert_eq!(today.header("last-modified"), "Tue, 24 Nov 2026 17:00:00 GMT");
    let original = recorded_day(date("2025-02-25"));
    let last = today.text().rsplit("\r\n").next().expect("a row");
    assert!(last.starts_with("11/24/2026 11:50:00,EST,"), "{last}");
    assert!(original.contains(&last.replace("11/24/2026", "02/25/2025")), "{last}");
    assert_eq!(served.file("rtfuelmix/20261123rtfuelmix.csv").await.status, 200);
}

#[tokio::test]
async fn a_moment_of_the_record_is_now() {
    let at = Some("2025-02-11T18:30");
    let Some((served, _folder)) = february("2026-11-24T17:00:00Z", at).await else { return };
    let today = served.file("rtfuelmix/20261124rtfuelmix.csv").await;
    let last = today.text().rsplit("\r\n").next().expect("a row").to_owned();
    assert!(last.starts_with("11/24/2026 11:50:00,EST,Hydro"), "{last}");
    let original = recorded_day(date("2025-02-11"));
    assert!(original.contains(&last.replace("11/24/2026 11:50", "02/11/2025 18:20")), "{last}");
}

#[tokio::test]
async fn where_the_record_ends_it_begins_again_whole_weeks_back() {
    let at = Some("2025-02-27");
    let Some((served, _folder)) = february("2026-11-26T17:00:00Z", at).await else { return };
    for (now, day, from) in [
        ("2026-11-28T05:15:00Z", "2026-11-27", "2025-02-28"),
        ("2026-11-29T05:15:00Z", "2026-11-28", "2025-02-01"),
        ("2026-12-27T05:15:00Z", "2026-12-26", "2025-02-01"),
        ("2027-02-02T05:15:00Z", "2027-02-01", "2025-02-10"),
    ] {
        served.clock.set(super::harness::ts(now));
        let answer = served.file(&nyiso::path::fuel_mix_day(date(day))).await;
        assert!(rests(answer.text()) == rests(&recorded_day(date(from))), "{day} is {from}");
    }
    // The record's first day is 2026-10-31 here; before it there is nothing.
    let october = served.file("rtfuelmix/20261001rtfuelmix_csv.zip").await;
    assert_eq!(nyiso::archive::days(&october.body).expect("a zip").len(), 1);
    assert_eq!(served.file("rtfuelmix/20260901rtfuelmix_csv.zip").await.status, 404);
}

/// Half a year through the monthly archives, as a backfill reads them.
#[tokio::test]
async fn every_day_of_months_of_zips_comes_out_whole() {
    let Some(folder) = recorded() else { return };
    let at = Some("2022-06-28".parse().expect("a day"));
    let settings = Settings { at, ..Settings::default() };
    // 2022-06-28 and 2026-11-24 are Tuesdays, 1,610 days apart.
    let served = serve(Material::Folder(folder), "2026-11-24T17:00:00Z", settings).await;
    let mut compared = 0;
    for month in ["2026-07", "2026-08", "2026-09", "2026-10"] {
        let path = nyiso::path::fuel_mix_month(date(&format!("{month}-01")));
        let zip = served.file(&path).await;
        for (name, bytes) in nyiso::archive::days(&zip.body).expect("a zip") {
            let day = nyiso::path::kind_of(&name).expect("NYISO's name").date;
            let from = day - chrono::Days::new(1_610);
            let text = String::from_utf8(bytes).expect("ASCII");
            let original = recorded_day(from);
            if from == date("2022-03-13") {
                // It has 23 hours, and what is served has 24.
                assert!(instants(&text).len() > instants(&original).len() + 10);
                continue;
            }
            // Without the values, which fill pages.
            assert!(rests(&text) == rests(&original), "{day} is {from}");
            compared += 1;
        }
    }
    assert_eq!(compared, 31 + 31 + 30 + 31 - 1);
}
