//! A night's charge on the desk: by the forecast, by history, by neither; over restarts and clock faults.
//! Whatever fails, the car is ready.

use agent::overrides::Overrides;
use agent::status::Status;
use agent::subscriber::FeedEvent;
use chrono::{NaiveTime, TimeDelta, Timelike};
use domain::Timestamp;
use domain::charging::{ChargeSettings, Prices};
use domain::control::{BootId, Contactor, Mode};
use domain::plan::Objective;
use domain::schedule::Schedule;
use domain::tariff::{Period, Tariff};
use domain::wire::{CarbonForecast, GRAMS_PER_KWH, Origin};
use domain::zone::LoadZone;

use crate::desk::{Desk, HOUR, MINUTE, Running};
use Contactor::{Closed, Open};

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// 14 kWh at 7 kW, so two hours, for every morning at 07:30 Eastern; plugged in from 18:00.
pub fn charge() -> ChargeSettings {
    let time = |hour, minute| NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
    let schedule = Schedule::new([Some(time(7, 30)); 7]);
    ChargeSettings::new(14.0, 7.0, time(18, 0), schedule, "desk".to_owned())
}

/// Tuesday 2026-03-24, 17:00 EDT: the car comes home in an hour.
pub fn desk(position: Contactor) -> Desk {
    let mut desk = Desk::new(position);
    desk.clock.set(at("2026-03-24T21:00:00Z"));
    desk.settings.mode = Mode::Clean;
    desk.charge = Some(charge());
    desk
}

/// 96 hours from `issued`, 15-minute slots, `value` by their start.
pub fn forecast(issued: Timestamp, value: impl Fn(Timestamp) -> f64) -> CarbonForecast {
    let values: Vec<f64> =
        (0..384).map(|slot| value(issued + TimeDelta::minutes(15 * slot))).collect();
    CarbonForecast {
        issued,
        model: "ny-power".into(),
        units: GRAMS_PER_KWH.into(),
        basis: "average, production, direct".into(),
        zone: None,
        start: issued,
        step_s: 900,
        p10: values.clone(),
        p90: values.clone(),
        values,
        known_until: None,
        factor_set: "ny-2026.1".into(),
        origin: Origin::Nyiso,
    }
}

/// Clean from 05:00 to 08:00 UTC (01:00 to 04:00 EDT).
pub fn clean_nights(ts: Timestamp) -> f64 {
    if (5..8).contains(&ts.hour()) { 100.0 } else { 300.0 }
}

impl Running {
    pub fn foresee(&mut self, value: impl Fn(Timestamp) -> f64) -> bool {
        let forecast = forecast(self.now(), value);
        self.hear_event(FeedEvent::Forecast(Box::new(forecast)))
    }
}

/// How long the contactor was closed while the car was home, until 07:30 EDT; and how often it moved.
#[derive(Debug, Default)]
struct Night {
    charged: TimeDelta,
    moves: Vec<(Timestamp, Contactor)>,
}

impl Night {
    /// Lives through the time until `until`, in steps of a minute.
    async fn go(&mut self, agent: &mut Running, desk: &Desk, until: &str) -> Status {
        loop {
            let before = desk.bench().position;
            let status = agent.cycle().await;
            let position = desk.bench().position;
            if before != position {
                self.moves.push((agent.now(), position));
            }
            if at(until) <= agent.now() {
                return status;
            }
            agent.wait(MINUTE);
            if position == Closed && at("2026-03-24T22:00:00Z") < agent.now() {
                self.charged += TimeDelta::minutes(1);
            }
        }
    }

    #[track_caller]
    fn check_ready(&self) {
        // The need is two hours; the first minute of a run is not seen as charged by the test.
        assert!(TimeDelta::minutes(119) <= self.charged, "{self:?}");
        assert!(self.moves.len() <= 12, "{self:?}");
    }
}

const MORNING: &str = "2026-03-25T11:30:00Z";

/// The same forecast, as one of marginal intensity in a zone.
fn marginal(issued: Timestamp, zone: &str, value: impl Fn(Timestamp) -> f64) -> FeedEvent {
    let zone = Some(zone.to_owned());
    let basis = "marginal, direct".to_owned();
    FeedEvent::Forecast(Box::new(CarbonForecast { zone, basis, ..forecast(issued, value) }))
}

#[tokio::test]
async fn a_night_by_marginal_rates_follows_the_own_zone_over_a_restart() {
    let mut desk = desk(Open);
    let charge = desk.charge.as_mut().unwrap();
    (charge.objective, charge.zone) = (Objective::MarginalCarbon, Some(LoadZone::Nyc));
    let mut agent = desk.start();
    agent.foresee(clean_nights);
    let now = agent.now();
    // 22:00 to 01:00 EDT by the rates of the own zone; those of another are nobody's.
    let evening = |ts: Timestamp| if (2..5).contains(&ts.hour()) { 350.0 } else { 600.0 };
    assert!(!agent.hear_event(marginal(now, "west", clean_nights)));
    assert!(agent.hear_event(marginal(now, "nyc", evening)));
    let charge = agent.cycle().await.charge.unwrap();
    assert_eq!((charge.objective.as_str(), charge.mean_g_per_kwh), ("marginal", Some(350.0)));
    // The feed stays silent from here on: what was kept is planned with.
    agent.kill().await;
    let mut agent = desk.start();
    let mut night = Night::default();
    night.go(&mut agent, &desk, "2026-03-25T05:30:00Z").await;
    night.check_ready();
    // The offset of the start may carry the end over the hour.
    assert!(night.moves.iter().all(|(ts, _)| (2..=5).contains(&ts.hour())), "{night:?}");
}

#[tokio::test]
async fn a_night_by_price_charges_in_its_cheapest_hours_and_says_so() {
    let mut desk = desk(Closed);
    let charge = desk.charge.as_mut().unwrap();
    charge.objective = Objective::Price;
    // From midnight to 03:00 EDT, so 04:00 to 07:00 UTC.
    let night_rate = Period { days: [true; 7], months: [true; 12], from: 0, to: 180, price: 0.05 };
    charge.prices = Prices::Table(Tariff { otherwise: 0.25, periods: vec![night_rate] });
    let mut agent = desk.start();
    let status = agent.check(Open).await;
    let charge = status.charge.unwrap();
    assert_eq!((charge.objective.as_str(), charge.mean_g_per_kwh), ("price", None));
    assert!((charge.mean_price.unwrap() - 0.05).abs() < 1e-6, "{charge:?}");
    assert!(
        status.reason.starts_with("Charging is off: cheaper hours come before"),
        "{}",
        status.reason
    );
    let mut night = Night::default();
    night.go(&mut agent, &desk, "2026-03-25T07:30:00Z").await;
    night.check_ready();
    // The start is spread by up to ten minutes, and so is the end.
    assert!(night.moves.iter().all(|(ts, _)| (4..=7).contains(&ts.hour())), "{night:?}");
}

#[tokio::test]
async fn a_night_by_wholesale_prices_that_never_come_is_one_by_the_average() {
    let mut desk = desk(Closed);
    let charge = desk.charge.as_mut().unwrap();
    (charge.objective, charge.zone) = (Objective::Price, Some(LoadZone::Nyc));
    charge.prices = Prices::Wholesale;
    let mut agent = desk.start();
    agent.foresee(clean_nights);
    let charge = agent.check(Open).await.charge.unwrap();
    assert_eq!((charge.objective.as_str(), charge.mean_g_per_kwh), ("average", Some(100.0)));
    assert!(charge.objective_lacks.unwrap().contains("no prices are known"));
    let mut night = Night::default();
    night.go(&mut agent, &desk, "2026-03-25T09:00:00Z").await;
    night.check_ready();
}

#[tokio::test]
async fn a_night_by_the_forecast_charges_in_its_cleanest_hours() {
    let desk = desk(Closed);
    let mut agent = desk.start();
    agent.foresee(clean_nights);
    let status = agent.check(Open).await;
    let charge = status.charge.clone().unwrap();
    assert_eq!(charge.depart, at(MORNING));
    assert_eq!((charge.need_kwh, charge.left_kwh, charge.basis.as_str()), (14.0, 14.0, "forecast"));
    assert_eq!(charge.mean_g_per_kwh, Some(100.0));
    assert!(
        status.reason.starts_with(
            "Charging is off: by the forecast cleaner hours come before the car leaves tomorrow \
             7:30 AM EDT; it starts tomorrow 2"
        ),
        "{}",
        status.reason
    );
    let mut night = Night::default();
    night.go(&mut agent, &desk, "2026-03-25T07:00:00Z").await;
    let status = night.go(&mut agent, &desk, "2026-03-25T09:00:00Z").await;
    night.check_ready();
    let hours: Vec<u32> = night.moves.iter().map(|(ts, _)| ts.hour()).collect();
    assert!(hours.iter().all(|hour| (5..=8).contains(hour)), "{night:?}");
    assert_eq!(desk.bench().position, Open);
    assert!(status.reason.contains("the car has what it needs"), "{}", status.reason);
    // Over by the departure: another night, another need.
    night.go(&mut agent, &desk, "2026-03-25T11:31:00Z").await;
    let next = agent.cycle().await.charge.unwrap();
    assert_eq!((next.depart, next.left_kwh), (at("2026-03-26T11:30:00Z"), 14.0));
    agent.kill().await;
}

#[tokio::test]
async fn a_night_by_own_history_when_there_is_no_forecast() {
    let desk = desk(Closed);
    let mut agent = desk.start();
    agent.fill(14, Origin::Nyiso, |ts| clean_nights(ts - TimeDelta::minutes(1)));
    agent.hear_event(FeedEvent::Lost { reason: "connection refused".to_owned() });
    assert_eq!(agent.check(Open).await.charge.unwrap().basis, "history");
    let mut night = Night::default();
    night.go(&mut agent, &desk, MORNING).await;
    night.check_ready();
    assert!((5..8).contains(&night.moves[0].0.hour()), "{night:?}");
    agent.kill().await;
}

#[tokio::test]
async fn a_night_by_nothing_at_all_charges_last_and_is_ready() {
    let desk = desk(Closed);
    let mut agent = desk.start();
    let mut night = Night::default();
    let status = night.go(&mut agent, &desk, "2026-03-24T21:03:00Z").await;
    assert_eq!(status.charge.unwrap().basis, "deadline");
    assert_eq!(desk.bench().position, Open, "{}", status.reason);
    night.go(&mut agent, &desk, MORNING).await;
    night.check_ready();
    // Two hours and the reserve before the car leaves, with no offset of the fleet: that is the guarantee.
    assert_eq!(night.moves[1], (at("2026-03-25T09:15:00Z"), Closed), "{night:?}");
    agent.kill().await;
}

#[tokio::test]
async fn a_forecast_that_cannot_be_is_refused_and_the_one_held_stays() {
    let desk = desk(Closed);
    let mut agent = desk.start();
    assert!(agent.foresee(clean_nights));
    agent.wait(15 * MINUTE);
    assert!(!agent.foresee(|_| 0.0), "nothing but zeros");
    let mut older = forecast(agent.now() - TimeDelta::hours(1), |_| 50.0);
    assert!(!agent.hear_event(FeedEvent::Forecast(Box::new(older.clone()))), "out of order");
    older.issued = agent.now() + TimeDelta::hours(3);
    assert!(!agent.hear_event(FeedEvent::Forecast(Box::new(older.clone()))), "of the future");
    assert_eq!(agent.cycle().await.charge.unwrap().mean_g_per_kwh, Some(100.0));
    agent.kill().await;
}

#[tokio::test]
async fn a_forecast_is_used_while_its_slots_cover_and_kept_over_a_restart() {
    let desk = desk(Closed);
    let mut agent = desk.start();
    agent.foresee(clean_nights);
    agent.check(Open).await;
    agent.kill().await;
    // Two days without the feed.
    desk.clock.advance(std::time::Duration::from_secs(48 * HOUR));
    let mut agent = desk.start();
    let charge = agent.check(Open).await.charge.unwrap();
    assert_eq!((charge.basis.as_str(), charge.mean_g_per_kwh), ("forecast", Some(100.0)));
    agent.kill().await;
}

#[tokio::test]
async fn killed_again_and_again_it_goes_on_where_it_was() {
    let mut desk = desk(Closed);
    let mut agent = desk.start();
    agent.foresee(clean_nights);
    let mut night = Night::default();
    let start = at("2026-03-24T21:00:00Z");
    for quarter in 1..=58 {
        let until = start + TimeDelta::minutes(15 * quarter);
        night.go(&mut agent, &desk, &until.to_rfc3339()).await;
        agent.kill().await;
        // Every other time the power goes, too: another boot, and the relay at rest.
        if quarter % 2 == 0 {
            desk.boot = BootId(1 + u128::try_from(quarter).unwrap());
        }
        agent = desk.start();
    }
    night.go(&mut agent, &desk, MORNING).await;
    assert!(TimeDelta::minutes(115) <= night.charged, "{night:?}");
    agent.kill().await;
}

#[tokio::test]
async fn the_clock_at_1970_lets_the_car_charge_until_it_is_right() {
    let desk = desk(Open);
    desk.clock.set(at("1970-01-01T00:10:00Z"));
    let mut agent = desk.start();
    let status = agent.cycle().await;
    assert_eq!(status.clock, "behind");
    agent.wait(10 * MINUTE);
    let status = agent.check(Closed).await;
    assert!(status.charge.is_none(), "{status:?}");
    desk.clock.set(at("2026-03-24T21:30:00Z"));
    agent.foresee(clean_nights);
    agent.wait(11 * MINUTE);
    let status = agent.check(Open).await;
    assert_eq!(status.charge.unwrap().depart, at(MORNING));
    agent.kill().await;
}

#[tokio::test]
async fn a_clock_that_jumps_three_hours_back_or_a_day_ahead_plans_anew() {
    let desk = desk(Closed);
    let mut agent = desk.start();
    agent.foresee(clean_nights);
    agent.check(Open).await;
    desk.clock.set(at("2026-03-24T18:00:00Z"));
    let status = agent.cycle().await;
    assert_eq!(status.charge.unwrap().depart, at(MORNING));
    desk.clock.set(at("2026-03-25T21:00:00Z"));
    let charge = agent.cycle().await.charge.unwrap();
    assert_eq!(charge.depart, at("2026-03-26T11:30:00Z"));
    assert_eq!(
        charge.runs.iter().map(|run| run.end - run.start).sum::<TimeDelta>(),
        TimeDelta::hours(2)
    );
    agent.kill().await;
}

#[tokio::test]
async fn overrides_rank_above_the_plan_and_end_by_themselves() {
    let desk = desk(Closed);
    let mut agent = desk.start();
    agent.foresee(clean_nights);
    agent.check(Open).await;
    let until = agent.now() + TimeDelta::hours(1);
    let set = |overrides| desk.overrides.send_replace(overrides);
    set(Overrides { charge_now_until: Some(until), ..Overrides::default() });
    agent.wait(5 * MINUTE);
    let status = agent.check(Closed).await;
    assert!(status.reason.contains("you asked it to charge until 6 PM EDT"), "{}", status.reason);
    agent.wait(HOUR);
    agent.check(Open).await;
    set(Overrides { skip_until: Some(at(MORNING)), ..Overrides::default() });
    let mut night = Night::default();
    let status = night.go(&mut agent, &desk, "2026-03-25T11:29:00Z").await;
    assert!(status.reason.contains("you asked it not to charge"), "{}", status.reason);
    assert_eq!(night.moves, []);
    agent.kill().await;
}

#[tokio::test]
async fn another_departure_for_once_replaces_the_next() {
    let desk = desk(Closed);
    let mut agent = desk.start();
    agent.foresee(clean_nights);
    let once = at("2026-03-25T03:00:00Z");
    desk.overrides.send_replace(Overrides { depart_once: Some(once), ..Overrides::default() });
    let charge = agent.cycle().await.charge.unwrap();
    assert_eq!(charge.depart, once);
    assert!(charge.runs.iter().all(|run| run.end <= once), "{charge:?}");
    agent.kill().await;
}

#[tokio::test]
async fn the_night_of_each_clock_change_is_charged_whole() {
    for (evening, morning) in [
        ("2026-03-07T23:00:00Z", "2026-03-08T11:30:00Z"),
        ("2026-10-31T22:00:00Z", "2026-11-01T12:30:00Z"),
    ] {
        let desk = desk(Closed);
        desk.clock.set(at(evening));
        let mut agent = desk.start();
        agent.foresee(clean_nights);
        let charge = agent.check(Open).await.charge.unwrap();
        assert_eq!(charge.depart, at(morning));
        let mut charged = 0;
        while agent.now() < at(morning) {
            agent.cycle().await;
            charged += i64::from(desk.bench().position == Closed);
            agent.wait(MINUTE);
        }
        assert!((119..=125).contains(&charged), "{charged} minutes");
        agent.kill().await;
    }
}

#[tokio::test]
async fn a_machine_that_sleeps_over_a_departure_starts_the_next_charge_from_nothing() {
    let desk = desk(Closed);
    let mut agent = desk.start();
    agent.foresee(clean_nights);
    Night::default().go(&mut agent, &desk, "2026-03-25T09:00:00Z").await;
    assert_eq!(agent.cycle().await.charge.unwrap().left_kwh, 0.0);
    // Asleep until noon; the stopwatch of the kernel goes on.
    agent.wait(7 * HOUR);
    let charge = agent.cycle().await.charge.unwrap();
    assert_eq!((charge.depart, charge.left_kwh), (at("2026-03-26T11:30:00Z"), 14.0));
    agent.kill().await;
}

#[tokio::test]
async fn an_agent_that_is_restarted_all_the_time_has_the_car_ready() {
    let desk = desk(Open);
    desk.clock.set(at("2026-03-25T08:00:00Z"));
    let mut charged = 0;
    while agent_now(&desk) < at(MORNING) {
        // Shorter than a start may wait for data, which never come.
        let mut agent = desk.start();
        agent.cycle().await;
        agent.wait(MINUTE);
        agent.cycle().await;
        charged += i64::from(desk.bench().position == Closed);
        agent.kill().await;
    }
    assert!(119 <= charged, "{charged} minutes");
}

#[tokio::test]
async fn a_forecast_of_a_demo_that_was_kept_moves_no_real_charger() {
    let mut desk = desk(Closed);
    let mut agent = desk.start();
    let mut reading = agent.reading(150.0);
    reading.origin = Origin::Generated;
    agent.hear(reading);
    let mut made_up = forecast(agent.now(), clean_nights);
    made_up.origin = Origin::Generated;
    assert!(agent.hear_event(FeedEvent::Forecast(Box::new(made_up.clone()))));
    assert_eq!(agent.cycle().await.charge.unwrap().basis, "forecast");
    agent.kill().await;
    desk.accept_demo = false;
    let mut agent = desk.start();
    assert_eq!(agent.cycle().await.charge.unwrap().basis, "deadline");
    agent.kill().await;
    // Nor does one mix with live readings where demos are welcome.
    desk.accept_demo = true;
    let mut agent = desk.start();
    agent.read(150.0);
    agent.hear_event(FeedEvent::Forecast(Box::new(made_up)));
    assert_eq!(agent.cycle().await.charge.unwrap().basis, "deadline");
    agent.kill().await;
}

fn agent_now(desk: &Desk) -> Timestamp {
    use service::clock::Clock as _;
    desk.clock.now()
}
