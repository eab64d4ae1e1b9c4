//! The decisions, case by case; the cases of a relay-switched charger that bear on `decide` by name.

use super::*;
use crate::units::CarbonIntensity;
use Contactor::{Closed, Open};
use chrono::TimeDelta;

const MINUTE: u64 = 60;

fn grams(value: f64) -> CarbonIntensity {
    CarbonIntensity::from_grams_per_kwh(value).unwrap()
}

/// Time left to charge, departure, planned runs.
type Asked = (TimeDelta, Timestamp, Vec<(Timestamp, Timestamp)>);

/// A charger on a desk: a clock to turn, a reading to set, a hand to move the switch with.
struct Desk {
    settings: Settings,
    at: Moment,
    started: Moment,
    clock: ClockTrust,
    position: Contactor,
    switches: SwitchLog,
    reading: Option<(Timestamp, f64)>,
    bounds: bool,
    usual: fn(Timestamp) -> Option<CarbonIntensity>,
    charge: Option<Asked>,
    basis: PlanBasis,
    wishes: Wishes,
    hand_ends: Option<Timestamp>,
    forecast: Option<fn(Timestamp) -> Option<CarbonIntensity>>,
    car: Car,
    wait: Option<Wait>,
    turn: Option<Wait>,
}

/// Tuesday 2026-03-10, 08:00 EDT.
const START: i64 = 1_773_144_000;

fn nothing_usual(_: Timestamp) -> Option<CarbonIntensity> {
    None
}

/// Clean from 04:00 to 08:00 UTC, dirty otherwise.
fn clean_nights(ts: Timestamp) -> Option<CarbonIntensity> {
    let hour = ts.timestamp().div_euclid(3600).rem_euclid(24);
    Some(grams(if (4..8).contains(&hour) { 100.0 } else { 300.0 }))
}

impl Desk {
    fn new(position: Contactor) -> Self {
        let at = Moment {
            wall: Timestamp::from_timestamp(START, 0).unwrap(),
            boot: BootId(1),
            uptime: Duration::from_secs(5000),
        };
        let threshold = Threshold::Grams { close_below: grams(200.0), open_above: grams(250.0) };
        Self {
            settings: Settings { threshold, ..Settings::default() },
            at,
            started: at,
            clock: ClockTrust::Trusted,
            position,
            switches: SwitchLog::default(),
            reading: None,
            bounds: true,
            usual: nothing_usual,
            charge: None,
            basis: PlanBasis::Forecast,
            wishes: Wishes::default(),
            hand_ends: None,
            forecast: None,
            car: Car::default(),
            wait: None,
            turn: None,
        }
    }

    /// Mode clean, `hours` to charge, the car leaves in 12 h, and the plan is the hours 3 to 5 from now.
    fn planned(position: Contactor, hours: i64) -> Self {
        let mut desk = Self::new(position);
        desk.settings.mode = Mode::Clean;
        let at = |hour| desk.at.wall + TimeDelta::hours(hour);
        desk.charge = Some((TimeDelta::hours(hours), at(12), vec![(at(3), at(5))]));
        desk
    }

    fn read(&mut self, value: f64) -> &mut Self {
        self.reading = Some((self.at.wall, value));
        self
    }

    fn wait(&mut self, secs: u64) -> &mut Self {
        self.at.uptime += Duration::from_secs(secs);
        self.at.wall += Duration::from_secs(secs);
        self
    }

    fn moved(&mut self, to: Contactor, cause: Cause) -> &mut Self {
        self.position = to;
        self.switches.record(Switch { at: self.at, to, cause });
        self
    }

    fn decide(&self) -> Decision {
        let live = self.reading.map(|(ts, value)| Live {
            ts,
            age: (self.at.wall - ts).to_std().unwrap_or_default(),
            intensity: grams(value),
        });
        let week = crate::series::Window::new(crate::week::WEEK);
        let bounds = if self.bounds { self.settings.threshold.bounds(&week) } else { None };
        let foreseen = self.forecast.as_ref();
        let foreseen = foreseen.map(|f| f as &dyn Fn(Timestamp) -> Option<CarbonIntensity>);
        let signal = Signal { live, bounds, forecast: foreseen, usual: &self.usual };
        let facts = Facts {
            at: self.at,
            started: self.started,
            clock: self.clock,
            position: self.position,
            switches: &self.switches,
            signal,
            charge: self.charge.as_ref().map(|(left, depart, runs)| Charge {
                left: *left,
                depart: *depart,
                runs,
                basis: self.basis,
                aim: crate::plan::Aim::Clean,
            }),
            wishes: self.wishes,
            hand_ends: self.hand_ends,
            car: self.car,
            wait: self.wait,
            turn: self.turn,
        };
        decide(&facts, &self.settings)
    }

    /// Decides and does it.
    fn obey(&mut self) -> Decision {
        let decision = self.decide();
        if decision.position != self.position {
            self.moved(decision.position, Cause::Claim(decision.claim().priority));
        }
        decision
    }

    #[track_caller]
    fn check(&self, position: Contactor, priority: Priority) -> Decision {
        let decision = self.decide();
        assert_eq!(
            (decision.position, decision.claim().priority),
            (position, priority),
            "{decision:?}"
        );
        decision
    }
}

// Threshold and hysteresis.

#[test]
fn closes_below_opens_above_and_stays_in_between() {
    for (found, value, expected) in [
        (Open, 199.0, Closed),
        (Open, 200.0, Open),
        (Open, 225.0, Open),
        (Open, 251.0, Open),
        (Closed, 199.0, Closed),
        (Closed, 225.0, Closed),
        (Closed, 250.0, Closed),
        (Closed, 251.0, Open),
    ] {
        let decision = Desk::new(found).read(value).check(expected, Priority::Threshold);
        assert_eq!(decision.hold, None, "{found} at {value}");
    }
}

#[test]
fn zero_grams_is_a_reading_like_any_other() {
    Desk::new(Open).read(0.0).check(Closed, Priority::Threshold);
}

#[test]
fn says_when_the_usual_course_of_the_week_will_change_it() {
    let mut desk = Desk::new(Open);
    desk.usual = clean_nights;
    let decision = desk.read(300.0).check(Open, Priority::Threshold);
    // 08:00 EDT is 12:00 UTC; the next clean hour begins at 04:00 UTC.
    let likely = Timestamp::from_timestamp(START + 16 * 3600, 0).unwrap();
    assert_eq!(decision.next, NextChange::Likely(likely));
    desk.usual = |_| Some(grams(225.0));
    assert_eq!(desk.decide().next, NextChange::WithTheGrid);
}

// Modes.

#[test]
fn now_charges_and_off_does_not_whatever_the_grid_and_whatever_is_missing() {
    for (mode, expected) in [(Mode::Now, Closed), (Mode::Off, Open)] {
        for reading in [None, Some(100.0), Some(400.0)] {
            let mut desk = Desk::new(expected.other());
            desk.settings.mode = mode;
            desk.clock = ClockTrust::NotSet;
            if let Some(value) = reading {
                desk.read(value);
            }
            let decision = desk.check(expected, Priority::Manual);
            assert_eq!(decision.next, NextChange::ByUser);
        }
    }
}

#[test]
fn observe_decides_and_moves_nothing() {
    let mut desk = Desk::new(Open);
    desk.settings.mode = Mode::Observe;
    let decision = desk.read(100.0).check(Open, Priority::Threshold);
    assert_eq!(decision.claim().wants, Closed);
    assert_eq!(decision.hold, Some(Hold::Observing));
}

// Table 2.2 of the safety reference, the rows that bear on the decision.

#[test]
fn min_on_and_off_hold_on_the_monotonic_clock() {
    let mut desk = Desk::new(Open);
    desk.read(100.0).obey();
    assert_eq!(desk.position, Closed);
    desk.wait(599).read(400.0);
    let decision = desk.check(Closed, Priority::Threshold);
    let until = desk.at.wall_in(Duration::from_secs(1));
    assert_eq!(decision.hold, Some(Hold::MinimumOn { until }));
    assert_eq!(decision.next, NextChange::At(until));
    desk.wait(1).obey();
    assert_eq!(desk.position, Open);
    desk.wait(299).read(100.0).check(Open, Priority::Threshold);
    desk.wait(1).check(Closed, Priority::Threshold);
}

#[test]
fn min_on_and_off_survive_a_restart() {
    let mut desk = Desk::new(Open);
    desk.read(100.0).obey();
    desk.wait(MINUTE).started = desk.at;
    desk.read(400.0).check(Closed, Priority::Threshold);
    desk.wait(9 * MINUTE).read(400.0).check(Open, Priority::Threshold);
}

#[test]
fn min_off_after_a_reboot_counts_from_the_boot() {
    let mut desk = Desk::new(Closed);
    desk.moved(Open, Cause::Claim(Priority::Threshold));
    // The wall clock says an hour has passed; only the uptime of the new boot is certain.
    desk.wait(3600);
    desk.at.boot = BootId(2);
    desk.at.uptime = Duration::from_secs(20);
    desk.started = desk.at;
    desk.read(100.0).check(Open, Priority::Threshold);
    desk.wait(280).read(100.0).check(Closed, Priority::Threshold);
}

#[test]
fn user_stop_is_exempt_from_min_on_and_a_user_start_not_from_min_off() {
    let mut desk = Desk::new(Open);
    desk.read(100.0).obey();
    desk.wait(1).settings.mode = Mode::Off;
    desk.obey();
    assert_eq!(desk.position, Open);
    desk.wait(1).settings.mode = Mode::Now;
    let decision = desk.check(Open, Priority::Manual);
    assert!(matches!(decision.hold, Some(Hold::MinimumOff { .. })), "{decision:?}");
    desk.wait(299).check(Closed, Priority::Manual);
}

#[test]
fn switch_rate_at_the_limit_holds_the_position_that_gets_the_car_ready() {
    let mut desk = Desk::new(Open);
    for value in [100.0, 400.0, 100.0] {
        desk.read(value).obey();
        desk.wait(11 * MINUTE);
    }
    assert_eq!((desk.position, desk.switches.lifetime()), (Closed, 3));
    let decision = desk.read(400.0).check(Closed, Priority::Threshold);
    let Some(Hold::Budget { span: Span::Hour, used: 3, limit: 4, until }) = decision.hold else {
        panic!("{decision:?}");
    };
    assert_eq!(decision.next, NextChange::At(until));
    // Until the first of the three is an hour old.
    assert_eq!((until - desk.at.wall).num_minutes(), 60 - 33);
}

#[test]
fn boot_state_keeps_what_is_found_until_clock_and_data_are_known() {
    for found in [Open, Closed] {
        let mut desk = Desk::new(found);
        let decision = desk.check(found, Priority::Safety);
        let until = desk.at.wall_in(Duration::from_secs(120));
        let awaited = Awaited::Data;
        assert_eq!(decision.claim().reason, Reason::Starting { awaited, until });
        desk.clock = ClockTrust::NotSet;
        let decision = desk.read(100.0).check(found, Priority::Safety);
        let awaited = Awaited::Clock;
        assert_eq!(decision.claim().reason, Reason::Starting { awaited, until });
        desk.clock = ClockTrust::Trusted;
        desk.check(Closed, Priority::Threshold);
    }
}

#[test]
fn boot_state_goes_on_without_after_120_s() {
    let mut desk = Desk::new(Open);
    desk.wait(119).check(Open, Priority::Safety);
    desk.wait(1).check(Closed, Priority::Default);
    desk.usual = clean_nights;
    desk.check(Open, Priority::Threshold);
}

#[test]
fn stale_live_value_gives_way_to_the_usual_hour() {
    let mut desk = Desk::new(Open);
    desk.usual = clean_nights;
    desk.read(100.0).wait(30 * MINUTE).check(Closed, Priority::Threshold);
    let decision = desk.wait(1).check(Open, Priority::Threshold);
    let Reason::Grid { basis: Basis::Usual { newest: Some(newest) }, .. } = decision.claim().reason
    else {
        panic!("{decision:?}");
    };
    assert_eq!(newest.age, Duration::from_secs(30 * MINUTE + 1));
}

#[test]
fn stale_live_value_gives_way_to_the_forecast_of_this_hour_first() {
    let mut desk = Desk::new(Open);
    desk.usual = clean_nights;
    desk.forecast = Some(|_| Some(grams(100.0)));
    desk.read(400.0).check(Open, Priority::Threshold);
    let decision = desk.wait(30 * MINUTE + 1).check(Closed, Priority::Threshold);
    let Reason::Grid { basis: Basis::Forecast { newest: Some(newest) }, .. } =
        decision.claim().reason
    else {
        panic!("{decision:?}");
    };
    assert_eq!(newest.age, Duration::from_secs(30 * MINUTE + 1));
    // Where it does not cover: the usual hour.
    desk.forecast = Some(|_| None);
    desk.check(Open, Priority::Threshold);
}

#[test]
fn missing_data_never_mean_off() {
    for found in [Open, Closed] {
        let mut desk = Desk::new(found);
        desk.read(400.0).wait(3600);
        let decision = desk.check(Closed, Priority::Default);
        assert!(
            matches!(decision.claim().reason, Reason::NoSignal(NoSignal::NoData { .. })),
            "{decision:?}"
        );
        assert_eq!(decision.next, NextChange::WithData);
    }
}

#[test]
fn missing_data_do_not_break_a_minimum_off_time() {
    let mut desk = Desk::new(Closed);
    desk.started.uptime = Duration::ZERO;
    desk.moved(Open, Cause::Claim(Priority::Threshold));
    desk.check(Open, Priority::Default);
    desk.wait(300).check(Closed, Priority::Default);
}

#[test]
fn too_little_history_for_percentiles_is_missing_data() {
    let mut desk = Desk::new(Open);
    desk.bounds = false;
    desk.read(100.0).check(Open, Priority::Safety);
    let decision = desk.wait(120).read(100.0).check(Closed, Priority::Default);
    assert_eq!(decision.claim().reason, Reason::NoSignal(NoSignal::NoBounds));
}

#[test]
fn a_safe_position_of_open_is_respected() {
    let mut desk = Desk::new(Closed);
    desk.settings.safe = Open;
    desk.wait(120).check(Open, Priority::Default);
}

#[test]
fn clock_not_set_runs_free() {
    let mut desk = Desk::new(Open);
    desk.usual = clean_nights;
    desk.wait(120).read(400.0);
    for clock in [ClockTrust::NotSet, ClockTrust::Behind { known: desk.at.wall }] {
        desk.clock = clock;
        let decision = desk.check(Closed, Priority::Default);
        assert_eq!(decision.claim().reason, Reason::NoSignal(NoSignal::Clock(clock)));
    }
}

#[test]
fn clock_jump_neither_shortens_nor_stretches_a_minimum_time() {
    for jump_h in [-3, 24] {
        let mut desk = Desk::new(Open);
        desk.read(100.0).obey();
        desk.wait(MINUTE).at.wall += TimeDelta::hours(jump_h);
        desk.read(400.0).check(Closed, Priority::Threshold);
        desk.wait(9 * MINUTE).read(400.0).check(Open, Priority::Threshold);
    }
}

#[test]
fn user_flips_it_by_hand_and_is_respected_for_a_while() {
    let mut desk = Desk::new(Open);
    desk.read(400.0).moved(Closed, Cause::ByHand);
    let decision = desk.check(Closed, Priority::Manual);
    let until = desk.at.wall_in(Duration::from_secs(2 * 3600));
    let since = desk.at.wall;
    assert_eq!(decision.claim().reason, Reason::ByHand { since, until });
    desk.wait(2 * 3600).read(400.0).check(Open, Priority::Threshold);
}

#[test]
fn user_flips_it_by_hand_and_is_respected_until_unplug_or_the_next_departure() {
    for (hand, other) in [(Open, Closed), (Closed, Open)] {
        let mut desk = Desk::planned(other, 2);
        desk.moved(hand, Cause::ByHand);
        desk.hand_ends = Some(desk.at.wall + TimeDelta::hours(12));
        desk.wait(11 * 3600);
        let until = desk.hand_ends.unwrap();
        let decision = desk.check(hand, Priority::Manual);
        assert_eq!(decision.next, NextChange::At(until));
        // The user's own limit comes first; so does unplugging.
        desk.settings.manual_hold = Some(Duration::from_secs(3600));
        assert_ne!(desk.decide().claim().priority, Priority::Manual);
        desk.settings.manual_hold = None;
        desk.car.plugged = Some(false);
        assert_eq!(desk.decide().claim().reason, Reason::NoCar);
        desk.car.plugged = None;
        desk.wait(3600);
        assert_ne!(desk.decide().claim().priority, Priority::Manual);
    }
}

#[test]
fn what_moves_it_again_and_again_is_no_person() {
    let mut desk = Desk::planned(Closed, 2);
    desk.hand_ends = Some(desk.at.wall + TimeDelta::hours(12));
    desk.moved(Open, Cause::ByHand).wait(120).moved(Closed, Cause::ByHand).wait(120);
    desk.moved(Open, Cause::ByHand);
    for _ in 0..4 {
        desk.check(Open, Priority::Plan);
        desk.wait(1800);
    }
}

#[test]
fn what_was_found_elsewhere_is_no_persons_wish() {
    let mut desk = Desk::new(Open);
    desk.moved(Closed, Cause::Found).read(400.0);
    let decision = desk.check(Closed, Priority::Threshold);
    assert!(matches!(decision.hold, Some(Hold::MinimumOn { .. })), "{decision:?}");
}

#[test]
fn every_claim_is_told_with_the_winner_first() {
    let mut desk = Desk::new(Closed);
    desk.settings.mode = Mode::Off;
    desk.moved(Closed, Cause::ByHand).read(100.0);
    let ranks: Vec<_> = desk.decide().claims.iter().map(|claim| claim.priority).collect();
    assert_eq!(ranks, [Priority::Manual, Priority::Manual, Priority::Default]);
    assert!(matches!(desk.decide().claim().reason, Reason::ByHand { .. }));
}

#[test]
fn words_of_modes_and_priorities_are_read_back() {
    for mode in Mode::ALL {
        assert_eq!(Mode::from_word(mode.as_str()), Some(mode));
    }
    for priority in Priority::ALL {
        assert_eq!(Priority::from_word(priority.as_str()), Some(priority));
    }
    assert!(Priority::ALL.is_sorted_by(|a, b| a > b), "highest first");
}

#[test]
fn a_plan_opens_until_its_hours_and_closes_in_them() {
    let mut desk = Desk::planned(Closed, 2);
    let decision = desk.check(Open, Priority::Plan);
    let start = desk.at.wall + TimeDelta::hours(3);
    assert_eq!(decision.next, NextChange::At(start));
    desk.moved(Open, Cause::Claim(Priority::Plan));
    desk.wait(3 * 3600).check(Closed, Priority::Plan);
    desk.moved(Closed, Cause::Claim(Priority::Plan));
    desk.wait(2 * 3600 - 1).check(Closed, Priority::Plan);
}

#[test]
fn a_need_that_is_met_opens() {
    let decision = Desk::planned(Closed, 0).check(Open, Priority::Plan);
    assert!(matches!(decision.claim().reason, Reason::Charged { .. }), "{decision:?}");
}

#[test]
fn a_departure_at_risk_outranks_the_plan_and_no_budget_stops_it() {
    let mut desk = Desk::planned(Open, 2);
    // Nothing of the plan was charged: 2 h and a quarter before the departure there is no time left.
    desk.wait(9 * 3600 + 45 * 60 - 1);
    for _ in 0..20 {
        desk.moved(Open, Cause::Claim(Priority::Plan));
    }
    desk.wait(1);
    let decision = desk.decide();
    assert_eq!(decision.claim().priority, Priority::Departure, "{decision:?}");
    assert!(matches!(decision.hold, Some(Hold::MinimumOff { .. })), "{decision:?}");
    desk.wait(300).check(Closed, Priority::Departure);
}

#[test]
fn a_plan_that_ran_out_before_the_need_was_met_lets_the_car_charge() {
    let mut desk = Desk::planned(Closed, 1);
    desk.wait(6 * 3600).check(Closed, Priority::Default);
}

#[test]
fn by_a_clock_that_is_wrong_no_plan_is_followed_and_the_car_charges() {
    let mut desk = Desk::planned(Open, 2);
    desk.clock = ClockTrust::NotSet;
    let grace = desk.check(Open, Priority::Safety);
    assert!(matches!(grace.claim().reason, Reason::Starting { awaited: Awaited::Clock, .. }));
    desk.wait(121).check(Closed, Priority::Default);
}

#[test]
fn a_wish_outranks_plan_and_departure_until_its_end() {
    let mut desk = Desk::planned(Closed, 12);
    desk.wishes.skip_until = Some(desk.at.wall + TimeDelta::hours(1));
    desk.check(Open, Priority::Manual);
    desk.moved(Open, Cause::Claim(Priority::Manual));
    desk.wait(3600).check(Closed, Priority::Departure);
    let mut desk = Desk::planned(Open, 2);
    desk.wishes.charge_until = Some(desk.at.wall + TimeDelta::hours(1));
    let decision = desk.check(Closed, Priority::Manual);
    assert_eq!(decision.next, NextChange::At(desk.at.wall + TimeDelta::hours(1)));
}

#[test]
fn observing_a_plan_moves_nothing() {
    let mut desk = Desk::planned(Closed, 2);
    desk.settings.mode = Mode::Observe;
    let decision = desk.check(Closed, Priority::Plan);
    assert_eq!(decision.hold, Some(Hold::Observing));
}

#[test]
fn a_plan_without_any_forecast_is_waited_for_as_long_as_a_start_may_wait() {
    let mut desk = Desk::planned(Closed, 2);
    desk.check(Open, Priority::Plan);
    desk.settings.mode = Mode::Clean;
    desk.charge = None;
    desk.check(Closed, Priority::Default);
}

#[test]
fn a_wish_does_not_wait_for_a_start() {
    let mut desk = Desk::planned(Open, 2);
    desk.basis = PlanBasis::Deadline;
    desk.check(Open, Priority::Safety);
    desk.wishes.charge_until = Some(desk.at.wall + TimeDelta::hours(1));
    desk.check(Closed, Priority::Manual);
}

#[test]
fn a_departure_at_risk_does_not_wait_for_a_start() {
    let mut desk = Desk::planned(Open, 2);
    desk.settings.start_grace = Duration::from_secs(3600);
    desk.basis = PlanBasis::Deadline;
    desk.wait(9 * 3600 + 44 * 60);
    desk.started = desk.at;
    desk.check(Open, Priority::Safety);
    desk.wait(60).check(Closed, Priority::Departure);
    // By a clock that is wrong there is no departure, and the start waits as it did.
    desk.clock = ClockTrust::NotSet;
    desk.check(Open, Priority::Safety);
}

// The car.

#[test]
fn no_car_connected_moves_nothing_not_even_for_a_departure() {
    for position in [Open, Closed] {
        let mut desk = Desk::planned(position, 2);
        desk.car.plugged = Some(false);
        for hours in [0, 4, 11] {
            desk.at.wall += TimeDelta::hours(hours);
            let decision = desk.check(position, Priority::Plan);
            assert_eq!(decision.claim().reason, Reason::NoCar);
            assert_eq!(decision.next, NextChange::WithTheCar);
        }
        let mut desk = Desk::new(position);
        desk.car.plugged = Some(false);
        for grams in [100.0, 400.0] {
            desk.read(grams).check(position, Priority::Plan);
        }
        // Nor where nothing is known.
        desk.wait(24 * 3600).check(position, Priority::Plan);
    }
}

#[test]
fn no_car_connected_leaves_a_person_to_say_what_they_want() {
    let mut desk = Desk::planned(Open, 2);
    desk.car.plugged = Some(false);
    desk.wishes.charge_until = Some(desk.at.wall + TimeDelta::hours(1));
    desk.check(Closed, Priority::Manual);
    desk.wishes = Wishes::default();
    desk.settings.mode = Mode::Now;
    desk.check(Closed, Priority::Manual);
    desk.settings.mode = Mode::Off;
    desk.position = Closed;
    desk.check(Open, Priority::Manual);
}

#[test]
fn a_car_that_comes_home_late_is_charged_at_once_when_there_is_no_time_left() {
    let mut desk = Desk::planned(Open, 2);
    desk.car.plugged = Some(false);
    desk.wait(10 * 3600).check(Open, Priority::Plan);
    desk.car.plugged = Some(true);
    desk.check(Closed, Priority::Departure);
    // Where nobody tells, the car is taken to be there.
    desk.car.plugged = None;
    desk.check(Closed, Priority::Departure);
}

#[test]
fn a_car_that_refuses_to_resume_is_not_paused_until_it_has_enough() {
    for (pauses, charging, expected) in [
        (Pauses::Bears, Some(true), Open),
        (Pauses::Refuses, Some(true), Closed),
        (Pauses::Refuses, None, Closed),
        (Pauses::Refuses, Some(false), Open),
        (Pauses::Refusing, Some(false), Closed),
    ] {
        let mut desk = Desk::planned(Closed, 2);
        desk.car = Car { plugged: None, charging, pauses };
        let priority =
            if pauses == Pauses::Refusing { Priority::Departure } else { Priority::Plan };
        let decision = desk.check(expected, priority);
        if expected == Closed {
            assert!(matches!(decision.claim().reason, Reason::Unpaused { .. }), "{decision:?}");
        }
        // What it needs it has: it may be switched off.
        if let Some((left, ..)) = &mut desk.charge {
            *left = TimeDelta::zero();
        }
        desk.check(Open, Priority::Plan);
        // A person may pause it all the same, and an open contactor waits for its hour.
        let mut desk = Desk::planned(Closed, 2);
        desk.car = Car { plugged: None, charging, pauses };
        desk.wishes.skip_until = Some(desk.at.wall + TimeDelta::hours(1));
        desk.check(Open, Priority::Manual);
        desk.wishes = Wishes::default();
        desk.position = Open;
        desk.check(Open, Priority::Plan);
    }
}

#[test]
fn a_car_that_refuses_to_resume_is_not_paused_by_a_dirty_grid_either() {
    let mut desk = Desk::new(Closed);
    desk.read(400.0);
    desk.car = Car { plugged: None, charging: Some(true), pauses: Pauses::Refuses };
    let decision = desk.check(Closed, Priority::Plan);
    assert_eq!(decision.claim().reason, Reason::Unpaused { refusing: false, depart: None });
    desk.car.charging = Some(false);
    desk.check(Open, Priority::Threshold);
}

// The return of power, or of the feed.

#[test]
fn boot_state_waits_for_a_time_of_its_own_before_the_first_closing() {
    let mut desk = Desk::new(Open);
    let length = Duration::from_secs(400);
    desk.wait = Some(Wait { since: desk.at, length });
    let until = desk.at.wall_in(length);
    let decision = desk.read(100.0).check(Open, Priority::Threshold);
    assert_eq!(decision.hold, Some(Hold::Returning { until }));
    assert_eq!(decision.next, NextChange::At(until));
    desk.wait(399).read(100.0).check(Open, Priority::Threshold);
    desk.wait(1).read(100.0).check(Closed, Priority::Threshold);
}

#[test]
fn the_wait_of_a_return_holds_no_opening_no_person_and_no_departure() {
    let wait = |desk: &Desk| Some(Wait { since: desk.at, length: Duration::from_secs(1800) });
    let mut desk = Desk::new(Closed);
    desk.wait = wait(&desk);
    desk.read(400.0).check(Open, Priority::Threshold);
    let mut desk = Desk::new(Open);
    desk.wait = wait(&desk);
    desk.settings.mode = Mode::Now;
    desk.check(Closed, Priority::Manual);
    let mut desk = Desk::planned(Open, 2);
    desk.wait(9 * 3600 + 45 * 60);
    desk.wait = wait(&desk);
    desk.check(Closed, Priority::Departure);
    // Nothing known at all: free running, but not all in one second.
    let mut desk = Desk::new(Open);
    desk.wait = wait(&desk);
    desk.wait(200).check(Open, Priority::Default);
    desk.wait(1600).check(Closed, Priority::Default);
}

#[test]
fn what_the_grid_asks_of_all_is_done_at_a_time_of_its_own() {
    for (found, grams, to) in [(Open, 100.0, Closed), (Closed, 400.0, Open)] {
        let mut desk = Desk::new(found);
        let length = Duration::from_secs(400);
        desk.turn = Some(Wait { since: desk.at, length });
        let until = desk.at.wall_in(length);
        let decision = desk.read(grams).check(found, Priority::Threshold);
        assert_eq!(decision.hold, Some(Hold::Turning { until }));
        desk.wait(400).read(grams).check(to, Priority::Threshold);
    }
    // A plan has its offsets, a person does not wait.
    let mut desk = Desk::planned(Closed, 2);
    desk.turn = Some(Wait { since: desk.at, length: Duration::from_secs(400) });
    desk.check(Open, Priority::Plan);
    desk.settings.mode = Mode::Off;
    desk.check(Open, Priority::Manual);
}

#[test]
fn of_two_holds_the_one_that_ends_last_is_told() {
    for (length, is_wait) in [(200, false), (400, true)] {
        let mut desk = Desk::new(Closed);
        desk.moved(Open, Cause::Found).read(100.0);
        desk.wait = Some(Wait { since: desk.at, length: Duration::from_secs(length) });
        let hold = desk.decide().hold.unwrap();
        assert_eq!(matches!(hold, Hold::Returning { .. }), is_wait, "{hold:?}");
    }
}
