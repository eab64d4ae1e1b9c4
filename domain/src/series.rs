//! A sliding window of readings: what the charts draw and what the week's statistics are made of.

use chrono::{DateTime, TimeDelta};

use crate::Timestamp;

/// A reading stands for at most this long before its stamp. NYISO's slowest regular cadence is 15 minutes;
/// what is longer is a hole, and a hole is never filled.
pub const LONGEST_INTERVAL: TimeDelta = TimeDelta::minutes(15);

/// One reading: the mean intensity over the interval that ends at `ts`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Interval end.
    pub ts: Timestamp,
    /// g/kWh.
    pub grams_per_kwh: f64,
}

/// The newest readings of one signal, ascending, one an instant.
#[derive(Clone, Debug)]
pub struct Window {
    span: TimeDelta,
    samples: Vec<Sample>,
}

impl Window {
    /// An empty window that keeps what is at most `span` older than its newest reading.
    pub fn new(span: TimeDelta) -> Self {
        Self { span, samples: Vec::new() }
    }

    /// Adds a reading, or replaces the one of its instant. Too old a reading is not kept.
    pub fn insert(&mut self, sample: Sample) {
        match self.samples.binary_search_by_key(&sample.ts, |held| held.ts) {
            Ok(at) => self.samples[at] = sample,
            Err(at) => self.samples.insert(at, sample),
        }
        if let Some(newest) = self.newest() {
            let cutoff = newest.ts - self.span;
            let stale = self.samples.partition_point(|held| held.ts <= cutoff);
            self.samples.drain(..stale);
        }
    }

    /// Takes back the reading of an instant, when its correction has no intensity.
    pub fn remove(&mut self, ts: Timestamp) {
        if let Ok(at) = self.samples.binary_search_by_key(&ts, |held| held.ts) {
            self.samples.remove(at);
        }
    }

    /// The newest reading.
    pub fn newest(&self) -> Option<Sample> {
        self.samples.last().copied()
    }

    /// The reading of exactly this instant.
    pub fn get(&self, ts: Timestamp) -> Option<Sample> {
        self.samples.binary_search_by_key(&ts, |held| held.ts).ok().map(|at| self.samples[at])
    }

    /// All readings, ascending.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// The readings of the last `span` before the newest, ascending.
    pub fn last(&self, span: TimeDelta) -> &[Sample] {
        let Some(newest) = self.newest() else { return &[] };
        let from = self.samples.partition_point(|held| held.ts <= newest.ts - span);
        &self.samples[from..]
    }

    /// Each reading with the start of the interval it stands for: since the reading before, at most
    /// [`LONGEST_INTERVAL`]; the first stands for 5 minutes.
    pub fn intervals(&self) -> impl Iterator<Item = (Timestamp, Sample)> + '_ {
        let mut before: Option<Timestamp> = None;
        self.samples.iter().map(move |sample| {
            let start = match before {
                Some(before) => before.max(sample.ts - LONGEST_INTERVAL),
                None => sample.ts - TimeDelta::minutes(5),
            };
            before = Some(sample.ts);
            (start, *sample)
        })
    }

    /// Duration-weighted means over steps of `step` on the UTC grid; `ts` is the end of the step. A step
    /// without data is absent, as is the one that is not over.
    pub fn means(&self, step: TimeDelta) -> Vec<Sample> {
        let step_s = step.num_seconds().max(1);
        let mut means: Vec<Sample> = Vec::new();
        let (mut end_s, mut grams, mut seconds) = (i64::MIN, 0.0, 0.0);
        let mut close = |end_s: i64, grams: f64, seconds: f64| {
            if let Some(ts) = DateTime::from_timestamp(end_s, 0).filter(|_| seconds > 0.0) {
                means.push(Sample { ts, grams_per_kwh: grams / seconds });
            }
        };
        for (start, sample) in self.intervals() {
            let (mut from, until) = (start.timestamp(), sample.ts.timestamp());
            while from < until {
                let step_end = (from.div_euclid(step_s) + 1) * step_s;
                if step_end != end_s {
                    close(end_s, grams, seconds);
                    (end_s, grams, seconds) = (step_end, 0.0, 0.0);
                }
                let part = (until.min(step_end) - from) as f64;
                grams += part * sample.grams_per_kwh;
                seconds += part;
                from = until.min(step_end);
            }
        }
        if self.newest().is_some_and(|newest| newest.ts.timestamp() >= end_s) {
            close(end_s, grams, seconds);
        }
        means
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minutes after a full hour.
    fn at(minutes: i64) -> Timestamp {
        DateTime::from_timestamp(1_700_002_800 + minutes * 60, 0).unwrap()
    }

    fn window(readings: &[(i64, f64)]) -> Window {
        let mut window = Window::new(TimeDelta::days(7));
        for (minutes, grams_per_kwh) in readings {
            window.insert(Sample { ts: at(*minutes), grams_per_kwh: *grams_per_kwh });
        }
        window
    }

    #[track_caller]
    fn check_means(readings: &[(i64, f64)], expected: &[(i64, f64)]) {
        let means = window(readings).means(TimeDelta::minutes(15));
        let got: Vec<_> = means
            .iter()
            .map(|mean| ((mean.ts - at(0)).num_minutes(), mean.grams_per_kwh))
            .collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn keeps_order_replaces_and_forgets() {
        let mut window = Window::new(TimeDelta::minutes(30));
        for (minutes, grams) in [(10, 1.0), (5, 2.0), (10, 3.0), (40, 4.0)] {
            window.insert(Sample { ts: at(minutes), grams_per_kwh: grams });
        }
        assert_eq!(window.samples(), [Sample { ts: at(40), grams_per_kwh: 4.0 }]);
        window.insert(Sample { ts: at(35), grams_per_kwh: 5.0 });
        window.insert(Sample { ts: at(9), grams_per_kwh: 6.0 });
        assert_eq!(window.samples().len(), 2, "the one at 9 is too old");
        assert_eq!(window.last(TimeDelta::minutes(5)).len(), 1);
        window.remove(at(40));
        assert_eq!(window.newest().map(|sample| sample.ts), Some(at(35)));
    }

    #[test]
    fn means_are_weighted_by_duration() {
        check_means(&[(0, 0.0), (5, 100.0), (15, 400.0)], &[(0, 0.0), (15, 300.0)]);
    }

    #[test]
    fn a_reading_across_a_step_counts_in_both() {
        check_means(
            &[(10, 100.0), (20, 200.0), (30, 300.0)],
            &[(15, 150.0), (30, 266.666_666_666_666_7)],
        );
    }

    #[test]
    fn a_hole_stays_a_hole_and_the_running_step_is_left_out() {
        check_means(&[(15, 100.0), (105, 200.0), (110, 300.0)], &[(15, 100.0), (105, 200.0)]);
        assert_eq!(window(&[]).means(TimeDelta::minutes(15)), []);
    }
}
