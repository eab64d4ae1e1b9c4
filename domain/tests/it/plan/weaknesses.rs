//! Where the best-known planner is weak, and ours is not. The numbers are those of the list in our notes.

use domain::plan::{
    Band, Caution, ChargeRequest, Choice, Objective, Outlook, PlanBasis, Signals, Slot,
    keep_or_replace, plan,
};

use super::{at, draw, hourly, minutes};

const HOLE: f64 = f64::NAN;

#[test]
fn w1_a_continuous_charge_across_a_hole_is_whole() {
    let case = hourly(&[10.0, 20.0, HOLE, 30.0]).need(180).continuous();
    case.check_total("###.", 30.0);
    assert_eq!(case.plan().duration(), minutes(180));
}

#[test]
fn w2_a_hole_is_not_free() {
    hourly(&[10.0, 10.0, HOLE, 50.0, 50.0]).need(120).continuous().check_total("##...", 20.0);
    hourly(&[10.0, 10.0, HOLE, 50.0, 50.0]).need(120).check_total("##...", 20.0);
    // Unknown ranks after the dearest that is known.
    hourly(&[HOLE, 900.0]).check(".#");
}

#[test]
fn w3_a_window_may_be_aligned_to_an_end() {
    hourly(&[20.0, 10.0, 5.0]).need(90).continuous().check_total(".>#", 10.0);
    hourly(&[5.0, 10.0, 20.0]).need(90).continuous().check_total("#<.", 10.0);
}

#[test]
fn w4_five_minute_slots_stay_five_minutes() {
    let case = hourly(&[9.0, 1.0, 9.0, 2.0, 9.0, 3.0]).step(5).need(10);
    case.check(".#.#..");
    let five = case.plan();
    assert_eq!(five.slots[0].start, at(5));
    assert_eq!(five.slots[0].duration(), minutes(5));
    // Mixed lengths, off the quarter hour.
    let slot = |from, to, value| Slot { start: at(from), end: at(to), value };
    let outlook = Outlook::new(vec![
        slot(0, 7, 9.0),
        slot(7, 10, 1.0),
        slot(10, 60, 9.0),
        slot(60, 120, 2.0),
    ]);
    let plan = plan(at(0), &ChargeRequest::new(0.1, 1.0, at(120)), &outlook.unwrap()).unwrap();
    assert_eq!(plan.runs(), [(at(7), at(10)), (at(117), at(120))]);
}

#[test]
fn w5_switching_has_a_price_and_limits() {
    let case = || hourly(&[1.0, 9.0, 1.0, 9.0, 1.0, 4.0]).need(180);
    case().check("#.#.#.");
    case().with(|r| r.limits.max_starts = Some(1)).check("..###.");
    case().with(|r| r.limits.max_starts = Some(2)).check("..#.##");
    case().with(|r| r.limits.min_on = minutes(120)).check("..###.");
    case().with(|r| r.limits.min_off = minutes(180)).check("#...##");
    case().with(|r| r.limits.start_cost = 2.0).check("#.#.#.");
    case().with(|r| r.limits.start_cost = 4.0).check("..#.##");
    case().with(|r| r.limits.start_cost = 20.0).check("..###.");
}

#[test]
fn w6_a_forecast_that_is_a_little_short_still_counts() {
    // 2 h known, 2 h 10 min needed: the known hours are used, and ten minutes at the very end.
    let case = hourly(&[3.0, HOLE, 1.0, HOLE]).need(130);
    case.check("#.#>");
    assert_eq!(case.plan().basis, PlanBasis::Mixed);
}

#[test]
fn w7_an_old_forecast_counts_as_long_as_its_slots_cover() {
    // Nothing here knows when the forecast was fetched: slots ahead are slots ahead.
    hourly(&[5.0, 4.0, 1.0, 2.0]).from(-120).now(0).by(120).check("..#.");
}

#[test]
fn w8_uncertainty_counts_and_a_running_plan_does_not_wobble() {
    let band = |hour: i64, value, p90| Band {
        start: at(hour * 60),
        end: at(hour * 60 + 60),
        value,
        p90: Some(p90),
    };
    let bands = [band(0, 100.0, 300.0), band(1, 110.0, 130.0), band(2, 150.0, 160.0)];
    let signals = Signals { average: &bands, ..Signals::default() };
    let drawn = |caution| {
        let (slots, _) = Objective::AverageCarbon.slots(signals, caution);
        let request = ChargeRequest::new(1.0, 1.0, at(180));
        let plan = plan(at(0), &request, &Outlook::new(slots).unwrap()).unwrap();
        draw(&plan, 60, at(0), at(180))
    };
    assert_eq!(drawn(Caution::Expected), "#..");
    assert_eq!(drawn(Caution::P90), ".#.");

    let running = hourly(&[100.0, 90.0, 95.0]).plan();
    let wobbled = hourly(&[100.0, 90.0, 89.0]);
    let outlook = Outlook::new(wobbled.slots()).unwrap();
    let left = running.remaining(at(0), &wobbled.request, &outlook).unwrap();
    assert_eq!(keep_or_replace(&left, &wobbled.plan(), 0.05), Choice::Keep);
    assert_eq!(keep_or_replace(&left, &wobbled.plan(), 0.0), Choice::Replace);
    let fell = hourly(&[100.0, 90.0, 60.0]);
    let outlook = Outlook::new(fell.slots()).unwrap();
    let left = running.remaining(at(0), &fell.request, &outlook).unwrap();
    assert_eq!(keep_or_replace(&left, &fell.plan(), 0.05), Choice::Replace);
}

#[test]
fn w9_price_and_carbon_together() {
    let carbon = [100.0, 300.0, 200.0, 250.0];
    let bands: Vec<_> = (0..4)
        .map(|i| Band {
            start: at(i * 60),
            end: at(i * 60 + 60),
            value: carbon[i as usize],
            p90: None,
        })
        .collect();
    let price = |values: [f64; 4]| -> Vec<Slot> {
        (0..4)
            .map(|i| Slot { start: at(i * 60), end: at(i * 60 + 60), value: values[i as usize] })
            .collect()
    };
    let drawn = |objective: Objective, prices: [f64; 4], need: f64| {
        let price = price(prices);
        let signals = Signals { average: &bands, marginal: &[], price: &price };
        let (slots, windows) = objective.slots(signals, Caution::Expected);
        let mut request = ChargeRequest::new(need, 1.0, at(240));
        request.windows = windows;
        let plan = plan(at(0), &request, &Outlook::new(slots).unwrap()).unwrap();
        draw(&plan, 60, at(0), at(240))
    };
    // Cheapest; of equal prices the cleaner.
    assert_eq!(drawn(Objective::Price, [0.20, 0.10, 0.10, 0.10], 1.0), "..#.");
    assert_eq!(drawn(Objective::Price, [0.20, 0.10, 0.10, 0.09], 1.0), "...#");
    // Cleanest under a cap; over it only for the departure.
    let capped = Objective::PriceCappedCarbon { cap: 0.15 };
    assert_eq!(drawn(capped, [0.20, 0.10, 0.10, 0.10], 1.0), "..#.");
    assert_eq!(drawn(capped, [0.20, 0.10, 0.10, 0.10], 3.5), ">###");
    assert_eq!(drawn(capped, [0.20; 4], 1.0), "#...");
}
