//! What our planner adds.

use chrono::TimeDelta;
use domain::plan::{
    Band, Caution, ChargeRequest, Choice, Objective, Outlook, PlanBasis, RequestError, Signals,
    Slot, SlotError, Source, Window, keep_or_replace, plan,
};

use super::{Case, at, draw, hourly, minutes};

const HOLE: f64 = f64::NAN;

fn window(from: i64, to: i64) -> Window {
    Window { start: at(from), end: at(to) }
}

#[test]
fn holes_are_filled_from_the_past_and_marked() {
    let case = hourly(&[HOLE, 3.0, HOLE, 5.0]).need(120);
    let past = hourly(&[1.0, 0.0, 4.0, 0.0]);
    let outlook = Outlook::new(case.slots()).unwrap().with_history(past.slots()).unwrap();
    let plan = plan(case.now, &case.request, &outlook).unwrap();
    assert_eq!(draw(&plan, 60, at(0), at(240)), "##..");
    let of: Vec<_> = plan.slots.iter().map(|slot| (slot.value, slot.source)).collect();
    assert_eq!(of, [(Some(1.0), Source::History), (Some(3.0), Source::Forecast)]);
    assert_eq!(plan.basis, PlanBasis::Mixed);
}

#[test]
fn the_ladder_is_said_in_the_result() {
    let basis = |forecast: &[f64], history: &[f64]| {
        let case = hourly(forecast).by(240).need(120);
        let outlook = Outlook::new(case.slots()).unwrap();
        let outlook = outlook.with_history(hourly(history).slots()).unwrap();
        let plan = plan(case.now, &case.request, &outlook).unwrap();
        (plan.basis.as_str(), draw(&plan, 60, at(0), at(240)))
    };
    let of = |basis, drawing: &str| (basis, drawing.to_owned());
    assert_eq!(basis(&[3.0, 1.0, 2.0, 4.0], &[9.0; 4]), of("forecast", ".##."));
    assert_eq!(basis(&[], &[3.0, 1.0, 4.0, 2.0]), of("history", ".#.#"));
    assert_eq!(basis(&[], &[]), of("deadline", "..##"));
    assert_eq!(basis(&[5.0], &[]), of("mixed", "#..#"));
    assert_eq!(basis(&[0.0; 4], &[0.0; 4]), of("deadline", "..##"));
}

#[test]
fn windows_come_before_clean_hours_and_the_departure_before_windows() {
    let case = || hourly(&[1.0, 9.0, 5.0, 7.0, 2.0]);
    let within = |case: Case| case.with(|r| r.windows = vec![window(60, 150), window(180, 240)]);
    within(case()).check("..<>.");
    within(case().need(30)).check("..<..");
    within(case().need(150)).check(".#<#.");
    within(case().need(240)).check("##<#<");
    // A window that is over helps nobody; the car is charged all the same.
    case().with(|r| r.windows = vec![window(-120, -60)]).check("#....");
    // Windows that overlap are one.
    case().with(|r| r.windows = vec![window(60, 200), window(120, 180)]).check("..#..");
}

#[test]
fn limits_and_a_continuous_charge_mind_the_windows() {
    let within = |case: Case| case.with(|r| r.windows = vec![window(60, 240)]);
    let case = || within(hourly(&[1.0, 9.0, 5.0, 7.0, 1.0]).need(120));
    case().continuous().check("..##.");
    case().with(|r| r.limits.max_starts = Some(1)).check("..##.");
}

#[test]
fn the_car_waits_for_the_clean_night_if_it_may() {
    // Three nights of six hours; the last is the cleanest, the middle is windy at its end.
    let night = |values: [f64; 6]| [vec![400.0; 18], values.to_vec()].concat();
    let values =
        [night([300.0; 6]), night([250.0, 250.0, 250.0, 250.0, 90.0, 90.0]), night([100.0; 6])];
    let case = || hourly(&values.concat());
    let plan = case().need(6 * 60).plan();
    let first = at((24 + 18 + 4) * 60);
    assert_eq!(plan.runs(), [(first, at(48 * 60)), (at(68 * 60), at(72 * 60))]);
    // A minimum comes first, now, whatever the grid does.
    let plan = case().need(6 * 60).with(|r| r.minimum_first_kwh = 2.0).plan();
    assert_eq!(plan.runs()[0], (at(0), at(120)));
    assert_eq!(plan.runs()[1], (first, at(48 * 60)));
    // It must leave after the first night: that night it is.
    let plan = case().by(24 * 60).need(6 * 60).plan();
    assert_eq!(plan.runs(), [(at(18 * 60), at(24 * 60))]);
    // In one run of a start.
    let plan = case().need(6 * 60).with(|r| r.limits.max_starts = Some(1)).plan();
    assert_eq!(plan.runs(), [(at(66 * 60), at(72 * 60))]);
}

#[test]
fn minimum_first_is_never_more_than_the_need() {
    let case = hourly(&[9.0, 1.0, 1.0]).with(|r| r.minimum_first_kwh = 50.0);
    case.check_both("#..");
}

#[test]
fn minimum_first_and_preconditioning_share_the_need() {
    let case = hourly(&[9.0, 1.0, 1.0, 9.0, 8.0]).need(180);
    case.with(|r| r.minimum_first_kwh = 1.0).precondition(300).check_both("#..##");
}

#[test]
fn marginal_carbon_may_be_negative_and_is_planned_alike() {
    let band = |i: i64, value| Band { start: at(i * 60), end: at(i * 60 + 60), value, p90: None };
    let marginal: Vec<_> = (0..).zip([400.0, -20.0, 0.0]).map(|(i, v)| band(i, v)).collect();
    let signals = Signals { marginal: &marginal, ..Signals::default() };
    let (slots, windows) = Objective::MarginalCarbon.slots(signals, Caution::P90);
    assert!(windows.is_empty());
    let request = ChargeRequest::new(1.0, 1.0, at(180));
    let plan = plan(at(0), &request, &Outlook::new(slots).unwrap()).unwrap();
    assert_eq!(draw(&plan, 60, at(0), at(180)), ".#.");
    assert_eq!(plan.grams, -20.0);
}

#[test]
fn a_price_plan_is_weighed_in_carbon() {
    let plan = hourly(&[0.1, 0.3, 0.2]).need(90).plan();
    let carbon = hourly(&[100.0, 200.0, 300.0]).step(45);
    // 0-1 h at 0.1; 2:30-3 h at 0.2, unknown to the carbon forecast after 2:15.
    assert_eq!(draw(&plan, 60, at(0), at(180)), "#.>");
    let (grams, known) = plan.weigh(&carbon.slots());
    assert!((grams - (0.75 * 100.0 + 0.25 * 200.0)).abs() < 1e-9, "{grams}");
    assert!((known - 1.0).abs() < 1e-9);
}

#[test]
fn slots_that_have_two_readings_are_refused_and_the_rest_put_right() {
    let of = |from, to, value| Slot { start: at(from), end: at(to), value };
    let good = Outlook::new(vec![of(60, 120, 1.0), of(0, 60, 2.0), of(60, 120, 1.0)]).unwrap();
    assert_eq!(good.forecast(), [of(0, 60, 2.0), of(60, 120, 1.0)]);
    assert!(matches!(Outlook::new(vec![of(0, 0, 1.0)]), Err(SlotError::Backwards { .. })));
    assert!(matches!(Outlook::new(vec![of(0, 9, HOLE)]), Err(SlotError::NotANumber { .. })));
    let twice = vec![of(0, 60, 1.0), of(30, 90, 1.0)];
    assert!(matches!(Outlook::new(twice), Err(SlotError::Overlap { .. })));
}

#[test]
fn a_request_without_meaning_is_refused_with_its_value() {
    #[track_caller]
    fn check(change: impl FnOnce(&mut ChargeRequest), expected: &str) {
        let mut request = ChargeRequest::new(1.0, 1.0, at(60));
        change(&mut request);
        let error = plan(at(0), &request, &Outlook::unknown()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    check(|r| r.need_kwh = -0.1, "need in kWh is -0.1");
    check(|r| r.need_kwh = f64::NAN, "need in kWh is NaN");
    check(|r| r.power_kw = 0.0, "power is 0 kW");
    check(|r| r.power_kw = f64::INFINITY, "power is inf kW");
    check(|r| r.minimum_first_kwh = -1.0, "minimum energy in kWh is -1");
    check(|r| r.limits.start_cost = -1.0, "cost of a start in g is -1");
    check(|r| r.need_kwh = 1e9, "the end of charging is more than 20 years away");
    check(|r| r.depart = at(60 * 24 * 366 * 30), "the departure is more than 20 years away");
    assert_eq!(ChargeRequest::new(1.0, -1.0, at(0)).duration(), Err(RequestError::Power(-1.0)));
}

#[test]
fn energy_and_time_are_exact() {
    // 10 kWh at 7 kW: 5142.857142857... s, up to the next nanosecond.
    let request = ChargeRequest::new(10.0, 7.0, at(24 * 60));
    assert_eq!(request.duration().unwrap(), TimeDelta::nanoseconds(5_142_857_142_858));
    assert_eq!(ChargeRequest::new(57.6, 7.2, at(0)).duration().unwrap(), minutes(480));
    assert_eq!(ChargeRequest::new(0.3, 0.1, at(0)).duration().unwrap(), minutes(180));
    let plan = plan(at(0), &request, &Outlook::unknown()).unwrap();
    assert!((plan.energy_kwh - 10.0).abs() < 1e-9 && 10.0 <= plan.energy_kwh + 1e-12);
}

#[test]
fn days_of_23_and_25_hours_are_days_like_any_other() {
    // 2026-03-08 and 2026-11-01, New York: midnight to midnight, whatever the clock on the wall does.
    for (midnight, hours) in [(1_772_946_000, 23), (1_793_505_600, 25)] {
        let start = chrono::DateTime::from_timestamp(midnight, 0).unwrap();
        let slots = (0..hours * 4).map(|i| Slot {
            start: start + minutes(15 * i),
            end: start + minutes(15 * i + 15),
            value: if i < 12 { 100.0 } else { 200.0 },
        });
        let depart = start + minutes(hours * 60);
        let mut request = ChargeRequest::new(3.0, 1.0, depart);
        let outlook = Outlook::new(slots.collect()).unwrap();
        let best = plan(start, &request, &outlook).unwrap();
        assert_eq!(best.runs(), [(start, start + minutes(180))]);
        request.need_kwh = hours as f64;
        let all = plan(start, &request, &outlook).unwrap();
        assert_eq!((all.runs(), all.overrun), (vec![(start, depart)], TimeDelta::zero()));
    }
}

#[test]
fn a_forecast_replaced_in_the_middle_of_a_slot_leaves_the_rest_of_the_plan() {
    let case = hourly(&[9.0, 2.0, 9.0, 3.0, 9.0]).need(120);
    let running = case.plan();
    // 90 minutes in, half of the first run is done; an hour and a half is still needed.
    let mut later = case.clone().now(90).need(90);
    later.values = vec![9.0, 2.0, 9.0, 4.0, 9.0];
    let outlook = Outlook::new(later.slots()).unwrap();
    let left = running.remaining(later.now, &later.request, &outlook).unwrap();
    assert_eq!(left.runs(), [(at(90), at(120)), (at(180), at(240))]);
    assert_eq!(left.grams, 0.5 * 2.0 + 4.0);
    assert_eq!(keep_or_replace(&left, &later.plan(), 0.05), Choice::Keep);
}

#[test]
fn a_plan_that_does_not_do_any_more_is_replaced_at_any_cost() {
    let case = hourly(&[1.0, 2.0, 9.0, 9.0]).need(60);
    let running = case.plan();
    let check = |later: Case, expected| {
        let outlook = Outlook::new(later.slots()).unwrap();
        let left = running.remaining(later.now, &later.request, &outlook).unwrap();
        assert_eq!(keep_or_replace(&left, &later.plan(), 0.9), expected);
    };
    // It missed its run, it needs more, it needs less, it must leave earlier than the plan ends.
    check(case.clone().now(60), Choice::Replace);
    check(case.clone().need(90), Choice::Replace);
    check(case.clone().need(30), Choice::Keep);
    check(case.clone().by(30).need(30), Choice::Keep);
    let late = hourly(&[9.0, 9.0, 9.0, 1.0]).plan();
    let early = hourly(&[9.0, 9.0, 9.0, 1.0]).by(120);
    let outlook = Outlook::new(early.slots()).unwrap();
    let left = late.remaining(at(0), &early.request, &outlook).unwrap();
    assert_eq!(left.overrun, minutes(120));
    assert_eq!(keep_or_replace(&left, &early.plan(), 0.9), Choice::Replace);
    // What was unknown has become known.
    let blind = hourly(&[]).by(240).plan();
    let seeing = hourly(&[1.0, 2.0]).by(240);
    let outlook = Outlook::new(seeing.slots()).unwrap();
    let left = blind.remaining(at(0), &seeing.request, &outlook).unwrap();
    assert_eq!(keep_or_replace(&left, &seeing.plan(), 0.9), Choice::Replace);
}

#[test]
fn an_overrun_counts_what_is_known_of_it() {
    let case = hourly(&[3.0, 5.0]).by(60).need(150);
    let plan = case.plan();
    assert_eq!(plan.runs(), [(at(0), at(150))]);
    assert_eq!((plan.overrun, plan.basis), (minutes(90), PlanBasis::Deadline));
    assert_eq!((plan.grams, plan.mean()), (8.0, Some(4.0)));
}

#[test]
fn the_next_change_is_the_next_move_of_the_switch() {
    let plan = hourly(&[9.0, 1.0, 2.0, 9.0, 3.0]).need(180).plan();
    assert_eq!(plan.next_change(at(0)), Some(at(60)));
    assert_eq!(plan.next_change(at(60)), Some(at(180)));
    assert_eq!(plan.next_change(at(200)), Some(at(240)));
    assert_eq!(plan.next_change(at(300)), None);
}
