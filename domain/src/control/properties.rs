//! What must hold for any course of readings, restarts, clock jumps and hands at the switch.

use proptest::prelude::*;

use super::*;
use crate::units::CarbonIntensity;

/// What happens before a cycle.
#[derive(Clone, Debug)]
enum Event {
    Wait(u32),
    Reading(f64),
    Restart,
    Reboot { off_s: u32 },
    ClockJump { secs: i32 },
    ClockTrusted(bool),
    Hand,
    Mode(Mode),
}

fn automatic() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1u32..1200).prop_map(Event::Wait),
        4 => (0.0..500.0f64).prop_map(Event::Reading),
        1 => Just(Event::Restart),
        1 => any::<bool>().prop_map(Event::ClockTrusted),
    ]
}

fn anything() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => automatic(),
        1 => (0u32..7200).prop_map(|off_s| Event::Reboot { off_s }),
        1 => (-100_000i32..100_000).prop_map(|secs| Event::ClockJump { secs }),
        1 => Just(Event::Hand),
        1 => prop::sample::select(Mode::ALL.to_vec()).prop_map(Event::Mode),
    ]
}

fn position(closed: bool) -> Contactor {
    if closed { Contactor::Closed } else { Contactor::Open }
}

/// A move, in true time.
#[derive(Clone, Copy, Debug)]
struct Move {
    true_s: u64,
    from: Contactor,
    cause: Cause,
}

struct World {
    true_s: u64,
    boot: u128,
    booted_s: u64,
    started_s: u64,
    skew_s: i64,
    clock: ClockTrust,
    position: Contactor,
    reading: Option<(u64, f64)>,
    settings: Settings,
    switches: SwitchLog,
    moves: Vec<Move>,
}

impl World {
    fn new(position: Contactor, safe: Contactor) -> Self {
        let grams = |value| CarbonIntensity::from_grams_per_kwh(value).unwrap();
        let threshold = Threshold::Grams { close_below: grams(200.0), open_above: grams(250.0) };
        Self {
            true_s: 1_000_000,
            boot: 1,
            booted_s: 990_000,
            started_s: 1_000_000,
            skew_s: 0,
            clock: ClockTrust::Trusted,
            position,
            reading: None,
            settings: Settings { threshold, safe, ..Settings::default() },
            switches: SwitchLog::default(),
            moves: Vec::new(),
        }
    }

    fn moment(&self, true_s: u64) -> Moment {
        Moment {
            wall: Timestamp::from_timestamp(1_700_000_000 + true_s as i64 + self.skew_s, 0)
                .unwrap(),
            boot: BootId(self.boot),
            uptime: Duration::from_secs(true_s - self.booted_s),
        }
    }

    fn go(&mut self, to: Contactor, cause: Cause) {
        self.moves.push(Move { true_s: self.true_s, from: self.position, cause });
        self.switches.record(Switch { at: self.moment(self.true_s), to, cause });
        self.position = to;
    }

    fn step(&mut self, event: &Event) -> Decision {
        match event {
            Event::Wait(secs) => self.true_s += u64::from(*secs),
            Event::Reading(value) => self.reading = Some((self.true_s, *value)),
            Event::Restart => self.started_s = self.true_s,
            Event::Reboot { off_s } => {
                self.true_s += u64::from(*off_s);
                self.boot += 1;
                self.booted_s = self.true_s;
                self.started_s = self.true_s;
            }
            Event::ClockJump { secs } => self.skew_s += i64::from(*secs),
            Event::ClockTrusted(trusted) => {
                self.clock = if *trusted { ClockTrust::Trusted } else { ClockTrust::NotSet };
            }
            Event::Hand => self.go(self.position.other(), Cause::ByHand),
            Event::Mode(mode) => self.settings.mode = *mode,
        }
        let at = self.moment(self.true_s);
        let live = self.reading.map(|(read_s, value)| Live {
            ts: self.moment(read_s.max(self.booted_s)).wall,
            age: Duration::from_secs(self.true_s - read_s),
            intensity: CarbonIntensity::from_grams_per_kwh(value).unwrap(),
        });
        let usual = |ts: Timestamp| {
            CarbonIntensity::from_grams_per_kwh(
                (ts.timestamp() / 3600).rem_euclid(24) as f64 * 20.0,
            )
        };
        let week = crate::series::Window::new(crate::week::WEEK);
        let bounds = self.settings.threshold.bounds(&week);
        let facts = Facts {
            at,
            started: self.moment(self.started_s),
            clock: self.clock,
            position: self.position,
            switches: &self.switches,
            signal: Signal { live, bounds, forecast: None, usual: &usual },
            charge: None,
            wishes: Wishes::default(),
            hand_ends: None,
            car: Car::default(),
            wait: None,
            turn: None,
        };
        let decision = decide(&facts, &self.settings);
        if decision.position != self.position {
            self.go(decision.position, Cause::Claim(decision.claim().priority));
        }
        decision
    }
}

proptest! {
    /// No two moves within a minimum time; only an insistent claim may cut a minimum on short, and
    /// nothing ever cuts a minimum off short.
    #[test]
    fn no_two_moves_within_a_dwell(
        closed in any::<bool>(),
        events in prop::collection::vec(anything(), 1..200),
    ) {
        let start = position(closed);
        let mut world = World::new(start, Contactor::Closed);
        for event in &events {
            world.step(event);
        }
        for pair in world.moves.windows(2) {
            let apart = Duration::from_secs(pair[1].true_s - pair[0].true_s);
            let Cause::Claim(priority) = pair[1].cause else { continue };
            match pair[1].from {
                Contactor::Open => prop_assert!(world.settings.limits.min_off <= apart, "{pair:?}"),
                Contactor::Closed => prop_assert!(
                    world.settings.limits.min_on <= apart
                        || priority.urgency() == Urgency::Insistent,
                    "{pair:?}"
                ),
            }
        }
    }

    /// Automatic moves never exceed a budget, and never leave the contactor open with the budget spent.
    #[test]
    fn the_budget_is_never_exceeded(
        closed in any::<bool>(),
        safe_closed in any::<bool>(),
        events in prop::collection::vec(automatic(), 1..400),
    ) {
        let start = position(closed);
        let mut world = World::new(start, position(safe_closed));
        for event in &events {
            world.step(event);
        }
        for (n, newest) in world.moves.iter().enumerate() {
            for (span, limit) in [(3600, 4), (86_400, 12)] {
                let used = world.moves[..=n]
                    .iter()
                    .filter(|earlier| newest.true_s - earlier.true_s < span)
                    .count();
                prop_assert!(used <= limit, "{used} moves in {span} s: {:?}", world.moves);
                prop_assert!(
                    used < limit || newest.from == Contactor::Open,
                    "the last of the budget was spent on opening: {:?}", world.moves
                );
            }
        }
    }

    /// What is decided is either what the winner wants, or where the contactor is and a hold that says why.
    #[test]
    fn a_decision_explains_itself(events in prop::collection::vec(anything(), 1..100)) {
        let mut world = World::new(Contactor::Open, Contactor::Closed);
        for event in &events {
            let mut before = world.position;
            if matches!(event, Event::Hand) {
                before = before.other();
            }
            let decision = world.step(event);
            let wants = decision.claim().wants;
            match decision.hold {
                None => prop_assert_eq!(decision.position, wants),
                Some(_) => {
                    prop_assert_eq!(decision.position, before);
                    prop_assert_ne!(wants, before);
                }
            }
            if let NextChange::At(until) | NextChange::Likely(until) = decision.next {
                prop_assert!(world.moment(world.true_s).wall < until, "{:?}", decision);
            }
        }
    }

    /// With the mode at `threshold` and no data at all, the contactor ends up in the safe position.
    #[test]
    fn without_data_the_safe_position_is_reached(
        closed in any::<bool>(),
        events in prop::collection::vec(automatic(), 0..50),
    ) {
        let start = position(closed);
        let mut world = World::new(start, Contactor::Closed);
        for event in &events {
            world.step(event);
        }
        world.clock = ClockTrust::NotSet;
        for _ in 0..40 {
            world.step(&Event::Wait(60));
        }
        prop_assert_eq!(world.position, Contactor::Closed);
    }
}
