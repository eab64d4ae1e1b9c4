//! Ten thousand cars on one forecast: the worst step of their power from one minute to the next, and
//! what avoiding it costs in carbon.
//!
//! `cargo run --release -p ny-power-domain --example fleet`

use std::process::ExitCode;

use chrono::{DateTime, TimeDelta};
use domain::Timestamp;
use domain::fleet::{LONGEST_WINDOW_SECS, Offsets, WINDOW_SECS};
use domain::plan::{ChargeRequest, Limits, Outlook, Slot, plan};

const CARS: usize = 10_000;
const POWER_KW: f64 = 7.2;
const NIGHT_HOURS: i64 = 13;

type Runs = Vec<(Timestamp, Timestamp)>;

/// 18:00 in New York on a day in March.
fn evening() -> Timestamp {
    DateTime::from_timestamp(1_773_180_000, 0).expect("a time in 2026")
}

fn departure() -> Timestamp {
    evening() + TimeDelta::hours(NIGHT_HOURS)
}

/// A night whose carbon falls toward 3 AM, with the jitter of a forecast.
fn forecast() -> Vec<Slot> {
    (0..NIGHT_HOURS * 4)
        .map(|i| {
            let hour = i as f64 / 4.0;
            let wobble = ((i * 7919) % 13) as f64;
            let start = evening() + TimeDelta::minutes(15 * i);
            let value = 220.0 + 8.0 * (hour - 9.0).abs() + wobble;
            Slot { start, end: start + TimeDelta::minutes(15), value }
        })
        .collect()
}

/// The runs that each car plans. `spread`: needs from 5 to 35 kWh; else 15 kWh for all.
fn plans(spread: bool) -> Vec<Runs> {
    let outlook = Outlook::new(forecast()).expect("slots that follow on one another");
    let limits = Limits { min_on: TimeDelta::minutes(30), start_cost: 20.0, ..Limits::default() };
    (0..CARS)
        .map(|car| {
            let need_kwh = if spread { 5.0 + 30.0 * car as f64 / CARS as f64 } else { 15.0 };
            let request =
                ChargeRequest { limits, ..ChargeRequest::new(need_kwh, POWER_KW, departure()) };
            plan(evening(), &request, &outlook).expect("a possible request").runs()
        })
        .collect()
}

fn moved(plans: &[Runs], window_secs: u32) -> Vec<Runs> {
    let event = departure().to_rfc3339();
    let offsets = |car| Offsets::new(&format!("car-{car}"), &event, window_secs);
    plans
        .iter()
        .enumerate()
        .map(|(car, runs)| offsets(car).apply(runs, evening(), departure(), &Limits::default()))
        .collect()
}

/// The largest change of the fleet's power within any minute, as a share of its full power.
fn worst_step(fleet: &[Runs]) -> f64 {
    let seconds = usize::try_from(NIGHT_HOURS * 3600).expect("a positive number") + 62;
    let mut change = vec![0_i64; seconds];
    let second =
        |at: Timestamp| usize::try_from((at - evening()).num_seconds()).expect("after now");
    for &(start, end) in fleet.iter().flatten() {
        change[second(start)] += 1;
        change[second(end)] -= 1;
    }
    let power: Vec<i64> = change
        .iter()
        .scan(0, |charging, change| {
            *charging += change;
            Some(*charging)
        })
        .collect();
    // Nobody charges before the first second.
    let before = |i: usize| if i < 60 { 0 } else { power[i - 60] };
    let worst = (0..power.len()).map(|i| (power[i] - before(i)).abs()).max().unwrap_or(0);
    worst as f64 / CARS as f64
}

/// Tonnes of CO2.
fn tonnes(fleet: &[Runs]) -> f64 {
    let slots = forecast();
    let mut grams = 0.0;
    for &(start, end) in fleet.iter().flatten() {
        for slot in slots.iter().filter(|slot| slot.start < end && start < slot.end) {
            let shared = slot.end.min(end) - slot.start.max(start);
            grams += slot.value * POWER_KW * shared.num_milliseconds() as f64 / 3.6e6;
        }
    }
    grams / 1e6
}

/// What the usual window is held to: the worst step, as a share of the fleet, and the carbon it costs. Ten
/// thousand starts spread over ten minutes cannot step by less than a tenth in one of them.
const GOAL_STEP: f64 = 0.115;
const GOAL_CARBON: f64 = 0.005;

fn main() -> ExitCode {
    println!("{CARS} cars of {POWER_KW} kW on one forecast; the worst step within a minute:");
    let mut met = true;
    for (what, spread) in [("15 kWh each", false), ("5 to 35 kWh", true)] {
        let planned = plans(spread);
        let base = tonnes(&planned);
        for window in [0, WINDOW_SECS, LONGEST_WINDOW_SECS] {
            let fleet = moved(&planned, window);
            let step = worst_step(&fleet);
            let cost = tonnes(&fleet) / base - 1.0;
            println!(
                "{what}, {:<22} {:>5.1} % of the fleet ({:>4.1} MW), {:.2} t CO2 ({:+.2} %)",
                if window == 0 {
                    "no offsets:".into()
                } else {
                    format!("offsets up to {window} s:")
                },
                100.0 * step,
                step * CARS as f64 * POWER_KW / 1000.0,
                tonnes(&fleet),
                100.0 * cost,
            );
            met &= window != WINDOW_SECS || (step < GOAL_STEP && cost < GOAL_CARBON);
        }
    }
    println!(
        "goal with the usual {WINDOW_SECS} s: under {:.1} % of the fleet, for under {:.1} % more CO2: {}",
        100.0 * GOAL_STEP,
        100.0 * GOAL_CARBON,
        if met { "met" } else { "NOT met" }
    );
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
