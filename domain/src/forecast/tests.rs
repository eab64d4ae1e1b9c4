//! The forecast as a whole, on a made-up state whose intensity follows its load.

use std::sync::OnceLock;

use chrono::{NaiveDateTime, TimeDelta};
use proptest::prelude::*;

use crate::Timestamp;
use crate::forecast::baselines::Baseline;
use crate::forecast::load::COLUMNS;
use crate::forecast::skill::Skill;
use crate::forecast::table::SIGNAL;
use crate::forecast::*;
use crate::fuel_mix::Fuel;

/// 2019-09-01 00:00 UTC; the clocks change on 3 November at 06:00 UTC.
fn start() -> Hour {
    Hour::of("2019-09-01T00:00:00Z".parse().unwrap())
}

fn eastern(ts: Timestamp) -> NaiveDateTime {
    let change: Timestamp = "2019-11-03T06:00:00Z".parse().unwrap();
    (ts - TimeDelta::hours(if ts < change { 4 } else { 5 })).naive_utc()
}

/// A number that looks random, between -1 and 1; the same for the same `seed`.
fn noise(seed: i64) -> f64 {
    let mut mixed = seed.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^= mixed >> 29;
    mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^= mixed >> 32;
    (mixed % 2001) as f64 / 1000.0 - 1.0
}

struct State {
    history: History,
    loads: LoadForecasts,
    calendar: Calendar,
}

impl State {
    /// `days` days: load has a daily cycle and weather that lasts for days; nuclear runs flat, wind
    /// wanders, gas does the rest.
    fn new(days: i64) -> Self {
        let calendar = Calendar::new(start(), 24 * days as usize + LOOK_AHEAD, eastern);
        let mut state = Self { history: History::new(), loads: LoadForecasts::new(), calendar };
        for offset in 0..24 * days {
            state.history.set(start() + offset, state.reading(offset));
        }
        for day in -1..days + 1 {
            state.loads.add(state.load_forecast(day));
        }
        state
    }

    fn load(&self, offset: i64) -> f64 {
        let hour = start() + offset.max(0);
        let clock = self.calendar.local(hour).1 as f64;
        let weather = |day: i64| 900.0 * noise(day / 2) + 500.0 * noise(day + 1_000);
        let (day, share) = (offset.div_euclid(24), offset.rem_euclid(24) as f64 / 24.0);
        let today = weather(day) * (1.0 - share) + weather(day + 1) * share;
        14_000.0 + 2_500.0 * ((clock - 15.0) / 24.0 * std::f64::consts::TAU).cos() + today
    }

    fn reading(&self, offset: i64) -> HourlyReading {
        let wind = 500.0 + 300.0 * noise(offset / 12 + 77) + 50.0 * noise(offset);
        let gas = self.load(offset) - 9_000.0 - wind;
        let mut fuels = [0.0; Fuel::COUNT];
        for (fuel, power) in [
            (Fuel::DualFuel, 0.5 * gas),
            (Fuel::NaturalGas, 0.5 * gas),
            (Fuel::Nuclear, 5_000.0),
            (Fuel::OtherRenewables, 300.0),
            (Fuel::Wind, wind),
            (Fuel::Hydro, 3_000.0 + 100.0 * noise(offset + 9)),
        ] {
            fuels[fuel.index()] = power;
        }
        let total: f64 = fuels.iter().sum();
        HourlyReading { fuels, intensity: (gas * 415.0 + 300.0 * 550.0) / total }
    }

    /// Posted half a day before it begins, at 05:00 UTC of its day.
    fn load_forecast(&self, day: i64) -> LoadForecast {
        let first = 24 * day + 4;
        let hours: Vec<(Hour, Loads)> = (first..first + 144)
            .map(|offset| {
                let clamped = offset.min(self.calendar.end().since(start()) - 1);
                let state = self.load(clamped) + 60.0 * noise(offset + day);
                let mut loads = [(state / 11.0) as f32; COLUMNS];
                loads[load::STATE] = state as f32;
                (start() + offset, loads)
            })
            .collect();
        LoadForecast::new((start() + first - 15).start(), &hours).unwrap()
    }

    fn inputs(&self) -> Inputs<'_> {
        Inputs { history: &self.history, loads: &self.loads, calendar: &self.calendar }
    }

    fn fit(&self, from: Hour) -> Model {
        Model::fit(&self.inputs(), from, Phase::around(0))
    }

    fn forecast(&self, model: &Model, from: Hour) -> Forecast {
        let table = Table::new(&self.inputs());
        model.forecast(&self.inputs(), &table, from, from.start(), HORIZON)
    }
}

/// Ninety days, and the model as of day 80.
fn ninety_days() -> &'static (State, Model) {
    static STATE: OnceLock<(State, Model)> = OnceLock::new();
    STATE.get_or_init(|| {
        let state = State::new(90);
        let model = state.fit(start() + 24 * 80);
        (state, model)
    })
}

#[track_caller]
fn check_sound(forecast: &Forecast, hours: usize) {
    assert_eq!(forecast.hours.len(), hours);
    for (ahead, hour) in forecast.hours.iter().enumerate() {
        let ordered = 0.0 < hour.p10 && hour.p10 < hour.p50 && hour.p50 < hour.p90;
        assert!(ordered && hour.p90 < 1500.0, "{ahead} hours ahead: {hour:?}");
    }
}

fn mape(state: &State, forecast: impl Fn(Hour) -> Forecast) -> (f64, f64) {
    let mut skill = Skill::default();
    for day in 80..86 {
        let from = start() + 24 * day;
        let hours = forecast(from).hours;
        for day in 0..4 {
            skill.add(
                0,
                (24 * day..24 * day + 24).map(|ahead| {
                    let truth = state.history.get(from + ahead as i64);
                    (hours[ahead], truth.map(|reading| reading.intensity))
                }),
            );
        }
    }
    (skill.mape()[0].unwrap(), skill.coverage()[0].unwrap())
}

#[test]
fn beats_the_ordinary_day_and_the_load_forecast_helps() {
    let (state, model) = ninety_days();
    let table = Table::new(&state.inputs());
    let (ours, coverage) = mape(state, |from| state.forecast(model, from));
    let (profile, _) =
        mape(state, |from| model::baseline(Baseline::Profile14d, &state.inputs(), &table, from));
    let none = LoadForecasts::new();
    let blind = Inputs { loads: &none, ..state.inputs() };
    let table = Table::new(&blind);
    let (lags, _) = mape(state, |from| model.forecast(&blind, &table, from, from.start(), HORIZON));
    assert!(ours < 0.6 * profile, "ours {ours:.2} %, profile {profile:.2} %");
    assert!(ours < 0.8 * lags, "ours {ours:.2} %, on lags alone {lags:.2} %");
    assert!((60.0..=97.0).contains(&coverage), "{coverage} % in P10-P90");
}

#[test]
fn what_comes_later_changes_nothing() {
    let (state, model) = ninety_days();
    let from = start() + 24 * 80;
    let mut scrambled = State::new(90);
    for offset in 24 * 80..24 * 90 {
        let mut reading = state.reading(24 * 170 - offset);
        reading.fuels.rotate_left(3);
        reading.intensity = 900.0 + 500.0 * noise(offset);
        scrambled.history.set(start() + offset, reading);
    }
    for day in 81..90 {
        let known = scrambled.load_forecast(day).known_from;
        assert!(known > from.start() || day == 81 && known <= from.start());
        if known > from.start() {
            let hours: Vec<(Hour, Loads)> =
                (0..144).map(|at| (start() + 24 * day + 4 + at, [1.0; COLUMNS])).collect();
            scrambled.loads.add(LoadForecast::new(known, &hours).unwrap());
        }
    }
    let again = scrambled.fit(from);
    assert_eq!(&again, model, "not a bit of the weights or bands");
    assert_eq!(scrambled.forecast(&again, from), state.forecast(model, from));

    // The test can fail: the last hour that is known does change the forecast.
    scrambled.history.set(from - 1, scrambled.reading(40));
    assert_ne!(scrambled.forecast(&again, from), state.forecast(model, from));
}

#[test]
fn a_learner_that_goes_on_knows_what_a_new_one_knows() {
    let (state, model) = ninety_days();
    let (inputs, from) = (state.inputs(), start() + 24 * 80);
    let table = Table::new(&inputs);
    let mut learner = Learner::new(Phase::around(0));
    for day in [60, 61, 70] {
        learner.fit(&inputs, &table, start() + 24 * day);
    }
    let went_on = state.forecast(&learner.fit(&inputs, &table, from), from);
    for (one, other) in went_on.hours.iter().zip(state.forecast(model, from).hours) {
        assert!((one.p50 - other.p50).abs() < 0.05, "{one:?} {other:?}");
    }
}

#[test]
fn the_way_down_has_no_hole() {
    let check = |days: i64, at: i64, expected: Method| {
        let state = State::new(days);
        let from = start() + at;
        let forecast = state.forecast(&state.fit(from), from);
        check_sound(&forecast, HORIZON);
        assert_eq!(forecast.method, expected, "{days} days, from hour {at}");
    };
    check(45, 45 * 24, Method::WithLoadForecast);
    check(10, 10 * 24, Method::Profile);
    check(1, 12, Method::Shape);
    check(1, 0, Method::Shape);
}

#[test]
fn without_any_history_the_shape_of_the_day_speaks() {
    let (history, loads) = (History::new(), LoadForecasts::new());
    let calendar = Calendar::new(start(), LOOK_AHEAD, eastern);
    let inputs = Inputs { history: &history, loads: &loads, calendar: &calendar };
    let model = Model::fit(&inputs, start(), Phase::of(start()));
    let table = Table::new(&inputs);
    let forecast = model.forecast(&inputs, &table, start(), start().start(), HORIZON);
    check_sound(&forecast, HORIZON);
    assert_eq!(forecast.method, Method::Shape);
}

#[test]
fn a_hole_before_the_issue_is_bridged_and_a_stale_feed_falls_back() {
    let (state, model) = ninety_days();
    let from = start() + 24 * 80;
    let mut holed = State::new(0);
    holed.calendar = state.calendar.clone();
    holed.loads = state.loads.clone();
    for offset in (0..24 * 80).filter(|offset| !(24 * 80 - 5..24 * 80 - 2).contains(offset)) {
        holed.history.set(start() + offset, state.reading(offset));
    }
    let bridged = holed.forecast(model, from);
    check_sound(&bridged, HORIZON);
    assert_eq!(bridged.method, Method::WithLoadForecast);

    let late = holed.forecast(model, from + 30);
    check_sound(&late, HORIZON);
    assert_eq!(late.method, Method::Profile);
    let later = holed.forecast(model, from + 24 * 5);
    check_sound(&later, HORIZON);
}

#[test]
fn where_the_load_forecast_ends_the_lags_go_on() {
    let (state, model) = ninety_days();
    let from = start() + 24 * 80;
    let mut loads = LoadForecasts::new();
    for day in 0..79 {
        loads.add(state.load_forecast(day));
    }
    let inputs = Inputs { loads: &loads, ..state.inputs() };
    let table = Table::new(&inputs);
    let forecast = model.forecast(&inputs, &table, from, from.start(), 120);
    check_sound(&forecast, 120);
    assert_eq!(forecast.method, Method::Lags, "the file of day 78 ends with day 83");
}

#[test]
fn the_clock_change_keeps_the_local_day() {
    let mut state = State::new(0);
    state.calendar = Calendar::new(start(), 24 * 63 + LOOK_AHEAD, eastern);
    for offset in 0..24 * 63 {
        let clock = state.calendar.local(start() + offset).1;
        let mut reading = state.reading(offset);
        reading.intensity = 200.0 + clock as f64;
        state.history.set(start() + offset, reading);
    }
    // From 3 November 00:00 UTC; the clock goes back six hours later.
    let from = start() + 24 * 63;
    let table = Table::new(&state.inputs());
    for baseline in [Baseline::Profile14d] {
        let hours = baseline.forecast(from, HORIZON, &table, &state.calendar);
        for (ahead, value) in hours.into_iter().enumerate() {
            let clock = state.calendar.local(from + ahead as i64).1;
            assert!((value - (200.0 + clock as f32)).abs() < 1e-3, "{ahead}: {value}");
        }
    }
}

#[test]
fn slots_lie_between_the_hours() {
    let level = |p50: f64| Quantiles { p10: p50 - 10.0, p50, p90: p50 + 10.0 };
    let forecast = Forecast {
        from: start(),
        method: Method::Lags,
        hours: vec![level(100.0), level(140.0), level(120.0)],
    };
    let check = |minutes: i64, expected: f64| {
        let at = forecast.at(start().start() + TimeDelta::minutes(minutes)).unwrap();
        assert_eq!(
            (at.p50, at.p10, at.p90),
            (expected, expected - 10.0, expected + 10.0),
            "{minutes}"
        );
    };
    check(0, 100.0);
    check(30, 100.0);
    check(45, 110.0);
    check(60, 120.0);
    check(90, 140.0);
    check(120, 130.0);
    check(600, 120.0);
    let empty = Forecast { hours: vec![], ..forecast };
    assert_eq!(empty.at(start().start()), None);
}

#[test]
fn phases_take_the_hours_beside_them() {
    let midnight = start();
    assert_eq!(Phase::of(midnight), Phase::around(0));
    assert_eq!(Phase::of(midnight + 23), Phase::around(0));
    assert_eq!(Phase::of(midnight + 1), Phase::around(0));
    assert_eq!(Phase::of(midnight + 2), Phase::around(3));
    assert_eq!(Phase::of(midnight + 13), Phase::around(12));
    for hour in 0..24 {
        assert!(Phase::of(midnight + hour).includes(midnight + hour), "{hour}");
    }
    assert!(!Phase::around(0).includes(midnight + 2) && !Phase::around(0).includes(midnight + 22));
    assert_eq!(Phase::around(24), Phase::around(0));
}

#[test]
fn a_model_is_small() {
    let bytes = ninety_days().1.bytes();
    assert!((50_000..200_000).contains(&bytes), "{bytes} bytes");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is missing of the last days, and however wild they were.
    #[test]
    fn there_is_always_a_forecast(
        known in prop::collection::vec(prop::option::weighted(0.6, 1.0f64..1400.0), 0..120),
        ahead in 0i64..80,
        hours in 1usize..130,
    ) {
        let (state, model) = ninety_days();
        let mut history = History::new();
        for offset in 0..24 * 76 {
            history.set(start() + offset, state.reading(offset));
        }
        for (offset, intensity) in known.iter().enumerate() {
            let offset = 24 * 76 + offset as i64;
            if let Some(intensity) = *intensity {
                history.set(start() + offset, HourlyReading { intensity, ..state.reading(offset) });
            }
        }
        let inputs = Inputs { history: &history, ..state.inputs() };
        let table = Table::new(&inputs);
        let from = start() + 24 * 76 + known.len() as i64 + ahead;
        let forecast = model.forecast(&inputs, &table, from, from.start(), hours);
        check_sound(&forecast, hours);
    }
}

#[test]
fn a_table_knows_its_holes() {
    let state = State::new(3);
    let mut history = History::new();
    for offset in (0..72).filter(|offset| *offset != 50) {
        history.set(start() + offset, state.reading(offset));
    }
    let table = Table::new(&Inputs { history: &history, ..state.inputs() });
    assert_eq!(table.known_between(start() + 40, start() + 60), 19);
    assert_eq!(table.known_between(start() - 40, start() + 400), 71);
    assert_eq!(table.last_known(start() + 51), Some(start() + 49));
    assert_eq!(table.last_known(start()), None);
    assert!(table.get(start() + 50, SIGNAL).is_nan() && table.get(start() + 900, SIGNAL).is_nan());
    let check = |to: i64, known: usize, from: i64| {
        assert_eq!(table.back_from(start() + to, known), start() + from, "{known} to {to}");
    };
    check(72, 0, 72);
    check(72, 10, 62);
    check(72, 21, 51);
    check(72, 22, 49);
    check(51, 1, 49);
    check(72, 71, 0);
    check(72, 500, 0);
    check(900, 10, 62);
    assert!(
        table.get(start() + 50, table::LOAD).is_finite(),
        "the load forecast has no hole there"
    );
}
