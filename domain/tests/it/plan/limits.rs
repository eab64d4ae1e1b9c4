//! Limits on the switch, case by case.

use chrono::TimeDelta;
use domain::plan::{Before, ChargeRequest, Outlook, Slot, Taper, plan};

use super::{Case, at, hourly, minutes};

const HOLE: f64 = f64::NAN;

fn quarters(values: &[f64]) -> Case {
    hourly(values).step(15)
}

#[test]
fn lonely_clean_slots_are_no_run() {
    let case = || quarters(&[9.0, 1.0, 9.0, 9.0, 3.0, 3.0, 9.0, 9.0]).need(30);
    case().check(".#...#..");
    case().with(|r| r.limits.min_on = minutes(30)).check("....##..");
}

#[test]
fn a_run_that_the_departure_ends_may_be_short() {
    let case = || quarters(&[9.0, 2.0, 3.0, 9.0, 9.0, 1.0]).need(45);
    case().with(|r| r.limits.min_on = minutes(30)).check(".##..#");
    // Short of it the minimum holds.
    let case = || quarters(&[9.0, 2.0, 3.0, 9.0, 9.0, 1.0, 90.0]).need(45);
    case().with(|r| r.limits.min_on = minutes(30)).check(".###...");
}

#[test]
fn a_minimum_longer_than_the_need_is_one_run_of_the_need() {
    let case = || quarters(&[5.0, 1.0, 9.0, 1.0, 2.0, 9.0, 1.0, 9.0]);
    case().need(30).with(|r| r.limits.min_on = minutes(600)).check("...##...");
    case().need(20).with(|r| r.limits.min_on = minutes(600)).check("...#<...");
    case().need(15).with(|r| r.limits.min_on = minutes(600)).check("......#.");
    case().need(10).with(|r| r.limits.min_on = minutes(600)).check("......>.");
}

#[test]
fn pauses_are_not_shorter_than_the_minimum() {
    let case = || quarters(&[1.0, 5.0, 1.0, 5.0, 2.0, 9.0, 9.0, 9.0]).need(30);
    case().check("#.#.....");
    case().with(|r| r.limits.min_off = minutes(15)).check("#.#.....");
    case().with(|r| r.limits.min_off = minutes(20)).check("#...#...");
    case().with(|r| r.limits.min_off = minutes(60)).check("..##....");
}

#[test]
fn a_part_may_begin_or_end_a_run() {
    let limits = |case: Case| case.with(|r| r.limits.min_on = minutes(15));
    limits(quarters(&[9.0, 2.0, 1.0, 9.0]).need(20)).check(".>#.");
    limits(quarters(&[9.0, 1.0, 2.0, 9.0]).need(20)).check(".#<.");
    // Alone it would be too short a run.
    limits(quarters(&[2.0, 9.0, 1.0, 5.0, 90.0]).need(20)).check("..#<.");
    limits(quarters(&[2.0, 9.0, 1.0, 5.0, 90.0]).need(20))
        .with(|r| r.limits.min_on = minutes(5))
        .check(">.#..");
}

#[test]
fn now_and_the_departure_belong_to_the_grid() {
    let mut case =
        quarters(&[1.0, 9.0, 1.0, 1.0, 9.0]).need(38).with(|r| r.limits.min_off = minutes(1));
    case.now = at(7);
    // 8 minutes of the first slot are left; 30 are two whole slots.
    case.check_total(">.##.", 38.0 / 60.0);
    let case = quarters(&[5.0, 9.0, 9.0, 1.0, 1.0]).by(70).need(20);
    case.with(|r| r.limits.max_starts = Some(1)).check("...><");
}

#[test]
fn an_unknown_hour_is_used_last_also_under_limits() {
    let case = || hourly(&[HOLE, 800.0, HOLE, 900.0, HOLE]).with(|r| r.limits.max_starts = Some(2));
    case().need(120).check(".#.#.");
    case().need(180).check(".#.##");
    case().need(120).with(|r| r.limits.max_starts = Some(1)).check(".##..");
}

#[test]
fn a_run_under_way_is_no_start_and_keeps_its_minimum() {
    let case = || hourly(&[5.0, 5.0, 5.0, 1.0, 2.0]).need(120);
    let charging = |since| Before::Charging { since: at(since) };
    case().with(|r| r.limits.max_starts = Some(1)).check("...##");
    // A start costs more than going on.
    case()
        .with(|r| {
            r.limits.start_cost = 10.0;
            r.before = charging(-30);
        })
        .check("##...");
    // The minimum on has half an hour to go; the next whole hour ends it.
    case()
        .with(|r| {
            r.limits.min_on = minutes(60);
            r.before = charging(-30);
        })
        .check("#..#.");
    case()
        .with(|r| {
            r.limits.min_on = minutes(60);
            r.before = charging(-90);
        })
        .check("...##");
    // The need ends before the minimum does.
    case()
        .with(|r| {
            r.limits.min_on = minutes(600);
            r.before = charging(-30);
        })
        .check("##...");
}

#[test]
fn a_pause_under_way_lasts_its_minimum() {
    let case = |since| {
        hourly(&[1.0, 2.0, 5.0, 5.0]).need(60).with(|r| {
            r.limits.min_off = minutes(60);
            r.before = Before::Idle { since: at(since) };
        })
    };
    case(-90).check("#...");
    case(-30).check(".#..");
    case(0).check(".#..");
}

#[test]
fn forced_hours_are_runs_like_any_other() {
    let case = || {
        hourly(&[9.0, 1.0, 9.0, 2.0, 9.0])
            .need(180)
            .precondition(60)
            .with(|r| r.minimum_first_kwh = 1.0)
    };
    case().check("##..#");
    case().with(|r| r.limits.max_starts = Some(2)).check("##..#");
    case().with(|r| r.limits.min_on = minutes(120)).check("##..#");
    // One start cannot do both: the need comes first, and the plan says so.
    let one = case().with(|r| r.limits.max_starts = Some(1));
    one.check("##..#");
    assert!(one.plan().limits_waived);
    assert!(!case().plan().limits_waived);
}

#[test]
fn a_taper_weighs_the_first_hours_more() {
    // Full power for an hour, then little: the full hour goes where it is cleanest.
    let taper = Taper { full_kwh: 10.0, soc: 0.0, knee: 0.5, knee_kw: 5.0, full_kw: 0.5 };
    let case = hourly(&[1.0, 3.0, 2.0, 9.0]).with(|r| {
        (r.need_kwh, r.power_kw, r.taper) = (8.0, 5.0, Some(taper));
    });
    let plan = case.plan();
    assert!((plan.energy_kwh - 8.0).abs() < 1e-9);
    assert!(TimeDelta::minutes(96) < plan.duration());
    assert_eq!(plan.slots[0].energy_kwh, 5.0);
    // An hour at 1 comes first; what is left of the need is at 2, not at 3.
    case.check("#.>.");
}

#[test]
fn a_negative_value_does_not_make_the_impossible_cheap() {
    // Found by the fuzz test: what cannot be, less a little, looked better than what cannot be.
    let past = [Slot { start: at(-45), end: at(0) + TimeDelta::nanoseconds(360), value: -35.0 }];
    let outlook = Outlook::unknown().with_history(past.to_vec()).unwrap();
    let mut request = ChargeRequest::new(4.0, 34.0, at(17 * 60));
    request.precondition = minutes(8);
    request.taper = Some(Taper { knee_kw: 468.0, ..Taper::new(345.0, 0.995) });
    let plan = plan(at(0), &request, &outlook).unwrap();
    assert_eq!(plan.duration(), request.duration().unwrap());
    assert_eq!(plan.end(), Some(at(17 * 60)));
}
