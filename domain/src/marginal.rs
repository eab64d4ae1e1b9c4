//! Marginal intensity: what one more kWh costs the climate. Never mixed with an average, never unlabeled.
//!
//! NYISO's own rate by load zone comes first; where it is silent, a table by fossil generation gives an
//! estimate for the whole state.

use crate::fuel_mix::{Fuel, FuelMix};
use crate::units::Megawatts;

/// A rate outside is refused, g/kWh.
pub const BELIEVED: std::ops::RangeInclusive<f64> = -1000.0..=3000.0;

/// A believed rate outside is clamped to this, g/kWh, and marked.
pub const CLAMPED_TO: std::ops::RangeInclusive<f64> = 0.0..=1500.0;

/// Where a marginal rate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarginalBasis {
    /// NYISO's implied marginal emission rate of a load zone, real time.
    NyisoRealTime,
    /// The same, day-ahead.
    NyisoDayAhead,
    /// By fossil generation, state-wide.
    FossilTable,
}

impl MarginalBasis {
    /// What people and programs are told.
    pub fn label(self) -> &'static str {
        match self {
            Self::NyisoRealTime => "NYISO implied marginal emission rate, real time",
            Self::NyisoDayAhead => "NYISO implied marginal emission rate, day-ahead",
            Self::FossilTable => "estimate, ±15 %, fossil at the margin",
        }
    }
}

/// A marginal intensity within bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Marginal {
    /// g CO2 per kWh, direct.
    pub grams_per_kwh: f64,
    /// NYISO's number lay outside of [`CLAMPED_TO`].
    pub clamped: bool,
    /// Where it comes from.
    pub basis: MarginalBasis,
}

impl Marginal {
    /// NYISO's rate, held against the bounds; `None` for one that is not believed.
    pub fn of_rate(grams_per_kwh: f64, basis: MarginalBasis) -> Option<Self> {
        BELIEVED.contains(&grams_per_kwh).then(|| Self {
            grams_per_kwh: grams_per_kwh.clamp(*CLAMPED_TO.start(), *CLAMPED_TO.end()),
            clamped: !CLAMPED_TO.contains(&grams_per_kwh),
            basis,
        })
    }

    /// The estimate from the fossil generation of `mix`; `None` when one of its three categories is
    /// absent. The table's steps are unit data of 2019-21, R² 0.95.
    pub fn estimate(mix: &FuelMix) -> Option<Self> {
        let fossil = [Fuel::DualFuel, Fuel::NaturalGas, Fuel::OtherFossil]
            .into_iter()
            .map(|fuel| mix.get(fuel).map(Megawatts::value))
            .sum::<Option<f64>>()?;
        let grams_per_kwh = FOSSIL_TABLE
            .iter()
            .find(|(below, _)| fossil < *below)
            .map_or(ABOVE, |(_, grams)| *grams);
        Some(Self { grams_per_kwh, clamped: false, basis: MarginalBasis::FossilTable })
    }
}

/// Below so many MW of fossil generation, so many g/kWh.
const FOSSIL_TABLE: [(f64, f64); 6] = [
    (3_500.0, 377.0),
    (4_500.0, 389.0),
    (5_500.0, 393.0),
    (6_500.0, 401.0),
    (8_000.0, 412.0),
    (10_000.0, 447.0),
];

/// Above the last step, g/kWh.
const ABOVE: f64 = 464.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::units::Megawatts;

    #[test]
    fn a_rate_is_refused_clamped_or_taken() {
        let check = |rate: f64, expected: Option<(f64, bool)>| {
            let read = Marginal::of_rate(rate, MarginalBasis::NyisoDayAhead);
            assert_eq!(read.map(|read| (read.grams_per_kwh, read.clamped)), expected, "{rate}");
        };
        check(f64::NAN, None);
        check(-1000.1, None);
        check(-1000.0, Some((0.0, true)));
        check(-0.1, Some((0.0, true)));
        check(0.0, Some((0.0, false)));
        check(455.0, Some((455.0, false)));
        check(1500.0, Some((1500.0, false)));
        check(1500.1, Some((1500.0, true)));
        check(3000.0, Some((1500.0, true)));
        check(3000.1, None);
    }

    #[test]
    fn the_table_goes_by_fossil_generation() {
        let check = |fossil: f64, expected: f64| {
            let mut mix = FuelMix::new(Timestamp::UNIX_EPOCH);
            for (fuel, share) in
                [(Fuel::DualFuel, 0.25), (Fuel::NaturalGas, 0.5), (Fuel::OtherFossil, 0.25)]
            {
                mix.set(fuel, Megawatts::new(fossil * share).unwrap());
            }
            mix.set(Fuel::Nuclear, Megawatts::new(5000.0).unwrap());
            let estimate = Marginal::estimate(&mix).unwrap();
            assert_eq!(estimate.grams_per_kwh, expected, "{fossil} MW");
            assert_eq!(estimate.basis.label(), "estimate, ±15 %, fossil at the margin");
        };
        check(0.0, 377.0);
        check(3_496.0, 377.0);
        check(3_500.0, 389.0);
        check(5_000.0, 393.0);
        check(6_000.0, 401.0);
        check(7_000.0, 412.0);
        check(9_000.0, 447.0);
        check(10_000.0, 464.0);
    }

    #[test]
    fn without_a_fossil_category_there_is_no_estimate() {
        assert_eq!(Marginal::estimate(&FuelMix::new(Timestamp::UNIX_EPOCH)), None);
    }
}
