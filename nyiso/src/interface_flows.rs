//! Interface flows (P-32): what crosses New York's borders, every five minutes.
//!
//! Values are MW although the header says MWH; positive is into New York. Stamps have minutes only, no
//! zone column, and run up to five minutes ahead of the clock. Interfaces are known by their Point ID:
//! names change. A limit of exactly ±9999 is no limit.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::consumption::{Neighbor, NetFlows};
use domain::units::Megawatts;

use crate::local_time::{self, SeriesClock, Step};
use crate::table::{OddRows, Table, TableError};

/// Flows that are believed, MW.
pub const BELIEVED_MW: std::ops::RangeInclusive<f64> = -20_000.0..=20_000.0;

/// How far ahead of our clock a stamp may be: five minutes as NYISO does it, and one of clocks that differ.
pub const FUTURE_SLACK: TimeDelta = TimeDelta::minutes(6);

/// `SCH - HQ_IMPORT_EXPORT` repeats part of HQ-NY; adding it would count that twice.
const REPEATS_HQ: u32 = 325_376;

/// Ties with the neighbors: the main one, without which a sum says nothing, and those beside it.
const TIES: [(Neighbor, u32, &[u32]); Neighbor::COUNT] = [
    // Cedars; CHPE, Québec to New York City, since 2026.
    (Neighbor::Hq, 23_324, &[325_274, 625_211]),
    (Neighbor::Ontario, 23_317, &[]),
    // The Northport-Norwalk cable; the Cross Sound cable.
    (Neighbor::NewEngland, 23_318, &[325_277, 325_154]),
    // The Hudson and Neptune lines; Linden.
    (Neighbor::Pjm, 23_316, &[325_905, 325_305, 325_658]),
];

/// The neighbor at the other end of a tie.
pub fn neighbor_of(point: u32) -> Option<Neighbor> {
    TIES.into_iter()
        .find(|(_, main, beside)| *main == point || beside.contains(&point))
        .map(|(neighbor, ..)| neighbor)
}

/// One interface at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointFlow {
    /// Into New York when positive, MW.
    pub flow: Megawatts,
    /// Most that may flow in, MW; `None` for no limit.
    pub positive_limit: Option<f64>,
    /// Most that may flow out, MW, negative; `None` for no limit.
    pub negative_limit: Option<f64>,
}

/// All interfaces at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct InterfaceFlows {
    /// The instant, UTC.
    pub ts: Timestamp,
    /// By Point ID; internal interfaces too.
    pub points: BTreeMap<u32, PointFlow>,
}

impl InterfaceFlows {
    /// Sums by neighbor. A neighbor whose main tie is absent has none: the rest would say too little.
    pub fn net(&self) -> NetFlows {
        let mut net = NetFlows::new(self.ts);
        for (neighbor, main, beside) in TIES {
            let flow = |point: &u32| self.points.get(point).map(|point| point.flow.value());
            let Some(first) = flow(&main) else { continue };
            let sum = first + beside.iter().filter_map(flow).sum::<f64>();
            if let Some(sum) = Megawatts::new(sum) {
                net.set(neighbor, sum);
            }
        }
        net
    }

    /// The ties with neighbors, MW by Point ID.
    pub fn ties(&self) -> impl Iterator<Item = (u32, f64)> + '_ {
        self.points
            .iter()
            .filter(|(point, _)| neighbor_of(**point).is_some())
            .map(|(point, flow)| (*point, flow.flow.value()))
    }
}

/// What a file of interface flows holds.
#[derive(Clone, Debug, PartialEq)]
pub struct InterfaceFlowsFile {
    /// Ascending, one an instant; where a row comes again the last wins.
    pub instants: Vec<InterfaceFlows>,
    /// Scheduled ties that this program does not know, with their names: they are in no sum.
    pub unknown_ties: BTreeMap<u32, String>,
    /// Rows that were left out.
    pub odd: OddRows,
}

/// Reads a file of interface flows.
///
/// # Errors
/// [`TableError`] when a column is missing or no row can be read; a column is never guessed.
pub fn parse(file: &[u8]) -> Result<InterfaceFlowsFile, TableError> {
    let table = Table::open(file)?;
    let stamp = table.column("Timestamp", |field| {
        ["Timestamp", "Time Stamp"].iter().any(|name| field.eq_ignore_ascii_case(name))
    })?;
    let (name, point) = (table.named("Interface Name")?, table.named("Point ID")?);
    let megawatts = |name: &'static str, begins: &'static str| {
        table.column(name, move |field| {
            field.strip_prefix(begins).is_some_and(|unit| matches!(unit, "(MWH)" | "(MW)"))
        })
    };
    let flow = megawatts("Flow (MWH)", "Flow ")?;
    let positive = megawatts("Positive Limit (MWH)", "Positive Limit ")?;
    let negative = megawatts("Negative Limit (MWH)", "Negative Limit ")?;

    let mut clocks: BTreeMap<u32, SeriesClock> = BTreeMap::new();
    let mut instants: BTreeMap<Timestamp, BTreeMap<u32, PointFlow>> = BTreeMap::new();
    let mut unknown_ties = BTreeMap::new();
    let odd = table.rows(|row| {
        let id = row.text(point);
        let id: u32 = id.parse().map_err(|_| format!("{id:?} is no Point ID"))?;
        let wall = local_time::wall_clock(&row.text(stamp))?;
        let clock = clocks.entry(id).or_insert_with(|| SeriesClock::new(Step::Minutes));
        let ts = clock.read(wall).ok_or_else(|| format!("New York had no {wall}"))?;
        let value = row.number(flow, "flow in MW", &BELIEVED_MW)?;
        let limit = |column| {
            let limit = row.number(column, "limit in MW", &BELIEVED_MW).ok()?;
            (limit.abs() != 9999.0).then_some(limit)
        };
        let flow = Megawatts::new(value).ok_or("no flow in MW")?;
        let flow =
            PointFlow { flow, positive_limit: limit(positive), negative_limit: limit(negative) };
        instants.entry(ts).or_default().insert(id, flow);
        let name = row.text(name);
        if name.starts_with("SCH -") && neighbor_of(id).is_none() && id != REPEATS_HQ {
            unknown_ties.insert(id, name);
        }
        Ok(())
    })?;
    let instants = instants.into_iter().map(|(ts, points)| InterfaceFlows { ts, points }).collect();
    Ok(InterfaceFlowsFile { instants, unknown_ties, odd })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::check_faults;

    const HEADER: &str =
        "Timestamp,Interface Name,Point ID,Flow (MWH),Positive Limit (MWH),Negative Limit (MWH)";

    fn file(rows: &[&str]) -> String {
        format!("{HEADER}\r\n{}\r\n", rows.join("\r\n"))
    }

    #[test]
    fn ties_are_summed_by_point_and_never_twice() {
        let parsed = parse(
            file(&[
                "07/01/2025 00:00,SCH - HQ - NY,23324,-521,1200,-680",
                "07/01/2025 00:00,SCH - HQ_CEDARS,325274,-20,270,-40",
                "07/01/2025 00:00,SCH - HQ_IMPORT_EXPORT,325376,-521,1310,-9999",
                "07/01/2025 00:00,SCH - CHPE,625211,1250,1250,0",
                "07/01/2025 00:00,Anything at all,23317,940.38,9999,-1600",
                "07/01/2025 00:00,SCH - NPX_1385,325277,5,125,-125",
                "07/01/2025 00:00,SCH - MARS,700001,77,125,-125",
                "07/01/2025 00:00,WEST CENTRAL,23312,-569.97,9999,-9999",
            ])
            .as_bytes(),
        )
        .unwrap();
        let [instant] = parsed.instants.as_slice() else { panic!("{parsed:?}") };
        assert_eq!(instant.ts, "2025-07-01T04:00:00Z".parse::<Timestamp>().unwrap());
        let net = instant.net();
        assert_eq!(net.get(Neighbor::Hq).map(Megawatts::value), Some(-521.0 - 20.0 + 1250.0));
        assert_eq!(net.get(Neighbor::Ontario).map(Megawatts::value), Some(940.38));
        assert_eq!(net.get(Neighbor::NewEngland), None, "its main tie is absent");
        assert_eq!(net.get(Neighbor::Pjm), None);
        assert_eq!(parsed.unknown_ties, [(700_001, "SCH - MARS".to_owned())].into());
        let limits = |point: u32| {
            let point = instant.points[&point];
            (point.positive_limit, point.negative_limit)
        };
        assert_eq!(limits(325_376), (Some(1310.0), None));
        assert_eq!(limits(23_317), (None, Some(-1600.0)));
        assert_eq!(limits(23_312), (None, None));
    }

    #[test]
    fn each_point_goes_through_the_autumn_hour_by_itself() {
        let rows = ["00:55", "01:55", "01:00", "01:05", "02:00"].map(|time| {
            format!(
                "11/02/2025 {time},A,23324,1,9999,-9999\r\n11/02/2025 {time},B,23317,1,9999,-9999"
            )
        });
        let parsed = parse(file(&rows.each_ref().map(String::as_str)).as_bytes()).unwrap();
        let utc: Vec<String> =
            parsed.instants.iter().map(|at| at.ts.format("%H:%M").to_string()).collect();
        assert_eq!(utc, ["04:55", "05:55", "06:00", "06:05", "07:00"]);
        assert!(parsed.instants.iter().all(|at| at.points.len() == 2));
    }

    #[test]
    fn bad_rows_are_left_out_and_named() {
        let parsed = parse(
            file(&[
                "07/01/2025 00:00,A,23324,,1200,-680",
                "07/01/2025 00:00,A,x,1,1200,-680",
                "noon,A,23324,1,1200,-680",
                "03/09/2025 02:30,A,23324,1,1200,-680",
                "07/01/2025 00:00,A,23324,NaN,1200,-680",
                "07/01/2025 00:05,A,23324,7,1200,-680",
                "07/01/2025 00:05,A,23317,22",
            ])
            .as_bytes(),
        )
        .unwrap();
        let reasons: Vec<&str> =
            parsed.odd.rows.iter().map(|(_, reason)| reason.as_str()).collect();
        assert_eq!(
            reasons,
            [
                "no flow in MW",
                "\"x\" is no Point ID",
                "\"noon\" is no time",
                "New York had no 2025-03-09 02:30:00",
                "\"NaN\" is no flow in MW",
                "4 fields where the header has 6",
            ]
        );
        assert_eq!(parsed.instants.len(), 1);
    }

    #[test]
    fn faults_are_survived() {
        check_faults(parse, HEADER, "07/01/2025 00:00,SCH - HQ - NY,23324,-521,1200,-680");
    }
}
