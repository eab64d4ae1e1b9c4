//! How good forecasts were, by CarbonCast's protocol: hourly, four days, mean of the daily errors.

use crate::forecast::HORIZON;
use crate::forecast::model::Quantiles;

/// Days of a forecast.
pub const DAYS: usize = HORIZON / 24;

/// Errors of forecasts against what came, by day ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Skill {
    forecasts: [u32; DAYS],
    percent: [f64; DAYS],
    grams: [f64; DAYS],
    covered: [f64; DAYS],
}

impl Skill {
    /// Adds one day (0 = the first 24 hours) of one forecast, hour by hour. Hours whose outcome is not
    /// known are `None`; a day without any counts for nothing.
    pub fn add(&mut self, day: usize, hours: impl IntoIterator<Item = (Quantiles, Option<f64>)>) {
        let (mut percent, mut grams, mut covered, mut known) = (0.0, 0.0, 0.0, 0.0);
        for (forecast, truth) in hours {
            let Some(truth) = truth.filter(|truth| *truth > 0.0) else { continue };
            let error = (forecast.p50 - truth).abs();
            percent += 100.0 * error / truth;
            grams += error;
            covered += f64::from(u8::from(forecast.p10 <= truth && truth <= forecast.p90));
            known += 1.0;
        }
        if known > 0.0 {
            self.forecasts[day] += 1;
            self.percent[day] += percent / known;
            self.grams[day] += grams / known;
            self.covered[day] += 100.0 * covered / known;
        }
    }

    /// Forecasts that count for the first day.
    pub fn forecasts(&self) -> u32 {
        self.forecasts[0]
    }

    /// Mean absolute percentage error by day, percent; `None` for a day without forecasts.
    pub fn mape(&self) -> [Option<f64>; DAYS] {
        self.mean(&self.percent)
    }

    /// Mean absolute error by day, g/kWh.
    pub fn mae(&self) -> [Option<f64>; DAYS] {
        self.mean(&self.grams)
    }

    /// Share of outcomes between P10 and P90 by day, percent. 80 is what the band promises.
    pub fn coverage(&self) -> [Option<f64>; DAYS] {
        self.mean(&self.covered)
    }

    fn mean(&self, sums: &[f64; DAYS]) -> [Option<f64>; DAYS] {
        std::array::from_fn(|day| {
            let count = self.forecasts[day];
            (count > 0).then(|| sums[day] / f64::from(count))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_of_days_and_not_of_hours() {
        let mut skill = Skill::default();
        let band = Quantiles { p10: 90.0, p50: 100.0, p90: 110.0 };
        skill.add(0, [(band, Some(125.0)), (band, Some(100.0)), (band, None)]);
        skill.add(0, [(band, Some(80.0))]);
        skill.add(1, [(band, None), (band, Some(0.0))]);
        assert_eq!(skill.forecasts(), 2);
        assert_eq!(skill.mape(), [Some((10.0 + 25.0) / 2.0), None, None, None]);
        assert_eq!(skill.mae()[0], Some((12.5 + 20.0) / 2.0));
        assert_eq!(skill.coverage()[0], Some(25.0));
    }
}
