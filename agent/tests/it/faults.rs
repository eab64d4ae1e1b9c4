//! Faults, each on a night of its own: the car is ready at its departure where that is physically possible,
//! minimum times and budgets are kept, and nothing panics. See [`crate::night`] for what a night is.

use chrono::TimeDelta;
use domain::control::Contactor;

use crate::night::{
    Act, Damage, Evening, FALL_BACK, Foresight, MARCH, Reading, SPRING_FORWARD, Script, night,
    night_on_disk,
};
use Contactor::{Closed, Open};

/// The last minute of the night.
const END: u32 = 870;

fn script() -> Script {
    Script::default()
}

/// Both positions are found at the start, and in each night the car is ready.
#[track_caller]
fn check(name: &str, script: &Script) {
    check_on(name, MARCH, script);
}

#[track_caller]
fn check_on(name: &str, evening: Evening, script: &Script) {
    for alarms in check_but_for_alarms(name, evening, script) {
        // A car that is ready is not told to be late.
        assert!(!alarms.contains("not-ready"), "{name}: {alarms:?}");
    }
}

/// An agent that hardly lives for a minute, or can keep nothing, does not know how much was charged: it may take
/// a car for late that is not.
#[track_caller]
fn check_but_for_alarms(name: &str, evening: Evening, script: &Script) -> [Alarms; 2] {
    [Open, Closed].map(|found| {
        let outcome = live(evening, found, script);
        assert!(outcome.is_ready(), "{name}, found {found}: not ready: {outcome:?}");
        outcome.check_limits(&format!("{name}, found {found}"));
        outcome.alarms
    })
}

type Alarms = std::collections::BTreeSet<&'static str>;

fn live(evening: Evening, found: Contactor, script: &Script) -> crate::night::Outcome {
    // Waits for a relay that does not follow pass at once.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(night(evening, found, script))
}

#[test]
fn no_fault() {
    check("none", &script());
    let outcome = live(MARCH, Open, &script());
    // Two hours, in the three clean ones, and neither much more nor at another time.
    assert!(outcome.charged <= 125 && outcome.moves.len() == 2, "{outcome:?}");
    assert!((480..=660).contains(&outcome.moves[0].0), "{outcome:?}");
}

#[test]
fn feed_broker_gone() {
    check("all night", &script().at(0, Act::Feed(false)));
    check("since the evening", &script().at(200, Act::Feed(false)));
    check("while it charges", &script().at(500, Act::Feed(false)));
    check("for three hours", &script().at(400, Act::Feed(false)).at(580, Act::Feed(true)));
    let flaps = script().each(0..END, 10, Act::Feed(false)).each(3..END, 10, Act::Feed(true));
    check("comes and goes", &flaps);
}

#[test]
fn home_broker_gone() {
    check("in the evening", &script().at(60, Act::Home(false)).at(400, Act::Home(true)));
    check("while it charges", &script().at(500, Act::Home(false)).at(600, Act::Home(true)));
    // Two hours and a half are left.
    check("until five", &script().at(60, Act::Home(false)).at(710, Act::Home(true)));
    let flaps = script().each(0..END, 7, Act::Home(false)).each(2..END, 7, Act::Home(true));
    check("comes and goes", &flaps);
}

#[test]
fn both_brokers_gone() {
    let both = |from, to| {
        script()
            .at(from, Act::Feed(false))
            .at(from, Act::Home(false))
            .at(to, Act::Feed(true))
            .at(to, Act::Home(true))
    };
    check("in the evening", &both(60, 400));
    check("while it charges", &both(500, 700));
}

#[test]
fn killed_and_restarted() {
    check("kill -9 each quarter", &script().each(7..END, 15, Act::Kill));
    for (name, period) in [("kill -9 each other minute", 2), ("kill -9 each minute", 1)] {
        check_but_for_alarms(name, MARCH, &script().each(1..END, period, Act::Kill));
    }
    check("SIGTERM each hour", &script().each(30..END, 60, Act::Restart));
}

#[test]
fn power_cuts() {
    for falls_to in [Open, Closed] {
        let name = format!("the relay falls {falls_to}");
        check(&name, &script().at(520, Act::PowerCut(falls_to)));
        check(&name, &script().each(40..END, 45, Act::PowerCut(falls_to)));
    }
    let alternating =
        script().each(40..END, 60, Act::PowerCut(Open)).each(70..END, 60, Act::PowerCut(Closed));
    check("as it likes", &alternating);
}

#[test]
fn the_store() {
    check("full disk all night", &script().at(0, Act::DiskFull(true)));
    check("full disk while it charges", &script().at(520, Act::DiskFull(true)));
    let full = script().at(300, Act::DiskFull(true)).each(310..END, 30, Act::Kill);
    check_but_for_alarms("full disk, and killed each half hour", MARCH, &full);
    check("lost before it charges", &script().at(300, Act::StoreLost));
    check("lost while it charges", &script().at(520, Act::StoreLost));
    check_but_for_alarms("lost each hour", MARCH, &script().each(20..END, 60, Act::StoreLost));
}

#[test]
fn the_files_of_the_store() {
    for damage in [
        Damage::Truncated(0),
        Damage::Truncated(50),
        Damage::Truncated(99),
        Damage::Noise,
        Damage::NoHead,
        Damage::Emptied,
    ] {
        for minute in [300, 520] {
            let name = format!("{damage:?} at {minute}");
            let script = script().at(minute, Act::Damage(damage)).at(700, Act::Kill);
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().expect("a runtime");
            let outcome = runtime.block_on(night_on_disk(Open, &script));
            assert!(outcome.is_ready(), "{name}: {outcome:?}");
            outcome.check_limits(&name);
        }
    }
}

#[test]
fn the_clock() {
    for (name, by) in [
        ("3 hours back", TimeDelta::hours(-3)),
        ("3 hours ahead", TimeDelta::hours(3)),
        ("a day ahead", TimeDelta::days(1)),
        ("20 minutes back", TimeDelta::minutes(-20)),
    ] {
        let off = Act::ClockOff(by);
        let right = Act::ClockOff(TimeDelta::zero());
        check(name, &script().at(200, off).at(400, right));
        check(name, &script().at(500, off).at(560, right));
        let flaps = script().each(100..END, 60, off).each(130..END, 60, right);
        check(&format!("{name}, again and again"), &flaps);
    }
    check("a day ahead for ever", &script().at(200, Act::ClockOff(TimeDelta::days(1))));
    check("3 hours back for ever", &script().at(200, Act::ClockOff(TimeDelta::hours(-3))));
    check("1970 for ever", &script().at(0, Act::ClockAt1970));
    let set = script().at(0, Act::ClockAt1970).at(120, Act::ClockOff(TimeDelta::zero()));
    check("1970 until it is set", &set);
    let reboot = script()
        .at(300, Act::PowerCut(Open))
        .at(300, Act::ClockAt1970)
        .at(420, Act::ClockOff(TimeDelta::zero()));
    check("1970 after a power cut", &reboot);
}

#[test]
fn the_forecast() {
    for foresight in [
        Foresight::None,
        Foresight::Old,
        Foresight::Over,
        Foresight::Zero,
        Foresight::NotANumber,
        Foresight::OutOfOrder,
        Foresight::Ahead,
        Foresight::Fickle,
        Foresight::Never,
    ] {
        check(&format!("{foresight:?}"), &script().at(0, Act::Forecasts(foresight)));
        check(&format!("{foresight:?} later"), &script().at(450, Act::Forecasts(foresight)));
    }
}

#[test]
fn the_readings() {
    for readings in [Reading::Nonsense, Reading::Flat] {
        let bad = script().at(0, Act::Readings(readings));
        check(&format!("{readings:?}"), &bad);
        let alone = script().at(0, Act::Readings(readings)).at(0, Act::Forecasts(Foresight::None));
        check(&format!("{readings:?} without a forecast"), &alone);
    }
}

#[test]
fn clock_changes() {
    for evening in [SPRING_FORWARD, FALL_BACK] {
        check_on("no other fault", evening, &script());
        check_on("without a feed", evening, &script().at(0, Act::Feed(false)));
        check_on("killed", evening, &script().each(7..END + 60, 15, Act::Kill));
        let cut = script().each(40..END + 60, 45, Act::PowerCut(Open));
        check_on("power cuts", evening, &cut);
    }
}

#[test]
fn a_relay_that_does_not_obey_for_a_while() {
    for found in [Open, Closed] {
        let outcome =
            live(MARCH, found, &script().at(470, Act::Stuck(true)).at(600, Act::Stuck(false)));
        assert!(outcome.is_ready(), "{outcome:?}");
        assert!(outcome.alarms.contains("relay-disobeys"), "{outcome:?}");
        // It is not cycled: three orders a try, and a try no more often than a minimum allows.
        assert!(outcome.orders < 120, "{outcome:?}");
    }
}

#[test]
fn a_relay_that_never_obeys_is_told_and_not_cycled() {
    let outcome = live(MARCH, Open, &script().at(0, Act::Stuck(true)));
    // Not possible: but the person knows.
    assert_eq!((outcome.charged, outcome.moves.len()), (0, 0));
    assert!(outcome.alarms.contains("relay-disobeys"), "{outcome:?}");
    assert!(outcome.orders < 500, "{outcome:?}");
}

#[test]
fn a_second_controller() {
    // It gives up two hours and three quarters before the departure.
    let fights = script().each(400..700, 4, Act::Hand(Closed)).each(402..700, 4, Act::Hand(Open));
    // One that closes is a car that is ready too early, and no fight.
    let closes = script().each(100..700, 4, Act::Hand(Closed));
    for (name, script) in [("it fights", fights), ("it closes", closes)] {
        let outcome = live(MARCH, Open, &script);
        assert!(outcome.is_ready(), "{name}: {outcome:?}");
        outcome.check_limits(name);
        assert!(!outcome.alarms.contains("not-ready"), "{name}: {outcome:?}");
    }
}

#[test]
fn a_hand_that_opens_is_a_persons_wish_and_the_late_car_is_told() {
    let outcome = live(MARCH, Closed, &script().at(560, Act::Hand(Open)));
    assert!(!outcome.is_ready() && outcome.alarms.contains("not-ready"), "{outcome:?}");
}

/// Random nights with several faults at once; hands excepted, since a hand is a person's wish.
#[test]
fn everything_at_once() {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut draw = |most: u64| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((random >> 33) % most).expect("small")
    };
    for round in 0..40 {
        let mut night = script();
        let mut told = Vec::new();
        for _ in 0..2 + draw(8) {
            let minute = draw(600);
            let act = match draw(12) {
                0 => Act::Feed(false),
                1 => Act::Feed(true),
                2 | 3 => Act::Kill,
                4 => Act::PowerCut(Open),
                5 => Act::PowerCut(Closed),
                6 => Act::ClockOff(TimeDelta::minutes(i64::from(draw(3000)) - 300)),
                7 => Act::DiskFull(true),
                8 => Act::StoreLost,
                9 => Act::Forecasts(Foresight::Fickle),
                10 => Act::Forecasts(Foresight::Zero),
                _ => Act::Readings(Reading::Nonsense),
            };
            told.push((minute, act));
            night = night.at(minute, act);
        }
        // What a clock can do is tried above; here it is right again in time.
        night = night.at(610, Act::ClockOff(TimeDelta::zero()));
        let outcome = live(MARCH, Open, &night);
        assert!(outcome.is_ready(), "round {round}: {told:?}: {outcome:?}");
        outcome.check_limits(&format!("round {round}: {told:?}"));
    }
}
