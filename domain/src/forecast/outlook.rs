//! What is not forecast by the model but follows from the days before: how imports change the average,
//! and how a zone's marginal rate goes on where NYISO's day-ahead rate ends.

use std::collections::BTreeMap;

use crate::Timestamp;
use crate::forecast::calendar::Hour;
use crate::forecast::model::Quantiles;
use crate::forecast::slots::Slots;
use crate::fuel_mix::{Fuel, FuelMix};
use crate::marginal::Marginal;
use crate::night::LocalTime;
use crate::units::Megawatts;

/// By hour of the wall clock.
pub type Clock = [f64; 24];

/// Half-width of the band as a share of the value: of a day-ahead rate (real time departs from it), of its
/// continuation, and of the estimate by fossil generation. Assumed: no recorded rates are at hand.
const BANDS: (f64, f64, f64) = (0.10, 0.20, 0.15);

/// What the estimate is where no fuel mix is known, g/kWh: the table's value for 6,500 to 8,000 MW, and
/// a band for having no better.
const UNKNOWN: (f64, f64) = (412.0, 0.25);

/// Mean by hour of the wall clock; an hour without a value takes the mean of all. `None` without any.
pub fn ordinary(values: impl IntoIterator<Item = (Hour, f64)>, local: LocalTime) -> Option<Clock> {
    let (mut sums, mut counts) = ([0.0; 24], [0u32; 24]);
    for (hour, value) in values {
        if value.is_finite() {
            let clock = clock(hour, local);
            sums[clock] += value;
            counts[clock] += 1;
        }
    }
    let all: u32 = counts.iter().sum();
    let mean = sums.iter().sum::<f64>() / f64::from(all.max(1));
    (all > 0).then(|| {
        std::array::from_fn(|clock| match counts[clock] {
            0 => mean,
            count => sums[clock] / f64::from(count),
        })
    })
}

/// Hour of the wall clock, 0 to 23.
pub fn clock(hour: Hour, local: LocalTime) -> usize {
    use chrono::Timelike;
    local(hour.start()).hour() as usize
}

/// The state-wide marginal estimate by hour of the wall clock, from hourly generation by fuel; `None`
/// without any hour.
pub fn estimate(
    hours: impl IntoIterator<Item = (Hour, [f64; Fuel::COUNT])>,
    local: LocalTime,
) -> Option<Clock> {
    let estimates = hours.into_iter().filter_map(|(hour, fuels)| {
        let mut mix = FuelMix::new(hour.start());
        for (fuel, power) in Fuel::ALL.into_iter().zip(fuels) {
            mix.set(fuel, Megawatts::new(power)?);
        }
        Some((hour, Marginal::estimate(&mix)?.grams_per_kwh))
    });
    ordinary(estimates, local)
}

/// Where a zone's marginal forecast comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneSource {
    /// NYISO's day-ahead rate, continued by the last days' rates.
    DayAhead,
    /// The last days' rates: none is known for the first slot.
    Rates,
    /// No rate of this zone is known: the estimate for the whole state.
    Estimate,
}

/// A zone's marginal intensity over the next four days.
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneOutlook {
    /// What is expected.
    pub slots: Slots,
    /// Slots that start before this are NYISO's own rate.
    pub known_until: Option<Timestamp>,
    /// Where it comes from.
    pub source: ZoneSource,
}

impl ZoneOutlook {
    /// From the zone's day-ahead rates, past and coming, g/kWh within bounds. The rate of an hour holds for all
    /// of it; beyond the known ones the mean of the same clock hour of the `rates` goes on, the
    /// caller chooses how many days there are. `estimate` speaks for a zone without rates.
    pub fn new(
        start: Timestamp,
        rates: &BTreeMap<Hour, f64>,
        estimate: Option<&Clock>,
        local: LocalTime,
    ) -> Self {
        let own = ordinary(rates.iter().map(|(hour, rate)| (*hour, *rate)), local);
        let first = Hour::of(start);
        let known = (0i64..).take_while(|ahead| rates.contains_key(&(first + *ahead))).count();
        let known_until = (known > 0).then(|| (first + known as i64).start());
        let source = match (known_until, &own) {
            (Some(_), _) => ZoneSource::DayAhead,
            (None, Some(_)) => ZoneSource::Rates,
            (None, None) => ZoneSource::Estimate,
        };
        let slots = Slots::new(start, |slot| {
            let hour = Hour::of(slot);
            let at = clock(hour, local);
            match (rates.get(&hour), &own, estimate) {
                (Some(rate), ..) => band(*rate, BANDS.0),
                (None, Some(own), _) => band(own[at], BANDS.1),
                (None, None, Some(estimate)) => band(estimate[at], BANDS.2),
                (None, None, None) => band(UNKNOWN.0, UNKNOWN.1),
            }
        });
        Self { slots, known_until, source }
    }
}

fn band(p50: f64, width: f64) -> Quantiles {
    Quantiles { p10: p50 * (1.0 - width), p50, p90: p50 * (1.0 + width) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{NaiveDateTime, TimeDelta};

    /// Eastern time around the autumn change of 2026 (1 November, 06:00 UTC).
    fn local(at: Timestamp) -> NaiveDateTime {
        let change: Timestamp = "2026-11-01T06:00:00Z".parse().unwrap();
        (at - TimeDelta::hours(if at < change { 4 } else { 5 })).naive_utc()
    }

    fn hour(text: &str) -> Hour {
        Hour::of(text.parse().unwrap())
    }

    #[test]
    fn a_hole_takes_the_mean_and_nothing_is_nothing() {
        let ten = hour("2026-06-01T14:00:00Z");
        let day = ordinary([(ten, 300.0), (ten + 24, 100.0), (ten + 1, f64::NAN)], local).unwrap();
        assert_eq!((day[10], day[11]), (200.0, 200.0));
        assert_eq!(ordinary([], local), None);
    }

    #[test]
    fn known_rates_hold_and_the_last_days_go_on_across_the_clock_change() {
        // 30 and 31 October by the wall clock: its hour is the rate.
        let first = hour("2026-10-30T04:00:00Z");
        let rates: BTreeMap<Hour, f64> =
            (0..48).map(|h| (first + h, 300.0 + (h % 24) as f64)).collect();
        let start = hour("2026-10-31T18:00:00Z").start() + TimeDelta::minutes(30);
        let outlook = ZoneOutlook::new(start, &rates, None, local);
        assert_eq!(outlook.known_until, Some((first + 48).start()));
        assert_eq!(outlook.source, ZoneSource::DayAhead);
        for (slot, said) in (0i32..).zip(&outlook.slots.quantiles) {
            let at = start + TimeDelta::minutes(15) * slot;
            let wall = local(at).format("%H").to_string().parse::<f64>().unwrap();
            assert_eq!(said.p50, 300.0 + wall, "{at}");
        }
        let known = outlook.slots.quantiles[0];
        assert!((known.p50 - known.p10) / known.p50 < 0.11, "{known:?}");
    }

    #[test]
    fn a_hole_ends_what_is_known_and_old_rates_still_speak() {
        let first = hour("2026-06-01T04:00:00Z");
        let mut rates: BTreeMap<Hour, f64> = (0..24).map(|h| (first + h, 400.0)).collect();
        rates.remove(&(first + 3));
        let outlook = ZoneOutlook::new(first.start(), &rates, None, local);
        assert_eq!(outlook.known_until, Some((first + 3).start()));
        let later = ZoneOutlook::new((first + 30).start(), &rates, None, local);
        assert_eq!((later.known_until, later.source), (None, ZoneSource::Rates));
        assert!(later.slots.quantiles.iter().all(|slot| slot.p50 == 400.0));
    }

    #[test]
    fn without_rates_the_state_speaks_and_without_mixes_a_constant() {
        let first = hour("2026-06-01T04:00:00Z");
        let estimates = estimate((0..24).map(|h| (first + h, [2000.0; Fuel::COUNT])), local);
        let none = BTreeMap::new();
        let outlook = ZoneOutlook::new(first.start(), &none, estimates.as_ref(), local);
        assert_eq!((outlook.known_until, outlook.source), (None, ZoneSource::Estimate));
        assert!(outlook.slots.quantiles.iter().all(|slot| slot.p50 == 401.0));
        let outlook = ZoneOutlook::new(first.start(), &none, None, local);
        assert!(outlook.slots.quantiles.iter().all(|slot| slot.p50 == 412.0));
        assert_eq!(estimate([], local), None);
    }
}
