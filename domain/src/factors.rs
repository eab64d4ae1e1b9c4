//! Emission factors, from data files that carry their sources.

use std::sync::LazyLock;

use crate::fuel_mix::Fuel;

/// Which factors an intensity was computed with. Its name travels with every number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FactorSetName {
    /// Heat-input regression and IPCC life cycle; the default.
    #[default]
    Ny2026_1,
    /// What IBM/ny-power used in 2018; direct only.
    NyPower2018,
}

impl FactorSetName {
    /// Every set that this program carries.
    pub const ALL: [Self; 2] = [Self::Ny2026_1, Self::NyPower2018];

    /// The name on the wire, in configuration and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ny2026_1 => "ny-2026.1",
            Self::NyPower2018 => "ny-power-2018",
        }
    }

    /// The factors behind the name.
    pub fn load(self) -> &'static FactorSet {
        static NY_2026_1: LazyLock<FactorSet> = LazyLock::new(|| {
            FactorSet::parse(
                FactorSetName::Ny2026_1,
                include_bytes!("../data/factors/ny-2026.1.csv"),
            )
            .expect("the file is compiled in and a test reads it")
        });
        static NY_POWER_2018: LazyLock<FactorSet> = LazyLock::new(|| {
            FactorSet::parse(
                FactorSetName::NyPower2018,
                include_bytes!("../data/factors/ny-power-2018.csv"),
            )
            .expect("the file is compiled in and a test reads it")
        });
        match self {
            Self::Ny2026_1 => &NY_2026_1,
            Self::NyPower2018 => &NY_POWER_2018,
        }
    }
}

impl std::fmt::Display for FactorSetName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for FactorSetName {
    type Err = UnknownFactorSet;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|set| set.as_str() == name)
            .ok_or_else(|| UnknownFactorSet(name.to_owned()))
    }
}

/// A factor set that this program does not carry.
#[derive(Debug, thiserror::Error)]
#[error("no factor set {0:?}; there are ny-2026.1 and ny-power-2018")]
pub struct UnknownFactorSet(String);

/// g CO2 (direct) or g CO2eq (life cycle) per kWh of one fuel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EmissionFactor {
    /// From the stack, g/kWh.
    pub direct: f64,
    /// With fuel supply and construction, g CO2eq/kWh; `None` where the set has none.
    pub life_cycle: Option<f64>,
}

/// Factors of all seven categories, with the text of their sources.
#[derive(Clone, Debug)]
pub struct FactorSet {
    /// Its name on the wire.
    pub name: FactorSetName,
    by_fuel: [EmissionFactor; Fuel::COUNT],
    /// For the part of Other Renewables above its night floor, where the set has one.
    pub midday_excess: Option<EmissionFactor>,
    /// One line a factor, for the About page.
    pub sources: Vec<FactorSource>,
}

/// Where one factor comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorSource {
    /// NYISO's spelling.
    pub fuel: String,
    /// `all`, or `midday-excess`.
    pub part: String,
    /// Who measured it, and the reasoning.
    pub source: String,
}

/// Why a factor file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FactorError {
    /// Not a CSV file of five columns.
    #[error("factor file")]
    Csv(#[from] csv::Error),
    /// A name that NYISO does not use.
    #[error("line {line}: no fuel category {fuel:?}")]
    Fuel {
        /// Line of the file.
        line: u64,
        /// What stands there.
        fuel: String,
    },
    /// Neither a number nor a quotient of two.
    #[error("line {line}: {text:?} is neither a number of g/kWh nor a quotient a/b")]
    Number {
        /// Line of the file.
        line: u64,
        /// What stands there.
        text: String,
    },
    /// A category without a factor would silently count as clean.
    #[error("no factor for {0}")]
    Missing(&'static str),
}

impl FactorSet {
    /// Reads a factor file: `#` comments, then `fuel,part,direct_g_per_kwh,life_cycle_g_per_kwh,source`.
    ///
    /// # Errors
    /// [`FactorError`] names the line and the value.
    pub fn parse(name: FactorSetName, file: &[u8]) -> Result<Self, FactorError> {
        let mut by_fuel = [None; Fuel::COUNT];
        let mut midday_excess = None;
        let mut sources = Vec::new();
        let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(file);
        for record in reader.records() {
            let record = record?;
            let line = record.position().map_or(0, csv::Position::line);
            let text = |column: usize| record.get(column).unwrap_or_default();
            let fuel = Fuel::from_name(text(0))
                .ok_or_else(|| FactorError::Fuel { line, fuel: text(0).to_owned() })?;
            let direct = number(text(2), line)?;
            let life_cycle = if text(3).is_empty() { None } else { Some(number(text(3), line)?) };
            let factor = EmissionFactor { direct, life_cycle };
            match text(1) {
                "midday-excess" => midday_excess = Some(factor),
                _ => by_fuel[fuel.index()] = Some(factor),
            }
            sources.push(FactorSource {
                fuel: fuel.name().to_owned(),
                part: text(1).to_owned(),
                source: text(4).to_owned(),
            });
        }
        let mut complete = [EmissionFactor { direct: 0.0, life_cycle: None }; Fuel::COUNT];
        for fuel in Fuel::ALL {
            complete[fuel.index()] =
                by_fuel[fuel.index()].ok_or(FactorError::Missing(fuel.name()))?;
        }
        Ok(Self { name, by_fuel: complete, midday_excess, sources })
    }

    /// The factor of `fuel`.
    pub fn factor(&self, fuel: Fuel) -> EmissionFactor {
        self.by_fuel[fuel.index()]
    }
}

fn number(text: &str, line: u64) -> Result<f64, FactorError> {
    let bad = || FactorError::Number { line, text: text.to_owned() };
    let parse = |part: &str| part.trim().parse::<f64>().map_err(|_| bad());
    let value = match text.split_once('/') {
        Some((above, below)) => parse(above)? / parse(below)?,
        None => parse(text)?,
    };
    if value.is_finite() && value >= 0.0 { Ok(value) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sets_load_and_every_factor_has_a_source() {
        for name in FactorSetName::ALL {
            let set = name.load();
            assert_eq!(name.as_str().parse::<FactorSetName>().unwrap(), name);
            assert!(set.sources.iter().all(|source| source.source.len() > 10), "{name}");
        }
        assert_eq!(FactorSetName::Ny2026_1.load().factor(Fuel::DualFuel).life_cycle, Some(555.0));
        assert_eq!(FactorSetName::NyPower2018.load().factor(Fuel::Wind).life_cycle, None);
        assert_eq!(
            FactorSetName::Ny2026_1.load().midday_excess,
            Some(EmissionFactor { direct: 0.0, life_cycle: Some(45.0) })
        );
    }

    #[test]
    fn the_old_factors_are_the_quotients_of_eia_2016() {
        let set = FactorSetName::NyPower2018.load();
        let close = |fuel, tons_per_mwh: f64| {
            let direct = set.factor(fuel).direct;
            assert!((direct - 1000.0 * tons_per_mwh).abs() < 1e-9, "{fuel:?}: {direct}");
        };
        close(Fuel::NaturalGas, 26_865_277.0 / 56_793_336.0);
        close(Fuel::OtherFossil, 2_145_561.0 / 1_770_238.0);
        close(Fuel::DualFuel, (623_836.0 + 0.3 * 26_865_277.0) / (642_952.0 + 0.3 * 56_793_336.0));
    }

    #[test]
    fn a_bad_file_is_refused_with_its_line_and_value() {
        let check = |body: &str, expected: &str| {
            let file = format!("fuel,part,direct_g_per_kwh,life_cycle_g_per_kwh,source\n{body}\n");
            let error = FactorSet::parse(FactorSetName::Ny2026_1, file.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        };
        check("Coal,all,900,,x", "line 2: no fuel category \"Coal\"");
        check("Wind,all,minus,,x", "line 2: \"minus\"");
        check("Wind,all,1/0,,x", "line 2: \"1/0\"");
        check("Wind,all,0,,x", "no factor for Dual Fuel");
        assert!("ny-2030".parse::<FactorSetName>().unwrap_err().to_string().contains("ny-2030"));
    }
}
