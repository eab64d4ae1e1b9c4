//! From a fuel mix to grams: average carbon intensity of the power that is generated in New York.

use crate::factors::{EmissionFactor, FactorSet};
use crate::fuel_mix::{Fuel, FuelMix};
use crate::units::CarbonIntensity;

/// Average intensity of local generation (production-based), one fuel mix, one factor set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AverageIntensity {
    /// g CO2 per kWh from the stacks.
    pub direct: CarbonIntensity,
    /// g CO2eq per kWh with fuel supply and construction; `None` where the set has no such factors.
    pub life_cycle: Option<CarbonIntensity>,
    /// The mix was complete: see [`FuelMix::is_complete`]. Otherwise the numbers are of what is known.
    pub complete: bool,
}

/// There is no mean of nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the fuels add up to no generation")]
pub struct NoGeneration;

/// Average carbon intensity of `mix`: Σ(MW × factor) / Σ MW over the known categories.
///
/// Production-based: imports are left out. An incomplete mix gives the mean of its known fuels, with
/// `complete: false`; an unknown category counts neither above nor below the line.
///
/// # Errors
/// [`NoGeneration`] when the fuels add up to zero or less.
pub fn average_intensity(
    mix: &FuelMix,
    factors: &FactorSet,
) -> Result<AverageIntensity, NoGeneration> {
    average_intensity_with_sun(mix, factors, 0.0)
}

/// As [`average_intensity`], with `sun_mw` of Other Renewables counted as solar: what is published. A
/// factor set that knows no sun counts all of them alike.
///
/// # Errors
/// [`NoGeneration`] when the fuels add up to zero or less.
pub fn average_intensity_with_sun(
    mix: &FuelMix,
    factors: &FactorSet,
    sun_mw: f64,
) -> Result<AverageIntensity, NoGeneration> {
    let (mut generation, mut direct, mut life_cycle) = (0.0, 0.0, Some(0.0));
    let mut add = |power: f64, factor: EmissionFactor| {
        generation += power;
        direct += power * factor.direct;
        life_cycle = life_cycle.zip(factor.life_cycle).map(|(sum, grams)| sum + power * grams);
    };
    for (fuel, power) in mix.fuels() {
        let factor = factors.factor(fuel);
        match factors.midday_excess {
            Some(sun) if fuel == Fuel::OtherRenewables && sun_mw > 0.0 => {
                add(power.value() - sun_mw, factor);
                add(sun_mw, sun);
            }
            _ => add(power.value(), factor),
        }
    }
    if generation <= 0.0 {
        return Err(NoGeneration);
    }
    let mean =
        |grams: f64| CarbonIntensity::from_grams_per_kwh(grams / generation).ok_or(NoGeneration);
    Ok(AverageIntensity {
        direct: mean(direct)?,
        life_cycle: life_cycle.map(mean).transpose()?,
        complete: mix.is_complete(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factors::FactorSetName;
    use crate::units::Megawatts;
    use chrono::DateTime;

    fn mix(megawatts: [f64; Fuel::COUNT]) -> FuelMix {
        let mut mix = FuelMix::new(DateTime::from_timestamp(1_511_326_800, 0).unwrap());
        for (fuel, value) in Fuel::ALL.into_iter().zip(megawatts) {
            mix.set(fuel, Megawatts::new(value).unwrap());
        }
        mix
    }

    /// The check value of IBM/ny-power's own factors: 14,314 MW, 2,686 t/h, 187.7 g/kWh.
    #[test]
    fn the_old_factors_give_the_old_number() {
        let mix = mix([2282.0, 3310.0, 5413.0, 0.0, 237.0, 258.0, 2814.0]);
        let intensity = average_intensity(&mix, FactorSetName::NyPower2018.load()).unwrap();
        assert_eq!(mix.total(), 14_314.0);
        let grams = intensity.direct.grams_per_kwh();
        assert_eq!((grams * 10.0).round() / 10.0, 187.7);
        assert_eq!((grams * mix.total() / 1000.0).round(), 2686.0);
        assert_eq!(intensity.life_cycle, None);
        assert!(intensity.complete);
    }

    #[test]
    fn direct_and_life_cycle_stand_apart() {
        let gas_and_wind = mix([0.0, 1000.0, 0.0, 0.0, 0.0, 1000.0, 0.0]);
        let intensity = average_intensity(&gas_and_wind, FactorSetName::Ny2026_1.load()).unwrap();
        assert_eq!(intensity.direct.grams_per_kwh(), 197.5);
        assert_eq!(intensity.life_cycle.map(CarbonIntensity::grams_per_kwh), Some(263.0));
    }

    #[test]
    fn an_incomplete_mix_says_so() {
        let mut partial = FuelMix::new(DateTime::from_timestamp(0, 0).unwrap());
        partial.set(Fuel::NaturalGas, Megawatts::new(100.0).unwrap());
        let intensity = average_intensity(&partial, FactorSetName::Ny2026_1.load()).unwrap();
        assert!(!intensity.complete);
        assert_eq!(intensity.direct.grams_per_kwh(), 395.0);
    }

    #[test]
    fn no_generation_is_an_error_and_never_zero_grams() {
        assert_eq!(
            average_intensity(&mix([0.0; 7]), FactorSetName::Ny2026_1.load()),
            Err(NoGeneration)
        );
    }
}
