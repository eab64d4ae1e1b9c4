//! Threshold mode: two thresholds with a gap between them, so that a reading that trembles around one of
//! them does not move the contactor.

use crate::series::Window;
use crate::units::CarbonIntensity;

/// Where to start and stop charging, as the user said it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// In g/kWh.
    Grams {
        /// Charging starts below this.
        close_below: CarbonIntensity,
        /// Charging stops above this; not below `close_below`.
        open_above: CarbonIntensity,
    },
    /// In percent of the last seven days: 40 means "as clean as the cleanest 40 % of the week".
    Percentile {
        /// Charging starts below this, 0 to 100.
        close_below: f64,
        /// Charging stops above this, 0 to 100; not below `close_below`.
        open_above: f64,
    },
}

impl Default for Threshold {
    /// Charges in the cleanest 40 % of the week, stops in the dirtiest 40 %.
    // New York's mean daily swing is 34 g: a default in g/kWh would fit no season.
    fn default() -> Self {
        Self::Percentile { close_below: 40.0, open_above: 60.0 }
    }
}

/// The same in g/kWh, for today.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Charging starts below this.
    pub close_below: CarbonIntensity,
    /// Charging stops above this.
    pub open_above: CarbonIntensity,
    /// Where they come from.
    pub from: BoundsFrom,
}

/// Where bounds come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BoundsFrom {
    /// The configuration says them in g/kWh.
    Settings,
    /// They are percentiles of what was measured lately.
    Week {
        /// Percentile of `close_below`.
        close_below: f64,
        /// Percentile of `open_above`.
        open_above: f64,
        /// Hours of data behind them: 168 when the week is whole.
        hours: f64,
    },
}

/// With fewer hours of data there are no percentiles: less than a day has not seen both night and noon.
pub const FEWEST_HOURS: f64 = 20.0;

/// On which side of the bounds a reading lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Below `close_below`: charge.
    Clean,
    /// Within the gap: stay.
    Between,
    /// Above `open_above`: do not charge.
    Dirty,
}

impl Threshold {
    /// The bounds in g/kWh, given the readings of the last week. `None` where they are percentiles and the
    /// week holds less than [`FEWEST_HOURS`] of data.
    pub fn bounds(&self, week: &Window) -> Option<Bounds> {
        match *self {
            Self::Grams { close_below, open_above } => {
                Some(Bounds { close_below, open_above, from: BoundsFrom::Settings })
            }
            Self::Percentile { close_below, open_above } => {
                let mut parts: Vec<(f64, f64)> = week
                    .intervals()
                    .map(|(start, sample)| {
                        (sample.grams_per_kwh, (sample.ts - start).num_seconds() as f64)
                    })
                    .collect();
                parts.sort_by(|a, b| a.0.total_cmp(&b.0));
                let seconds: f64 = parts.iter().map(|(_, weight)| weight).sum();
                let hours = seconds / 3600.0;
                if hours < FEWEST_HOURS {
                    return None;
                }
                let grams = |percent: f64| {
                    CarbonIntensity::from_grams_per_kwh(quantile(
                        &parts,
                        percent / 100.0 * seconds,
                    )?)
                };
                Some(Bounds {
                    close_below: grams(close_below)?,
                    open_above: grams(open_above)?,
                    from: BoundsFrom::Week { close_below, open_above, hours },
                })
            }
        }
    }
}

/// The value up to which `weight` of the sorted `(value, weight)` parts lie.
fn quantile(sorted: &[(f64, f64)], mut weight: f64) -> Option<f64> {
    for (value, part) in sorted {
        weight -= part;
        if weight <= 0.0 {
            return Some(*value);
        }
    }
    sorted.last().map(|(value, _)| *value)
}

impl Bounds {
    /// The same, `factor` times as high: a device's own share of what a whole fleet is told.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        let scale = |bound: CarbonIntensity| {
            CarbonIntensity::from_grams_per_kwh(bound.grams_per_kwh() * factor).unwrap_or(bound)
        };
        let (close_below, open_above) = (scale(self.close_below), scale(self.open_above));
        Self { close_below, open_above, ..self }
    }

    /// On which side `intensity` lies; on a bound is between.
    pub fn side(&self, intensity: CarbonIntensity) -> Side {
        if intensity < self.close_below {
            Side::Clean
        } else if self.open_above < intensity {
            Side::Dirty
        } else {
            Side::Between
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::series::Sample;
    use chrono::TimeDelta;

    fn grams(value: f64) -> CarbonIntensity {
        CarbonIntensity::from_grams_per_kwh(value).unwrap()
    }

    /// `hours` of five-minute readings that rise from 0 to 100 g/kWh.
    fn week(hours: u32) -> Window {
        let mut week = Window::new(TimeDelta::days(7));
        let steps = hours * 12;
        for n in 1..=steps {
            week.insert(Sample {
                ts: Timestamp::from_timestamp(1_773_144_000 + i64::from(n) * 300, 0).unwrap(),
                grams_per_kwh: 100.0 * f64::from(n) / f64::from(steps),
            });
        }
        week
    }

    #[track_caller]
    fn check(threshold: Threshold, week: &Window, expected: Option<(f64, f64)>) {
        let bounds = threshold.bounds(week).map(|bounds| {
            (bounds.close_below.grams_per_kwh().round(), bounds.open_above.grams_per_kwh().round())
        });
        assert_eq!(bounds, expected);
    }

    #[test]
    fn percentiles_become_grams() {
        check(Threshold::default(), &week(168), Some((40.0, 60.0)));
        check(
            Threshold::Percentile { close_below: 0.0, open_above: 100.0 },
            &week(24),
            Some((0.0, 100.0)),
        );
    }

    #[test]
    fn too_little_history_gives_no_percentiles_but_leaves_grams_alone() {
        check(Threshold::default(), &week(19), None);
        check(Threshold::default(), &week(0), None);
        check(
            Threshold::Grams { close_below: grams(200.0), open_above: grams(250.0) },
            &week(0),
            Some((200.0, 250.0)),
        );
    }

    #[test]
    fn bounds_say_how_much_history_is_behind_them() {
        let bounds = Threshold::default().bounds(&week(48)).unwrap();
        assert_eq!(
            bounds.from,
            BoundsFrom::Week { close_below: 40.0, open_above: 60.0, hours: 48.0 }
        );
    }

    #[test]
    fn a_share_of_the_fleet_keeps_the_gap_and_never_becomes_nonsense() {
        let (close_below, open_above) = (grams(200.0), grams(250.0));
        let bounds = Bounds { close_below, open_above, from: BoundsFrom::Settings };
        let scaled = bounds.scaled(0.97);
        assert_eq!((scaled.close_below, scaled.open_above), (grams(194.0), grams(242.5)));
        assert_eq!(bounds.scaled(1.0), bounds);
        assert_eq!(bounds.scaled(f64::NAN), bounds);
    }

    #[test]
    fn on_a_bound_is_between() {
        let bounds = Bounds {
            close_below: grams(200.0),
            open_above: grams(250.0),
            from: BoundsFrom::Settings,
        };
        for (value, side) in [
            (199.9, Side::Clean),
            (200.0, Side::Between),
            (250.0, Side::Between),
            (250.1, Side::Dirty),
        ] {
            assert_eq!(bounds.side(grams(value)), side, "{value}");
        }
    }
}
