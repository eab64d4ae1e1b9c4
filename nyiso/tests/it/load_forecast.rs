//! All recorded load forecasts: every row is read, the counts are those of six days.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{Days, NaiveDate, TimeDelta};
use nyiso::{archive, eastern, load_forecast};

#[test]
fn recorded_files_hold_every_hour_of_their_days() {
    let folder = std::env::var_os("NY_POWER_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/nyiso")),
        PathBuf::from,
    );
    let Ok(entries) = std::fs::read_dir(folder.join("isolf")) else {
        println!("skipped: no recorded data in {} (set NY_POWER_DATA)", folder.display());
        return;
    };
    let mut files = 0;
    let mut short: BTreeMap<NaiveDate, usize> = BTreeMap::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|extension| extension != "zip") {
            continue;
        }
        for (name, bytes) in archive::days(&std::fs::read(&path).unwrap()).unwrap() {
            let file = load_forecast::parse(&bytes).unwrap();
            assert_eq!(
                file.day,
                NaiveDate::parse_from_str(&name[..8], "%Y%m%d").unwrap(),
                "{name}"
            );
            assert_eq!(file.oddities, [], "{name}");
            assert_eq!(file.hours[0].0, eastern::midnight(file.day), "{name}");
            let steps = file.hours.windows(2).map(|pair| pair[1].0 - pair[0].0);
            assert!(steps.into_iter().all(|step| step == TimeDelta::hours(1)), "{name}");
            let end = eastern::midnight(file.day + Days::new(6));
            if file.hours.last().unwrap().0 + TimeDelta::hours(1) != end {
                short.insert(file.day, file.hours.len());
            }
            files += 1;
        }
    }
    assert_eq!(files, 1_065);
    let days = ["2015-12-22", "2016-03-28", "2016-04-09", "2018-10-07"];
    let expected: BTreeMap<NaiveDate, usize> =
        days.into_iter().map(|day| (day.parse().unwrap(), 120)).collect();
    assert_eq!(short, expected);
}
