//! The ordinary day: means of the same local clock hour over the days before.

use crate::forecast::calendar::{Calendar, Hour};
use crate::forecast::table::{SERIES, SIGNAL, Table};

/// Days in the profile that everything else is measured against.
pub const PROFILE_DAYS: usize = 14;

/// By local hour, 0 to 23; NaN where nothing is known.
pub type Day = [f32; 24];

/// What the days before an instant were like.
#[derive(Clone, Debug)]
pub struct Profiles {
    /// Means over [`PROFILE_DAYS`] of each series.
    pub means: [Day; SERIES],
    /// The signal's mean over the last 7 days.
    pub week: Day,
    /// The signal's mean over the last 28 days.
    pub month: Day,
    /// The signal's mean over 14 days, each weighing 0.6 of the one after it.
    pub recent: Day,
}

impl Profiles {
    /// As known at the start of `now`. A clock hour that has passed today counts today as its last day.
    pub fn before(now: Hour, table: &Table, calendar: &Calendar) -> Self {
        let mut profiles = Self {
            means: [[f32::NAN; 24]; SERIES],
            week: [f32::NAN; 24],
            month: [f32::NAN; 24],
            recent: [f32::NAN; 24],
        };
        let today = calendar.local(now).0;
        for clock in 0..24 {
            let mut sums = [Mean::default(); SERIES];
            let (mut week, mut month, mut recent) =
                (Mean::default(), Mean::default(), Mean::default());
            // Before that hour of today, today is not among the days; in the hour that autumn repeats
            // it is not either, though its first half has passed.
            let passed = calendar.find(today, clock).is_some_and(|hour| hour < now);
            let newest = if passed { today + 1 } else { today };
            for (age, day) in (0..newest).rev().take(28).enumerate() {
                let Some(hour) = calendar.find(day, clock) else { continue };
                let row = table.row(hour);
                month.add(row[SIGNAL], 1.0);
                if age < 7 {
                    week.add(row[SIGNAL], 1.0);
                }
                if age < PROFILE_DAYS {
                    recent.add(row[SIGNAL], 0.6f32.powi(age as i32));
                    for (sum, value) in sums.iter_mut().zip(row) {
                        sum.add(*value, 1.0);
                    }
                }
            }
            for (series, sum) in sums.iter().enumerate() {
                profiles.means[series][clock] = sum.value();
            }
            profiles.week[clock] = week.value();
            profiles.month[clock] = month.value();
            profiles.recent[clock] = recent.value();
        }
        profiles
    }
}

/// A weighted mean that passes over holes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mean {
    sum: f32,
    weight: f32,
}

impl Mean {
    /// Adds a value unless it is NaN.
    pub fn add(&mut self, value: f32, weight: f32) {
        if !value.is_nan() {
            self.sum += weight * value;
            self.weight += weight;
        }
    }

    /// NaN when nothing was added.
    pub fn value(self) -> f32 {
        self.sum / self.weight
    }

    /// Mean of what is no hole; NaN when everything is.
    pub fn of(values: impl IntoIterator<Item = f32>) -> f32 {
        let mut mean = Self::default();
        for value in values {
            mean.add(value, 1.0);
        }
        mean.value()
    }
}
