//! Whether a reading can be true. What cannot is treated as missing, never as a number.

use chrono::TimeDelta;

use crate::series::{LONGEST_INTERVAL, Sample};

/// Largest step between two readings that is believed at once, g/kWh. In 272,148 recorded steps of at most
/// 15 minutes (2015 to 2025) the largest was 15; this leaves room for another factor set, and still stops a
/// number that has nothing to do with New York.
pub const LARGEST_STEP: f64 = 500.0;

/// A reading that has not moved at all for longer than this is a stuck source. In the same record one value
/// stood for 2 h 15 min, the next longest for 10 minutes.
pub const LONGEST_FLAT: TimeDelta = TimeDelta::hours(4);

/// Why a reading is not believed.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Implausible {
    /// Too far from the one before, and nothing has confirmed it yet.
    #[error("a step from {from} to {to} g/kWh is not believed until a second reading confirms it")]
    Step {
        /// The reading before, g/kWh.
        from: f64,
        /// This one, g/kWh.
        to: f64,
    },
    /// Exactly the same value for hours.
    #[error(
        "the value has stood at exactly {value} g/kWh for {minutes} minutes: the source is stuck"
    )]
    Flat {
        /// The value, g/kWh.
        value: f64,
        /// For how long.
        minutes: i64,
    },
}

/// Remembers what it takes to judge the next reading of one stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plausibility {
    believed: Option<Sample>,
    doubted: Option<Sample>,
    flat_since: Option<Sample>,
}

impl Plausibility {
    /// Judges the next reading; `ts` ascends.
    ///
    /// # Errors
    /// [`Implausible`] says why it should be treated as missing.
    pub fn judge(&mut self, next: Sample) -> Result<(), Implausible> {
        let flat = match self.flat_since {
            Some(first) if first.grams_per_kwh == next.grams_per_kwh => next.ts - first.ts,
            _ => {
                self.flat_since = Some(next);
                TimeDelta::zero()
            }
        };
        let jumps = |from: Option<Sample>| {
            from.filter(|from| {
                next.ts - from.ts <= LONGEST_INTERVAL
                    && LARGEST_STEP < (next.grams_per_kwh - from.grams_per_kwh).abs()
            })
        };
        if let Some(from) = jumps(self.believed) {
            let confirmed = self.doubted.is_some() && jumps(self.doubted).is_none();
            if !confirmed {
                self.doubted = Some(next);
                return Err(Implausible::Step { from: from.grams_per_kwh, to: next.grams_per_kwh });
            }
        }
        self.doubted = None;
        self.believed = Some(next);
        if LONGEST_FLAT < flat {
            return Err(Implausible::Flat {
                value: next.grams_per_kwh,
                minutes: flat.num_minutes(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    /// One letter a reading, five minutes apart: `.` believed, `s` a step, `f` flat.
    #[track_caller]
    fn check(readings: impl IntoIterator<Item = f64>, expected: &str) {
        let mut plausibility = Plausibility::default();
        let drawn: String = readings
            .into_iter()
            .enumerate()
            .map(|(n, grams_per_kwh)| {
                let ts = Timestamp::from_timestamp(1_773_144_000 + n as i64 * 300, 0).unwrap();
                match plausibility.judge(Sample { ts, grams_per_kwh }) {
                    Ok(()) => '.',
                    Err(Implausible::Step { .. }) => 's',
                    Err(Implausible::Flat { .. }) => 'f',
                }
            })
            .collect();
        assert_eq!(drawn, expected);
    }

    #[test]
    fn an_outlier_is_doubted_and_forgotten() {
        check([200.0, 1400.0, 205.0, 210.0], ".s..");
    }

    #[test]
    fn a_second_reading_confirms_a_new_level() {
        check([200.0, 1400.0, 1390.0, 1380.0], ".s..");
    }

    #[test]
    fn a_source_that_jumps_about_is_never_confirmed() {
        check([200.0, 1400.0, 800.0, 1400.0], ".sss");
    }

    #[test]
    fn an_ordinary_day_passes() {
        check([200.0, 215.0, 199.0, 0.0, 400.0], ".....");
    }

    #[test]
    fn a_stuck_source_is_noticed_and_believed_again_when_it_moves() {
        let stuck = std::iter::repeat_n(200.0, 50).chain([201.0]);
        check(stuck, &format!("{}f.", ".".repeat(49)));
    }

    #[test]
    fn after_a_hole_any_level_is_new() {
        let mut plausibility = Plausibility::default();
        let at = |minutes: i64, grams_per_kwh| Sample {
            ts: Timestamp::from_timestamp(1_773_144_000 + minutes * 60, 0).unwrap(),
            grams_per_kwh,
        };
        assert_eq!(plausibility.judge(at(0, 100.0)), Ok(()));
        assert_eq!(plausibility.judge(at(60, 900.0)), Ok(()));
    }
}
