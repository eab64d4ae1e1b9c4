//! What instants taken together say about the feed.

use chrono::TimeDelta;
use domain::fuel_mix::{Fuel, FuelMix};
use domain::units::Megawatts;
use nyiso::survey::{Survey, frozen, frozen_now, holes};

use crate::formats::utc;

/// Instants at these minutes after 04:00 UTC on 2026-03-10 (midnight in New York), with these values.
fn feed(of: &[(i64, u32)]) -> Vec<FuelMix> {
    of.iter()
        .map(|(minute, value)| {
            let mut mix = FuelMix::new(utc("2026-03-10T04:00:00Z") + TimeDelta::minutes(*minute));
            for fuel in Fuel::ALL {
                mix.set(fuel, Megawatts::new(f64::from(*value)).unwrap());
            }
            mix
        })
        .collect()
}

#[test]
fn a_feed_is_frozen_after_more_than_15_minutes_without_a_change() {
    let check = |of: &[(i64, u32)], runs: usize, now: bool| {
        let mixes = feed(of);
        assert_eq!((frozen(&mixes).len(), frozen_now(&mixes).is_some()), (runs, now), "{of:?}");
    };
    check(&[], 0, false);
    check(&[(5, 1)], 0, false);
    check(&[(5, 1), (10, 1), (15, 1), (20, 1)], 0, false);
    check(&[(5, 1), (10, 1), (15, 1), (20, 1), (25, 1)], 1, true);
    check(&[(5, 1), (10, 1), (15, 1), (20, 1), (25, 1), (30, 2)], 1, false);
    check(&[(5, 1), (10, 2), (15, 1), (20, 2), (25, 1)], 0, false);
    check(&[(5, 1), (25, 1), (30, 2), (50, 2)], 2, true);
    let run = frozen_now(&feed(&[(5, 3), (10, 1), (20, 1), (30, 1)])).unwrap();
    assert_eq!((run.from, run.to), (utc("2026-03-10T04:10:00Z"), utc("2026-03-10T04:30:00Z")));
}

#[test]
fn a_hole_is_a_step_of_more_than_20_minutes() {
    assert_eq!(holes(&feed(&[(5, 1), (25, 2)])), []);
    let holes = holes(&feed(&[(5, 1), (100, 2), (105, 3)]));
    assert_eq!(holes.len(), 1);
    assert_eq!(holes[0].to - holes[0].from, TimeDelta::minutes(95));
}

#[test]
fn a_day_is_described_in_remarks() {
    let day = "2026-03-10".parse().unwrap();
    let whole: Vec<(i64, u32)> = (5..).step_by(5).zip(1..=288).collect();
    assert_eq!(Survey::of_day(day, &feed(&whole)).remarks(), [""; 0]);
    assert_eq!(Survey::of_day(day, &[]).remarks(), [""; 0]);

    let no_midnight = Survey::of_day(day, &feed(&whole[..287]));
    assert_eq!(no_midnight.remarks(), [""; 0], "which is usual");
    assert_eq!(no_midnight.ends_early.unwrap().from, utc("2026-03-11T03:55:00Z"));

    let mut odd = feed(&[(0, 1), (5, 2), (7, 3), (22, 4), (60, 5), (80, 5)]);
    odd.insert(3, FuelMix::new(utc("2026-03-10T04:12:00Z")));
    let survey = Survey::of_day(day, &odd);
    assert_eq!(survey.off_grid, 3);
    assert_eq!(
        survey.remarks(),
        [
            "1 of 7 instants are not complete, the first at 2026-03-10T04:12:00Z",
            "1 of 7 instants belong to another day",
            "1 of 7 steps are longer than 10 minutes",
            "no instant for 38 min, 2026-03-10T04:22:00Z to 2026-03-10T05:00:00Z",
            "the same values for 20 min, 2026-03-10T05:00:00Z to 2026-03-10T05:20:00Z: a frozen feed",
            "cut off: it lacks the last 1360 min, 2026-03-10T05:20:00Z to 2026-03-11T04:00:00Z",
        ]
    );
    assert_eq!(Survey::of(&odd).remarks().len(), 4, "without a day nothing is foreign or early");
}
