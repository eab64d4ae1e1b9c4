use super::*;
use crate::control::{BootId, Cause, Priority, Switch};
use crate::tariff::{Period, Tariff};
use crate::wire::CarbonForecast;

/// UTC is wall time here; how New York's clock changes is tested where it is known.
const CLOCK: WallClock = WallClock { local: |ts| ts.naive_utc(), instant: |wall| wall.and_utc() };

const MINUTE: TimeDelta = TimeDelta::minutes(1);

fn at(text: &str) -> Timestamp {
    format!("2026-03-{text}:00Z").parse().unwrap()
}

fn time(hour: u32, minute: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, minute, 0).unwrap()
}

/// A car that leaves each day at 07:00 with 14 kWh at 7 kW, so two hours, and is home from 18:00.
struct Night {
    charging: Charging,
    prospects: Prospects,
    limits: Limits,
    log: SwitchLog,
    now: Moment,
    position: Contactor,
    plugged: Option<bool>,
    /// What a meter shows while the contactor is closed.
    metered: Option<f64>,
    /// Runs in which it charged.
    runs: Vec<(Timestamp, Timestamp)>,
}

impl Night {
    fn new(change: impl FnOnce(&mut ChargeSettings)) -> Self {
        let schedule = Schedule::new([Some(time(7, 0)); 7]);
        let mut settings =
            ChargeSettings::new(14.0, 7.0, time(18, 0), schedule, "garage".to_owned());
        settings.offset_secs = 0;
        change(&mut settings);
        let now =
            Moment { wall: at("10T17:00"), boot: BootId(1), uptime: Duration::from_secs(9000) };
        Self {
            charging: Charging::new(settings, Progress::default()),
            prospects: Prospects::default(),
            limits: Limits::default(),
            log: SwitchLog::default(),
            now,
            position: Contactor::Open,
            plugged: None,
            metered: None,
            runs: Vec::new(),
        }
    }

    /// Hourly values from 17:00 on; as many as there are.
    fn foresee(mut self, marginal: bool, values: &[f64]) -> Self {
        let forecast = CarbonForecast {
            issued: self.now.wall,
            model: "ny-power".into(),
            units: "g / kWh".into(),
            basis: String::new(),
            zone: None,
            start: self.now.wall,
            step_s: 3600,
            p10: values.to_vec(),
            p90: values.iter().map(|value| if *value < 150.0 { 400.0 } else { *value }).collect(),
            values: values.to_vec(),
            known_until: None,
            factor_set: String::new(),
            origin: Origin::Nyiso,
        };
        *(if marginal { &mut self.prospects.marginal } else { &mut self.prospects.average }) =
            Some(forecast);
        self
    }

    fn look(&mut self) -> News {
        self.charging.look(&Look {
            now: self.now,
            trusted: true,
            position: self.position,
            switches: &self.log,
            limits: &self.limits,
            plugged: self.plugged,
            metered_kw: self.metered.filter(|_| self.position == Contactor::Closed),
            depart_once: None,
            origin: Origin::Nyiso,
            prospects: &self.prospects,
            usual: &|_| None,
            clock: CLOCK,
        })
    }

    /// Follows the plan, minute by minute, until `until`; with the departure's guarantee at the very last.
    fn go(mut self, until: &str) -> Self {
        while self.now.wall < at(until) {
            self.look();
            let wanted = self.charging.charge().is_some_and(|charge| {
                let planned = charge.runs.iter().any(|run| (run.0..run.1).contains(&self.now.wall));
                let last = charge.depart - charge.left <= self.now.wall;
                TimeDelta::zero() < charge.left && (planned || last)
            });
            let position = if wanted { Contactor::Closed } else { Contactor::Open };
            if position != self.position {
                let cause = Cause::Claim(Priority::Plan);
                self.log.record(Switch { at: self.now, to: position, cause });
                self.position = position;
                match position {
                    Contactor::Closed => self.runs.push((self.now.wall, self.now.wall)),
                    Contactor::Open => {}
                }
                // The agent looks again after a move, too.
                self.look();
            }
            self.now.wall += MINUTE;
            self.now.uptime += Duration::from_secs(60);
            if let (Contactor::Closed, Some(run)) = (self.position, self.runs.last_mut()) {
                run.1 = self.now.wall;
            }
        }
        self.look();
        self
    }

    #[track_caller]
    fn check(&self, expected: &[&str]) {
        let drawn: Vec<String> = self
            .runs
            .iter()
            .map(|run| format!("{}-{}", run.0.format("%H:%M"), run.1.format("%H:%M")))
            .collect();
        assert_eq!(drawn, expected);
    }
}

/// From 17:00 to 07:00: clean from 23:00 to 01:00, cleanest from 03:00 to 05:00 with a wide band.
const AVERAGE: [f64; 14] = [
    300.0, 300.0, 300.0, 300.0, 300.0, 300.0, 200.0, 200.0, 300.0, 300.0, 100.0, 100.0, 300.0,
    300.0,
];

/// The other way round: marginal rates are lowest from 20:00 to 22:00.
const MARGINAL: [f64; 14] = [
    500.0, 500.0, 500.0, 350.0, 350.0, 500.0, 600.0, 600.0, 500.0, 500.0, 700.0, 700.0, 500.0,
    500.0,
];

/// 30 cents, and 10 from 21:00 to 24:00.
fn table() -> Prices {
    let cheap =
        Period { days: [true; 7], months: [true; 12], from: 21 * 60, to: 24 * 60, price: 0.10 };
    Prices::Table(Tariff { otherwise: 0.30, periods: vec![cheap] })
}

#[test]
fn each_objective_charges_in_its_own_hours() {
    let night = |objective, prices| {
        Night::new(|settings| {
            settings.objective = objective;
            settings.prices = prices;
        })
        .foresee(false, &AVERAGE)
        .foresee(true, &MARGINAL)
        .go("11T06:59")
    };
    night(Objective::AverageCarbon, Prices::Unknown).check(&["03:00-05:00"]);
    night(Objective::MarginalCarbon, Prices::Unknown).check(&["20:00-22:00"]);
    // Equal prices from 21:00 to 24:00: of those hours the cleaner ones, one start.
    night(Objective::Price, table()).check(&["22:00-00:00"]);
    // Carbon, but only what costs up to 15 cents.
    night(Objective::PriceCappedCarbon { cap: 0.15 }, table()).check(&["22:00-00:00"]);
    // No hour is under this cap: the departure comes first, and the cleanest hours are as good as any.
    night(Objective::PriceCappedCarbon { cap: 0.01 }, table()).check(&["03:00-05:00"]);
}

#[test]
fn caution_avoids_hours_that_may_turn_out_bad() {
    let night = Night::new(|settings| settings.caution = Caution::P90).foresee(false, &AVERAGE);
    night.go("11T06:59").check(&["23:00-01:00"]);
}

#[test]
fn an_objective_whose_signal_comes_late_is_followed_from_then_on() {
    let marginal = |settings: &mut ChargeSettings| settings.objective = Objective::MarginalCarbon;
    let mut night = Night::new(marginal).foresee(false, &AVERAGE).go("10T19:00");
    let planned = night.charging.planned().unwrap();
    assert_eq!(planned.objective, Objective::AverageCarbon);
    assert!(planned.lacks.unwrap().contains("no marginal rates"), "{planned:?}");
    let issued = night.now.wall;
    night = night.foresee(true, &MARGINAL[2..]);
    assert!(night.look().planned, "the first one does not wait");
    let planned = night.charging.planned().unwrap();
    assert_eq!((planned.objective, planned.lacks), (Objective::MarginalCarbon, None));
    assert_eq!(planned.issued, Some(issued));
    night.go("11T06:59").check(&["20:00-22:00"]);
}

#[test]
fn hours_minimum_and_preconditioning_are_kept() {
    let night = |change: fn(&mut ChargeSettings)| {
        Night::new(change).foresee(false, &AVERAGE).go("11T07:00")
    };
    // Only from 22:00 to 02:00.
    night(|settings| settings.hours = vec![(time(22, 0), time(2, 0))]).check(&["23:00-01:00"]);
    // Those hours are too short for the need: the departure comes first.
    night(|settings| settings.hours = vec![(time(22, 0), time(23, 0))])
        .check(&["22:00-23:00", "04:00-05:00"]);
    // 3.5 kWh as soon as the car is there, the rest in the cleanest hours.
    night(|settings| settings.minimum_first_kwh = 3.5).check(&["18:00-18:30", "03:30-05:00"]);
    night(|settings| settings.precondition = TimeDelta::minutes(30))
        .check(&["03:30-05:00", "06:30-07:00"]);
}

#[test]
fn who_tells_that_the_car_is_there_outranks_the_clock() {
    let mut early = [300.0; 14];
    early[0] = 50.0;
    // Plugged in at 17:00: the clean hour before 18:00 counts.
    let mut night = Night::new(|settings| settings.need_kwh = 7.0).foresee(false, &early);
    night.plugged = Some(true);
    night.go("11T06:59").check(&["17:00-18:00"]);
    // Not plugged in: what flows while it is away is not the car's.
    let mut night = Night::new(|settings| settings.need_kwh = 7.0).foresee(false, &early);
    night.plugged = Some(false);
    night.position = Contactor::Closed;
    night = night.go("10T20:00");
    assert!(night.charging.progress().charged_kwh.abs() < 1e-9);
}

#[test]
fn a_meter_teaches_how_fast_the_car_charges() {
    // The user said 7 kW; the car takes 3.5.
    let mut night = Night::new(|_| {}).foresee(false, &AVERAGE);
    night.metered = Some(3.5);
    let night = night.go("11T06:59");
    // Known only after the first quarter of an hour; all is charged nevertheless.
    assert!(night.charging.left_kwh() < 0.1, "{:?}", night.charging.progress());
    assert!((night.charging.power_kw() - 3.5).abs() < 1e-6);
    // The next night starts with what was learned.
    let mut next = night.go("11T17:00");
    next.runs.clear();
    let next = next.foresee(false, &AVERAGE);
    assert!((next.charging.left().num_minutes() - 240).abs() <= 1);
    next.go("12T06:59").check(&["23:00-01:00", "03:00-05:00"]);
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let night = Night::new(|_| {}).foresee(false, &AVERAGE).go("11T04:00");
    assert!((night.charging.left_kwh() - 7.0).abs() < 0.2, "{:?}", night.charging.progress());
    let kept = *night.charging.progress();
    let settings = night.charging.settings().clone();
    let again = Night { charging: Charging::new(settings, kept), ..night }.go("11T06:59");
    assert!(again.charging.left_kwh() < 0.2, "{:?}", again.charging.progress());
    let charged: TimeDelta = again.runs.iter().map(|run| run.1 - run.0).sum();
    assert!((charged - TimeDelta::hours(2)).abs() <= TimeDelta::minutes(2), "{:?}", again.runs);
}

#[test]
fn a_forecast_that_is_none_leaves_the_latest_start() {
    let mut night = Night::new(|_| {}).foresee(false, &AVERAGE);
    night.prospects.average.as_mut().unwrap().values[11] = f64::NAN;
    let news = night.look();
    assert!(news.trouble.unwrap().contains("not a number"));
    night.go("11T07:00").check(&["05:00-07:00"]);
}
