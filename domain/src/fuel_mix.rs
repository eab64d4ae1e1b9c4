//! What generates the power: NYISO's seven fuel categories (P-63).

use crate::Timestamp;
use crate::units::Megawatts;

/// A fuel category of NYISO's real-time fuel mix (P-63), in the order in which its files give them
/// since 2016-01-25.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fuel {
    /// Units that burn gas or oil, as price and pipeline allow.
    DualFuel,
    /// Gas only.
    NaturalGas,
    /// Nuclear.
    Nuclear,
    /// Oil and kerosene peakers (coal too, until 2020-03-31).
    OtherFossil,
    /// Grid-connected solar, landfill gas, refuse, wood: NYISO has no solar category.
    OtherRenewables,
    /// Wind.
    Wind,
    /// Hydro, pumped storage included.
    Hydro,
}

impl Fuel {
    /// How many categories a complete instant has.
    pub const COUNT: usize = 7;

    /// All categories, in file order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::DualFuel,
        Self::NaturalGas,
        Self::Nuclear,
        Self::OtherFossil,
        Self::OtherRenewables,
        Self::Wind,
        Self::Hydro,
    ];

    /// NYISO's spelling, as in its files and in the payloads of the stream.
    pub fn name(self) -> &'static str {
        match self {
            Self::DualFuel => "Dual Fuel",
            Self::NaturalGas => "Natural Gas",
            Self::Nuclear => "Nuclear",
            Self::OtherFossil => "Other Fossil Fuels",
            Self::OtherRenewables => "Other Renewables",
            Self::Wind => "Wind",
            Self::Hydro => "Hydro",
        }
    }

    /// The category of this exact spelling; `None` for one that NYISO did not have when this was written.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::from_name_bytes(name.as_bytes())
    }

    /// As [`Fuel::from_name`], on the bytes of a file.
    pub fn from_name_bytes(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"Dual Fuel" => Self::DualFuel,
            b"Natural Gas" => Self::NaturalGas,
            b"Nuclear" => Self::Nuclear,
            b"Other Fossil Fuels" => Self::OtherFossil,
            b"Other Renewables" => Self::OtherRenewables,
            b"Wind" => Self::Wind,
            b"Hydro" => Self::Hydro,
            _ => return None,
        })
    }

    /// Position in [`Fuel::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

/// Generation by fuel over the interval that ends at `ts`. A category that the source did not give is
/// absent, never zero.
#[derive(Clone, Debug, PartialEq)]
pub struct FuelMix {
    /// End of the interval, UTC, full seconds.
    pub ts: Timestamp,
    known: [Option<Megawatts>; Fuel::COUNT],
    /// Categories that this program does not know, in the order of the file.
    unknown: Vec<(String, Megawatts)>,
}

impl FuelMix {
    /// An instant of which nothing is known yet.
    pub fn new(ts: Timestamp) -> Self {
        Self { ts, known: [None; Fuel::COUNT], unknown: Vec::new() }
    }

    /// Sets the generation of `fuel`; the last value wins. Returns the one it replaces.
    pub fn set(&mut self, fuel: Fuel, power: Megawatts) -> Option<Megawatts> {
        self.known[fuel.index()].replace(power)
    }

    /// Keeps a category that is not in [`Fuel`]; the last value of a name wins.
    pub fn set_unknown(&mut self, name: &str, power: Megawatts) {
        match self.unknown.iter_mut().find(|(known, _)| known == name) {
            Some((_, held)) => *held = power,
            None => self.unknown.push((name.to_owned(), power)),
        }
    }

    /// Generation of `fuel`, if the source gave it.
    pub fn get(&self, fuel: Fuel) -> Option<Megawatts> {
        self.known[fuel.index()]
    }

    /// The known categories that are present, in file order.
    pub fn fuels(&self) -> impl Iterator<Item = (Fuel, Megawatts)> + '_ {
        Fuel::ALL.into_iter().filter_map(|fuel| self.get(fuel).map(|power| (fuel, power)))
    }

    /// Categories that this program does not know.
    pub fn unknown(&self) -> &[(String, Megawatts)] {
        &self.unknown
    }

    /// Categories that the source did not give, in file order.
    pub fn missing(&self) -> impl Iterator<Item = Fuel> + '_ {
        Fuel::ALL.into_iter().filter(|fuel| self.get(*fuel).is_none())
    }

    /// All seven categories are there and no other is: an intensity from this mix is the whole truth.
    pub fn is_complete(&self) -> bool {
        self.unknown.is_empty() && self.known.iter().all(Option::is_some)
    }

    /// No category at all.
    pub fn is_empty(&self) -> bool {
        self.unknown.is_empty() && self.known.iter().all(Option::is_none)
    }

    /// Sum of all categories, unknown ones included.
    pub fn total(&self) -> f64 {
        self.known.iter().flatten().map(|power| power.value()).sum::<f64>()
            + self.unknown.iter().map(|(_, power)| power.value()).sum::<f64>()
    }

    /// The same values, whatever the instant: the sign of a frozen feed.
    pub fn same_values(&self, other: &Self) -> bool {
        self.known == other.known && self.unknown == other.unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn mix() -> FuelMix {
        FuelMix::new(DateTime::from_timestamp(1_700_000_000, 0).unwrap())
    }

    #[test]
    fn names_and_order_agree() {
        for (index, fuel) in Fuel::ALL.into_iter().enumerate() {
            assert_eq!(fuel.index(), index);
            assert_eq!(Fuel::from_name(fuel.name()), Some(fuel));
        }
        assert_eq!(Fuel::from_name("Batteries"), None);
    }

    #[test]
    fn an_absent_fuel_makes_it_incomplete_and_is_not_zero() {
        let mut mix = mix();
        for fuel in Fuel::ALL.into_iter().skip(1) {
            mix.set(fuel, Megawatts::new(100.0).unwrap());
        }
        assert!(!mix.is_complete());
        assert_eq!(mix.missing().collect::<Vec<_>>(), [Fuel::DualFuel]);
        assert_eq!(mix.get(Fuel::DualFuel), None);
        mix.set(Fuel::DualFuel, Megawatts::new(0.0).unwrap());
        assert!(mix.is_complete());
        assert_eq!(mix.total(), 600.0);
    }

    #[test]
    fn an_unknown_category_is_kept_counted_and_makes_it_incomplete() {
        let mut mix = mix();
        for fuel in Fuel::ALL {
            mix.set(fuel, Megawatts::new(100.0).unwrap());
        }
        mix.set_unknown("Batteries", Megawatts::new(30.0).unwrap());
        mix.set_unknown("Batteries", Megawatts::new(50.0).unwrap());
        assert!(!mix.is_complete());
        assert_eq!(mix.total(), 750.0);
        assert_eq!(mix.unknown().len(), 1);
    }
}
