//! Offsets: spread over the fleet, fixed for a device, and never late.

use chrono::{DateTime, TimeDelta};
use domain::Timestamp;
use domain::fleet::{LONGEST_WINDOW_SECS, Offsets, WINDOW_SECS, threshold_factor, wait};
use domain::plan::Limits;
use proptest::prelude::*;

fn at(seconds: i64) -> Timestamp {
    DateTime::from_timestamp(1_773_115_200 + seconds, 0).unwrap()
}

fn moved(
    offsets: (i64, i64),
    runs: &[(i64, i64)],
    depart: i64,
    limits: &Limits,
) -> Vec<(i64, i64)> {
    let offsets =
        Offsets { start: TimeDelta::seconds(offsets.0), stop: TimeDelta::seconds(offsets.1) };
    let runs: Vec<_> = runs.iter().map(|run| (at(run.0), at(run.1))).collect();
    let seconds = |at_: Timestamp| (at_ - at(0)).num_seconds();
    offsets
        .apply(&runs, at(0), at(depart), limits)
        .into_iter()
        .map(|run| (seconds(run.0), seconds(run.1)))
        .collect()
}

#[track_caller]
fn check(offsets: (i64, i64), runs: &[(i64, i64)], depart: i64, expected: &[(i64, i64)]) {
    assert_eq!(moved(offsets, runs, depart, &Limits::default()), expected);
}

#[test]
fn a_hash_is_for_ever() {
    // Should these change, a fleet that updates itself moves all its starts in one night.
    let seconds = |device, event| {
        let offsets = Offsets::new(device, event, WINDOW_SECS);
        (offsets.start.num_seconds(), offsets.stop.num_seconds())
    };
    assert_eq!(seconds("garage", "2026-03-10T11:00:00Z"), (32, 535));
    assert_eq!(seconds("garage", "2026-03-11T11:00:00Z"), (37, 19));
    assert_eq!(seconds("carport", "2026-03-10T11:00:00Z"), (311, 243));
    assert_eq!(wait("garage", "power-1", WINDOW_SECS).as_secs(), 192);
    assert_eq!(wait("garage", "power-2", WINDOW_SECS).as_secs(), 111);
}

#[test]
fn offsets_fill_their_window_evenly_and_start_tells_nothing_of_stop() {
    let mut minutes = [[0; 10]; 10];
    for device in 0..20_000 {
        let offsets = Offsets::new(&format!("device-{device}"), "night", WINDOW_SECS);
        let minute = |offset: TimeDelta| usize::try_from(offset.num_seconds() / 60).unwrap();
        minutes[minute(offsets.start)][minute(offsets.stop)] += 1;
    }
    // 200 expected in each of the 100 fields; five standard deviations are 71.
    assert!(minutes.iter().flatten().all(|count| (129..271).contains(count)), "{minutes:?}");
}

#[test]
fn a_window_is_at_most_half_an_hour_and_may_be_none() {
    assert_eq!(Offsets::new("garage", "night", 0), Offsets::NONE);
    let longest = Offsets::new("garage", "night", LONGEST_WINDOW_SECS);
    assert_eq!(Offsets::new("garage", "night", u32::MAX), longest);
    assert!(longest.start < TimeDelta::seconds(LONGEST_WINDOW_SECS.into()));
}

#[test]
fn words_do_not_run_into_one_another() {
    let window = LONGEST_WINDOW_SECS;
    assert_ne!(Offsets::new("ab", "c", window), Offsets::new("a", "bc", window));
}

#[test]
fn a_run_is_moved_whole() {
    check((300, 100), &[(1000, 5000)], 9000, &[(1300, 5300)]);
}

#[test]
fn stops_between_runs_move_by_their_own_offset_and_the_last_run_makes_it_up() {
    check((300, 100), &[(0, 3600), (9000, 12_000)], 20_000, &[(300, 3700), (9300, 12_500)]);
    check((100, 300), &[(0, 3600), (9000, 12_000)], 20_000, &[(100, 3900), (9100, 11_900)]);
}

#[test]
fn the_departure_shortens_an_offset() {
    check((300, 100), &[(1000, 5000)], 5120, &[(1120, 5120)]);
    check((300, 100), &[(1000, 5000)], 5000, &[(1000, 5000)]);
    // The run before gives way only when the last one has given all.
    check((300, 0), &[(0, 3600), (9000, 12_000)], 12_000, &[(0, 3600), (9000, 12_000)]);
    check((300, 0), &[(0, 3600), (9000, 12_000)], 12_200, &[(200, 3600), (9000, 12_200)]);
}

#[test]
fn a_charge_that_is_late_already_is_not_made_later() {
    check((300, 100), &[(0, 5000)], 4000, &[(0, 5000)]);
}

#[test]
fn a_run_under_way_has_had_its_offset() {
    check((300, 100), &[(-10, 5000)], 9000, &[(-10, 5000)]);
}

#[test]
fn minimums_hold() {
    let limits = Limits {
        min_on: TimeDelta::seconds(600),
        min_off: TimeDelta::seconds(300),
        ..Limits::default()
    };
    // The run would lose 500 of its 600 s, the pause all of its 300 s.
    let runs = [(0, 600), (900, 4000)];
    assert_eq!(moved((500, 0), &runs, 9000, &limits), [(500, 1100), (1400, 4500)]);
    assert_eq!(moved((0, 500), &runs, 9000, &limits), [(0, 600), (900, 4000)]);
}

#[test]
fn thresholds_differ_by_at_most_three_percent() {
    let factors: Vec<f64> = (0..1000).map(|i| threshold_factor(&format!("device-{i}"))).collect();
    assert!(factors.iter().all(|factor| (0.97..=1.03).contains(factor)));
    let mean = factors.iter().sum::<f64>() / 1000.0;
    assert!((mean - 1.0).abs() < 0.003, "{mean}");
    assert_eq!(threshold_factor("garage"), threshold_factor("garage"));
}

prop_compose! {
    fn runs()(
        lengths in prop::collection::vec((0..4000i64, 1..9000i64), 1..6),
    ) -> Vec<(i64, i64)> {
        let mut end = 0;
        lengths
            .into_iter()
            .map(|(pause, length)| {
                let start = end + pause + i64::from(end > 0);
                end = start + length;
                (start, end)
            })
            .collect()
    }
}

proptest! {
    #[test]
    fn energy_and_departure_are_kept(
        runs in runs(),
        slack in 0..3000i64,
        offsets in (0..1800i64, 0..1800i64),
        (min_on, min_off) in (0..1200i64, 0..1200i64),
    ) {
        let limits = Limits {
            min_on: TimeDelta::seconds(min_on),
            min_off: TimeDelta::seconds(min_off),
            ..Limits::default()
        };
        let depart = runs[runs.len() - 1].1 + slack;
        let result = moved(offsets, &runs, depart, &limits);
        let total = |runs: &[(i64, i64)]| runs.iter().map(|run| run.1 - run.0).sum::<i64>();
        prop_assert_eq!(total(&result), total(&runs), "{:?}", result);
        prop_assert!(result.iter().all(|run| run.0 < run.1 && run.1 <= depart), "{:?}", result);
        prop_assert!(result.windows(2).all(|pair| pair[0].1 < pair[1].0), "{:?}", result);
        prop_assert!(result.iter().all(|run| runs[0].0 <= run.0));
    }
}

#[test]
fn ten_thousand_agents_on_one_plan_do_not_step_together() {
    let runs = [(at(3600), at(11_100))];
    let starts = |window| {
        let mut starts: Vec<i64> = (0..10_000)
            .map(|car| {
                let offsets = Offsets::new(&format!("car-{car}"), "2026-03-11T11:00:00Z", window);
                let moved = offsets.apply(&runs, at(0), at(40_000), &Limits::default());
                (moved[0].0 - at(3600)).num_seconds()
            })
            .collect();
        starts.sort_unstable();
        starts
    };
    let most_within_a_minute = |starts: &[i64]| {
        let within = |from: &i64| {
            starts.partition_point(|s| *s < from + 60) - starts.partition_point(|s| s < from)
        };
        starts.iter().map(within).max().unwrap()
    };
    assert_eq!(most_within_a_minute(&starts(0)), 10_000);
    // A tenth and a thirtieth are the ideal.
    assert!(most_within_a_minute(&starts(WINDOW_SECS)) < 1_150);
    assert!(most_within_a_minute(&starts(LONGEST_WINDOW_SECS)) < 430);
}

#[test]
fn ten_thousand_agents_do_not_close_in_the_same_minute_when_power_returns() {
    let mut minutes = [0; 10];
    for car in 0..10_000 {
        let wait = wait(&format!("car-{car}"), &format!("power-{car:032x}"), WINDOW_SECS);
        minutes[usize::try_from(wait.as_secs() / 60).unwrap()] += 1;
    }
    // 1000 expected; five standard deviations are 150.
    assert!(minutes.iter().all(|count| (850..1150).contains(count)), "{minutes:?}");
    assert_eq!(wait("garage", "power-1", 0).as_secs(), 0);
    let longest = wait("garage", "power-1", LONGEST_WINDOW_SECS);
    assert_eq!(wait("garage", "power-1", u32::MAX), longest);
}
