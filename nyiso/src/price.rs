//! Zonal prices: day-ahead (P-2A, hourly, the stamp is the hour's START) and real-time (P-24A, five
//! minutes, the stamp is the interval's END; the live file also holds rows of the coming quarter hours).
//!
//! Neither has a zone column; see [`crate::local_time`]. Prices can be negative.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::zone::LoadZone;

use crate::local_time::{self, SeriesClock, Step};
use crate::table::{OddRows, Table, TableError};

/// Prices that are believed, $/MWh. NYISO's shortage prices end at 4,000.
pub const BELIEVED_PRICE: std::ops::RangeInclusive<f64> = -10_000.0..=20_000.0;

/// Names beside the eleven zones: the borders.
pub(crate) const BORDERS: [&str; 4] = ["H Q", "NPX", "O H", "PJM"];

/// What a file of zonal prices holds.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceFile {
    /// $/MWh by zone, ascending; where a row comes again the last wins.
    pub prices: BTreeMap<LoadZone, BTreeMap<Timestamp, f64>>,
    /// Rows that were left out. The prices at the borders are left out too, and not odd.
    pub odd: OddRows,
}

/// Reads a file of zonal prices: `Step::Hourly` for day-ahead, `Step::Minutes` for real-time.
///
/// # Errors
/// [`TableError`] when a column is missing or no row can be read.
pub fn parse(file: &[u8], step: Step) -> Result<PriceFile, TableError> {
    let table = Table::open(file)?;
    let (stamp, name) = (table.named("Time Stamp")?, table.named("Name")?);
    // An older header lacks the closing parenthesis.
    let price = table.column("LBMP ($/MWHr)", |field| {
        ["LBMP ($/MWHr)", "LBMP ($/MWHr", "LBMP ($/MWH", "LBMP ($/MWH)"]
            .iter()
            .any(|known| field.eq_ignore_ascii_case(known))
    })?;
    let mut clocks: BTreeMap<LoadZone, SeriesClock> = BTreeMap::new();
    let mut prices: BTreeMap<LoadZone, BTreeMap<Timestamp, f64>> = BTreeMap::new();
    let odd = table.rows(|row| {
        let name = row.text(name);
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
        let price = row.number(price, "price in $/MWh", &BELIEVED_PRICE)?;
        prices.entry(zone).or_default().insert(ts, price);
        Ok(())
    })?;
    Ok(PriceFile { prices, odd })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::check_faults;

    const HEADER: &str = r#""Time Stamp","Name","PTID","LBMP ($/MWHr)","Marginal Cost Losses ($/MWHr)","Marginal Cost Congestion ($/MWHr)""#;
    const ROW: &str = r#""10/23/2016 00:05:00","NORTH",61755,-0.88,0.02,0.51"#;

    #[test]
    fn both_headers_are_read_and_borders_left_out() {
        for header in [HEADER.to_owned(), HEADER.replace("($/MWHr)", "($/MWH")] {
            let text = format!(
                "{header}\r\n{ROW}\r\n\"10/23/2016 00:05:00\",\"H Q\",61844,-0.72,0.01,0.34\r\n\
                 \"10/23/2016 00:05:00\",\"MOON\",1,1,0,0\r\n"
            );
            let file = parse(text.as_bytes(), Step::Minutes).unwrap();
            let north = &file.prices[&LoadZone::North];
            assert_eq!(north.values().copied().collect::<Vec<_>>(), [-0.88]);
            assert_eq!(file.prices.len(), 1);
            assert_eq!(file.odd.rows, [(4, "\"MOON\" is no load zone".to_owned())]);
        }
    }

    #[test]
    fn an_empty_price_is_no_price() {
        let text = format!("{HEADER}\n{ROW}\n\"10/23/2016 00:10:00\",\"NORTH\",61755,,0.02,0.51\n");
        let file = parse(text.as_bytes(), Step::Minutes).unwrap();
        assert_eq!(file.prices[&LoadZone::North].len(), 1);
        assert_eq!(file.odd.rows, [(3, "no price in $/MWh".to_owned())]);
    }

    #[test]
    fn faults_are_survived() {
        check_faults(|file| parse(file, Step::Hourly), HEADER, ROW);
    }
}
