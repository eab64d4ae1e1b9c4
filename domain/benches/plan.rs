//! How long a plan takes: 96 hours ahead, 8 hours of charging, on 15-minute and 5-minute slots.

use std::hint::black_box;

use chrono::{DateTime, TimeDelta};
use criterion::{Criterion, criterion_group, criterion_main};
use domain::Timestamp;
use domain::plan::{ChargeRequest, Limits, Outlook, Slot, plan};

const HOURS: i64 = 96;

fn now() -> Timestamp {
    DateTime::from_timestamp(1_773_115_200, 0).expect("a time in 2026")
}

/// A random walk with a daily swing, in g/kWh; always the same.
fn outlook(step_minutes: i64) -> Outlook {
    let mut state = 88_172_645_463_325_252_u64;
    let mut noise = 0.0;
    let slots = (0..HOURS * 60 / step_minutes).map(|i| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise = 0.95 * noise + (state % 1000) as f64 / 50.0 - 10.0;
        let hour = (i * step_minutes) as f64 / 60.0;
        let start = now() + TimeDelta::minutes(i * step_minutes);
        let swing = 60.0 * (hour * std::f64::consts::TAU / 24.0).sin();
        Slot { start, end: start + TimeDelta::minutes(step_minutes), value: 250.0 + swing + noise }
    });
    Outlook::new(slots.collect()).expect("slots that follow on one another")
}

fn request() -> ChargeRequest {
    ChargeRequest::new(57.6, 7.2, now() + TimeDelta::hours(HOURS))
}

fn limits() -> Limits {
    Limits {
        min_on: TimeDelta::minutes(30),
        min_off: TimeDelta::minutes(15),
        max_starts: None,
        start_cost: 50.0,
    }
}

fn plans(c: &mut Criterion) {
    for step in [15, 5] {
        let outlook = outlook(step);
        let slots = HOURS * 60 / step;
        let mut time = |name: &str, offset_s: i64, request: &ChargeRequest| {
            let now = now() + TimeDelta::seconds(offset_s);
            c.bench_function(&format!("{name}, {slots} slots"), |b| {
                b.iter(|| plan(black_box(now), black_box(request), black_box(&outlook)));
            });
        };
        time("no limits", 0, &request());
        time("continuous", 0, &ChargeRequest { continuous: true, ..request() });
        time("limits", 0, &ChargeRequest { limits: limits(), ..request() });
        time("limits, now mid-slot", 437, &ChargeRequest { limits: limits(), ..request() });
        // Without a cost of starts the budget is what binds.
        let limits = Limits { max_starts: Some(3), start_cost: 0.0, ..limits() };
        time("limits and 3 starts", 0, &ChargeRequest { limits, ..request() });
        time("limits and 3 starts, now mid-slot", 437, &ChargeRequest { limits, ..request() });
        // The worst that the agent asks for: a need and a now that fit no slot, and all that limits.
        let limits = Limits { max_starts: Some(5), start_cost: 25.0, ..limits };
        let odd = ChargeRequest { need_kwh: 57.1, limits, ..request() };
        time("limits and 5 starts, odd need, now mid-slot", 437, &odd);
    }
}

criterion_group!(benches, plans);
criterion_main!(benches);
