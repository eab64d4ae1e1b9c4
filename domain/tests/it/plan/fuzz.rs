//! Anything may come in; nothing may panic, and the car is charged whenever that is possible.

use chrono::{DateTime, TimeDelta};
use domain::Timestamp;
use domain::plan::{
    Before, ChargeRequest, Limits, Outlook, PlanBasis, Slot, Taper, Window, normalize, plan,
};
use proptest::prelude::*;

use super::at;

fn odd_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -50.0..900.0f64,
        1 => prop::sample::select(vec![
            0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, 1e-300,
        ]),
    ]
}

fn instant() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        6 => (-600i64..6000).prop_map(at),
        3 => (-40_000_000_000_000i64..400_000_000_000_000).prop_map(|n| at(0) + TimeDelta::nanoseconds(n)),
        1 => prop::sample::select(vec![
            Timestamp::MIN_UTC,
            Timestamp::MAX_UTC,
            Timestamp::UNIX_EPOCH,
            DateTime::from_timestamp(253_402_300_799, 0).unwrap(),
        ]),
    ]
}

fn any_slot() -> impl Strategy<Value = Slot> {
    (instant(), instant(), odd_number()).prop_map(|(start, end, value)| Slot { start, end, value })
}

/// Slots that follow on one another, of odd lengths, with holes.
fn chain() -> impl Strategy<Value = Vec<Slot>> {
    let step =
        prop_oneof![Just(300_000_000_000i64), Just(900_000_000_000), 1i64..4_000_000_000_000];
    prop::collection::vec((step, -50.0..900.0f64, prop::bool::weighted(0.1)), 0..80).prop_map(
        |steps| {
            let mut start = at(-60);
            let mut slots = Vec::new();
            for (step, value, hole) in steps {
                let end = start + TimeDelta::nanoseconds(step);
                if !hole {
                    slots.push(Slot { start, end, value });
                }
                start = end;
            }
            slots
        },
    )
}

fn span() -> impl Strategy<Value = TimeDelta> {
    prop_oneof![
        4 => Just(TimeDelta::zero()),
        4 => (0i64..300).prop_map(TimeDelta::minutes),
        1 => (0i64..20_000_000_000_000).prop_map(TimeDelta::nanoseconds),
        1 => prop::sample::select(vec![TimeDelta::MIN, TimeDelta::MAX, TimeDelta::minutes(-5)]),
    ]
}

prop_compose! {
    fn request()(
        need in odd_number(), power in odd_number(), minimum in prop_oneof![Just(0.0), odd_number()],
        depart in instant(), continuous in any::<bool>(), precondition in span(),
        windows in prop::collection::vec((instant(), instant()), 0..4),
        (min_on, min_off, max_starts, start_cost) in
            (span(), span(), prop::option::of(0..20u32), prop_oneof![Just(0.0), odd_number()]),
        taper in prop::option::of((odd_number(), odd_number(), odd_number())),
        before in prop_oneof![
            Just(Before::Unknown),
            instant().prop_map(|since| Before::Charging { since }),
            instant().prop_map(|since| Before::Idle { since }),
        ],
    ) -> ChargeRequest {
        let mut request = ChargeRequest::new(need / 9.0, power / 9.0, depart);
        request.continuous = continuous;
        request.precondition = precondition;
        request.minimum_first_kwh = minimum;
        request.windows = windows.into_iter().map(|(start, end)| Window { start, end }).collect();
        request.limits = Limits { min_on, min_off, max_starts, start_cost };
        request.taper = taper.map(|(full, soc, kw)| {
            Taper { full_kwh: full, soc: soc / 900.0, knee_kw: kw, ..Taper::new(60.0, 0.5) }
        });
        request.before = before;
        request
    }
}

proptest! {
    #[test]
    fn slots_are_read_or_refused(slots in prop::collection::vec(any_slot(), 0..12)) {
        if let Ok(read) = normalize(slots) {
            prop_assert!(read.iter().all(|slot| slot.start < slot.end && slot.value.is_finite()));
            prop_assert!(read.windows(2).all(|pair| pair[0].end <= pair[1].start));
        }
    }

    #[test]
    fn a_plan_is_whole_and_within_its_time(
        now in instant(),
        request in request(),
        forecast in prop_oneof![3 => chain(), 1 => prop::collection::vec(any_slot(), 0..3)],
        history in chain(),
    ) {
        let Ok(outlook) = Outlook::new(forecast) else { return Ok(()) };
        let Ok(outlook) = outlook.with_history(history) else { return Ok(()) };
        let Ok(plan) = plan(now, &request, &outlook) else { return Ok(()) };

        let need = request.duration().unwrap();
        prop_assert_eq!(plan.duration(), need);
        prop_assert!(plan.slots.windows(2).all(|pair| pair[0].end <= pair[1].start));
        prop_assert!(plan.slots.iter().all(|slot| slot.start < slot.end && now <= slot.start));
        prop_assert!(plan.slots.iter().all(|slot| slot.value.is_none_or(f64::is_finite)));
        // A plan is exact to the nanosecond.
        let exact = 1e-6 * request.need_kwh.max(1.0) + 2.0 * request.power_kw / 3.6e12;
        prop_assert!((plan.energy_kwh - request.need_kwh).abs() < exact);
        if need <= request.depart - now {
            prop_assert!(plan.end().is_none_or(|end| end <= request.depart));
            prop_assert_eq!(plan.overrun, TimeDelta::zero());
        } else if need > TimeDelta::zero() {
            prop_assert_eq!(plan.runs(), vec![(now, now + need)]);
            prop_assert_eq!(plan.overrun, now + need - request.depart);
            prop_assert_eq!(plan.basis, PlanBasis::Deadline);
        }
    }
}
