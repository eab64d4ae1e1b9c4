//! From NYISO's instants to readings, by the same code as service co2. Pure.

use chrono::TimeDelta;
use domain::Timestamp;
use domain::changes::{Published, fingerprint};
use domain::factors::FactorSetName;
use domain::fuel_mix::FuelMix;
use domain::stream::{Accepted, IntensityStream};
use domain::wire::{CarbonNow, CarbonSeries, Mix, Origin};

use crate::eastern::local;

/// Instants that are older than this are history; the others are judged one by one, so that a source that
/// has stood still for hours is noticed at the first look.
const JUDGED: TimeDelta = TimeDelta::hours(6);

/// Fingerprints are kept for the files that can still change.
const REMEMBERED: TimeDelta = TimeDelta::days(9);

/// What is believed, g/kWh: the same as of the feed.
const BELIEVED: std::ops::RangeInclusive<f64> = 0.0..=1500.0;

/// What was seen in the files of one origin.
pub(super) struct Intensities {
    published: Published,
    stream: IntensityStream,
}

/// What a look at the files brings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// History, finest first.
    pub series: Vec<CarbonSeries>,
    /// Readings, oldest first.
    pub readings: Vec<CarbonNow>,
    /// Something in the files was left for the next look.
    pub held_back: bool,
    /// Why a reading was left out that cannot be true: the last one.
    pub refused: Option<String>,
}

impl Intensities {
    pub(super) fn new(origin: Origin) -> Self {
        let factors = FactorSetName::default().load();
        Self {
            published: Published::default(),
            stream: IntensityStream::new(factors, origin, local),
        }
    }

    pub(super) fn origin(&self) -> Origin {
        self.stream.origin()
    }

    /// Takes the instants of the files of a look, ascending; what was seen before gives nothing.
    pub(super) fn take(&mut self, mixes: &[FuelMix], now: Timestamp) -> Found {
        let changes = self.published.changes(mixes, now);
        let mut found = Found { held_back: changes.held_back, ..Found::default() };
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for change in &changes.changes {
            let mix =
                Mix::new(&change.mix, change.interval_s, change.revised, self.stream.origin());
            self.published.record(mix.ts, fingerprint(&change.mix));
            if mix.ts < now - JUDGED && !mix.revised { old.push(mix) } else { new.push(mix) }
        }
        if !old.is_empty() {
            for mix in &old {
                self.stream.remember(mix);
            }
            found.series = [self.stream.day(), self.stream.week()].map(believable).into();
        }
        for mix in &new {
            if let Accepted::Reading { now: mut reading, .. } = self.stream.accept(mix) {
                reading.marginal = reading.marginal.filter(|grams| BELIEVED.contains(grams));
                if BELIEVED.contains(&reading.value) {
                    found.readings.push(*reading);
                } else {
                    let (ts, value) = (reading.ts, reading.value);
                    found.refused = Some(format!("{value:.0} g/kWh at {ts}"));
                }
            }
        }
        self.published.forget_before(now - REMEMBERED);
        found
    }
}

/// The series without what cannot be true.
fn believable(mut series: CarbonSeries) -> CarbonSeries {
    let pairs = series.ts.iter().copied().zip(series.values.iter().copied());
    let (ts, values) = pairs.filter(|(_, value)| BELIEVED.contains(value)).unzip();
    (series.ts, series.values) = (ts, values);
    series
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::fuel_mix::Fuel;
    use domain::units::Megawatts;

    fn at(minutes: i64) -> Timestamp {
        // Tuesday 2026-03-10, noon in New York.
        Timestamp::from_timestamp(1_773_158_400 + 60 * minutes, 0).unwrap()
    }

    /// Gas and nothing else gives 395 g/kWh; with as much wind, half.
    fn mix(minutes: i64, gas: f64, wind: f64) -> FuelMix {
        let mut mix = FuelMix::new(at(minutes));
        for fuel in Fuel::ALL {
            mix.set(fuel, Megawatts::new(0.0).unwrap());
        }
        mix.set(Fuel::NaturalGas, Megawatts::new(gas).unwrap());
        mix.set(Fuel::Wind, Megawatts::new(wind).unwrap());
        mix
    }

    fn intensities() -> Intensities {
        Intensities::new(Origin::Nyiso)
    }

    /// `minute:value` of each reading.
    fn draw(found: &Found) -> String {
        let reading = |reading: &CarbonNow| {
            let minute = (reading.ts - at(0)).num_minutes();
            format!("{minute}:{}{}", reading.value, if reading.revised { "r" } else { "" })
        };
        found.readings.iter().map(reading).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_new_gives_readings_once_and_corrections_say_so() {
        let mut intensities = intensities();
        let mut take = |mixes: &[FuelMix]| draw(&intensities.take(mixes, at(20)));
        let file = [mix(0, 100.0, 0.0), mix(5, 100.0, 100.0)];
        assert_eq!(take(&file), "0:395 5:197.5");
        assert_eq!(take(&file), "");
        assert_eq!(take(&[mix(0, 100.0, 100.0), mix(5, 100.0, 100.0)]), "0:197.5r");
        assert_eq!(take(&[mix(10, 100.0, 0.0)]), "10:395");
    }

    #[test]
    fn what_is_old_is_history() {
        let mut intensities = intensities();
        let file: Vec<FuelMix> =
            (-48..=0).map(|hours| mix(60 * hours, 100.0, f64::from(-hours as i32))).collect();
        let found = intensities.take(&file, at(10));
        let days: Vec<usize> = found.series.iter().map(|series| series.ts.len()).collect();
        assert_eq!(days[0], 24, "the last day, instant by instant");
        assert!(40 < days[1], "and the week in quarters: {days:?}");
        let readings: Vec<i64> =
            found.readings.iter().map(|reading| (reading.ts - at(0)).num_hours()).collect();
        assert_eq!(readings, [-5, -4, -3, -2, -1, 0]);
        // A file that could not be read at the first look.
        let late = intensities.take(&[mix(-4000, 1.0, 0.0)], at(10));
        assert_eq!((late.readings.len(), late.series[1].values[0]), (0, 395.0));
    }

    #[test]
    fn an_instant_without_all_fuels_waits_and_then_says_so() {
        let mut intensities = intensities();
        let mut partial = FuelMix::new(at(5));
        partial.set(Fuel::NaturalGas, Megawatts::new(1.0).unwrap());
        let file = [mix(0, 100.0, 0.0), partial];
        let found = intensities.take(&file, at(6));
        assert_eq!((draw(&found).as_str(), found.held_back), ("0:395", true));
        let found = intensities.take(&file, at(7));
        assert_eq!(draw(&found), "5:395");
        assert!(!found.readings[0].complete, "which the grid refuses");
    }

    #[test]
    fn an_intensity_that_cannot_be_true_is_left_out_and_the_others_are_not() {
        let mut wild = mix(0, 1000.0, 0.0);
        wild.set(Fuel::Wind, Megawatts::new(-900.0).unwrap());
        let found = intensities().take(&[wild.clone(), mix(5, 100.0, 0.0)], at(6));
        assert_eq!(draw(&found), "5:395");
        let refused = found.refused.unwrap_or_default();
        assert!(refused.contains("3950 g/kWh at 2026-03-10"), "{refused}");
        let mut old = wild;
        old.ts = at(-600);
        let found = intensities().take(&[old, mix(-595, 100.0, 0.0)], at(6));
        assert_eq!(found.series[0].values, [395.0]);
    }
}
