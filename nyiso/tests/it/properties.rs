//! What holds for every file, also for those that nobody has seen yet.

use std::io::{Cursor, Write};

use chrono::{DateTime, TimeDelta};
use domain::Timestamp;
use domain::fuel_mix::{Fuel, FuelMix};
use domain::units::Megawatts;
use nyiso::fuel_mix::{BELIEVED_MW, FuelMixFile, MAX_ODDITIES, parse, render};
use nyiso::{archive, eastern, gzip, path};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::formats::TODAY;

/// Any second of the years that stamps are believed in.
fn instant() -> impl Strategy<Value = Timestamp> {
    // 2000-01-02 to 2199-12-30
    (946_771_200_i64..7_258_032_000).prop_map(|secs| DateTime::from_timestamp(secs, 0).unwrap())
}

/// What NYISO could write: whole megawatts mostly, and now and then a fraction or a gap.
fn power() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        8 => (0_u32..50_000).prop_map(|mw| Some(f64::from(mw))),
        1 => (0_u32..500_000).prop_map(|tenths| Some(f64::from(tenths) / 10.0)),
        1 => Just(None),
    ]
}

/// Ascending instants, close together as in a day or all over the years.
fn mixes() -> impl Strategy<Value = Vec<FuelMix>> {
    let stamps = prop_oneof![
        (instant(), vec(1_i64..2000, 0..12)).prop_map(|(start, steps)| {
            let mut ts = start;
            steps
                .iter()
                .map(|step| {
                    ts += TimeDelta::seconds(*step);
                    ts
                })
                .collect()
        }),
        vec(instant(), 0..6).prop_map(|mut stamps| {
            stamps.sort();
            stamps.dedup();
            stamps
        }),
    ];
    (stamps, vec(vec(power(), Fuel::COUNT), 12)).prop_map(|(stamps, powers): (Vec<_>, _)| {
        let mixes = stamps.iter().zip(&powers).map(|(ts, powers)| {
            let mut mix = FuelMix::new(*ts);
            for (fuel, power) in Fuel::ALL.iter().zip(powers) {
                if let Some(power) = power.and_then(Megawatts::new) {
                    mix.set(*fuel, power);
                }
            }
            mix
        });
        mixes.filter(|mix| !mix.is_empty()).collect()
    })
}

/// What a line, a disk or a person can do to a file.
#[derive(Clone, Debug)]
enum Damage {
    Set(Index, u8),
    Remove(Index),
    Insert(Index, Vec<u8>),
    Cut(Index),
    Repeat(Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        any::<Index>().prop_map(Damage::Remove),
        (any::<Index>(), "[\",\r\n.0-9a-zA-Z<\u{feff}]{1,6}")
            .prop_map(|(at, text)| Damage::Insert(at, text.into_bytes())),
        any::<Index>().prop_map(Damage::Cut),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Repeat(from, to)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        let at = |index: &Index, bytes: &[u8]| index.index(bytes.len().max(1)).min(bytes.len());
        match damage {
            Damage::Set(index, byte) => {
                let at = at(index, &bytes);
                if let Some(held) = bytes.get_mut(at) {
                    *held = *byte;
                }
            }
            Damage::Remove(index) => {
                let at = at(index, &bytes);
                bytes.drain(at..(at + 1).min(bytes.len()));
            }
            Damage::Insert(index, more) => {
                let at = at(index, &bytes);
                bytes.splice(at..at, more.iter().copied());
            }
            Damage::Cut(index) => bytes.truncate(at(index, &bytes)),
            Damage::Repeat(from, to) => {
                let (from, to) = (at(from, &bytes), at(to, &bytes));
                let part = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.splice(to..to, part);
            }
        }
    }
    bytes
}

/// What a reader of any file may rely on.
fn check_invariants(bytes: &[u8], file: &FuelMixFile) {
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
    assert!(file.mixes.is_sorted_by(|one, other| one.ts < other.ts));
    assert!(file.oddities.len() <= MAX_ODDITIES);
    for mix in &file.mixes {
        assert!(!mix.is_empty());
        assert_eq!(mix.ts.timestamp_subsec_nanos(), 0);
        assert!(mix.fuels().all(|(_, power)| BELIEVED_MW.contains(&power.value())));
    }
    for oddity in &file.oddities {
        let text = oddity.to_string();
        assert!(!text.chars().any(char::is_control), "{text:?}");
        assert!(oddity.line.is_none_or(|line| (1..=lines).contains(&line)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(mixes in mixes()) {
        let file = parse(&render(&mixes)).unwrap();
        prop_assert_eq!(file.oddities, []);
        prop_assert_eq!(file.mixes, mixes);
    }

    #[test]
    fn a_cut_never_changes_a_number(mixes in mixes(), cut in any::<Index>()) {
        let whole = render(&mixes);
        let end = TODAY.len() + cut.index(whole.len() - TODAY.len() + 1);
        let part = parse(&whole[..end]).unwrap();
        check_invariants(&whole[..end], &part);
        for (read, truth) in part.mixes.iter().zip(&mixes) {
            prop_assert_eq!(read.ts, truth.ts);
            for (fuel, power) in read.fuels() {
                prop_assert_eq!(Some(power), truth.get(fuel));
            }
        }
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in vec(any::<u8>(), 0..400)) {
        if let Ok(file) = parse(&bytes) {
            check_invariants(&bytes, &file);
        }
    }

    #[test]
    fn no_rows_make_the_parser_panic(rows in "[ -~\r\n\u{feff}é]{0,300}", end in "\r?\n?") {
        let file = format!("{TODAY}\r\n{rows}{end}");
        if let Ok(read) = parse(file.as_bytes()) {
            check_invariants(file.as_bytes(), &read);
        }
    }

    #[test]
    fn no_damage_makes_the_parser_panic(mixes in mixes(), damages in vec(damage(), 1..8)) {
        let bytes = damaged(render(&mixes), &damages);
        if let Ok(file) = parse(&bytes) {
            check_invariants(&bytes, &file);
        }
    }

    #[test]
    fn no_damage_makes_unpacking_panic(mixes in mixes(), damages in vec(damage(), 1..4)) {
        let file = render(&mixes);
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("20260310rtfuelmix.csv", zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&file).unwrap();
        let zip = zip.finish().unwrap().into_inner();
        // Names are not protected by a checksum; contents are.
        for (_, body) in archive::days(&damaged(zip, &damages)).unwrap_or_default() {
            prop_assert!(body == file);
        }
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&file).unwrap();
        let _ = gzip::inflate(&damaged(gz.finish().unwrap(), &damages), 1 << 20);
    }

    #[test]
    fn the_wall_clock_and_its_zone_tell_the_instant(ts in instant()) {
        let (wall, zone) = eastern::wall_clock(ts);
        prop_assert_eq!(eastern::to_utc(wall, zone), ts);
    }

    #[test]
    fn every_instant_lies_in_its_day(ts in instant()) {
        let day = eastern::day_of(ts);
        let begins = eastern::midnight(day);
        prop_assert!(begins <= ts && ts < begins + eastern::day_length(day));
        let file = path::kind_of(&path::fuel_mix_day(day)).unwrap();
        prop_assert_eq!(file.date, day);
    }
}
