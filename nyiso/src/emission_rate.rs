//! Implied marginal emission rates: day-ahead (P-71, hourly, START) and real-time (P-72, five minutes,
//! END): NYISO's own marginal rate, by load zone, known for tomorrow.
//!
//! No recorded file was at hand: the fixtures of these tests are made by hand from the documented header.
//! So columns are found by their trimmed names, and nothing is guessed: whether a "ton" is short or
//! metric is told by the carbon column, in which natural gas is 0.0585 short or 0.0531 metric tons per
//! mmBTU; a file that fits neither, or both, is refused.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::zone::LoadZone;

use crate::local_time::{self, SeriesClock, Step};
use crate::price::BORDERS;
use crate::table::{OddRows, Table, TableError};

/// The ton of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ton {
    /// 907.18474 kg.
    Short,
    /// 1000 kg.
    Metric,
}

impl Ton {
    /// Its weight in kg; kg/MWh is g/kWh.
    pub fn kilograms(self) -> f64 {
        match self {
            Self::Short => 907.184_74,
            Self::Metric => 1000.0,
        }
    }

    /// Carbon of natural gas in this ton, per mmBTU.
    fn gas(self) -> f64 {
        match self {
            Self::Short => 0.0585,
            Self::Metric => 0.0531,
        }
    }

    /// The ton in which `carbon` is that of natural gas, within 3 %; the two are 10 % apart.
    fn of(carbon: f64) -> Option<Self> {
        [Self::Short, Self::Metric].into_iter().find(|ton| (carbon / ton.gas() - 1.0).abs() <= 0.03)
    }
}

/// What a file of marginal emission rates holds.
#[derive(Clone, Debug, PartialEq)]
pub struct EmissionRateFile {
    /// Which ton the file counts in, by its carbon column.
    pub ton: Ton,
    /// g CO2 per kWh by zone, ascending, as NYISO has it and not yet held against any bounds.
    pub rates: BTreeMap<LoadZone, BTreeMap<Timestamp, f64>>,
    /// Rows that were left out.
    pub odd: OddRows,
}

/// Reads a file of marginal emission rates: `Step::Hourly` for day-ahead, `Step::Minutes` for real-time.
///
/// # Errors
/// [`TableError`] when a column is missing, no row can be read, or the unit cannot be told.
pub fn parse(file: &[u8], step: Step) -> Result<EmissionRateFile, TableError> {
    let table = Table::open(file)?;
    let stamp = table.column("Timestamp", |field| {
        ["Timestamp", "Time Stamp"].iter().any(|name| field.eq_ignore_ascii_case(name))
    })?;
    let zone = table.named("Zone")?;
    let carbon = table.named("Tons of Carbon per mmBTU")?;
    let rate = table.named("IMER - CO2 (tons/MWh)")?;

    let mut clocks: BTreeMap<LoadZone, SeriesClock> = BTreeMap::new();
    let mut rates: BTreeMap<LoadZone, BTreeMap<Timestamp, f64>> = BTreeMap::new();
    // Rows of each ton, and the first carbon value that is of none.
    let (mut short, mut metric, mut neither) = (0_u32, 0_u32, None);
    let odd = table.rows(|row| {
        let name = row.text(zone);
        let Some(zone) = LoadZone::from_name(&name) else {
            return if BORDERS.contains(&name.as_str()) {
                Ok(())
            } else {
                Err(format!("{name:?} is no load zone"))
            };
        };
        let wall = local_time::wall_clock(&row.text(stamp))?;
        let clock = clocks.entry(zone).or_insert_with(|| SeriesClock::new(step));
        let ts = clock.read(wall).ok_or_else(|| format!("New York had no {wall}"))?;
        let carbon = row.number(carbon, "tons of carbon per mmBTU", &(0.0..=1000.0))?;
        match Ton::of(carbon) {
            Some(Ton::Short) => short += 1,
            Some(Ton::Metric) => metric += 1,
            None => neither = neither.or(Some(carbon)),
        }
        let rate = row.number(rate, "rate in tons/MWh", &(-1e6..=1e6))?;
        rates.entry(zone).or_default().insert(ts, rate);
        Ok(())
    })?;
    let ton = match (short, metric) {
        (1.., 0) => Ton::Short,
        (0, 1..) => Ton::Metric,
        (0, 0) => {
            return Err(TableError::Unit(format!(
                "{} tons of carbon per mmBTU is natural gas in neither short tons (0.0585) nor metric ones (0.0531)",
                neither.unwrap_or_default()
            )));
        }
        _ => {
            return Err(TableError::Unit(format!(
                "{short} rows have the carbon of natural gas in short tons and {metric} in metric ones"
            )));
        }
    };
    for rate in rates.values_mut().flat_map(BTreeMap::values_mut) {
        *rate *= ton.kilograms();
    }
    Ok(EmissionRateFile { ton, rates, odd })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::check_faults;

    /// The documented header, padded with blanks as NYISO's is.
    const HEADER: &str = "Timestamp, Zone, LBMP - ($/MWh), VOM - ($/MWh), Tons of Carbon per mmBTU, \
        Tons of NOx per mmBTU , Implied Heat Rate - IHRi (mmBTU/MWh), IMER - CO2 (tons/MWh), \
        IMER - NOx (tons/MWh)";

    fn row(time: &str, zone: &str, carbon: &str, rate: &str) -> String {
        format!("{time}, {zone}, 41.20, 2.00, {carbon}, 0.0001, 8.000, {rate}, 0.0008")
    }

    fn file(rows: &[String]) -> String {
        format!("{HEADER}\r\n{}\r\n", rows.join("\r\n"))
    }

    #[test]
    fn the_ton_is_told_by_the_carbon_of_gas() {
        let check = |carbon: &str, ton: Ton, grams: f64| {
            let text = file(&[row("03/10/2026 13:00", "N.Y.C.", carbon, "0.4")]);
            let parsed = parse(text.as_bytes(), Step::Hourly).unwrap();
            assert_eq!(parsed.ton, ton);
            let rate = *parsed.rates[&LoadZone::Nyc].values().next().unwrap();
            assert!((rate - grams).abs() < 1e-9, "{rate}");
        };
        check("0.0585", Ton::Short, 362.873_896);
        check("0.0584900", Ton::Short, 362.873_896);
        check("0.0531", Ton::Metric, 400.0);
        check("0.05306", Ton::Metric, 400.0);
    }

    #[test]
    fn oil_at_the_margin_does_not_unsettle_the_unit() {
        let text = file(&[
            row("03/10/2026 13:00", "LONGIL", "0.0815", "0.9"),
            row("03/10/2026 13:00", "WEST", "0.0585", "0.4"),
        ]);
        assert_eq!(parse(text.as_bytes(), Step::Hourly).unwrap().ton, Ton::Short);
    }

    #[test]
    fn a_unit_that_cannot_be_told_is_refused_loudly() {
        let check = |carbons: &[&str], expected: &str| {
            let rows: Vec<String> = carbons
                .iter()
                .map(|carbon| row("03/10/2026 13:00", "WEST", carbon, "0.4"))
                .collect();
            let error = parse(file(&rows).as_bytes(), Step::Hourly).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(&["117"], "117 tons of carbon per mmBTU is natural gas in neither");
        check(&["0.0558"], "neither");
        check(&["0.0815", "0.0815"], "0.0815");
        check(&["0.0585", "0.0531"], "1 rows have the carbon of natural gas in short tons and 1");
    }

    #[test]
    fn columns_are_found_wherever_they_stand_and_never_guessed() {
        let moved = "IMER - CO2 (tons/MWh) , Zone , Tons of Carbon per mmBTU,Timestamp\n\
                     0.4 , HUD VL , 0.0531 , 03/10/2026 13:00:00\n";
        let parsed = parse(moved.as_bytes(), Step::Hourly).unwrap();
        assert_eq!(parsed.rates[&LoadZone::HudVl].len(), 1);
        let renamed = HEADER.replace("IMER - CO2 (tons/MWh)", "IMER - CO2 (lbs/MWh)");
        let error = parse(renamed.as_bytes(), Step::Hourly).unwrap_err().to_string();
        assert!(error.starts_with("no column \"IMER - CO2 (tons/MWh)\""), "{error}");
    }

    #[test]
    fn the_autumn_hour_goes_by_order_and_bad_rows_by_name() {
        let text = file(&[
            row("11/01/2026 01:00", "WEST", "0.0585", "0.4"),
            row("11/01/2026 01:00", "WEST", "0.0585", "0.5"),
            row("11/01/2026 02:00", "WEST", "0.0585", ""),
            row("11/01/2026 03:00", "WEST", "0.0585", "-0.2"),
        ]);
        let parsed = parse(text.as_bytes(), Step::Hourly).unwrap();
        let hours: Vec<String> =
            parsed.rates[&LoadZone::West].keys().map(|ts| ts.format("%H:%M").to_string()).collect();
        assert_eq!(hours, ["05:00", "06:00", "08:00"]);
        assert_eq!(parsed.odd.rows, [(4, "no rate in tons/MWh".to_owned())]);
    }

    #[test]
    fn faults_are_survived() {
        check_faults(
            |file| parse(file, Step::Hourly),
            HEADER,
            &row("03/10/2026 13:00", "WEST", "0.0585", "0.4"),
        );
    }
}
