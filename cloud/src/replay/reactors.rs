//! The four reactors of upstate New York, as a generated year runs them.

use chrono::{Datelike, NaiveDateTime, Timelike};

use super::noise::{Noise, smoothstep};

/// Net summer capability, MW, rounded: Ginna, Nine Mile Point 1, FitzPatrick, Nine Mile Point 2. They
/// add up to what NYISO's files show since Indian Point closed (3,230 to 3,360 MW).
const UNITS: [f64; 4] = [580.0, 615.0, 845.0, 1_290.0];

/// One reactor off for a while.
struct Outage {
    unit: usize,
    /// Days of the year, with fractions: the grid is left at `start`, and full power is back at `end`.
    start: f64,
    end: f64,
    /// How long it takes to go down and to come up, days.
    down: f64,
    up: f64,
}

/// When each reactor runs, and how hard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reactors {
    noise: Noise,
    channel: u64,
}

impl Reactors {
    /// The outages of this noise.
    pub fn new(noise: Noise, channel: u64) -> Self {
        Self { noise, channel }
    }

    /// All four together, MW; warm lakes cool less (`summer` is 0 in January, 1 in July).
    pub fn output(self, wall: NaiveDateTime, summer: f64) -> f64 {
        let day =
            f64::from(wall.ordinal0()) + f64::from(wall.num_seconds_from_midnight()) / 86_400.0;
        let mut units = UNITS;
        for outage in self.outages(wall.year()) {
            units[outage.unit] *= outage.left_at(day);
        }
        units.iter().sum::<f64>() * (1.0 - 0.012 * summer)
    }

    /// Two refuelings of about four weeks, in spring and in autumn, and one trip of a few days. None
    /// reaches over New Year, so that a year is complete in itself.
    fn outages(self, year: i32) -> [Outage; 3] {
        let draw = |index: i64, below: u64| {
            (self.noise.bits(self.channel, i64::from(year) * 8 + index) % below) as f64
        };
        let [large, small, tripped] = [0, 1, 2].map(|index| draw(index, 4) as usize % 4);
        let spring = 72.0 + draw(3, 18) + 0.95;
        let autumn = 272.0 + draw(4, 18) + 0.95;
        let trip = 5.0 + draw(5, 350) + draw(6, 24) / 24.0;
        [
            Outage { unit: large, start: spring, end: spring + 26.0, down: 0.3, up: 1.5 },
            Outage { unit: small, start: autumn, end: autumn + 22.0, down: 0.3, up: 1.5 },
            // Three minutes from full power to none: NYISO's files have a step of -1,008 MW like it.
            Outage { unit: tripped, start: trip, end: trip + 3.5, down: 0.002, up: 0.8 },
        ]
    }
}

impl Outage {
    /// The share of the unit's power that is left.
    fn left_at(&self, day: f64) -> f64 {
        let down = 1.0 - smoothstep((day - self.start + self.down) / self.down);
        let up = smoothstep((day - self.end + self.up) / self.up);
        down.max(up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{NaiveDate, TimeDelta};

    #[test]
    fn flat_but_for_two_refuelings_and_a_trip() {
        for seed in 1..6 {
            let reactors = Reactors::new(Noise::new(seed), 1);
            let start = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap();
            let year =
                (0..365 * 24).map(|hour| reactors.output(start + TimeDelta::hours(hour), 0.0));
            let (full, reduced): (Vec<f64>, Vec<f64>) = year.partition(|power| *power > 3_329.0);
            assert!((300.0..=325.0).contains(&(full.len() as f64 / 24.0)), "{}", full.len());
            assert!(reduced.iter().all(|power| *power >= 3_330.0 - 2.0 * 1_290.0));
        }
    }

    #[test]
    fn a_trip_takes_minutes_and_the_return_most_of_a_day() {
        let trip = Outage { unit: 0, start: 100.0, end: 103.5, down: 0.002, up: 0.8 };
        assert_eq!(trip.left_at(99.9), 1.0);
        assert_eq!(trip.left_at(100.0), 0.0);
        assert_eq!(trip.left_at(102.0), 0.0);
        assert!((0.2..0.8).contains(&trip.left_at(103.1)));
        assert_eq!(trip.left_at(103.5), 1.0);
    }
}
