//! Payloads, one struct a topic. `docs/` and the JSON Schemas say the same; tests hold them together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::rfc3339;
use crate::Timestamp;
use crate::factors::FactorSetName;
use crate::fuel_mix::{Fuel, FuelMix};
use crate::units::Megawatts;
use crate::week::Verdict;

/// The unit label that IBM/ny-power's clients show.
pub const GRAMS_PER_KWH: &str = "g / kWh";

/// The unit of power on the wire.
pub const MEGAWATTS: &str = "MW";

/// Where the data behind a payload come from. What is not live is never taken for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// NYISO, live.
    #[default]
    Nyiso,
    /// NYISO's files of another day, played back.
    Recorded,
    /// Made up: plausible, and true of nothing.
    Generated,
}

impl Origin {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nyiso => "nyiso",
            Self::Recorded => "recorded",
            Self::Generated => "generated",
        }
    }

    /// The origin of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Nyiso, Self::Recorded, Self::Generated]
            .into_iter()
            .find(|origin| origin.as_str() == word)
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A payload that is not what its topic promises. The reader counts and drops it.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Not JSON, or not of this shape.
    #[error("payload is not of the promised shape")]
    Json(#[from] serde_json::Error),
    /// A number outside what can be true.
    #[error("{field} is {value}, outside {min} to {max}")]
    Bounds {
        /// Which field.
        field: &'static str,
        /// What it says.
        value: f64,
        /// Smallest that is believed.
        min: f64,
        /// Largest that is believed.
        max: f64,
    },
    /// Two lists that belong together differ in length, or times run backwards.
    #[error("{0}")]
    Shape(String),
}

/// Bounds within which an average intensity is believed, g/kWh.
pub(crate) const AVERAGE_BOUNDS: (f64, f64) = (0.0, 1500.0);

/// Bounds within which the generation of one category is believed, MW. The whole state peaks at about
/// 34,000 MW of load.
pub(crate) const FUEL_BOUNDS: (f64, f64) = (-5_000.0, 50_000.0);

pub(super) fn within(
    field: &'static str,
    value: f64,
    (min, max): (f64, f64),
) -> Result<(), WireError> {
    if (min..=max).contains(&value) {
        Ok(())
    } else {
        Err(WireError::Bounds { field, value, min, max })
    }
}

pub(super) fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, WireError> {
    Ok(serde_json::from_slice(payload)?)
}

macro_rules! wire_payload {
    ($($payload:ty),+) => {$(
        impl $payload {
            /// The JSON that goes on the wire.
            pub fn to_json(&self) -> Vec<u8> {
                serde_json::to_vec(self).expect("string keys and finite numbers always serialize")
            }
        }
    )+};
}
pub(super) use wire_payload;
wire_payload!(Mix, FuelReading, Updated, CarbonNow, CarbonSeries);

/// `upstream/mix`: generation by fuel over the interval that ends at `ts`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mix {
    /// Interval end.
    #[serde(with = "rfc3339")]
    pub ts: Timestamp,
    /// Seconds since the instant before, 300 where there is none within 6 h.
    pub interval_s: u32,
    /// `MW`.
    pub units: String,
    /// NYISO's spelling to MW. A category that NYISO did not give is absent.
    pub fuels: BTreeMap<String, f64>,
    /// All seven categories and no other.
    pub complete: bool,
    /// Replaces what was published for this instant.
    #[serde(default)]
    pub revised: bool,
    /// Live, played back or made up.
    #[serde(default)]
    pub origin: Origin,
}

impl Mix {
    /// The payload for `mix`.
    pub fn new(mix: &FuelMix, interval_s: u32, revised: bool, origin: Origin) -> Self {
        let mut fuels: BTreeMap<String, f64> =
            mix.fuels().map(|(fuel, power)| (fuel.name().to_owned(), power.value())).collect();
        fuels.extend(mix.unknown().iter().map(|(name, power)| (name.clone(), power.value())));
        Self {
            ts: mix.ts,
            interval_s,
            units: MEGAWATTS.to_owned(),
            fuels,
            complete: mix.is_complete(),
            revised,
            origin,
        }
    }

    /// Reads and bounds-checks a payload.
    ///
    /// # Errors
    /// [`WireError`] says which field holds what.
    pub fn from_json(payload: &[u8]) -> Result<Self, WireError> {
        let mix: Self = read(payload)?;
        for power in mix.fuels.values() {
            within("generation of a fuel", *power, FUEL_BOUNDS)?;
        }
        Ok(mix)
    }

    /// The fuel mix that the payload tells of.
    pub fn fuel_mix(&self) -> FuelMix {
        let mut mix = FuelMix::new(self.ts);
        for (name, power) in &self.fuels {
            let Some(power) = Megawatts::new(*power) else { continue };
            match Fuel::from_name(name) {
                Some(fuel) => {
                    mix.set(fuel, power);
                }
                None => mix.set_unknown(name, power),
            }
        }
        mix
    }
}

/// `upstream/fuel-mix/<Fuel Category>`: one fuel, as IBM/ny-power published it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FuelReading {
    /// Interval end.
    #[serde(with = "rfc3339")]
    pub ts: Timestamp,
    /// MW.
    pub value: f64,
    /// `MW`.
    pub units: String,
    /// Live, played back or made up.
    #[serde(default)]
    pub origin: Origin,
}

/// `status/fuel-mix/updated`: the newest instant, as IBM/ny-power published it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Updated {
    /// Interval end of the newest instant.
    #[serde(with = "rfc3339")]
    pub ts: Timestamp,
    /// Live, played back or made up.
    #[serde(default)]
    pub origin: Origin,
}

/// `computed/co2`: average intensity now. `value` is average, production, direct (the meaning it had in
/// IBM/ny-power's stream); whatever stands beside it carries its meaning in its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CarbonNow {
    /// Interval end.
    #[serde(with = "rfc3339")]
    pub ts: Timestamp,
    /// g CO2 per kWh: average, production, direct.
    pub value: f64,
    /// `g / kWh`.
    pub units: String,
    /// g CO2eq per kWh: average, production, life cycle; `null` where the factor set has none.
    #[serde(default)]
    pub life_cycle: Option<f64>,
    /// g CO2 per kWh: average, consumption (imports counted), direct. Absent where the flows are not known:
    /// then `production_only` says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumption: Option<f64>,
    /// g CO2eq per kWh: average, consumption, life cycle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumption_life_cycle: Option<f64>,
    /// Why `consumption` is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub production_only: Option<String>,
    /// g CO2 per kWh: marginal, direct, state-wide; by zone see `computed/co2/<zone>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marginal: Option<f64>,
    /// Where `marginal` comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marginal_basis: Option<String>,
    /// MW of Other Renewables that are taken for waste and wood, the rest for sun. Absent where the last
    /// night is not known: then all of them are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewables_floor_mw: Option<f64>,
    /// `clean`, `average`, `dirty` or `flat`, worked out once for every page and device; `null` where
    /// there is too little history to say.
    #[serde(default, with = "verdict")]
    pub verdict: Option<Verdict>,
    /// Share of the last 7 days that was cleaner, percent, weighted by duration.
    #[serde(default)]
    pub percentile_7d: Option<f64>,
    /// Hours of data behind the percentile: 168 when the week is whole.
    #[serde(default)]
    pub percentile_hours: Option<f64>,
    /// A third of the week was cleaner than this, g/kWh.
    #[serde(default)]
    pub p33: Option<f64>,
    /// Two thirds of the week were cleaner than this, g/kWh.
    #[serde(default)]
    pub p67: Option<f64>,
    /// Cleanest of the week, g/kWh.
    #[serde(default)]
    pub min_7d: Option<f64>,
    /// Dirtiest of the week, g/kWh.
    #[serde(default)]
    pub max_7d: Option<f64>,
    /// Which emission factors.
    pub factor_set: String,
    /// Every fuel category was there and known.
    pub complete: bool,
    /// Categories that were absent, NYISO's spelling; their share is in no number here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Categories without a factor; their share is in no number here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// Replaces what was published for this instant.
    #[serde(default)]
    pub revised: bool,
    /// Live, played back or made up.
    #[serde(default)]
    pub origin: Origin,
}

impl CarbonNow {
    /// Reads and bounds-checks a payload.
    ///
    /// # Errors
    /// [`WireError`] says which field holds what.
    pub fn from_json(payload: &[u8]) -> Result<Self, WireError> {
        let now: Self = read(payload)?;
        within("value", now.value, AVERAGE_BOUNDS)?;
        for (field, value) in [
            ("life_cycle", now.life_cycle),
            ("consumption", now.consumption),
            ("consumption_life_cycle", now.consumption_life_cycle),
            ("marginal", now.marginal),
            ("p33", now.p33),
            ("p67", now.p67),
            ("min_7d", now.min_7d),
            ("max_7d", now.max_7d),
        ] {
            value.map_or(Ok(()), |value| within(field, value, AVERAGE_BOUNDS))?;
        }
        now.percentile_7d.map_or(Ok(()), |value| within("percentile_7d", value, (0.0, 100.0)))?;
        Ok(now)
    }

    /// The factor set by name, if this program carries it.
    pub fn factors(&self) -> Option<FactorSetName> {
        self.factor_set.parse().ok()
    }
}

/// Serde for a verdict, kept out of [`crate::week`].
mod verdict {
    use super::{Deserialize, Verdict};
    use serde::{Deserializer, Serializer};

    const WORDS: [(Verdict, &str); 4] = [
        (Verdict::Clean, "clean"),
        (Verdict::Average, "average"),
        (Verdict::Dirty, "dirty"),
        (Verdict::Flat, "flat"),
    ];

    pub fn serialize<S: Serializer>(
        verdict: &Option<Verdict>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match verdict.and_then(|verdict| WORDS.iter().find(|(known, _)| *known == verdict)) {
            Some((_, word)) => serializer.serialize_str(word),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Verdict>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        // A later publisher may know more words than we do.
        Ok(WORDS.iter().find(|(_, word)| *word == text).map(|(verdict, _)| *verdict))
    }
}

/// `archive/co2/24h` and `archive/co2/7d`: average intensity, production, direct, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CarbonSeries {
    /// `g / kWh`.
    pub units: String,
    /// Interval ends, ascending. A hole in the data is a hole here.
    #[serde(with = "rfc3339::list")]
    pub ts: Vec<Timestamp>,
    /// g CO2 per kWh, one for each of `ts`.
    pub values: Vec<f64>,
    /// Which emission factors.
    #[serde(default)]
    pub factor_set: String,
    /// Live, played back or made up.
    #[serde(default)]
    pub origin: Origin,
}

impl CarbonSeries {
    /// Reads a payload; checks bounds, lengths and order.
    ///
    /// # Errors
    /// [`WireError`] says what is wrong.
    pub fn from_json(payload: &[u8]) -> Result<Self, WireError> {
        let series: Self = read(payload)?;
        if series.ts.len() != series.values.len() {
            return Err(WireError::Shape(format!(
                "{} times but {} values",
                series.ts.len(),
                series.values.len()
            )));
        }
        if let Some(pair) = series.ts.windows(2).find(|pair| pair[1] <= pair[0]) {
            return Err(WireError::Shape(format!(
                "{} does not come after {}",
                rfc3339::text(pair[1]),
                rfc3339::text(pair[0])
            )));
        }
        for value in &series.values {
            within("values", *value, AVERAGE_BOUNDS)?;
        }
        Ok(series)
    }
}

macro_rules! plain_reader {
    ($($payload:ty),+) => {$(
        impl $payload {
            /// Reads a payload.
            ///
            /// # Errors
            /// [`WireError`] when it is not of this shape.
            pub fn from_json(payload: &[u8]) -> Result<Self, WireError> {
                read(payload)
            }
        }
    )+};
}
pub(super) use plain_reader;
plain_reader!(FuelReading, Updated);

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn ts() -> Timestamp {
        DateTime::from_timestamp(1_773_144_300, 0).unwrap()
    }

    fn mix() -> Mix {
        let mut mix = FuelMix::new(ts());
        for (fuel, power) in
            Fuel::ALL.into_iter().zip([2282.0, 3310.0, 5413.0, 0.0, 237.0, 258.0, 2814.0])
        {
            mix.set(fuel, Megawatts::new(power).unwrap());
        }
        Mix::new(&mix, 300, false, Origin::Nyiso)
    }

    #[track_caller]
    fn pinned(json: &[u8], expected: &str) {
        assert_eq!(std::str::from_utf8(json).unwrap(), expected);
    }

    #[test]
    fn mix_is_pinned() {
        pinned(
            &mix().to_json(),
            concat!(
                r#"{"ts":"2026-03-10T12:05:00Z","interval_s":300,"units":"MW","fuels":{"Dual Fuel":2282.0,"#,
                r#""Hydro":2814.0,"Natural Gas":3310.0,"Nuclear":5413.0,"Other Fossil Fuels":0.0,"#,
                r#""Other Renewables":237.0,"Wind":258.0},"complete":true,"revised":false,"origin":"nyiso"}"#
            ),
        );
        assert_eq!(Mix::from_json(&mix().to_json()).unwrap(), mix());
        assert_eq!(mix().fuel_mix().total(), 14_314.0);
    }

    #[test]
    fn an_unknown_fuel_survives_the_wire_and_an_absent_one_stays_absent() {
        let mut sent = mix().fuel_mix();
        sent.set_unknown("Batteries", Megawatts::new(30.0).unwrap());
        let read = Mix::from_json(&Mix::new(&sent, 300, false, Origin::Nyiso).to_json()).unwrap();
        assert!(!read.complete);
        assert_eq!(read.fuel_mix(), sent);
    }

    #[test]
    fn carbon_now_is_pinned() {
        let now = CarbonNow {
            ts: ts(),
            value: 187.7,
            units: GRAMS_PER_KWH.into(),
            life_cycle: Some(250.0),
            consumption: None,
            consumption_life_cycle: None,
            production_only: None,
            marginal: None,
            marginal_basis: None,
            renewables_floor_mw: None,
            verdict: Some(Verdict::Clean),
            percentile_7d: Some(24.0),
            percentile_hours: Some(168.0),
            p33: Some(190.0),
            p67: Some(246.0),
            min_7d: Some(168.0),
            max_7d: Some(334.0),
            factor_set: "ny-2026.1".into(),
            complete: true,
            missing: vec![],
            unknown: vec![],
            revised: false,
            origin: Origin::Nyiso,
        };
        pinned(
            &now.to_json(),
            concat!(
                r#"{"ts":"2026-03-10T12:05:00Z","value":187.7,"units":"g / kWh","life_cycle":250.0,"#,
                r#""verdict":"clean","percentile_7d":24.0,"percentile_hours":168.0,"p33":190.0,"p67":246.0,"#,
                r#""min_7d":168.0,"max_7d":334.0,"factor_set":"ny-2026.1","complete":true,"revised":false,"#,
                r#""origin":"nyiso"}"#
            ),
        );
        assert_eq!(CarbonNow::from_json(&now.to_json()).unwrap(), now);
    }

    #[test]
    fn the_small_ones_are_pinned() {
        pinned(
            &FuelReading {
                ts: ts(),
                value: 3310.0,
                units: MEGAWATTS.into(),
                origin: Origin::Nyiso,
            }
            .to_json(),
            r#"{"ts":"2026-03-10T12:05:00Z","value":3310.0,"units":"MW","origin":"nyiso"}"#,
        );
        pinned(
            &Updated { ts: ts(), origin: Origin::Generated }.to_json(),
            r#"{"ts":"2026-03-10T12:05:00Z","origin":"generated"}"#,
        );
        let series = CarbonSeries {
            units: GRAMS_PER_KWH.into(),
            ts: vec![ts()],
            values: vec![187.7],
            factor_set: "ny-2026.1".into(),
            origin: Origin::Nyiso,
        };
        pinned(
            &series.to_json(),
            concat!(
                r#"{"units":"g / kWh","ts":["2026-03-10T12:05:00Z"],"values":[187.7],"#,
                r#""factor_set":"ny-2026.1","origin":"nyiso"}"#
            ),
        );
    }

    #[test]
    fn readers_take_a_later_publisher_and_ibms() {
        let now = CarbonNow::from_json(
            br#"{"ts":"2018-03-10T07:05:00-05:00","value":187.7,"units":"g / kWh","factor_set":"x",
                 "complete":true,"colour":"green","verdict":"superb"}"#,
        )
        .unwrap();
        assert_eq!(now.ts, DateTime::from_timestamp(1_520_683_500, 0).unwrap());
        assert_eq!(now.factors(), None);
        let old = br#"{"ts":"2018-03-10T12:05:00Z","value":3310,"units":"MW"}"#;
        assert_eq!(FuelReading::from_json(old).unwrap().value, 3310.0);
    }

    #[test]
    fn nonsense_is_refused_with_its_value() {
        let check = |error: WireError, expected: &str| {
            let text = format!(
                "{error}: {:?}",
                std::error::Error::source(&error).map(ToString::to_string)
            );
            assert!(text.contains(expected), "{text}");
        };
        let head =
            r#"{"ts":"2026-03-10T12:05:00Z","units":"g / kWh","factor_set":"x","complete":true"#;
        check(
            CarbonNow::from_json(format!("{head},\"value\":1500.1}}").as_bytes()).unwrap_err(),
            "1500.1",
        );
        check(CarbonNow::from_json(format!("{head},\"value\":-1}}").as_bytes()).unwrap_err(), "-1");
        check(CarbonNow::from_json(b"<html>").unwrap_err(), "expected value");
        check(CarbonNow::from_json(br#"{"ts":"yesterday","value":1}"#).unwrap_err(), "yesterday");
        let series = |body: &str| {
            CarbonSeries::from_json(format!("{{\"units\":\"\",{body}}}").as_bytes()).unwrap_err()
        };
        check(series(r#""ts":["2026-03-10T12:05:00Z"],"values":[]"#), "1 times but 0 values");
        check(
            series(r#""ts":["2026-03-10T12:05:00Z","2026-03-10T12:05:00Z"],"values":[1,2]"#),
            "does not come after",
        );
    }
}
