use domain::control::{
    BootId, Car, Cause, Charge, Facts, Mode, Moment, Pauses, Settings, Signal, Switch, SwitchLog,
    Wait, Wishes, decide,
};

use super::*;

const MINUTE: u64 = 60;

fn intensity(value: f64) -> CarbonIntensity {
    CarbonIntensity::from_grams_per_kwh(value).unwrap()
}

/// A situation, told on Tuesday 2026-03-24, 8 AM EDT, long after the start, with a reading ten minutes old.
struct Case {
    settings: Settings,
    position: Contactor,
    reading: Option<(f64, u64)>,
    bounds: Option<BoundsFrom>,
    usual: fn(Timestamp) -> Option<CarbonIntensity>,
    clock: ClockTrust,
    started_ago: u64,
    /// Moves, minutes ago.
    moves: Vec<(u64, Contactor, Cause)>,
    charge: Option<Charge<'static>>,
    wishes: Wishes,
    car: Car,
    wait: Option<Wait>,
    turn: Option<Wait>,
}

const AUTOMATIC: Cause = Cause::Claim(domain::control::Priority::Threshold);

fn case(position: Contactor, grams: f64) -> Case {
    Case {
        settings: Settings::default(),
        position,
        reading: Some((grams, 10 * MINUTE)),
        bounds: Some(BoundsFrom::Settings),
        usual: |_| None,
        clock: ClockTrust::Trusted,
        started_ago: 10_000,
        moves: Vec::new(),
        charge: None,
        wishes: Wishes::default(),
        car: Car::default(),
        wait: None,
        turn: None,
    }
}

#[track_caller]
fn check(case: &Case, expected: &str) {
    let moment = |ago: u64| Moment {
        wall: Timestamp::from_timestamp(1_774_353_600 - ago as i64, 0).unwrap(),
        boot: BootId(1),
        uptime: Duration::from_secs(1_000_000 - ago),
    };
    let mut switches = SwitchLog::default();
    for (ago, to, cause) in &case.moves {
        switches.record(Switch { at: moment(ago * MINUTE), to: *to, cause: *cause });
    }
    let live = case.reading.map(|(grams, age)| Live {
        ts: moment(age).wall,
        age: Duration::from_secs(age),
        intensity: intensity(grams),
    });
    let bounds = case.bounds.map(|from| Bounds {
        close_below: intensity(200.0),
        open_above: intensity(250.0),
        from,
    });
    let facts = Facts {
        at: moment(0),
        started: moment(case.started_ago),
        clock: case.clock,
        position: case.position,
        switches: &switches,
        signal: Signal { live, bounds, forecast: None, usual: &case.usual },
        charge: case.charge,
        wishes: case.wishes,
        hand_ends: None,
        car: case.car,
        wait: case.wait,
        turn: case.turn,
    };
    let decision = decide(&facts, &case.settings);
    assert_eq!(sentence(&decision, &case.settings.limits, facts.at.wall), expected);
}

use Contactor::{Closed, Open};

#[test]
fn the_grid_decides() {
    check(
        &case(Open, 150.0),
        "Charging is on: the grid is clean (150 g/kWh at 7:50 AM EDT, below 200); it stops above 250 g/kWh.",
    );
    check(
        &case(Closed, 300.0),
        "Charging is off: the grid is dirty (300 g/kWh at 7:50 AM EDT, above 250); it starts below 200 g/kWh.",
    );
    check(
        &case(Closed, 225.0),
        "Charging is on: the grid is neither clean nor dirty (225 g/kWh at 7:50 AM EDT, between 200 and 250); \
         it stops above 250 g/kWh.",
    );
}

#[test]
fn percentiles_are_told_with_the_history_behind_them() {
    let week = |hours| BoundsFrom::Week { close_below: 40.0, open_above: 70.0, hours };
    check(
        &Case { bounds: Some(week(168.0)), ..case(Open, 150.0) },
        "Charging is on: the grid is clean (150 g/kWh at 7:50 AM EDT, below 200, so among the cleanest 40 % of \
         the last 7 days); it stops above 250 g/kWh.",
    );
    check(
        &Case { bounds: Some(week(31.2)), ..case(Open, 300.0) },
        "Charging is off: the grid is dirty (300 g/kWh at 7:50 AM EDT, above 250, so among the dirtiest 30 % of \
         the 31 hours known of the last 7 days); it starts below 200 g/kWh.",
    );
}

#[test]
fn the_usual_week_tells_when() {
    // Clean from 4 PM EDT.
    let usual = |ts: Timestamp| {
        Some(intensity(if ts.timestamp() < 1_774_353_600 + 8 * 3600 { 300.0 } else { 100.0 }))
    };
    check(
        &Case { usual, ..case(Open, 300.0) },
        "Charging is off: the grid is dirty (300 g/kWh at 7:50 AM EDT, above 250); it starts below 200 g/kWh, \
         likely around 4 PM EDT.",
    );
    check(
        &Case { usual, reading: Some((100.0, 45 * MINUTE)), ..case(Open, 0.0) },
        "Charging is off: the newest reading is too old (7:15 AM EDT), and by this agent's own history the grid \
         is usually dirty at this hour (300 g/kWh, above 250); it starts below 200 g/kWh, likely around 4 PM EDT.",
    );
    check(
        &Case { usual, reading: None, ..case(Open, 0.0) },
        "Charging is off: no reading has come, and by this agent's own history the grid is usually \
         dirty at this hour (300 g/kWh, above 250); it starts below 200 g/kWh, likely around 4 PM EDT.",
    );
}

#[test]
fn holds_are_told_with_their_end() {
    check(
        &Case { moves: vec![(4, Closed, AUTOMATIC)], ..case(Closed, 300.0) },
        "Charging is on although the grid is dirty (300 g/kWh at 7:50 AM EDT, above 250): once on it stays on \
         for 10 minutes; it stops at 8:06 AM EDT unless that changes before.",
    );
    check(
        &Case { moves: vec![(4, Open, AUTOMATIC)], ..case(Open, 150.0) },
        "Charging is off although the grid is clean (150 g/kWh at 7:50 AM EDT, below 200): once off it stays \
         off for 5 minutes; it starts at 8:01:00 AM EDT unless that changes before.",
    );
    let moves = vec![(50, Closed, AUTOMATIC), (30, Open, AUTOMATIC), (20, Closed, AUTOMATIC)];
    check(
        &Case { moves, ..case(Closed, 300.0) },
        "Charging is on although the grid is dirty (300 g/kWh at 7:50 AM EDT, above 250): 3 of 4 switches \
         allowed in an hour are used, and the last is kept for switching on again; it stops at 8:10 AM EDT \
         unless that changes before.",
    );
}

#[test]
fn people_are_told_what_people_did() {
    let mode = |mode| Settings { mode, ..Settings::default() };
    check(
        &Case { settings: mode(Mode::Now), ..case(Open, 300.0) },
        "Charging is on: the mode is \"now\"; that lasts until the settings are changed.",
    );
    check(
        &Case { settings: mode(Mode::Off), ..case(Closed, 100.0) },
        "Charging is off: the mode is \"off\"; that lasts until the settings are changed.",
    );
    check(
        &Case { settings: mode(Mode::Observe), ..case(Open, 100.0) },
        "Charging is off, only observing: the grid is clean (100 g/kWh at 7:50 AM EDT, below 200), so it would \
         be switched on; nothing is moved until the mode is changed.",
    );
    check(
        &Case { moves: vec![(30, Closed, Cause::ByHand)], ..case(Closed, 300.0) },
        "Charging is on: somebody switched it on by hand at 7:30 AM EDT; it decides anew at 9:30 AM EDT.",
    );
}

#[test]
fn what_is_missing_is_told() {
    check(
        &Case { reading: None, ..case(Open, 0.0) },
        "Charging is on: no reading has come, and there is no history of this hour, so the safe \
         position holds (on); it decides by the grid again once there are data.",
    );
    check(
        &Case { bounds: None, ..case(Open, 100.0) },
        "Charging is on: there is too little history to say what is clean here (a day is needed), so the safe \
         position holds (on); it decides by the grid again once there are data.",
    );
    check(
        &Case { clock: ClockTrust::NotSet, ..case(Open, 100.0) },
        "Charging is on: the clock has not been set since the machine started, so the safe position holds (on); \
         it decides by the grid again once the clock is right.",
    );
    let known = "2026-03-24T15:30:00Z".parse().unwrap();
    check(
        &Case { clock: ClockTrust::Behind { known }, ..case(Open, 100.0) },
        "Charging is on: the clock is wrong (it shows 8 AM EDT, but 11:30 AM EDT has already been), so the safe \
         position holds (on); it decides by the grid again once the clock is right.",
    );
    check(
        &Case { reading: None, started_ago: 0, ..case(Open, 0.0) },
        "Charging is off: it has just started and keeps what it found, waiting for fresh data until 8:02 AM EDT \
         at most; it decides anew at 8:02 AM EDT.",
    );
}

#[test]
fn lengths_of_time() {
    for (secs, expected) in [
        (1, "1 second"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7199, "119 minutes"),
        (7200, "2 hours"),
        (172_800, "2 days"),
    ] {
        assert_eq!(length(Duration::from_secs(secs)), expected);
    }
}

#[test]
fn a_plan_is_told_with_its_times() {
    // Tuesday 8 AM EDT; the car leaves on Wednesday at 7:30 AM.
    let at = |hours: f64| {
        let secs = 1_774_353_600 + (hours * 3600.0) as i64;
        Timestamp::from_timestamp(secs, 0).unwrap()
    };
    let planned = |position, left_h: i64, runs: Vec<(Timestamp, Timestamp)>, basis| Case {
        settings: Settings { mode: Mode::Clean, ..Settings::default() },
        charge: Some(Charge {
            left: chrono::TimeDelta::hours(left_h),
            depart: at(23.5),
            runs: runs.leak(),
            basis,
            aim: Aim::Clean,
        }),
        ..case(position, 300.0)
    };
    check(
        &planned(Open, 2, vec![(at(17.25), at(19.25))], PlanBasis::Forecast),
        "Charging is off: by the forecast cleaner hours come before the car leaves tomorrow 7:30 AM EDT; \
         it starts tomorrow 1:15 AM EDT.",
    );
    check(
        &planned(Closed, 2, vec![(at(-1.0), at(1.0))], PlanBasis::History),
        "Charging is on: by this agent's own history this is usually among the cleanest hours before the \
         car leaves tomorrow 7:30 AM EDT; it stops at 9 AM EDT.",
    );
    check(
        &planned(Closed, 24, vec![], PlanBasis::Deadline),
        "Charging is on: the car leaves tomorrow 7:30 AM EDT and there is just time enough to be ready; \
         it stops tomorrow 8 AM EDT.",
    );
    check(
        &planned(Open, 0, vec![], PlanBasis::Forecast),
        "Charging is off: the car has what it needs to leave tomorrow 7:30 AM EDT; it decides anew \
         tomorrow 7:30 AM EDT.",
    );
    let until = at(2.0);
    let wish = |wishes| Case { wishes, ..case(Closed, 300.0) };
    check(
        &wish(Wishes { charge_until: Some(until), ..Wishes::default() }),
        "Charging is on: you asked it to charge until 10 AM EDT; it decides anew at 10 AM EDT.",
    );
}

#[test]
fn the_car_has_its_say() {
    let away = Car { plugged: Some(false), ..Car::default() };
    check(
        &Case { car: away, ..case(Open, 100.0) },
        "Charging is off: no car is plugged in, so nothing is switched; it decides anew when a car is plugged in.",
    );
    let unpaused = |pauses| Car { plugged: Some(true), charging: Some(true), pauses };
    check(
        &Case { car: unpaused(Pauses::Refuses), ..case(Closed, 300.0) },
        "Charging is on: this car did not go on after a pause before, so it is not paused; it stops once the car \
         takes no more.",
    );
    check(
        &Case { car: unpaused(Pauses::Refusing), ..case(Closed, 300.0) },
        "Charging is on: the car takes no current since it was paused, and another pause would not help; it \
         stops once the car takes no more.",
    );
}

#[test]
fn a_return_of_power_is_waited_for() {
    let since = Moment {
        wall: Timestamp::from_timestamp(1_774_353_600, 0).unwrap(),
        boot: BootId(1),
        uptime: Duration::from_secs(1_000_000),
    };
    let wait = Some(Wait { since, length: Duration::from_secs(7 * MINUTE) });
    check(
        &Case { turn: wait, ..case(Closed, 300.0) },
        "Charging is on although the grid is dirty (300 g/kWh at 7:50 AM EDT, above 250): so that not all cars \
         switch in the same second this one waits a little; it stops at 8:07 AM EDT unless that changes before.",
    );
    check(
        &Case { wait, ..case(Open, 150.0) },
        "Charging is off although the grid is clean (150 g/kWh at 7:50 AM EDT, below 200): power or feed have \
         come back for everybody at once, and so that not all cars start in the same second this one waits a \
         little; it starts at 8:07 AM EDT unless that changes before.",
    );
}
