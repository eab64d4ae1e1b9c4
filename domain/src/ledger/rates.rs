//! Carbon intensity over time, from readings with holes.

use crate::Timestamp;
use crate::series::{LONGEST_INTERVAL, Sample};

/// The intensity of a stretch of time, one signal.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    samples: Vec<Sample>,
}

impl Rates {
    /// From readings in any order; what is no number is left out, as is what is before 1970.
    pub fn new(samples: impl IntoIterator<Item = Sample>) -> Self {
        let sound = |sample: &Sample| sample.grams_per_kwh.is_finite();
        let mut samples: Vec<Sample> = samples.into_iter().filter(sound).collect();
        samples.sort_by_key(|sample| sample.ts);
        samples.dedup_by_key(|sample| sample.ts);
        Self { samples }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// `(sum of g/kWh times seconds, seconds known)` over `[start, end)`. A reading holds for the interval that
    /// ends at its stamp: since the one before it, a quarter of an hour at most.
    pub fn integrate(&self, start: Timestamp, end: Timestamp) -> (f64, f64) {
        let (mut grams, mut known) = (0.0, 0.0);
        let first = self.samples.partition_point(|sample| sample.ts <= start);
        let mut before = first.checked_sub(1).map(|before| self.samples[before].ts);
        for sample in &self.samples[first..] {
            let earliest = sample.ts - LONGEST_INTERVAL;
            let from = before.map_or(earliest, |before| before.max(earliest));
            if end <= from {
                break;
            }
            before = Some(sample.ts);
            let seconds = (sample.ts.min(end) - from.max(start)).num_milliseconds() as f64 / 1e3;
            if 0.0 < seconds {
                grams += sample.grams_per_kwh * seconds;
                known += seconds;
            }
        }
        (grams, known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_timestamp(1_773_144_000, 0).unwrap() + TimeDelta::minutes(minutes)
    }

    #[track_caller]
    fn check(readings: &[(i64, f64)], span: (i64, i64), grams_minutes: f64, minutes: f64) {
        let sample = |(ts, grams_per_kwh): &(i64, f64)| Sample {
            ts: at(*ts),
            grams_per_kwh: *grams_per_kwh,
        };
        let rates = Rates::new(readings.iter().map(sample));
        let (grams, known) = rates.integrate(at(span.0), at(span.1));
        assert_eq!((grams / 60.0, known / 60.0), (grams_minutes, minutes));
    }

    #[test]
    fn a_reading_holds_until_its_stamp() {
        check(&[(0, 1.0), (5, 100.0), (10, 200.0)], (0, 10), 1500.0, 10.0);
        check(&[(0, 1.0), (5, 100.0), (10, 200.0)], (4, 6), 300.0, 2.0);
        check(&[(5, 100.0), (10, 200.0), (0, 1.0)], (0, 5), 500.0, 5.0);
    }

    #[test]
    fn a_hole_is_not_filled() {
        check(&[(0, 100.0), (60, 300.0)], (0, 60), 15.0 * 300.0, 15.0);
        check(&[(0, 100.0)], (0, 60), 0.0, 0.0);
        check(&[], (0, 60), 0.0, 0.0);
        check(&[(5, f64::NAN), (10, 100.0)], (0, 10), 1000.0, 10.0);
    }
}
