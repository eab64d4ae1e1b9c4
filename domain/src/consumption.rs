//! Average intensity of the power that is used in New York: local generation and what neighbors send.
//!
//! `C = (Σ gen·f + Σ max(net, 0)·F) / (Σ gen + Σ max(net, 0))`; exports leave at C, so they do not change it.
//! The factors `F` of the neighbors are yearly means from `data/neighbors.csv`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::{Datelike, TimeDelta};

use crate::Timestamp;
use crate::carbon::AverageIntensity;
use crate::units::{CarbonIntensity, Megawatts};

/// Who sends power over New York's borders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Neighbor {
    /// Hydro-Québec.
    Hq,
    /// Ontario.
    Ontario,
    /// New England.
    NewEngland,
    /// PJM, the Mid-Atlantic.
    Pjm,
}

impl Neighbor {
    /// How many there are.
    pub const COUNT: usize = 4;

    /// All of them.
    pub const ALL: [Self; Self::COUNT] = [Self::Hq, Self::Ontario, Self::NewEngland, Self::Pjm];

    /// The name on the wire and in the data file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hq => "HQ",
            Self::Ontario => "Ontario",
            Self::NewEngland => "New England",
            Self::Pjm => "PJM",
        }
    }

    /// The neighbor of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|neighbor| neighbor.name() == name)
    }
}

/// Net flow from each neighbor at an instant, MW; positive is into New York. One that is not known is
/// absent, never zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NetFlows {
    /// The instant, UTC.
    pub ts: Timestamp,
    net: [Option<Megawatts>; Neighbor::COUNT],
}

impl NetFlows {
    /// An instant of which nothing is known yet.
    pub fn new(ts: Timestamp) -> Self {
        Self { ts, net: [None; Neighbor::COUNT] }
    }

    /// Sets the net flow from `neighbor`.
    pub fn set(&mut self, neighbor: Neighbor, net: Megawatts) {
        self.net[neighbor as usize] = Some(net);
    }

    /// The net flow from `neighbor`, if it is known.
    pub fn get(&self, neighbor: Neighbor) -> Option<Megawatts> {
        self.net[neighbor as usize]
    }

    /// All four in the order of [`Neighbor::ALL`], MW.
    ///
    /// # Errors
    /// The first that is not known.
    pub fn complete(&self) -> Result<[f64; Neighbor::COUNT], NoConsumption> {
        let mut net = [0.0; Neighbor::COUNT];
        for neighbor in Neighbor::ALL {
            net[neighbor as usize] =
                self.get(neighbor).ok_or(NoConsumption::Neighbor(neighbor.name()))?.value();
        }
        Ok(net)
    }
}

/// Yearly mean of one neighbor, g/kWh.
#[derive(Clone, Debug, PartialEq)]
pub struct NeighborFactor {
    /// Whose.
    pub neighbor: Neighbor,
    /// Which year.
    pub year: i32,
    /// g CO2 per kWh.
    pub direct: f64,
    /// g CO2eq per kWh.
    pub life_cycle: f64,
    /// Where it comes from.
    pub source: String,
}

/// All factors that this program carries, by neighbor and year.
#[derive(Clone, Debug)]
pub struct NeighborFactors(Vec<NeighborFactor>);

/// Why the file of the neighbors' factors could not be read.
#[derive(Debug, thiserror::Error)]
pub enum NeighborError {
    /// Not a CSV file of five columns.
    #[error("file of neighbors' factors")]
    Csv(#[from] csv::Error),
    /// A name or number that makes no sense.
    #[error("line {line}: {text:?} is no {what}")]
    Field {
        /// Line of the file.
        line: u64,
        /// What should stand there.
        what: &'static str,
        /// What does.
        text: String,
    },
    /// A neighbor without any factor would count as clean.
    #[error("no factor for {0}")]
    Missing(&'static str),
}

impl NeighborFactors {
    /// The factors that are compiled in.
    pub fn load() -> &'static Self {
        static FACTORS: LazyLock<NeighborFactors> = LazyLock::new(|| {
            NeighborFactors::parse(include_bytes!("../data/neighbors.csv"))
                .expect("the file is compiled in and a test reads it")
        });
        &FACTORS
    }

    /// Reads `neighbor,year,direct_g_per_kwh,life_cycle_g_per_kwh,source` below `#` comments.
    ///
    /// # Errors
    /// [`NeighborError`] names line and value.
    pub fn parse(file: &[u8]) -> Result<Self, NeighborError> {
        let mut factors = Vec::new();
        let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(file);
        for record in reader.records() {
            let record = record?;
            let line = record.position().map_or(0, csv::Position::line);
            let text = |column: usize| record.get(column).unwrap_or_default();
            let bad =
                |what, column| NeighborError::Field { line, what, text: text(column).to_owned() };
            let grams = |column| {
                let grams = text(column).parse().ok();
                grams
                    .filter(|grams| (0.0..=1500.0).contains(grams))
                    .ok_or_else(|| bad("intensity in g/kWh", column))
            };
            factors.push(NeighborFactor {
                neighbor: Neighbor::from_name(text(0)).ok_or_else(|| bad("neighbor", 0))?,
                year: text(1).parse().map_err(|_| bad("year", 1))?,
                direct: grams(2)?,
                life_cycle: grams(3)?,
                source: text(4).to_owned(),
            });
        }
        for neighbor in Neighbor::ALL {
            if !factors.iter().any(|factor| factor.neighbor == neighbor) {
                return Err(NeighborError::Missing(neighbor.name()));
            }
        }
        factors.sort_by_key(|factor| (factor.neighbor, factor.year));
        Ok(Self(factors))
    }

    /// The factor of `neighbor` in `year`: the newest for the future, the oldest for what was before it.
    pub fn of(&self, neighbor: Neighbor, year: i32) -> &NeighborFactor {
        let mut own = self.0.iter().filter(|factor| factor.neighbor == neighbor);
        let first = own.next().expect("parse leaves no neighbor without a factor");
        own.take_while(|factor| factor.year <= year).last().unwrap_or(first)
    }
}

/// Why there is no consumption-based intensity; the production-based one stands alone then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoConsumption {
    /// The feed of interface flows is missing.
    #[error("no interface flows: production only")]
    NoFlows,
    /// The flows at hand are of another time, so many minutes away.
    #[error("the nearest interface flows are {0} minutes away: production only")]
    Away(i64),
    /// The main tie with one neighbor is not in the feed.
    #[error("no flow from {0}: production only")]
    Neighbor(&'static str),
    /// Neither generation nor imports.
    #[error("neither generation nor imports")]
    Nothing,
}

/// The flows of the last two days, to be joined with fuel mixes: the two feeds have stamps of their own.
#[derive(Clone, Debug, Default)]
pub struct FlowsAtHand(BTreeMap<Timestamp, NetFlows>);

/// Flows further from the fuel mix than this are not of its time.
const NEAR: TimeDelta = TimeDelta::minutes(20);

/// Flows at hand, at most: two days of them.
const MOST: usize = 2 * 288;

impl FlowsAtHand {
    /// Takes flows, in place of those of the same instant.
    pub fn insert(&mut self, flows: NetFlows) {
        self.0.insert(flows.ts, flows);
        while self.0.len() > MOST {
            self.0.pop_first();
        }
    }

    /// The flows nearest to `ts`; of two equally near the newer.
    ///
    /// # Errors
    /// [`NoConsumption`] when there are none, or the nearest are more than 20 minutes away.
    pub fn near(&self, ts: Timestamp) -> Result<&NetFlows, NoConsumption> {
        let before = self.0.range(..ts).next_back();
        let after = self.0.range(ts..).next();
        let away = |flows: &NetFlows| (flows.ts - ts).abs();
        let nearest = [after, before]
            .into_iter()
            .flatten()
            .map(|(_, flows)| flows)
            .min_by_key(|flows| away(flows))
            .ok_or(NoConsumption::NoFlows)?;
        if away(nearest) <= NEAR {
            Ok(nearest)
        } else {
            Err(NoConsumption::Away(away(nearest).num_minutes()))
        }
    }
}

/// Average intensity of what is used, imports counted.
///
/// `production` is the intensity of `generation` MW of local power; `flows` are those of about the same
/// instant, `None` where the feed has none. The year of the neighbors' factors is that of `flows.ts`.
///
/// # Errors
/// [`NoConsumption`] says why only production can be told.
pub fn consumption_intensity(
    production: &AverageIntensity,
    generation: f64,
    flows: Option<&NetFlows>,
    factors: &NeighborFactors,
) -> Result<AverageIntensity, NoConsumption> {
    let flows = flows.ok_or(NoConsumption::NoFlows)?;
    let net = flows.complete()?;
    let year = flows.ts.year();
    let mean = |local: CarbonIntensity, factor: fn(&NeighborFactor) -> f64| {
        let (mut power, mut grams) = (generation, generation * local.grams_per_kwh());
        for (neighbor, net) in Neighbor::ALL.into_iter().zip(net) {
            let import = net.max(0.0);
            power += import;
            grams += import * factor(factors.of(neighbor, year));
        }
        let mean = (power > 0.0).then(|| grams / power);
        mean.and_then(CarbonIntensity::from_grams_per_kwh).ok_or(NoConsumption::Nothing)
    };
    Ok(AverageIntensity {
        direct: mean(production.direct, |factor| factor.direct)?,
        life_cycle: production
            .life_cycle
            .map(|local| mean(local, |factor| factor.life_cycle))
            .transpose()?,
        complete: production.complete,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flows(net: [f64; Neighbor::COUNT]) -> NetFlows {
        let mut flows = NetFlows::new("2024-06-01T12:00:00Z".parse().unwrap());
        for (neighbor, net) in Neighbor::ALL.into_iter().zip(net) {
            flows.set(neighbor, Megawatts::new(net).unwrap());
        }
        flows
    }

    fn production() -> AverageIntensity {
        AverageIntensity {
            direct: CarbonIntensity::from_grams_per_kwh(200.0).unwrap(),
            life_cycle: CarbonIntensity::from_grams_per_kwh(260.0),
            complete: true,
        }
    }

    #[track_caller]
    fn check(net: [f64; Neighbor::COUNT], direct: f64, life_cycle: f64) {
        let mean = consumption_intensity(
            &production(),
            1000.0,
            Some(&flows(net)),
            NeighborFactors::load(),
        );
        let mean = mean.unwrap();
        assert!((mean.direct.grams_per_kwh() - direct).abs() < 1e-9, "{mean:?}");
        assert!((mean.life_cycle.unwrap().grams_per_kwh() - life_cycle).abs() < 1e-9, "{mean:?}");
    }

    #[test]
    fn imports_count_and_exports_leave_at_the_mean() {
        check([0.0; 4], 200.0, 260.0);
        check([-500.0, -1.0, -300.0, -9.0], 200.0, 260.0);
        check([1000.0, 0.0, 0.0, 0.0], (200.0 + 5.5) / 2.0, (260.0 + 35.0) / 2.0);
        check([0.0, 1000.0, -400.0, 0.0], (200.0 + 58.0) / 2.0, (260.0 + 88.0) / 2.0);
        check([0.0, 0.0, 500.0, 500.0], (200.0 + 268.0) / 2.0, (260.0 + 345.5) / 2.0);
    }

    #[test]
    fn without_flows_it_is_production_and_says_so() {
        let of = |flows| {
            consumption_intensity(&production(), 1000.0, flows, NeighborFactors::load())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(of(None), "no interface flows: production only");
        let mut partial = NetFlows::new(flows([0.0; 4]).ts);
        partial.set(Neighbor::Hq, Megawatts::new(1.0).unwrap());
        assert_eq!(of(Some(&partial)), "no flow from Ontario: production only");
    }

    #[test]
    fn the_nearest_flows_within_twenty_minutes_count() {
        let noon: Timestamp = "2024-06-01T12:00:00Z".parse().unwrap();
        let mut at_hand = FlowsAtHand::default();
        assert_eq!(at_hand.near(noon), Err(NoConsumption::NoFlows));
        for minutes in [-10, 0, 15] {
            at_hand.insert(NetFlows::new(noon + TimeDelta::minutes(minutes)));
        }
        let check = |minutes: i64, expected: Result<i64, NoConsumption>| {
            let near = at_hand.near(noon + TimeDelta::minutes(minutes));
            assert_eq!(near.map(|flows| (flows.ts - noon).num_minutes()), expected, "{minutes}");
        };
        check(0, Ok(0));
        check(-5, Ok(0));
        check(-6, Ok(-10));
        check(35, Ok(15));
        check(36, Err(NoConsumption::Away(21)));
        check(-31, Err(NoConsumption::Away(21)));
        let text = NoConsumption::Away(21).to_string();
        assert_eq!(text, "the nearest interface flows are 21 minutes away: production only");
    }

    #[test]
    fn the_year_is_picked_by_date_and_the_newest_holds_on() {
        let of = |year| NeighborFactors::load().of(Neighbor::Pjm, year).direct;
        assert_eq!([2016, 2021, 2022, 2024, 2031].map(of), [367.0, 367.0, 356.0, 323.0, 323.0]);
    }

    #[test]
    fn a_bad_file_is_refused_with_line_and_value() {
        let check = |body: &str, expected: &str| {
            let file = format!("neighbor,year,direct,life_cycle,source\n{body}\n");
            let error = NeighborFactors::parse(file.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("Vermont,2024,1,1,x", "line 2: \"Vermont\" is no neighbor");
        check("HQ,soon,1,1,x", "\"soon\" is no year");
        check("HQ,2024,-1,1,x", "\"-1\" is no intensity");
        check("HQ,2024,1,1,x", "no factor for Ontario");
    }
}
