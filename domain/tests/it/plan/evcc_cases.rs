//! What the most used planner (evcc) does, case by case, in its own numbering; where ours differs on
//! purpose, the test says so.

use chrono::TimeDelta;
use domain::plan::{ChargePlan, ChargeRequest, Outlook, PlanBasis, PlanSlot, Slot, Source, plan};

use super::{Case, at, hourly, minutes};

const HOLE: f64 = f64::NAN;
const D: [f64; 6] = [20.0, 60.0, 10.0, 80.0, 40.0, 90.0];

/// No forecast at all.
fn unknown() -> Case {
    hourly(&[])
}

// Clamping.

#[test]
fn c1_slots_are_clamped_to_the_window() {
    let two = || hourly(&[1.0, 2.0]);
    two().need(120).check("##");
    two().by(60).check("#");
    let second = two().now(60).plan();
    assert_eq!(second.runs(), [(at(60), at(120))]);
    assert_eq!(second.grams, 2.0);
}

// Choice in pieces.

#[test]
fn d0_an_empty_window_is_a_departure_that_has_come() {
    // Ours: not an empty plan. The car is charged as soon as can be, and the plan says how late.
    let plan = hourly(&D).by(0).plan();
    assert_eq!((plan.runs(), plan.overrun), (vec![(at(0), at(60))], minutes(60)));
}

#[test]
fn d1_one_hour_takes_the_cheapest() {
    hourly(&D).check_total("..#...", 10.0);
}

#[test]
fn d2_two_hours_take_the_two_cheapest_though_apart() {
    hourly(&D).need(120).check_total("#.#...", 30.0);
}

#[test]
fn d3_the_dearest_is_taken_in_part_and_begins_late() {
    let case = hourly(&D).need(90);
    case.check_total(">.#...", 20.0);
    assert_eq!(case.plan().start(), Some(at(30)));
}

#[test]
fn d4_a_slot_that_has_begun_changes_nothing() {
    hourly(&D).now(30).check_total("..#...", 10.0);
}

#[test]
fn d6_the_rest_of_a_slot_that_has_begun_is_taken_at_once() {
    let case = hourly(&D).now(30).need(90);
    case.check_total(">.#...", 20.0);
    assert_eq!(case.plan().start(), Some(at(30)));
}

// No data, or bad data.

#[test]
fn n1_n2_without_a_forecast_and_too_little_time_charge_at_once() {
    for case in [unknown().by(30), unknown().by(30).continuous()] {
        let plan = case.plan();
        assert_eq!(plan.runs(), [(at(0), at(60))]);
        assert_eq!((plan.basis, plan.overrun), (PlanBasis::Deadline, minutes(30)));
    }
}

#[test]
fn n3_a_forecast_changes_nothing_when_time_is_short_or_over() {
    hourly(&[1.0]).by(30).check_both("#");
    let late = hourly(&[1.0]).by(-30).plan();
    assert_eq!((late.runs(), late.overrun), (vec![(at(0), at(60))], minutes(90)));
}

#[test]
fn n4_a_departure_that_has_come_or_gone_charges_at_once() {
    for depart in [0, -60] {
        hourly(&[4.0, 3.0, 2.0, 1.0]).by(depart).check_both("#");
    }
}

#[test]
fn n6_a_forecast_that_begins_after_the_departure_means_the_latest_start() {
    let case = hourly(&[1.0, 2.0]).from(180).now(0).by(90);
    for case in [case.clone(), case.continuous()] {
        assert_eq!(case.plan().runs(), [(at(30), at(90))]);
    }
}

#[test]
fn n7_nothing_known_and_no_time_is_one_slot() {
    for case in [unknown().by(0), unknown().by(0).continuous()] {
        let plan = case.plan();
        assert_eq!(plan.slots.len(), 1);
        assert_eq!(plan.duration(), minutes(60));
        assert_eq!(plan.slots[0].value, None);
    }
}

// The forecast ends before the departure.

#[test]
fn h1_what_fits_later_does_not_begin_now() {
    hourly(&[1.0]).by(120).need(40).check_both(">.");
}

#[test]
fn h2_what_does_not_fit_later_begins_now() {
    hourly(&[1.0]).by(120).need(120).check_both("##");
}

#[test]
fn h3_a_forecast_that_is_over_means_the_latest_start() {
    // Ours: evcc plans nothing and waits for data that may never come.
    let case = hourly(&[1.0, 2.0]).now(120).by(300).need(120);
    for case in [case.clone(), case.continuous()] {
        assert_eq!(case.plan().runs(), [(at(180), at(300))]);
        assert_eq!(case.plan().basis, PlanBasis::Deadline);
    }
}

// The forecast begins later.

#[test]
fn f1_an_overrun_across_a_known_hour_is_three_slots() {
    let case = hourly(&[5.0]).from(60).now(0).by(0).need(150);
    for case in [case.clone(), case.continuous()] {
        let plan = case.plan();
        let slots: Vec<_> = plan.slots.iter().map(|slot| (slot.start, slot.value)).collect();
        // Ours: unknown is no value, not 0.
        assert_eq!(slots, [(at(0), None), (at(60), Some(5.0)), (at(120), None)]);
        assert_eq!((plan.grams, plan.known_kwh), (5.0, 1.0));
    }
}

#[test]
fn f2_an_overrun_before_the_known_hour_is_one_slot() {
    let case = hourly(&[5.0]).from(60).now(0).by(0).need(30);
    for case in [case.clone(), case.continuous()] {
        assert_eq!(case.plan().slots.len(), 1);
        assert_eq!(case.plan().runs(), [(at(0), at(30))]);
    }
}

#[test]
fn f3_waits_for_the_known_hours() {
    hourly(&[0.10, 0.15, 0.08, 0.20]).from(120).now(0).by(360).check_both("....#.");
}

#[test]
fn f4_more_than_the_known_hours_hold_takes_the_latest_unknown_too() {
    let case = hourly(&[3.0, 4.0]).from(120).now(0).by(240).need(180);
    case.check_both(".###");
    let plan = case.plan();
    assert_eq!((plan.slots[0].value, plan.basis), (None, PlanBasis::Mixed));
}

// Holes.

#[test]
fn g1_a_hole_does_not_shorten_the_charge() {
    let case = hourly(&[1.0, HOLE, HOLE, HOLE, HOLE, 1.0]).need(180);
    case.check("#...##");
    case.clone().continuous().check("...###");
    assert_eq!(case.plan().duration(), minutes(180));
}

#[test]
fn g2_known_hours_that_just_suffice_are_all_used() {
    let case = hourly(&[1.0, 2.0, HOLE, 3.0]).need(180);
    case.check("##.#");
    assert_eq!(case.continuous().plan().duration(), minutes(180));
}

// Preconditioning.

fn quarters(values: &[f64]) -> Case {
    hourly(values).step(15)
}

#[test]
fn p1_preconditioning_may_be_all() {
    quarters(&[1.0, 2.0, 3.0, 4.0]).need(15).precondition(15).check_both("...#");
}

#[test]
fn p2_the_rest_is_planned_before_it() {
    quarters(&[1.0, 2.0, 3.0, 4.0]).need(30).precondition(15).check_both("#..#");
}

#[test]
fn p3_a_part_before_preconditioning_begins_with_its_slot() {
    let case =
        || hourly(&[1.0, 2.0, 3.0, 4.0]).step(15).with(|r| r.need_kwh = 0.375).precondition(15);
    case().check("<..#");
    // Continuous, both halves weigh the same, and ties go late.
    case().continuous().check(">..#");
}

#[test]
fn p4_preconditioning_is_never_more_than_the_need() {
    quarters(&[1.0, 2.0, 3.0, 4.0]).need(15).precondition(24 * 60).check_both("...#");
}

#[test]
fn p6_preconditioning_everything_is_the_end() {
    quarters(&[10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0])
        .need(30)
        .precondition(7 * 24 * 60)
        .check_both("......##");
}

// Continuous.

#[test]
fn k1_the_cheapest_window() {
    hourly(&[0.09, 0.20, 0.10, 0.11, 0.11, 0.25]).need(120).continuous().check("..##..");
}

#[test]
fn k3_never_before_now() {
    let case = hourly(&[0.01, 0.01, 0.20, 0.08, 0.09, 0.30]).from(-120).now(0).by(240).need(120);
    case.continuous().check("...##.");
}

#[test]
fn k4_waits_for_the_known_hours() {
    hourly(&[0.30, 0.10, 0.12, 0.25]).from(60).now(0).by(300).need(120).continuous().check("..##.");
}

#[test]
fn k5_the_latest_of_equals() {
    hourly(&[0.1, 0.1, 0.1, 0.1, 0.1, 0.9]).need(120).continuous().check("...##.");
}

#[test]
fn k7_odd_seconds_and_nanoseconds_do_not_break_ties() {
    // Ours ends with the last slot: its windows may also be aligned to an end.
    let depart = at(8 * 60);
    for seconds in [35, 37, 2] {
        for (need, nanos) in [(15, 0), (26, 123_456_789), (15, 1), (26, 999_999_999)] {
            let case = hourly(&[0.3; 32]).step(15).continuous();
            let span = minutes(need) + TimeDelta::nanoseconds(nanos);
            let mut case =
                case.with(|r| r.need_kwh = span.num_nanoseconds().unwrap() as f64 / 3.6e12);
            case.now = at(0) + TimeDelta::seconds(seconds);
            assert_eq!(case.plan().runs(), [(depart - span, depart)], "{seconds} s, {span}");
        }
    }
}

// Helpers.

fn slot(from: i64, to: i64, value: f64) -> PlanSlot {
    PlanSlot {
        start: at(from),
        end: at(to),
        value: Some(value),
        source: Source::Forecast,
        energy_kwh: (to - from) as f64 / 60.0,
    }
}

fn shuffled() -> ChargePlan {
    let slots = vec![slot(60, 90, 2.0), slot(120, 180, 3.0), slot(0, 60, 1.0)];
    ChargePlan { slots, ..ChargePlan::empty(PlanBasis::Forecast) }
}

#[test]
fn the_duration_of_an_empty_slot_is_nothing() {
    let slots = vec![slot(0, 0, 1.0), slot(0, 60, 1.0), slot(60, 60, 1.0)];
    let plan = ChargePlan { slots, ..ChargePlan::empty(PlanBasis::Forecast) };
    assert_eq!(plan.duration(), minutes(60));
}

#[test]
fn the_mean_is_weighted_by_energy_and_there_is_none_of_nothing() {
    let half = [Slot { start: at(0), end: at(30), value: 10.0 }];
    let rest = [Slot { start: at(30), end: at(120), value: 20.0 }];
    let outlook = Outlook::new([half, rest].concat()).unwrap();
    let all = plan(at(0), &ChargeRequest::new(2.0, 1.0, at(120)), &outlook).unwrap();
    assert_eq!(all.mean(), Some(17.5));
    assert_eq!(ChargePlan::empty(PlanBasis::Forecast).mean(), None);
}

#[test]
fn start_end_first_and_successor_do_not_need_an_order() {
    let plan = shuffled();
    assert_eq!((plan.start(), plan.end()), (Some(at(0)), Some(at(180))));
    assert!(plan.is_first(&slot(0, 60, 1.0)));
    assert!(!plan.is_first(&slot(60, 90, 2.0)));
    assert!(plan.has_successor(&slot(0, 60, 1.0)));
    assert!(!plan.has_successor(&slot(60, 90, 2.0)));
    assert!(!plan.has_successor(&slot(120, 180, 3.0)));
}

#[test]
fn a_slot_holds_its_start_and_not_its_end() {
    let plan = shuffled();
    assert_eq!(plan.slot_at(at(60)).map(|slot| slot.start), Some(at(60)));
    assert_eq!(plan.slot_at(at(90)), None);
    assert_eq!(plan.slot_at(at(-1)), None);
}

#[test]
fn of_equal_slots_the_later_is_taken() {
    hourly(&[5.0, 5.0, 9.0, 5.0]).check("...#");
    hourly(&[5.0, 5.0, 9.0, 5.0]).need(120).check(".#.#");
    hourly(&[5.0; 6]).need(90).check_both("....>#");
}

#[test]
fn nothing_needed_is_an_empty_plan() {
    for case in [hourly(&D), unknown(), hourly(&D).by(-60), hourly(&D).precondition(60)] {
        let plan = case.need(0).plan();
        assert_eq!((plan.slots.len(), plan.energy_kwh, plan.overrun), (0, 0.0, TimeDelta::zero()));
    }
}
