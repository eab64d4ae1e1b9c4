//! Replays over a generated record, and over recorded days where they are at hand.

use std::path::{Path, PathBuf};

use agent::ledger::{Ledger, Period};
use agent::replay::{Record, Replayed, replay};
use agent::store::Store;
use chrono::{Datelike, NaiveDate, TimeDelta, Timelike};
use domain::Timestamp;
use domain::control::{Mode, Settings};
use domain::fuel_mix::{Fuel, FuelMix};
use domain::series::Sample;
use domain::units::Megawatts;
use domain::wire::Origin;
use nyiso::{eastern, fuel_mix};
use serde_json::Value;
use service::history::{SledConfig, SledHistory};

use crate::program::{Home, command, output};

const SETTINGS: &str = "[control]\nmode = \"clean\"\n\
    [charge]\nneed_kwh = 14\npower_kw = 7\nplugged_from = \"18:00\"\n\
    [schedule]\nmon = \"07:30\"\ntue = \"07:30\"\nwed = \"07:30\"\nthu = \"07:30\"\nfri = \"07:30\"\n\
    sat = \"07:30\"\nsun = \"02:30\"\n";

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Little gas from 02:00 to 04:00, much in the evening, and no two days alike.
fn mix(ts: Timestamp) -> FuelMix {
    let wall = eastern::wall_clock(ts - TimeDelta::seconds(1)).0;
    let by_hour = match wall.hour() {
        2..4 => 1000.0,
        17..22 => 6000.0,
        _ => 4000.0,
    };
    let day = f64::from(wall.ordinal() % 5) * 100.0;
    let mut mix = FuelMix::new(ts);
    for fuel in Fuel::ALL {
        let power = if fuel == Fuel::NaturalGas { by_hour + day } else { 700.0 };
        mix.set(fuel, Megawatts::new(power).unwrap());
    }
    mix
}

/// A file a day, in two folders, and one that is no such file.
fn write(root: &Path, first: &str, days: i64) {
    for n in 0..days {
        let day = date(first) + TimeDelta::days(n);
        let midnight = eastern::midnight(day);
        let instants = eastern::day_length(day).num_minutes() / 5;
        let mixes: Vec<FuelMix> =
            (1..=instants).map(|n| mix(midnight + TimeDelta::minutes(5 * n))).collect();
        let folder = root.join(day.format("%Y-%m").to_string());
        std::fs::create_dir_all(&folder).unwrap();
        let name = folder.join(day.format("%Y%m%drtfuelmix.csv").to_string());
        // The instant at midnight stands in the next day's file.
        std::fs::write(name, fuel_mix::render(&mixes[..mixes.len() - 1])).unwrap();
    }
    std::fs::write(root.join("20260301rtfuelmix_csv.zip"), "no zip").unwrap();
    std::fs::write(root.join("notes.txt"), "nothing").unwrap();
}

fn run(home: &Home, arguments: &[&str]) -> (Option<i32>, String, String) {
    output(command(&home.config()).arg("replay").args(arguments))
}

#[test]
fn a_generated_month_over_the_clock_change_misses_no_departure() {
    let home = Home::new(SETTINGS);
    let root = home.config().with_file_name("nyiso");
    write(&root, "2026-02-01", 40);
    let root = root.to_str().unwrap();
    let when = ["--from", "2026-03-03", "--to", "2026-03-09"];
    let arguments = [&["--history", root, "--format", "json"], &when[..]].concat();
    let (code, stdout, stderr) = run(&home, &arguments);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("skipped ") && stderr.lines().count() == 1, "{stderr}");
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(json["missed_departures"], 0, "{json}");
    assert_eq!((json["departures"].as_u64(), json["sessions"].as_u64()), (Some(7), Some(7)));
    let number = |key: &str| json[key].as_f64().unwrap();
    // Each is a look long at most too much.
    assert!((98.0..98.0 + 7.0 * 0.3).contains(&number("kwh")), "{json}");
    assert!(2.0 < number("saved_at_once_kg") && 0.0 < number("saved_timer_kg"), "{json}");
    assert!((2.0..=4.0).contains(&number("switches_per_day")), "{json}");
    assert_eq!(json["basis"], "average, production, direct");
    assert!(0.999 < number("readings_known"), "{json}");
    assert!(0 < json["forecasts"]["by_model"].as_u64().unwrap(), "{json}");

    let arguments = [&["--history", root], &when[..]].concat();
    let (code, text, _) = run(&home, &arguments);
    assert_eq!(code, Some(0));
    for part in [
        "Replay of 2026-03-03 to 2026-03-09 (7 days), mode clean, 14 kWh at 7 kW a departure",
        "In all 7 sessions, 98.",
        "Missed departures: 0 of 7.",
        "each by what was known then",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

#[test]
fn too_little_time_is_told_from_a_missed_departure() {
    let home = Home::new(&SETTINGS.replace("need_kwh = 14", "need_kwh = 100"));
    let root = home.config().with_file_name("nyiso");
    write(&root, "2026-02-20", 20);
    let arguments =
        ["--history", root.to_str().unwrap(), "--from", "2026-03-03", "--to", "2026-03-04"];
    let (_, text, _) = run(&home, &arguments);
    let expected = "Missed departures: 2 of 2, 2 of them with too little time to charge at all.";
    assert!(text.contains(expected), "{text}");
    assert!(text.contains("not ready at Wed Mar 4, 2026 7:30 AM"), "{text}");
}

#[test]
fn an_agents_own_history_is_replayed_without_forecasts() {
    let home = Home::new(SETTINGS);
    let state = home.config().with_file_name("state");
    let (history, _) = SledHistory::open(&state.join("history"), SledConfig::default()).unwrap();
    let store = Store::new(std::sync::Arc::new(history));
    let first: Timestamp = "2026-03-01T05:00:00Z".parse().unwrap();
    for n in 1..=12 * 24 * 12 {
        let ts = first + TimeDelta::minutes(5 * n);
        let clean = (2..4).contains(&eastern::wall_clock(ts - TimeDelta::seconds(1)).0.hour());
        // A value that stands still for hours would be taken for a source that is stuck.
        let grams_per_kwh = if clean { 100.0 } else { 300.0 } + (n % 2) as f64;
        store.keep_reading(Origin::Nyiso, Sample { ts, grams_per_kwh }).unwrap();
    }
    // An agent that has run has a ledger, too.
    drop(Ledger::new(store.clone()));
    store.sync().unwrap();
    drop(store);
    let arguments =
        ["--history", state.to_str().unwrap(), "--from", "2026-03-09", "--to", "2026-03-10"];
    let (code, text, stderr) = run(&home, &arguments);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{text}");
    assert!(text.contains("Missed departures: 0 of 2."), "{text}");
    assert!(text.contains("Planned by the usual hours of the week"), "{text}");
    // A start some minutes late at most, so little of it at 300 instead of 100 g/kWh.
    assert!(text.contains(" kg saved (6"), "{text}");
}

#[test]
fn what_cannot_be_replayed_is_one_clear_line() {
    let home = Home::new(SETTINGS);
    let root = home.config().with_file_name("nyiso");
    write(&root, "2026-02-20", 2);
    let root = root.to_str().unwrap();
    let check = |history: &str, from: &str, to: &str, code: i32, expected: &str| {
        let (got, _, stderr) = run(&home, &["--history", history, "--from", from, "--to", to]);
        assert_eq!(got, Some(code), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    };
    check(root, "2026-03-02", "2026-03-01", 2, "--from 2026-03-02 comes after --to 2026-03-01");
    check(root, "2026-03-40", "2026-03-01", 2, "not a day such as 2026-03-10");
    check("/no/such/folder", "2026-02-20", "2026-02-21", 1, "cannot list /no/such/folder");
    check(
        root,
        "2026-02-25",
        "2026-02-26",
        1,
        "what is there reaches from 2026-02-20 to 2026-02-21",
    );
    let empty = tempfile::tempdir().unwrap();
    let none = "there is neither *rtfuelmix*.csv or .zip of it nor an agent's history";
    check(empty.path().to_str().unwrap(), "2026-02-20", "2026-02-21", 1, none);
}

fn lived(record: &Record, period: Period, home: &Home) -> Replayed {
    let (_, config) = agent::config::Config::load(Some(&home.config())).unwrap();
    let settings = Settings { mode: Mode::Clean, ..config.control };
    replay(record, &settings, config.charge.as_ref(), period, |_| {})
}

/// Decisions until a moment are the same whatever comes after it.
#[test]
fn nothing_is_decided_by_what_was_not_known_yet() {
    let home = Home::new(SETTINGS);
    let root = home.config().with_file_name("nyiso");
    write(&root, "2026-02-01", 40);
    let midnight = |day: &str| eastern::midnight(date(day));
    let period = Period { from: midnight("2026-03-04"), to: midnight("2026-03-07") };
    let record = Record::of_files(&root, &period, |_, _| {}).unwrap();
    let moment = midnight("2026-03-05") + TimeDelta::hours(19);
    let mut other = Record::of_files(&root, &period, |_, _| {}).unwrap();
    let mut history = domain::forecast::History::new();
    for hour in 0..40 * 24 {
        let hour = domain::forecast::Hour::of(midnight("2026-02-01")) + hour;
        if let Some(mut reading) = record.history.get(hour) {
            if moment <= hour.start() {
                reading.intensity = 500.0 - reading.intensity;
                reading.fuels.reverse();
            }
            history.set(hour, reading);
        }
    }
    other.history = history;
    for sample in other.readings.iter_mut().filter(|sample| moment < sample.ts) {
        sample.grams_per_kwh = 500.0 - sample.grams_per_kwh;
    }
    let (one, two) = (lived(&record, period, &home), lived(&other, period, &home));
    let before = |replayed: &Replayed| {
        let known = replayed.switches.iter().filter(|switch| switch.at.wall <= moment);
        known.copied().collect::<Vec<_>>()
    };
    assert_eq!(before(&one), before(&two));
    assert!(!before(&one).is_empty());
    assert_ne!(one.sessions, two.sessions, "and what comes after it does count");
    assert!(one.missed.is_empty() && two.missed.is_empty());
}

#[test]
fn recorded_weeks_miss_no_departure_and_save() {
    let data = std::env::var_os("NY_POWER_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/nyiso")),
        PathBuf::from,
    );
    if !data.is_dir() {
        println!("skipped: no recorded data in {} (set NY_POWER_DATA)", data.display());
        return;
    }
    let home = Home::new(SETTINGS);
    // Over both clock changes, and from days in which the feed stood still.
    for (from, to) in
        [("2016-03-09", "2016-03-15"), ("2016-11-03", "2016-11-09"), ("2022-03-10", "2022-03-16")]
    {
        let root = data.to_str().expect("UTF-8");
        let (code, stdout, stderr) =
            run(&home, &["--history", root, "--from", from, "--to", to, "--format", "json"]);
        assert_eq!(code, Some(0), "{from}: {stderr}");
        let json: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(json["missed_departures"], 0, "{from}: {json}");
        assert_eq!(json["departures"], 7, "{from}: {json}");
        assert!(0.0 < json["saved_at_once_kg"].as_f64().unwrap(), "{from}: {json}");
        assert!(json["switches_per_day"].as_f64().unwrap() <= 6.0, "{from}: {json}");
    }
}
