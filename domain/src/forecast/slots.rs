//! Four days in slots of a quarter of an hour: the shape in which every forecast is published.

use chrono::TimeDelta;

use crate::Timestamp;
use crate::forecast::calendar::Hour;
use crate::forecast::model::{Forecast, Quantiles};

/// Length of a slot.
pub const SLOT: TimeDelta = TimeDelta::minutes(15);

/// Slots of a forecast: 96 hours.
pub const SLOTS: usize = 4 * crate::forecast::HORIZON;

/// Nothing below is said, g/kWh: no hour of New York's grid was ever near it, and 0 would read as "no data".
const LOWEST: f64 = 1.0;

/// Nothing above is said, g/kWh: readers refuse it.
const HIGHEST: f64 = 1500.0;

/// The quarter of an hour that holds `ts`.
pub fn quarter(ts: Timestamp) -> Timestamp {
    ts - TimeDelta::seconds(ts.timestamp().rem_euclid(SLOT.num_seconds()))
        - TimeDelta::nanoseconds(i64::from(ts.timestamp_subsec_nanos()))
}

/// P10, P50 and P90 of [`SLOTS`] slots from `start` on, without a hole.
#[derive(Clone, Debug, PartialEq)]
pub struct Slots {
    /// Start of the first slot: a full quarter of an hour.
    pub start: Timestamp,
    /// One a slot, rounded to a tenth of a gram, `p10 <= p50 <= p90`, between 1 and 1500 g/kWh.
    pub quantiles: Vec<Quantiles>,
}

impl Slots {
    /// `say` tells what is expected in the slot that starts at an instant.
    pub fn new(start: Timestamp, mut say: impl FnMut(Timestamp) -> Quantiles) -> Self {
        let start = quarter(start);
        let quantiles = (0..SLOTS as i32).map(|slot| tidy(say(start + SLOT * slot))).collect();
        Self { start, quantiles }
    }

    /// Of an hourly forecast; each slot takes the value at its middle. `None` for a forecast without hours.
    /// Beyond its end the last hour goes on.
    pub fn of(forecast: &Forecast, start: Timestamp) -> Option<Self> {
        forecast.hours.first()?;
        Some(Self::new(start, |slot| {
            forecast.at(slot + SLOT / 2).expect("a forecast with hours speaks at any instant")
        }))
    }

    /// The same with each slot times `ratio` of its hour, `more` (a share of P50) added to the band on either
    /// side.
    pub fn scaled(&self, more: f64, ratio: impl Fn(Hour) -> f64) -> Self {
        let mut slots = self.quantiles.iter();
        Self::new(self.start, |slot| {
            let ratio = ratio(Hour::of(slot));
            let of = slots.next().expect("as many as before");
            Quantiles {
                p10: (of.p10 - more * of.p50) * ratio,
                p50: of.p50 * ratio,
                p90: (of.p90 + more * of.p50) * ratio,
            }
        })
    }
}

fn tidy(said: Quantiles) -> Quantiles {
    let tidy = |value: f64| {
        let value = if value.is_finite() { value } else { said.p50 };
        (value.clamp(LOWEST, HIGHEST) * 10.0).round() / 10.0
    };
    let p50 = tidy(said.p50);
    Quantiles { p10: tidy(said.p10).min(p50), p50, p90: tidy(said.p90).max(p50) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::model::Method;

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn level(p50: f64) -> Quantiles {
        Quantiles { p10: 0.9 * p50, p50, p90: 1.1 * p50 }
    }

    #[test]
    fn a_slot_begins_on_the_quarter() {
        let check = |at: &str, expected: &str| assert_eq!(quarter(ts(at)), ts(expected));
        check("2026-03-08T06:59:59.5Z", "2026-03-08T06:45:00Z");
        check("2026-03-08T07:00:00Z", "2026-03-08T07:00:00Z");
        check("1969-12-31T23:50:00Z", "1969-12-31T23:45:00Z");
    }

    #[test]
    fn four_slots_of_an_hour_lead_to_the_next() {
        let from = Hour::of(ts("2026-03-08T06:00:00Z"));
        let hours = vec![level(100.0), level(200.0)];
        let forecast = Forecast { from, method: Method::Lags, hours };
        let slots = Slots::of(&forecast, ts("2026-03-08T06:20:00Z")).unwrap();
        assert_eq!(slots.start, ts("2026-03-08T06:15:00Z"));
        assert_eq!(slots.quantiles.len(), SLOTS);
        let said: Vec<f64> = slots.quantiles.iter().take(5).map(|slot| slot.p50).collect();
        assert_eq!(said, [100.0, 112.5, 137.5, 162.5, 187.5]);
        assert!(slots.quantiles.iter().skip(6).all(|slot| slot.p50 == 200.0));
        assert_eq!(Slots::of(&Forecast { hours: vec![], ..forecast }, from.start()), None);
    }

    #[test]
    fn what_is_said_is_a_number_in_bounds_and_in_order() {
        let slots =
            Slots::new(Timestamp::UNIX_EPOCH, |_| Quantiles { p10: 20.0, p50: 0.0, p90: f64::NAN });
        assert_eq!(slots.quantiles[0], Quantiles { p10: 1.0, p50: 1.0, p90: 1.0 });
        let slots = Slots::new(Timestamp::UNIX_EPOCH, |_| level(1499.0));
        assert_eq!(slots.quantiles[7].p90, 1500.0);
    }

    #[test]
    fn a_ratio_moves_the_band_and_widens_it() {
        let slots = Slots::new(Timestamp::UNIX_EPOCH, |_| level(200.0));
        let scaled = slots.scaled(0.05, |hour| if hour.of_utc_day() == 0 { 0.5 } else { 1.0 });
        assert_eq!(scaled.quantiles[3], Quantiles { p10: 85.0, p50: 100.0, p90: 115.0 });
        assert_eq!(scaled.quantiles[4], Quantiles { p10: 170.0, p50: 200.0, p90: 230.0 });
    }
}
