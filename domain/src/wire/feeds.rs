//! Payloads of NYISO's feeds beside the fuel mix, as the pump passes them on.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::payload::{WireError, read, wire_payload, within};
use super::{MEGAWATTS, Origin, rfc3339};
use crate::Timestamp;
use crate::consumption::{Neighbor, NetFlows};
use crate::units::Megawatts;
use crate::zone::LoadZone;

/// The unit of wholesale prices.
pub const DOLLARS_PER_MWH: &str = "$ / MWh";

wire_payload!(Flows, LoadSeries, ZoneSeries);

/// `upstream/flows`: what comes over New York's borders at an instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flows {
    /// The instant.
    #[serde(with = "rfc3339")]
    pub ts: Timestamp,
    /// `MW`.
    pub units: String,
    /// Net flow by neighbor (`HQ`, `Ontario`, `New England`, `PJM`), positive into New York. One whose
    /// main tie is not in the feed is absent.
    pub net: BTreeMap<String, f64>,
    /// Flow of each external tie by its Point ID.
    pub points: BTreeMap<String, f64>,
    /// Live, played back or made up.
    #[serde(default)]
    pub origin: Origin,
}

impl Flows {
    /// Bounds within which the net flow from a neighbor is believed, MW. The largest tie carries 1,500.
    pub const BELIEVED_MW: RangeInclusive<f64> = -10_000.0..=10_000.0;

    /// The payload for net flows and the ties that they are the sums of.
    pub fn new(net: &NetFlows, ties: impl IntoIterator<Item = (u32, f64)>, origin: Origin) -> Self {
        let known = Neighbor::ALL.into_iter().filter_map(|neighbor| {
            // Two decimals, as NYISO's ties have: the rest is noise of the sum.
            let flow = (net.get(neighbor)?.value() * 100.0).round() / 100.0;
            Some((neighbor.name().to_owned(), flow))
        });
        Self {
            ts: net.ts,
            units: MEGAWATTS.to_owned(),
            net: known.collect(),
            points: ties.into_iter().map(|(point, flow)| (point.to_string(), flow)).collect(),
            origin,
        }
    }

    /// Reads and bounds-checks a payload.
    ///
    /// # Errors
    /// [`WireError`] says which field holds what.
    pub fn from_json(payload: &[u8]) -> Result<Self, WireError> {
        let flows: Self = read(payload)?;
        for flow in flows.net.values() {
            within("net flow of a neighbor", *flow, ends(Self::BELIEVED_MW))?;
        }
        Ok(flows)
    }

    /// The net flows; of neighbors that this program does not know, nothing.
    pub fn net_flows(&self) -> NetFlows {
        let mut net = NetFlows::new(self.ts);
        for (name, flow) in &self.net {
            if let (Some(neighbor), Some(flow)) = (Neighbor::from_name(name), Megawatts::new(*flow))
            {
                net.set(neighbor, flow);
            }
        }
        net
    }
}

/// `upstream/load-forecast`: NYISO's load forecast by the hour, the newest file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadSeries {
    /// When it was first seen; the newer one holds.
    #[serde(with = "rfc3339")]
    pub issued: Timestamp,
    /// `MW`.
    pub units: String,
    /// What it is, for people.
    pub basis: String,
    /// Start of the first hour.
    #[serde(with = "rfc3339")]
    pub start: Timestamp,
    /// Seconds between two values: 3600.
    pub step_s: u32,
    /// Load of the state, MW; `null` for an hour that the file lacks.
    pub values: Vec<Option<f64>>,
    /// The same of each load zone, by slug.
    pub zones: BTreeMap<String, Vec<Option<f64>>>,
    /// Live, played back or made up.
    #[serde(default)]
    pub origin: Origin,
}

impl LoadSeries {
    /// Bounds within which the load of a zone or of the state is believed, MW. The record is 33,956.
    pub const BELIEVED_MW: RangeInclusive<f64> = 0.0..=60_000.0;

    /// Reads a payload; checks bounds and lengths.
    ///
    /// # Errors
    /// [`WireError`] says what is wrong.
    pub fn from_json(payload: &[u8]) -> Result<Self, WireError> {
        let series: Self = read(payload)?;
        check_step(series.step_s)?;
        for (zone, values) in &series.zones {
            if values.len() != series.values.len() {
                return Err(WireError::Shape(format!(
                    "{} values of {zone} but {} of the state",
                    values.len(),
                    series.values.len()
                )));
            }
        }
        for value in series.zones.values().chain([&series.values]).flatten().flatten() {
            within("load", *value, ends(Self::BELIEVED_MW))?;
        }
        Ok(series)
    }

    /// The values of `zone`, in step with [`LoadSeries::values`].
    pub fn zone(&self, zone: LoadZone) -> Option<&[Option<f64>]> {
        self.zones.get(zone.slug()).map(Vec::as_slice)
    }
}

/// `upstream/marginal/<zone>` and `upstream/price/<zone>`: what NYISO publishes for a load zone, day-ahead
/// by the hour, and in real time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZoneSeries {
    /// When this was first seen; the newer one holds.
    #[serde(with = "rfc3339")]
    pub issued: Timestamp,
    /// Slug of the load zone.
    pub zone: String,
    /// `g / kWh` or `$ / MWh`.
    pub units: String,
    /// What it is, for people.
    pub basis: String,
    /// Start of the first day-ahead hour; meaningless with no values.
    #[serde(with = "rfc3339")]
    pub start: Timestamp,
    /// Seconds between two day-ahead values: 3600.
    pub step_s: u32,
    /// Day-ahead, as NYISO has them; `null` for an hour that it lacks. Empty where the feed is off or
    /// silent.
    pub values: Vec<Option<f64>>,
    /// Newest in real time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real_time: Option<RealTime>,
    /// Live, played back or made up.
    #[serde(default)]
    pub origin: Origin,
}

/// One value in real time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RealTime {
    /// Interval end.
    #[serde(with = "rfc3339")]
    pub ts: Timestamp,
    /// In the unit of the series, as NYISO has it.
    pub value: f64,
}

impl ZoneSeries {
    /// Bounds within which a rate or price is believed: NYISO caps offers at 2,000 $/MWh, and adds losses,
    /// congestion and scarcity to them.
    pub const BELIEVED: RangeInclusive<f64> = -10_000.0..=10_000.0;

    /// Reads a payload; checks bounds.
    ///
    /// # Errors
    /// [`WireError`] says what is wrong.
    pub fn from_json(payload: &[u8]) -> Result<Self, WireError> {
        let series: Self = read(payload)?;
        check_step(series.step_s)?;
        let now = series.real_time.map(|now| now.value);
        for value in series.values.iter().flatten().copied().chain(now) {
            within("values", value, ends(Self::BELIEVED))?;
        }
        Ok(series)
    }

    /// The day-ahead hours that are known: start of the hour and value.
    pub fn hours(&self) -> impl Iterator<Item = (Timestamp, f64)> + '_ {
        let step = TimeDelta::seconds(i64::from(self.step_s));
        (0i32..).zip(&self.values).filter_map(move |(index, value)| {
            Some((self.start.checked_add_signed(step * index)?, (*value)?))
        })
    }
}

fn ends(bounds: RangeInclusive<f64>) -> (f64, f64) {
    bounds.into_inner()
}

pub(super) fn check_step(step_s: u32) -> Result<(), WireError> {
    within("step_s", f64::from(step_s), (60.0, 86_400.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ts() -> Timestamp {
        "2026-03-10T12:05:00Z".parse().unwrap()
    }

    #[track_caller]
    fn pinned(json: &[u8], expected: &str) {
        assert_eq!(std::str::from_utf8(json).unwrap(), expected);
    }

    #[test]
    fn flows_are_pinned() {
        let mut net = NetFlows::new(ts());
        net.set(Neighbor::Hq, Megawatts::new(1250.5).unwrap());
        net.set(Neighbor::Pjm, Megawatts::new(-300.0).unwrap());
        let flows = Flows::new(&net, [(23324, 1200.5), (325274, 50.0)], Origin::Nyiso);
        pinned(
            &flows.to_json(),
            concat!(
                r#"{"ts":"2026-03-10T12:05:00Z","units":"MW","net":{"HQ":1250.5,"PJM":-300.0},"#,
                r#""points":{"23324":1200.5,"325274":50.0},"origin":"nyiso"}"#
            ),
        );
        let read = Flows::from_json(&flows.to_json()).unwrap();
        assert_eq!((read.net_flows(), read), (net, flows));
    }

    #[test]
    fn the_load_forecast_is_pinned() {
        let series = LoadSeries {
            issued: ts(),
            units: MEGAWATTS.into(),
            basis: "NYISO load forecast of 2026-03-11".into(),
            start: ts(),
            step_s: 3600,
            values: vec![Some(15_000.0), None],
            zones: BTreeMap::from([("nyc".to_owned(), vec![Some(5_000.0), None])]),
            origin: Origin::Recorded,
        };
        pinned(
            &series.to_json(),
            concat!(
                r#"{"issued":"2026-03-10T12:05:00Z","units":"MW","basis":"NYISO load forecast of 2026-03-11","#,
                r#""start":"2026-03-10T12:05:00Z","step_s":3600,"values":[15000.0,null],"#,
                r#""zones":{"nyc":[5000.0,null]},"origin":"recorded"}"#
            ),
        );
        assert_eq!(LoadSeries::from_json(&series.to_json()).unwrap(), series);
        assert_eq!(series.zone(LoadZone::Nyc), Some([Some(5_000.0), None].as_slice()));
        let short = LoadSeries { values: vec![None], ..series };
        let error = LoadSeries::from_json(&short.to_json()).unwrap_err().to_string();
        assert_eq!(error, "2 values of nyc but 1 of the state");
    }

    #[test]
    fn a_zone_is_pinned() {
        let series = ZoneSeries {
            issued: ts(),
            zone: "hud-vl".into(),
            units: DOLLARS_PER_MWH.into(),
            basis: "NYISO locational price".into(),
            start: "2026-03-10T04:00:00Z".parse().unwrap(),
            step_s: 3600,
            values: vec![Some(31.5), None, Some(-2.0)],
            real_time: Some(RealTime { ts: ts(), value: 40.25 }),
            origin: Origin::Nyiso,
        };
        pinned(
            &series.to_json(),
            concat!(
                r#"{"issued":"2026-03-10T12:05:00Z","zone":"hud-vl","units":"$ / MWh","#,
                r#""basis":"NYISO locational price","start":"2026-03-10T04:00:00Z","step_s":3600,"#,
                r#""values":[31.5,null,-2.0],"real_time":{"ts":"2026-03-10T12:05:00Z","value":40.25},"#,
                r#""origin":"nyiso"}"#
            ),
        );
        assert_eq!(ZoneSeries::from_json(&series.to_json()).unwrap(), series);
        let hours: Vec<_> = series.hours().map(|(ts, value)| (ts.to_rfc3339(), value)).collect();
        assert_eq!(
            hours,
            [
                ("2026-03-10T04:00:00+00:00".to_owned(), 31.5),
                ("2026-03-10T06:00:00+00:00".to_owned(), -2.0)
            ]
        );
    }

    #[test]
    fn nonsense_is_refused_with_its_value() {
        let error = Flows::from_json(
            br#"{"ts":"2026-03-10T12:05:00Z","units":"MW","net":{"HQ":12000.5},"points":{}}"#,
        );
        assert!(error.unwrap_err().to_string().contains("12000.5"));
        let error = ZoneSeries::from_json(
            br#"{"issued":"2026-03-10T12:05:00Z","zone":"nyc","units":"","basis":"",
                 "start":"2026-03-10T12:05:00Z","step_s":0,"values":[]}"#,
        );
        assert!(error.unwrap_err().to_string().contains("step_s is 0"));
    }
}
