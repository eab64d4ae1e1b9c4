//! What is known of the past, hour by hour: the fuel mix, and the intensity that is to be forecast.

use crate::forecast::calendar::Hour;
use crate::fuel_mix::{Fuel, FuelMix};
use crate::units::Megawatts;

/// One hour: mean generation by fuel, and the intensity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HourlyReading {
    /// Mean MW of each fuel, in the order of [`Fuel::ALL`].
    pub fuels: [f64; Fuel::COUNT],
    /// g/kWh. Which signal it is (production or consumption, direct or life cycle) is the caller's
    /// choice; the forecast is of this signal.
    pub intensity: f64,
}

impl HourlyReading {
    /// Every number is finite, and the intensity is more than zero: fit to learn from.
    pub fn is_sound(&self) -> bool {
        self.fuels.iter().all(|power| power.is_finite())
            && self.intensity.is_finite()
            && self.intensity > 0.0
    }
}

/// Hourly readings in order, with holes of any length.
#[derive(Clone, Debug, Default)]
pub struct History {
    first: Option<Hour>,
    readings: Vec<Option<HourlyReading>>,
}

impl History {
    /// Knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets one hour; the last value wins. An unsound reading (NaN, infinite, no intensity) leaves the
    /// hour a hole. Cheapest in ascending order.
    pub fn set(&mut self, hour: Hour, reading: HourlyReading) {
        if !reading.is_sound() {
            return;
        }
        let first = *self.first.get_or_insert(hour);
        let offset = hour.since(first);
        if offset < 0 {
            let more = usize::try_from(-offset).expect("positive");
            self.readings.splice(0..0, std::iter::repeat_n(None, more));
            self.first = Some(hour);
            self.readings[0] = Some(reading);
            return;
        }
        let offset = usize::try_from(offset).expect("not negative");
        if self.readings.len() <= offset {
            self.readings.resize(offset + 1, None);
        }
        self.readings[offset] = Some(reading);
    }

    /// The reading of `hour`; `None` for a hole and outside of what is known.
    pub fn get(&self, hour: Hour) -> Option<HourlyReading> {
        let offset = usize::try_from(hour.since(self.first?)).ok()?;
        *self.readings.get(offset)?
    }

    /// The first hour known; `None` when there is none.
    pub fn first(&self) -> Option<Hour> {
        self.first
    }

    /// The hour after the last one known; `None` when there is none.
    pub fn end(&self) -> Option<Hour> {
        self.first.map(|first| first + self.readings.len() as i64)
    }

    /// How many hours are known.
    pub fn known(&self) -> usize {
        self.readings.iter().flatten().count()
    }

    /// Every hour of `[from, from + hours)` is known.
    pub fn covers(&self, from: Hour, hours: usize) -> bool {
        (0..hours).all(|offset| self.get(from + offset as i64).is_some())
    }
}

/// Mean of the fuel mixes of an hour: the plain mean of its instants.
// Not weighted by duration: NYISO's own hourly means and the published protocol are plain, and within
// an hour the steps of the feed hardly differ.
#[derive(Clone, Copy, Debug, Default)]
pub struct HourlyMean {
    sum: [f64; Fuel::COUNT],
    instants: u32,
}

impl HourlyMean {
    /// Adds an instant. One that lacks a category is passed over: a mean of the rest would be wrong.
    pub fn add(&mut self, mix: &FuelMix) {
        if mix.missing().next().is_some() {
            return;
        }
        for (fuel, power) in mix.fuels() {
            self.sum[fuel.index()] += power.value();
        }
        self.instants += 1;
    }

    /// Mean MW by fuel, as a mix stamped with the end of `hour`; `None` when there was no instant.
    pub fn mix(&self, hour: Hour) -> Option<FuelMix> {
        if self.instants == 0 {
            return None;
        }
        let mut mix = FuelMix::new((hour + 1).start());
        for fuel in Fuel::ALL {
            mix.set(fuel, Megawatts::new(self.sum[fuel.index()] / f64::from(self.instants))?);
        }
        Some(mix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn hour(number: i64) -> Hour {
        Hour::of(Timestamp::UNIX_EPOCH) + number
    }

    fn reading(intensity: f64) -> HourlyReading {
        HourlyReading { fuels: [100.0; Fuel::COUNT], intensity }
    }

    #[test]
    fn holes_stay_holes_and_order_does_not_matter() {
        let mut history = History::new();
        for number in [10, 13, 8, 13] {
            history.set(hour(number), reading(number as f64));
        }
        let known: Vec<Option<f64>> =
            (7..15).map(|number| history.get(hour(number)).map(|r| r.intensity)).collect();
        assert_eq!(known, [None, Some(8.0), None, Some(10.0), None, None, Some(13.0), None]);
        assert_eq!((history.first(), history.end()), (Some(hour(8)), Some(hour(14))));
        assert_eq!(history.known(), 3);
        assert!(history.covers(hour(13), 1) && !history.covers(hour(12), 2));
    }

    #[test]
    fn what_is_no_number_is_a_hole() {
        let mut history = History::new();
        let mut broken = reading(200.0);
        broken.fuels[3] = f64::NAN;
        history.set(hour(1), broken);
        history.set(hour(2), reading(0.0));
        history.set(hour(3), reading(f64::INFINITY));
        assert_eq!((history.known(), history.first(), history.end()), (0, None, None));
    }

    #[test]
    fn an_hour_is_the_plain_mean_of_its_complete_instants() {
        let mut mean = HourlyMean::default();
        assert_eq!(mean.mix(hour(5)), None);
        for megawatts in [100.0, 200.0, 600.0] {
            let mut mix = FuelMix::new(hour(5).start());
            for fuel in Fuel::ALL {
                mix.set(fuel, Megawatts::new(megawatts).unwrap());
            }
            mean.add(&mix);
        }
        let mut partial = FuelMix::new(hour(5).start());
        partial.set(Fuel::Wind, Megawatts::new(9e4).unwrap());
        mean.add(&partial);
        let mix = mean.mix(hour(5)).unwrap();
        assert_eq!(mix.get(Fuel::Wind).map(Megawatts::value), Some(300.0));
        assert_eq!(mix.ts, hour(6).start());
    }
}
