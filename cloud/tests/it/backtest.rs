//! `backtest`: which files it reads, what it looks at, what it says.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use chrono::{DateTime, NaiveDate, TimeDelta};
use clap::Parser;
use cloud::backtest::{self, BacktestArgs, Data};
use domain::Timestamp;
use domain::fuel_mix::{Fuel, FuelMix};
use domain::units::Megawatts;
use nyiso::{eastern, fuel_mix};
use serde_json::Value;
use tempfile::TempDir;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: BacktestArgs,
}

fn args(folder: &Path, options: &str) -> BacktestArgs {
    let line = ["backtest", "--data", folder.to_str().unwrap()];
    Command::try_parse_from(line.into_iter().chain(options.split_whitespace())).unwrap().args
}

fn ts(text: &str) -> Timestamp {
    text.parse::<DateTime<chrono::Utc>>().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// A number that looks random, between -1 and 1.
fn noise(seed: i64) -> f64 {
    let mut mixed = seed.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^= mixed >> 29;
    mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^= mixed >> 32;
    (mixed % 2001) as f64 / 1000.0 - 1.0
}

/// Load of a made-up state: the hour of the day, and weather that lasts for two days.
fn load(at: Timestamp) -> f64 {
    let hours = at.timestamp().div_euclid(3600);
    let angle = (hours - 20) as f64 / 24.0 * std::f64::consts::TAU;
    14_000.0 + 2_000.0 * angle.cos() + 900.0 * noise(hours / 48)
}

fn mix(end: Timestamp, load: f64) -> FuelMix {
    let hours = end.timestamp().div_euclid(3600);
    let wind = 500.0 + 300.0 * noise(hours / 12 + 77);
    let gas = load - 8_800.0 - wind;
    let mut mix = FuelMix::new(end);
    for (fuel, power) in [
        (Fuel::DualFuel, 0.5 * gas),
        (Fuel::NaturalGas, 0.5 * gas),
        (Fuel::Nuclear, 5_000.0),
        (Fuel::OtherFossil, 0.0),
        (Fuel::OtherRenewables, 300.0),
        (Fuel::Wind, wind),
        (Fuel::Hydro, 3_000.0 + 100.0 * noise(hours)),
    ] {
        mix.set(fuel, Megawatts::new(power.round()).unwrap());
    }
    mix
}

/// A day's file with two instants an hour; `power` gives the load behind an instant.
fn fuel_mix_day(day: NaiveDate, power: impl Fn(Timestamp) -> f64) -> Vec<u8> {
    let (from, to) = (eastern::midnight(day), eastern::midnight(day + chrono::Days::new(1)));
    let mut ends = Vec::new();
    let mut end = from + TimeDelta::minutes(30);
    while end <= to {
        ends.push(mix(end, power(end)));
        end += TimeDelta::minutes(30);
    }
    fuel_mix::render(&ends)
}

fn load_forecast_day(day: NaiveDate, power: impl Fn(Timestamp) -> f64) -> String {
    let mut text = format!("\"Time Stamp\",\"{}\"\n", nyiso::load_forecast::NAMES.join("\",\""));
    for hour in 0..144 {
        let at = eastern::midnight(day) + TimeDelta::hours(hour);
        let state = power(at);
        let zone = (state / 11.0).round();
        let stamp = eastern::wall_clock(at).0.format("%m/%d/%Y %H:%M");
        text.push_str(&format!("\"{stamp}\"{},{}\n", format!(",{zone}").repeat(11), state.round()));
    }
    text
}

/// The first of the record's Eastern days.
fn first_day() -> NaiveDate {
    day("2023-04-03")
}

const DAYS: u64 = 70;

/// Seventy days from 3 April 2023, in folders and under names as people keep them.
fn write_record(
    folder: &Path,
    power: impl Fn(Timestamp) -> f64 + Copy,
    loads: impl Fn(NaiveDate, Timestamp) -> f64 + Copy,
) {
    fs::create_dir_all(folder.join("mix/2023")).unwrap();
    fs::create_dir_all(folder.join("loads")).unwrap();
    for offset in 0..DAYS {
        let day = first_day() + chrono::Days::new(offset);
        let name = day.format("%Y%m%d");
        fs::write(folder.join(format!("mix/2023/{name}rtfuelmix.csv")), fuel_mix_day(day, power))
            .unwrap();
        fs::write(
            folder.join(format!("loads/{name}isolf.csv")),
            load_forecast_day(day, |at| loads(day, at)),
        )
        .unwrap();
    }
}

/// The record, written once.
fn record() -> &'static Path {
    static RECORD: OnceLock<TempDir> = OnceLock::new();
    RECORD
        .get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            write_record(folder.path(), load, |_, at| load(at));
            fs::write(folder.path().join("README.md"), "made up").unwrap();
            fs::write(folder.path().join("mix/20230501rtfuelmix_tail.txt"), "x").unwrap();
            folder
        })
        .path()
}

fn read(folder: &Path) -> (Data, Vec<String>) {
    let notes = Mutex::new(Vec::new());
    let data = Data::read(folder, |note| notes.lock().unwrap().push(note)).unwrap();
    (data, notes.into_inner().unwrap())
}

/// What is in the record, read once.
fn known() -> &'static Data {
    static KNOWN: OnceLock<Data> = OnceLock::new();
    KNOWN.get_or_init(|| read(record()).0)
}

fn json(data: &Data, options: &str) -> Value {
    let report = backtest::score(data, &args(record(), options)).unwrap();
    serde_json::from_str(&report.to_json()).unwrap()
}

#[test]
fn the_answer_has_the_promised_shape() {
    let answer = json(known(), "--from 2023-06-05 --to 2023-06-11");
    let keys: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["days", "from", "models", "regret", "skipped", "to"]);
    assert_eq!((&answer["from"], &answer["to"]), (&"2023-06-05".into(), &"2023-06-11".into()));
    // The record ends with 11 June, Eastern, four hours after the 96 hours of the 8th.
    assert_eq!((&answer["days"], &answer["skipped"]), (&4.into(), &3.into()));
    let names: Vec<&str> =
        answer["models"].as_array().unwrap().iter().map(|m| m["model"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["ny-power", "persistence", "same-hour-yesterday", "same-hour-last-week", "profile-14d"]
    );
    for model in answer["models"].as_array().unwrap() {
        for (key, limit) in [("mape", 60.0), ("mae", 200.0), ("coverage_p10_p90", 100.0)] {
            let days = model[key].as_array().unwrap();
            assert_eq!(days.len(), 4, "{model}");
            assert!(
                days.iter().all(|day| (0.0..=limit).contains(&day.as_f64().unwrap())),
                "{model}"
            );
        }
    }
    let rows = answer["regret"].as_array().unwrap();
    let windows: Vec<(&str, u64)> = rows
        .iter()
        .map(|row| (row["window"].as_str().unwrap(), row["k"].as_u64().unwrap()))
        .collect();
    let expected: Vec<(&str, u64)> = ["night", "24h", "three-nights"]
        .into_iter()
        .flat_map(|window| [2, 4, 6].map(|k| (window, k)))
        .collect();
    assert_eq!(windows, expected);
    for row in rows {
        let [at_once, timer, forecast, perfect] =
            ["at_once", "timer_0100", "forecast", "perfect"].map(|key| row[key].as_f64().unwrap());
        assert!(perfect <= forecast && perfect <= timer && perfect <= at_once, "{row}");
        assert!(forecast < at_once, "{row}");
    }
}

#[test]
fn ours_is_better_than_yesterday_and_the_load_forecast_helps() {
    let error = |options: &str, model: &str| {
        let answer = json(known(), &format!("--from 2023-06-04 --to 2023-06-07 {options}"));
        let models = answer["models"].as_array().unwrap().clone();
        let found = models.iter().find(|found| found["model"] == model).unwrap();
        found["mape"][2].as_f64().unwrap()
    };
    let ours = error("", "ny-power");
    let yesterday = error("", "same-hour-yesterday");
    let blind = error("--no-load-forecast --model ny-power", "ny-power");
    assert!(ours < 0.8 * yesterday, "{ours} % against {yesterday} %");
    assert!(ours < 0.8 * blind, "{ours} % against {blind} % without load forecast");
}

/// Everything that was not known at the issue is replaced: readings after its hour, and load forecasts
/// that were posted later. Not a bit of any model's forecast changes.
#[test]
fn shuffling_the_future_changes_nothing() {
    let issue = ts("2023-06-04T00:00:00Z");
    let folder = tempfile::tempdir().unwrap();
    write_record(
        folder.path(),
        |end| if end <= issue { load(end) } else { 13_000.0 + 2_500.0 * noise(end.timestamp()) },
        |day, at| {
            if nyiso::load_forecast::posted_by(day) <= issue {
                load(at)
            } else {
                15_000.0 + 4_000.0 * noise(at.timestamp())
            }
        },
    );
    let shuffled = read(folder.path()).0;
    let forecasts =
        |data: &Data, options: &str| backtest::forecasts(data, &args(record(), options)).unwrap();
    let options = "--from 2023-06-04 --to 2023-06-04";
    let expected = forecasts(known(), options);
    assert_eq!(expected.len(), 5);
    assert!(expected.iter().all(|(_, forecasts)| forecasts.len() == 1));
    assert_eq!(forecasts(&shuffled, options), expected);

    // The shuffle is real: a day later it is the past, and ours and the baselines see it.
    let later = "--from 2023-06-05 --to 2023-06-05";
    for (one, other) in forecasts(&shuffled, later).iter().zip(forecasts(known(), later)) {
        assert_ne!(one, &other, "{}", one.0);
    }
}

#[test]
fn files_without_a_known_name_are_skipped_and_named() {
    let (data, notes) = read(record());
    assert_eq!((data.raw_days, data.hourly_hours, data.loads.len()), (70, 0, 70));
    assert_eq!(data.history.known(), 70 * 24);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("README.md") && notes[1].contains("20230501rtfuelmix_tail.txt"));
}

fn packed_hourly(days: &[&str], megawatts: f64) -> Vec<u8> {
    use std::io::Write;
    let mut file = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writeln!(file, "TimeStamp,FuelCategory,GenMW").unwrap();
    for day in days {
        for hour in 0..24 {
            for fuel in Fuel::ALL {
                writeln!(file, "{day}T{hour:02}:00,{},{megawatts}", fuel.name()).unwrap();
            }
        }
    }
    file.finish().unwrap()
}

#[test]
fn raw_days_beat_hourly_means_and_their_holes_stay_holes() {
    let folder = tempfile::tempdir().unwrap();
    let hourly = packed_hourly(&["2023-05-01", "2023-05-02"], 100.0);
    fs::write(folder.path().join("nygrid_fuelmix_hourly_2023.csv.gz"), hourly).unwrap();
    let noon = ts("2023-05-02T16:00:00Z");
    let end = eastern::midnight(day("2023-05-03"));
    let mixes: Vec<FuelMix> = (1..=48)
        .map(|half| eastern::midnight(day("2023-05-02")) + TimeDelta::minutes(30 * half))
        .filter(|end| *end <= noon || *end > noon + TimeDelta::hours(1))
        .map(|end| mix(end, 14_000.0))
        .collect();
    fs::write(folder.path().join("20230502rtfuelmix.csv"), fuel_mix::render(&mixes)).unwrap();
    let (data, _) = read(folder.path());
    let wind = |at: Timestamp| {
        data.history.get(domain::forecast::Hour::of(at)).map(|r| r.fuels[Fuel::Nuclear.index()])
    };
    assert_eq!(wind(end - TimeDelta::hours(30)), Some(100.0), "the day before has no raw file");
    assert_eq!(wind(end - TimeDelta::hours(1)), Some(5_000.0));
    assert_eq!(wind(noon), None, "a hole of the raw day");
    assert_eq!(wind(noon - TimeDelta::hours(1)), Some(5_000.0));
    assert_eq!((data.raw_days, data.hourly_hours), (1, 24));
}

#[test]
fn a_broken_file_is_named_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fuel_mix_day(day("2023-05-02"), load);
    fs::write(folder.path().join("20230502rtfuelmix.csv"), &whole).unwrap();
    // The same day, fetched at noon: the fuller file counts.
    fs::write(folder.path().join("20230502rtfuelmix (1).csv"), &whole[..whole.len() / 2]).unwrap();
    fs::write(folder.path().join("20230503rtfuelmix.csv"), "<html>sorry</html>").unwrap();
    fs::write(folder.path().join("20230504isolf.csv"), "Time Stamp,NYISO\n").unwrap();
    fs::write(folder.path().join("20230501rtfuelmix_csv.zip"), b"PK\x03\x04 cut off").unwrap();
    fs::write(folder.path().join("nygrid_fuelmix_hourly_2023.csv.gz"), "no gzip").unwrap();
    let (data, notes) = read(folder.path());
    assert_eq!(data.history.known(), 24);
    assert_eq!(notes.len(), 4, "{notes:?}");
    for name in ["0501rtfuelmix_csv.zip", "0503rtfuelmix", "0504isolf", "nygrid"] {
        assert!(notes.iter().any(|note| note.contains(name)), "{name} in {notes:?}");
    }
}

#[test]
fn what_cannot_be_answered_is_said() {
    let check = |folder: &Path, options: &str, expected: &str| {
        let error = format!("{:#}", backtest::run(&args(folder, options)).unwrap_err());
        assert!(error.contains(expected), "{error}");
    };
    let empty = tempfile::tempdir().unwrap();
    let period = "--from 2023-06-04 --to 2023-06-05 --model persistence";
    check(empty.path(), period, "no hour of the fuel mix");
    check(&empty.path().join("nowhere"), period, "nowhere");
    check(record(), "--from 2023-06-05 --to 2023-06-04", "comes after");
    check(record(), "--from 2024-06-05 --to 2024-06-06 --format json", "no issue from 2024-06-05");
    check(record(), "--from 2013-06-05 --to 2013-06-06", "no issue from 2013-06-05");
    let refused = |options: &str| {
        let line = format!("backtest --data x --from 2023-06-04 --to 2023-06-05 {options}");
        assert!(Command::try_parse_from(line.split_whitespace()).is_err(), "{options}");
    };
    refused("--issue-hour-utc 24");
    refused("--model best");
    refused("--format yaml");
}

#[test]
fn other_hours_and_single_models_work() {
    for model in
        ["ny-power", "persistence", "same-hour-yesterday", "same-hour-last-week", "profile-14d"]
    {
        let options =
            format!("--from 2023-05-20 --to 2023-05-20 --issue-hour-utc 13 --model {model}");
        let answer = json(known(), &options);
        assert_eq!(answer["models"][0]["model"], model);
        assert_eq!((&answer["days"], answer["models"].as_array().unwrap().len()), (&1.into(), 1));
        assert_eq!(answer["regret"].as_array().unwrap().len(), 9);
    }
}

#[test]
fn the_table_says_the_same() {
    let report = backtest::score(
        known(),
        &args(record(), "--from 2023-05-01 --to 2023-05-02 --model profile-14d"),
    )
    .unwrap();
    let table = report.to_table();
    let mape = report.models[0].mape[0].unwrap();
    assert!(table.contains("2 issues from 2023-05-01 to 2023-05-02"), "{table}");
    let row = table.lines().find(|line| line.starts_with("profile-14d")).unwrap();
    assert_eq!(row.split_whitespace().nth(1), Some(format!("{mape:.2}").as_str()), "{table}");
    assert!(table.contains("three-nights"), "{table}");
}

/// From the sixtieth day of the recorded feed on, better than the same hour of the day before by a fifth.
#[test]
fn recorded_days_are_forecast_better_than_by_yesterday() {
    let data = std::env::var_os("NY_POWER_DATA").map_or_else(
        || Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/nyiso")).to_owned(),
        Into::into,
    );
    let months = ["201512", "201601", "201602"];
    if !data.join("rtfuelmix/20160201rtfuelmix_csv.zip").exists() {
        println!("skipped: no recorded data in {} (set NY_POWER_DATA)", data.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (feed, month) in ["rtfuelmix", "isolf"].iter().flat_map(|f| months.map(|m| (f, m))) {
        let name = format!("{month}01{feed}_csv.zip");
        let recorded = fs::canonicalize(data.join(feed).join(&name)).unwrap();
        std::os::unix::fs::symlink(recorded, folder.path().join(&name)).unwrap();
    }
    let answer = json(&read(folder.path()).0, "--from 2016-02-07 --to 2016-02-25");
    let error = |at: usize| answer["models"][at]["mape"][0].as_f64().unwrap();
    assert_eq!(answer["days"], 19);
    assert!(error(0) < 0.8 * error(2), "ours {} %, yesterday {} %", error(0), error(2));
}
