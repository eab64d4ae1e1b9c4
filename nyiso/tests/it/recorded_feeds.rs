//! The feeds without a zone column, on recorded files. Skipped, and said so, where they are absent.

use std::path::PathBuf;

use domain::Timestamp;
use domain::consumption::Neighbor;
use domain::units::Megawatts;
use domain::zone::LoadZone;
use nyiso::local_time::Step;
use nyiso::{archive, interface_flows, load_forecast, price};

fn recorded(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("NY_POWER_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/nyiso")),
        PathBuf::from,
    );
    let file = std::fs::read(folder.join(name)).ok();
    if file.is_none() {
        println!("skipped: no {name} in {} (set NY_POWER_DATA)", folder.display());
    }
    file
}

fn utc(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn the_autumn_hour_of_day_ahead_prices_has_two_prices() {
    let Some(file) = recorded("damlbmp/20251102damlbmp_zone_excerpt.csv") else { return };
    let parsed = price::parse(&file, Step::Hourly).unwrap();
    let capitl = &parsed.prices[&LoadZone::Capitl];
    assert_eq!(capitl[&utc("2025-11-02T05:00:00Z")], 52.73);
    assert_eq!(capitl[&utc("2025-11-02T06:00:00Z")], 51.44);
    assert_eq!(capitl[&utc("2025-11-02T07:00:00Z")], 42.62);
    assert_eq!(capitl.len(), 25);
    assert!(parsed.odd.is_empty());
}

#[test]
fn the_autumn_hour_of_the_load_forecast_is_two_hours() {
    let Some(file) = recorded("isolf/20251102isolf_excerpt.csv") else { return };
    let parsed = load_forecast::parse(&file).unwrap();
    assert_eq!(parsed.hours.len(), 28);
    assert!(parsed.hours.windows(2).all(|pair| (pair[1].0 - pair[0].0).num_hours() == 1));
}

#[test]
fn flows_are_grouped_by_neighbor() {
    let Some(file) = recorded("ExternalLimitsFlows/20250701ExternalLimitsFlows_excerpt.csv") else {
        return;
    };
    let parsed = interface_flows::parse(&file).unwrap();
    assert_eq!(parsed.instants.len(), 2);
    let first = &parsed.instants[0];
    assert_eq!((first.ts, first.points.len()), (utc("2025-07-01T04:00:00Z"), 18));
    let net = first.net();
    for (neighbor, expected) in [
        (Neighbor::Hq, -541.0),
        (Neighbor::Ontario, 940.38),
        (Neighbor::NewEngland, 815.43),
        (Neighbor::Pjm, 2417.89),
    ] {
        let net = net.get(neighbor).map(Megawatts::value).unwrap();
        assert!((net - expected).abs() < 1e-9, "{neighbor:?}: {net}");
    }
    assert!(parsed.unknown_ties.is_empty() && parsed.odd.is_empty());
}

#[test]
fn a_day_of_flows_reads_whole() {
    let Some(file) = recorded("ExternalLimitsFlows/20171122ExternalLimitsFlows.csv") else {
        return;
    };
    let rows = file.iter().filter(|byte| **byte == b'\n').count() - 1;
    let parsed = interface_flows::parse(&file).unwrap();
    assert!(parsed.odd.is_empty() && parsed.unknown_ties.is_empty());
    // Two runs within a minute share a stamp: rows fall together, points never appear from nowhere.
    let read: usize = parsed.instants.iter().map(|at| at.points.len()).sum();
    assert!(read <= rows && parsed.instants.len() >= 280, "{read} of {rows}");
    assert_eq!(parsed.instants.last().unwrap().ts, utc("2017-11-23T04:55:00Z"));
}

#[test]
fn recorded_days_of_real_time_prices_read_whole() {
    for name in [
        "realtime_zone/20161023-29_realtime_zone_lf.zip",
        "realtime_zone/20220301realtime_zone_csv.zip",
    ] {
        let Some(zip) = recorded(name) else { return };
        for (day, file) in archive::days(&zip).unwrap() {
            let parsed = price::parse(&file, Step::Minutes).unwrap();
            assert!(parsed.odd.is_empty(), "{day}: {:?}", parsed.odd.rows.first());
            assert_eq!(parsed.prices.len(), LoadZone::COUNT, "{day}");
            if day == "20220313realtime_zone.csv" {
                let capitl = &parsed.prices[&LoadZone::Capitl];
                assert_eq!(capitl[&utc("2022-03-13T06:55:00Z")], 180.17);
                assert_eq!(capitl[&utc("2022-03-13T07:00:00Z")], 156.38);
            }
        }
    }
}
