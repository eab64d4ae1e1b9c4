//! How much a charge has brought so far, and how fast this car takes it.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A meter is believed about the power after so long.
const LEARNED_AFTER: Duration = Duration::from_secs(15 * 60);

/// Power within this share of what the user said is believed of a meter: a car may take less than the charger
/// gives, and a meter that shows three times as much counts something else, too.
const BELIEVED: RangeInclusive<f64> = 0.2..=1.5;

/// What was charged for a departure so far. Kept: a restart goes on where it was.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Which departure, seconds since 1970.
    pub depart: i64,
    /// Energy charged, kWh.
    pub charged_kwh: f64,
    /// Time for which a meter saw the car charge, seconds, and the energy in it, kWh.
    pub metered_s: f64,
    /// See `metered_s`.
    pub metered_kwh: f64,
    /// What the car took on average in the charges before, kW, where a meter saw one.
    pub learned_kw: Option<f64>,
}

impl Progress {
    /// The charge for another departure: nothing yet, and what was learned.
    pub(super) fn anew(&self, depart: i64) -> Self {
        Self { depart, learned_kw: self.metered_kw().or(self.learned_kw), ..Self::default() }
    }

    /// Adds `passed` at what a meter shows, or, without one, at what the car usually takes.
    pub(super) fn add(&mut self, passed: Duration, metered: Option<f64>, said: f64) {
        let usual = self.power_kw(said);
        let power_kw = metered.map_or(usual, |kw| kw.clamp(0.0, said * BELIEVED.end()));
        let kwh = power_kw * passed.as_secs_f64() / 3600.0;
        self.charged_kwh += kwh;
        // What trickles in at the end is no measure of how fast a charge goes. Before anything is learned the
        // car may well take less than half of what the charger could give.
        let learned = self.metered_kw().or(self.learned_kw);
        let least = learned.map_or(said * BELIEVED.start(), |_| usual / 2.0);
        if metered.is_some() && least <= power_kw {
            self.metered_s += passed.as_secs_f64();
            self.metered_kwh += kwh;
        }
    }

    /// What the car takes, kW: by the meter where it has seen enough, else what the user `said`.
    pub(super) fn power_kw(&self, said: f64) -> f64 {
        let believed = |kw: &f64| BELIEVED.contains(&(kw / said));
        self.metered_kw().or(self.learned_kw).filter(believed).unwrap_or(said)
    }

    fn metered_kw(&self) -> Option<f64> {
        let enough = LEARNED_AFTER.as_secs_f64() <= self.metered_s;
        enough.then(|| self.metered_kwh / self.metered_s * 3600.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_meter_is_believed_after_a_quarter_of_an_hour_and_over_the_nights() {
        let mut progress = Progress::default();
        for _ in 0..14 {
            progress.add(MINUTE, Some(3.5), 7.0);
        }
        assert!((progress.power_kw(7.0) - 7.0).abs() < 1e-9, "{progress:?}");
        progress.add(MINUTE, Some(3.5), 7.0);
        assert!((progress.power_kw(7.0) - 3.5).abs() < 1e-9, "{progress:?}");
        let next = progress.anew(1);
        assert!((next.power_kw(7.0) - 3.5).abs() < 1e-9, "{next:?}");
        assert!((next.anew(2).power_kw(7.0) - 3.5).abs() < 1e-9, "nothing metered keeps it");
    }

    #[test]
    fn a_trickle_counts_as_energy_and_not_as_power() {
        let mut progress = Progress { learned_kw: Some(7.0), ..Progress::default() };
        for _ in 0..60 {
            progress.add(MINUTE, Some(7.0), 7.0);
        }
        for _ in 0..60 {
            progress.add(MINUTE, Some(1.0), 7.0);
        }
        assert!((progress.charged_kwh - 8.0).abs() < 1e-9);
        assert!((progress.power_kw(7.0) - 7.0).abs() < 1e-9);
    }

    #[test]
    fn what_no_charger_does_is_not_learned() {
        let progress = |kw| Progress { learned_kw: Some(kw), ..Progress::default() };
        for (learned, expected) in [(0.5, 7.0), (30.0, 7.0), (2.0, 2.0), (9.0, 9.0)] {
            assert!((progress(learned).power_kw(7.0) - expected).abs() < 1e-9, "{learned}");
        }
        let mut progress = Progress::default();
        progress.add(60 * MINUTE, Some(40.0), 7.0);
        assert!((progress.charged_kwh - 10.5).abs() < 1e-9, "{progress:?}");
        progress.add(60 * MINUTE, Some(-0.2), 7.0);
        assert!((progress.charged_kwh - 10.5).abs() < 1e-9, "{progress:?}");
    }

    #[test]
    fn without_a_meter_time_counts_as_energy() {
        let mut progress = Progress::default();
        progress.add(60 * MINUTE, None, 7.0);
        assert!((progress.charged_kwh - 7.0).abs() < 1e-9);
        assert_eq!(progress.anew(1).learned_kw, None);
        // A car that waits, plugged in and switched on, teaches nothing.
        progress.add(60 * MINUTE, Some(0.02), 7.0);
        assert_eq!(progress.anew(1).learned_kw, None);
    }
}
