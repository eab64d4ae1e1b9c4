//! All recorded days of the fuel mix, against a counter that knows nothing of the parser: plain string
//! splitting and its own calendar. Skipped, and said so, where the recorded data are absent.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::OnceLock;

use chrono::{Datelike, NaiveDate, TimeDelta};
use domain::carbon::average_intensity;
use domain::factors::FactorSetName;
use domain::fuel_mix::Fuel;
use nyiso::fuel_mix::{FuelMixFile, OddityKind, interval_s, parse};
use nyiso::survey::Survey;
use nyiso::{archive, eastern, path};

use crate::formats::{TODAY, draw, utc};

/// One recorded day, read by both.
struct Day {
    bytes: Vec<u8>,
    file: FuelMixFile,
    naive: Naive,
}

impl Day {
    fn survey(&self, day: NaiveDate) -> Survey {
        Survey::of_day(day, &self.file.mixes)
    }
}

type Record = BTreeMap<NaiveDate, Day>;

/// The counter: what a file says when it is only split at line ends and commas.
#[derive(Default)]
struct Naive {
    header: String,
    rows: usize,
    /// Seconds since 1970 and the megawatts by fuel, in the order of the file; the last row wins.
    instants: Vec<(i64, BTreeMap<String, f64>)>,
    /// Instants that have a fuel twice, and whether any of the values differs.
    repeated: Vec<(String, bool)>,
    stamps: Vec<String>,
}

impl Naive {
    fn read(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).unwrap();
        let mut lines = text.split('\n').map(|line| line.trim_end_matches('\r'));
        let mut naive = Self { header: lines.next().unwrap().to_owned(), ..Self::default() };
        let mut places: HashMap<(String, String), usize> = HashMap::new();
        for line in lines {
            let [stamp, zone, fuel, value] =
                line.split(',').collect::<Vec<_>>().try_into().expect("four fields in every row");
            naive.rows += 1;
            let key = (stamp.to_owned(), zone.to_owned());
            let place = *places.entry(key).or_insert_with(|| {
                naive.instants.push((seconds_since_1970(stamp, zone), BTreeMap::new()));
                naive.stamps.push(stamp.to_owned());
                naive.instants.len() - 1
            });
            let value: f64 = value.parse().unwrap();
            if let Some(before) = naive.instants[place].1.insert(fuel.to_owned(), value) {
                if naive.repeated.last().is_none_or(|(last, _)| last != stamp) {
                    naive.repeated.push((stamp.to_owned(), false));
                }
                naive.repeated.last_mut().unwrap().1 |= before != value;
            }
        }
        naive
    }

    fn off_grid(&self) -> usize {
        let on_grid =
            |stamp: &str| matches!(&stamp[15..16], "0" | "5") && matches!(&stamp[16..], "" | ":00");
        self.stamps.iter().filter(|stamp| !on_grid(stamp)).count()
    }

    /// Steps between neighbors, in whole minutes.
    fn steps_min(&self) -> Vec<i64> {
        self.instants.windows(2).map(|pair| (pair[1].0 - pair[0].0) / 60).collect()
    }

    /// Minutes of the longest run of equal values.
    fn longest_run_min(&self) -> i64 {
        let (mut longest, mut begins) = (0, 0);
        for index in 0..self.instants.len() {
            if self.instants[index].1 != self.instants[begins].1 {
                begins = index;
            }
            longest = longest.max((self.instants[index].0 - self.instants[begins].0) / 60);
        }
        longest
    }
}

/// By the proleptic Gregorian calendar, counted by hand.
fn seconds_since_1970(stamp: &str, zone: &str) -> i64 {
    let number = |from: usize| stamp[from..from + 2].parse::<i64>().unwrap();
    let (month, day, hour, minute) = (number(0), number(3), number(11), number(14));
    let year = stamp[6..10].parse::<i64>().unwrap();
    let second = if stamp.len() == 19 { number(17) } else { 0 };
    let leap = |year: i64| year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
    let mut days: i64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    days += lengths[..usize::try_from(month - 1).unwrap()].iter().sum::<i64>() + day - 1;
    let behind = match zone {
        "EST" => 5,
        "EDT" => 4,
        other => panic!("zone {other}"),
    };
    86_400 * days + 3600 * (hour + behind) + 60 * minute + second
}

fn folder() -> PathBuf {
    std::env::var_os("NY_POWER_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/nyiso")),
        PathBuf::from,
    )
}

/// All days, read once; `None` where there are no recorded data.
fn record() -> Option<&'static Record> {
    static RECORD: OnceLock<Option<Record>> = OnceLock::new();
    let record = RECORD.get_or_init(|| {
        let mut zips: Vec<PathBuf> = std::fs::read_dir(folder().join("rtfuelmix"))
            .ok()?
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "zip"))
            .collect();
        zips.sort();
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let read = |zips: &[PathBuf]| zips.iter().flat_map(read_zip).collect::<Vec<_>>();
        let days = std::thread::scope(|scope| {
            let chunks = zips.chunks(zips.len().div_ceil(workers).max(1));
            let running: Vec<_> = chunks.map(|chunk| scope.spawn(move || read(chunk))).collect();
            running.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(!days.is_empty(), "there is a folder of recorded data and no day in it");
        let count = days.len();
        let record: Record = days.into_iter().collect();
        assert_eq!(record.len(), count, "no day twice");
        Some(record)
    });
    if record.is_none() {
        println!("skipped: no recorded data in {} (set NY_POWER_DATA)", folder().display());
    }
    record.as_ref()
}

fn read_zip(zip: &PathBuf) -> Vec<(NaiveDate, Day)> {
    let days = archive::days(&std::fs::read(zip).unwrap()).unwrap();
    assert!(days.is_sorted_by(|(one, _), (other, _)| one < other), "{}", zip.display());
    days.into_iter()
        .map(|(name, bytes)| {
            let file = parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            let naive = Naive::read(&bytes);
            (path::kind_of(&name).expect("a name of NYISO's").date, Day { bytes, file, naive })
        })
        .collect()
}

fn date(text: &str) -> NaiveDate {
    NaiveDate::parse_from_str(text, "%Y%m%d").unwrap()
}

fn days(list: &[&str]) -> BTreeSet<NaiveDate> {
    list.iter().map(|day| date(day)).collect()
}

/// The days for which `is` holds.
fn days_where(record: &Record, is: impl Fn(NaiveDate, &Day) -> bool) -> BTreeSet<NaiveDate> {
    record.iter().filter(|(day, of)| is(**day, of)).map(|(day, _)| *day).collect()
}

#[test]
fn every_instant_of_932_days_is_read_as_the_counter_counts_it() {
    let Some(record) = record() else { return };
    assert_eq!(record.len(), 932);
    let mut instants = 0;
    for (day, Day { file, naive, .. }) in record {
        assert_eq!(file.rows, naive.rows as u64, "{day}");
        assert_eq!(file.mixes.len(), naive.instants.len(), "{day}");
        assert_eq!(file.more_oddities, 0, "{day}");
        for (mix, (seconds, fuels)) in file.mixes.iter().zip(&naive.instants) {
            assert_eq!(mix.ts.timestamp(), *seconds, "{day}");
            let read: BTreeMap<String, f64> =
                mix.fuels().map(|(fuel, mw)| (fuel.name().to_owned(), mw.value())).collect();
            assert_eq!(&read, fuels, "{day} {}", mix.ts);
            assert!(mix.is_complete() && fuels.len() == 7, "{day} {}", mix.ts);
        }
        instants += file.mixes.len();
    }
    assert_eq!(instants, 271_613);
    let distinct: BTreeSet<i64> =
        record.values().flat_map(|day| &day.file.mixes).map(|mix| mix.ts.timestamp()).collect();
    assert_eq!(distinct.len(), instants, "midnight is in the earlier file only");
}

#[test]
fn no_day_is_missing_in_its_months() {
    let Some(record) = record() else { return };
    for (from, to) in [("20151209", "20171130"), ("20220101", "20220630"), ("20250201", "20250228")]
    {
        for day in date(from).iter_days().take_while(|day| *day <= date(to)) {
            assert!(record.contains_key(&day), "{day}");
        }
    }
}

#[test]
fn every_remark_is_one_that_the_counter_confirms() {
    let Some(record) = record() else { return };
    let (mut repeated, mut repeated_days) = (0, BTreeSet::new());
    for (day, Day { file, naive, .. }) in record {
        for (oddity, (stamp, differs)) in file.oddities.iter().zip(&naive.repeated) {
            let OddityKind::Repeated { rows, differing } = oddity.kind else {
                panic!("{day}: {oddity}");
            };
            assert!(rows == 7 && differing > 0 && *differs, "{day} {stamp}: {oddity}");
            repeated += 1;
            repeated_days.insert(*day);
        }
        assert_eq!(file.oddities.len(), naive.repeated.len(), "{day}: {:?}", file.oddities);
    }
    assert_eq!(repeated, 17);
    assert_eq!(
        repeated_days,
        days(&[
            "20151211", "20151212", "20151214", "20151220", "20151226", "20151227", "20151229",
            "20160105", "20160106", "20160111", "20160118", "20160120", "20160121",
        ])
    );
}

#[test]
fn clock_changes_neither_lose_nor_invent_an_hour() {
    let Some(record) = record() else { return };
    for (day, instants) in [
        ("20160313", 276),
        ("20170312", 275),
        ("20220313", 289),
        ("20161106", 300),
        ("20171105", 300),
    ] {
        let day = date(day);
        let mixes = &record[&day].file.mixes;
        assert_eq!(mixes.len(), instants, "{day}");
        assert!(mixes.windows(2).all(|pair| pair[1].ts - pair[0].ts <= TimeDelta::minutes(10)));
        let ones = mixes.iter().filter(|mix| eastern::hour_of(mix.ts) == 1).count();
        let twos = mixes.iter().filter(|mix| eastern::hour_of(mix.ts) == 2).count();
        if day.month() == 11 {
            assert_eq!((ones, twos), (24, 12), "{day}: the hour 01 twice");
            assert_eq!(eastern::day_length(day), TimeDelta::hours(25));
        } else {
            assert_eq!((ones >= 12, twos), (true, 0), "{day}: no hour 02");
            assert_eq!(eastern::day_length(day), TimeDelta::hours(23));
        }
    }
}

#[test]
fn formats_change_where_they_are_said_to() {
    let Some(record) = record() else { return };
    for (day, Day { bytes, naive, .. }) in record {
        let unit = if *day < date("20171101") { "Gen MWh" } else { "Gen MW" };
        assert_eq!(naive.header, format!("Time Stamp,Time Zone,Fuel Category,{unit}"), "{day}");
        let length = if *day < date("20160125") { 16 } else { 19 };
        assert!(naive.stamps.iter().all(|stamp| stamp.len() == length), "{day}");
        assert!(!bytes.ends_with(b"\n") && bytes.ends_with(b".0"), "{day}");
    }
}

#[test]
fn off_grid_stamps_slow_steps_holes_and_frozen_runs_are_found() {
    let Some(record) = record() else { return };
    let mut holes = Vec::new();
    let mut frozen = Vec::new();
    for (day, of) in record {
        let survey = of.survey(*day);
        assert_eq!(survey.off_grid, of.naive.off_grid(), "{day}");
        let slow = of
            .naive
            .instants
            .windows(2)
            .filter(|pair| (601..=1200).contains(&(pair[1].0 - pair[0].0)));
        assert_eq!(survey.slow_steps, slow.count(), "{day}");
        assert_eq!(survey.foreign, 0, "{day}");
        let long: Vec<i64> = of.naive.steps_min().into_iter().filter(|step| *step > 20).collect();
        let found: Vec<i64> = survey.holes.iter().map(|h| (h.to - h.from).num_minutes()).collect();
        assert_eq!(found, long, "{day}");
        holes.extend(survey.holes);
        assert_eq!(!survey.frozen.is_empty(), of.naive.longest_run_min() > 15, "{day}");
        assert!(of.naive.longest_run_min() <= 10 || !survey.frozen.is_empty(), "{day}");
        frozen.extend(survey.frozen);
    }
    let crowded = record[&date("20250211")].survey(date("20250211"));
    assert_eq!((crowded.instants, crowded.off_grid), (309, 22));
    assert_eq!(record[&date("20250215")].naive.stamps[0], "02/15/2025 00:01:00");
    assert_eq!(record[&date("20250215")].file.mixes[0].ts, utc("2025-02-15T05:01:00Z"));
    for (day, slow_steps) in [("20160616", 5), ("20160620", 8)] {
        assert_eq!(record[&date(day)].survey(date(day)).slow_steps, slow_steps, "{day}");
    }
    let longest = |day: &str| {
        record[&date(day)]
            .survey(date(day))
            .holes
            .iter()
            .map(|h| (h.to - h.from).num_minutes())
            .max()
    };
    assert_eq!(longest("20170529"), Some(75));
    assert_eq!(frozen.len(), 1, "{frozen:?}");
    assert_eq!(
        (frozen[0].from, frozen[0].to),
        (utc("2022-03-14T04:10:00Z"), utc("2022-03-14T06:25:00Z")),
        "135 minutes of equal values"
    );
    // The hole of 95 minutes lies across the midnight of 2016-06-08.
    let two_days: Vec<_> = ["20160607", "20160608"]
        .iter()
        .flat_map(|day| record[&date(day)].file.mixes.clone())
        .collect();
    let across: Vec<i64> = nyiso::survey::holes(&two_days)
        .iter()
        .map(|hole| (hole.to - hole.from).num_minutes())
        .collect();
    assert_eq!(across.iter().max(), Some(&95), "{across:?}");
}

#[test]
fn days_that_were_never_completed_are_named() {
    let Some(record) = record() else { return };
    let early = days_where(record, |day, of| of.survey(day).ends_early.is_some());
    let no_midnight = days_where(record, |_, of| {
        let last = of.naive.stamps.last().unwrap();
        !(last.ends_with(" 00:00") || last.ends_with(" 00:00:00"))
    });
    assert_eq!(early, no_midnight);
    assert!(early.is_superset(&days(&["20160128", "20160404", "20170421", "20250206"])));
    let last = |day: &str| record[&date(day)].survey(date(day)).ends_early.map(|hole| hole.from);
    assert_eq!(last("20160128"), Some(utc("2016-01-29T01:30:00Z")), "20:30 EST");
    assert_eq!(last("20170421"), Some(utc("2017-04-22T03:15:00Z")), "23:15 EDT");
}

#[test]
fn daily_files_are_the_entries_of_the_archive() {
    let Some(record) = record() else { return };
    for day in ["20160119", "20171122"] {
        let file = std::fs::read(folder().join(path::fuel_mix_day(date(day)))).unwrap();
        assert_eq!(file, record[&date(day)].bytes, "{day}");
    }
}

#[test]
fn values_lie_where_they_were_measured() {
    let Some(record) = record() else { return };
    let ranges = [
        (Fuel::DualFuel, 626.0..=12_182.0),
        (Fuel::NaturalGas, 744.0..=6_611.0),
        (Fuel::Nuclear, 1_778.0..=5_455.0),
        (Fuel::OtherFossil, 0.0..=2_424.0),
        (Fuel::OtherRenewables, 156.0..=749.0),
        (Fuel::Wind, 0.0..=2_252.0),
        (Fuel::Hydro, 855.0..=5_240.0),
    ];
    for mix in record.values().flat_map(|day| &day.file.mixes) {
        for (fuel, range) in &ranges {
            let value = mix.get(*fuel).unwrap().value();
            assert!(range.contains(&value), "{fuel:?} {value} at {}", mix.ts);
        }
    }
}

/// The live file's tail of 2026-09-14; it begins mid-row, after its header is put back.
#[test]
fn the_tail_of_a_live_file_reads() {
    if record().is_none() {
        return;
    }
    let tail =
        std::fs::read(folder().join("rtfuelmix/20260914rtfuelmix_tail_excerpt.txt")).unwrap();
    let file = parse(&[format!("{TODAY}\n").into_bytes(), tail].concat()).unwrap();
    assert_eq!(draw(&file), "15:15:00 -?, 15:20:00 3554, 15:25:00 3545");
    assert_eq!(file.oddities.len(), 1);
    assert_eq!(file.oddities[0].kind, OddityKind::Stamp);
}

/// Time means (weighted by duration, not by energy), without a solar split, within 0.5 %.
#[test]
fn intensities_have_the_means_that_were_measured() {
    let Some(record) = record() else { return };
    #[track_caller]
    fn check(record: &Record, from: &str, to: &str, new: (f64, f64), old: f64) {
        let mut previous = None;
        let (mut weight, mut direct, mut life_cycle, mut of_2018) = (0.0, 0.0, 0.0, 0.0);
        for mix in record.range(date(from)..=date(to)).flat_map(|(_, day)| &day.file.mixes) {
            let seconds = f64::from(interval_s(previous.replace(mix.ts), mix.ts));
            let intensity = average_intensity(mix, FactorSetName::Ny2026_1.load()).unwrap();
            let old = average_intensity(mix, FactorSetName::NyPower2018.load()).unwrap();
            weight += seconds;
            direct += seconds * intensity.direct.grams_per_kwh();
            life_cycle += seconds * intensity.life_cycle.unwrap().grams_per_kwh();
            of_2018 += seconds * old.direct.grams_per_kwh();
        }
        for (sum, expected) in [(direct, new.0), (life_cycle, new.1), (of_2018, old)] {
            let mean = sum / weight;
            println!("{from} to {to}: {mean:.2} g/kWh, measured before {expected}");
            assert!((mean / expected - 1.0).abs() < 0.005, "{from}: {mean} for {expected}");
        }
    }
    check(record, "20160101", "20161231", (198.1, 262.0), 220.0);
    check(record, "20170101", "20171130", (171.9, 230.0), 189.0);
    check(record, "20250201", "20250228", (236.3, 310.0), 262.0);
}
