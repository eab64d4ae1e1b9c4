//! Units as types: a value that exists is finite and in its range.

use std::fmt;

/// Power of generation or flow, in MW. Finite; a flow may be negative (an export).
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Megawatts(f64);

impl Megawatts {
    /// `None` when `megawatts` is not a finite number.
    pub fn new(megawatts: f64) -> Option<Self> {
        megawatts.is_finite().then_some(Self(megawatts))
    }

    /// The value in MW.
    pub fn value(self) -> f64 {
        self.0
    }
}

/// Carbon intensity of electricity, g CO2 (direct) or g CO2eq (life cycle) per kWh. Finite and never
/// negative; what kind it is stands in the name of whatever holds it.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct CarbonIntensity(f64);

impl CarbonIntensity {
    /// `None` when `grams` is negative or not finite.
    pub fn from_grams_per_kwh(grams: f64) -> Option<Self> {
        (grams.is_finite() && 0.0 <= grams).then_some(Self(grams))
    }

    /// The value in g/kWh.
    pub fn grams_per_kwh(self) -> f64 {
        self.0
    }
}

impl fmt::Display for CarbonIntensity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} g/kWh", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_intensity() {
        for bad in [-0.1, f64::NAN, f64::INFINITY] {
            assert_eq!(CarbonIntensity::from_grams_per_kwh(bad), None, "{bad}");
        }
        assert_eq!(
            CarbonIntensity::from_grams_per_kwh(0.0).map(CarbonIntensity::grams_per_kwh),
            Some(0.0)
        );
    }

    #[test]
    fn a_flow_may_be_negative_but_not_infinite() {
        assert_eq!(Megawatts::new(-220.0).map(Megawatts::value), Some(-220.0));
        assert_eq!(Megawatts::new(f64::NAN), None);
    }
}
