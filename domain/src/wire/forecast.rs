//! Payloads of what is expected: the forecast, how good it has been, and the marginal intensity of a zone.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::feeds::check_step;
use super::payload::{AVERAGE_BOUNDS, WireError, read, wire_payload, within};
use super::{Origin, rfc3339};
use crate::Timestamp;

wire_payload!(CarbonForecast, ZoneNow, Skill);

/// `forecast/co2`, `forecast/co2/consumption`, `forecast/co2/marginal/<zone>`: what is expected, slot by
/// slot without a hole. Which intensity it is stands in `basis`; the three are never mixed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CarbonForecast {
    /// When it was made; the newer one holds.
    #[serde(with = "rfc3339")]
    pub issued: Timestamp,
    /// What made it: `ny-power`, where history is short `profile-14d` or `static`, or
    /// `nyiso-day-ahead` with its continuation.
    pub model: String,
    /// `g / kWh`.
    pub units: String,
    /// Which intensity: `average, production, direct`; `average, consumption, direct`;
    /// `marginal, direct, …`.
    pub basis: String,
    /// Slug of the load zone, of a marginal forecast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Start of the first slot.
    #[serde(with = "rfc3339")]
    pub start: Timestamp,
    /// Seconds of a slot: 900.
    pub step_s: u32,
    /// The expected value of each slot (P50).
    pub values: Vec<f64>,
    /// One time out of ten it is below this.
    pub p10: Vec<f64>,
    /// Nine times out of ten it is not above this.
    pub p90: Vec<f64>,
    /// Slots that start before this are NYISO's own day-ahead rate; those after continue it by profile.
    /// Only of a marginal forecast; absent where none is known.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    pub known_until: Option<Timestamp>,
    /// Which emission factors; empty where NYISO's own rate needs none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub factor_set: String,
    /// Live, played back or made up.
    #[serde(default)]
    pub origin: Origin,
}

/// One slot of a forecast, `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForecastSlot {
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
    /// Expected, g/kWh.
    pub value: f64,
    /// One time out of ten below.
    pub p10: f64,
    /// Nine times out of ten not above.
    pub p90: f64,
}

impl CarbonForecast {
    /// Reads a payload; checks bounds, lengths and step.
    ///
    /// # Errors
    /// [`WireError`] says what is wrong.
    pub fn from_json(payload: &[u8]) -> Result<Self, WireError> {
        let forecast: Self = read(payload)?;
        check_step(forecast.step_s)?;
        let slots = forecast.values.len();
        for (name, list) in [("p10", &forecast.p10), ("p90", &forecast.p90)] {
            if list.len() != slots {
                return Err(WireError::Shape(format!(
                    "{} values of {name} but {slots} slots",
                    list.len()
                )));
            }
        }
        for (field, list) in
            [("values", &forecast.values), ("p10", &forecast.p10), ("p90", &forecast.p90)]
        {
            for value in list {
                within(field, *value, AVERAGE_BOUNDS)?;
            }
        }
        let span = i64::from(forecast.step_s) * i64::try_from(slots).unwrap_or(i64::MAX);
        let end =
            TimeDelta::try_seconds(span).and_then(|span| forecast.start.checked_add_signed(span));
        match end {
            Some(_) => Ok(forecast),
            None => Err(WireError::Shape(format!("{slots} slots reach beyond the calendar"))),
        }
    }

    /// The slots, ascending.
    pub fn slots(&self) -> impl Iterator<Item = ForecastSlot> + '_ {
        let step = TimeDelta::seconds(i64::from(self.step_s));
        (0i32..).zip(self.values.iter().zip(self.p10.iter().zip(&self.p90))).map(
            move |(index, (value, (p10, p90)))| {
                let start = self.start + step * index;
                ForecastSlot { start, end: start + step, value: *value, p10: *p10, p90: *p90 }
            },
        )
    }
}

impl CarbonForecast {
    /// What it says of the instant `ts`; `None` where no slot covers it.
    pub fn value_at(&self, ts: Timestamp) -> Option<f64> {
        let slot = (ts - self.start).num_seconds().checked_div(i64::from(self.step_s))?;
        let index = usize::try_from(slot).ok().filter(|_| self.start <= ts)?;
        self.values.get(index).copied()
    }
}

/// `computed/co2/<zone>`: marginal intensity now in a load zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZoneNow {
    /// Interval end.
    #[serde(with = "rfc3339")]
    pub ts: Timestamp,
    /// Slug of the load zone.
    pub zone: String,
    /// g CO2 per kWh: marginal, direct.
    pub marginal: f64,
    /// `g / kWh`.
    pub units: String,
    /// Where it comes from: NYISO's rate in real time or day-ahead, or the estimate for the whole state.
    pub marginal_basis: String,
    /// NYISO's number lay outside of 0 to 1500 and was put at the bound.
    #[serde(default)]
    pub clamped: bool,
    /// Live, played back or made up.
    #[serde(default)]
    pub origin: Origin,
}

impl ZoneNow {
    /// Reads and bounds-checks a payload.
    ///
    /// # Errors
    /// [`WireError`] says which field holds what.
    pub fn from_json(payload: &[u8]) -> Result<Self, WireError> {
        let now: Self = read(payload)?;
        within("marginal", now.marginal, AVERAGE_BOUNDS)?;
        Ok(now)
    }
}

/// `forecast/co2/skill`: how the published forecasts of the last days compare with what came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skill {
    /// When this was worked out.
    #[serde(with = "rfc3339")]
    pub ts: Timestamp,
    /// Which intensity.
    pub basis: String,
    /// What made the forecasts.
    pub model: String,
    /// Days that are looked back at: 30.
    pub days: u32,
    /// First and last instant that was forecast and has come; `null` where nothing could be scored yet.
    #[serde(with = "rfc3339::option")]
    pub from: Option<Timestamp>,
    /// See `from`.
    #[serde(with = "rfc3339::option")]
    pub to: Option<Timestamp>,
    /// One a day ahead, the first first.
    pub horizons: Vec<HorizonSkill>,
    /// Live, played back or made up.
    #[serde(default)]
    pub origin: Origin,
}

/// The skill of one day ahead.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HorizonSkill {
    /// 1 is the first 24 hours after the issue.
    pub day: u32,
    /// Forecast hours that were scored.
    pub hours: u32,
    /// Mean absolute percentage error, percent; `null` where nothing was scored.
    pub mape: Option<f64>,
    /// Mean absolute error, g/kWh.
    pub mae: Option<f64>,
    /// Share of outcomes between P10 and P90, percent.
    pub coverage_p10_p90: Option<f64>,
}

impl Skill {
    /// Reads a payload.
    ///
    /// # Errors
    /// [`WireError`] when it is not of this shape.
    pub fn from_json(payload: &[u8]) -> Result<Self, WireError> {
        read(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::GRAMS_PER_KWH;

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[track_caller]
    fn pinned(json: &[u8], expected: &str) {
        assert_eq!(std::str::from_utf8(json).unwrap(), expected);
    }

    fn forecast() -> CarbonForecast {
        CarbonForecast {
            issued: ts("2026-03-10T12:00:00Z"),
            model: "ny-power".into(),
            units: GRAMS_PER_KWH.into(),
            basis: "average, production, direct".into(),
            zone: None,
            start: ts("2026-03-10T12:00:00Z"),
            step_s: 900,
            values: vec![210.0, 205.5],
            p10: vec![200.0, 195.0],
            p90: vec![220.0, 216.0],
            known_until: None,
            factor_set: "ny-2026.1".into(),
            origin: Origin::Nyiso,
        }
    }

    #[test]
    fn the_forecast_is_pinned() {
        pinned(
            &forecast().to_json(),
            concat!(
                r#"{"issued":"2026-03-10T12:00:00Z","model":"ny-power","units":"g / kWh","#,
                r#""basis":"average, production, direct","start":"2026-03-10T12:00:00Z","step_s":900,"#,
                r#""values":[210.0,205.5],"p10":[200.0,195.0],"p90":[220.0,216.0],"#,
                r#""factor_set":"ny-2026.1","origin":"nyiso"}"#
            ),
        );
        assert_eq!(CarbonForecast::from_json(&forecast().to_json()).unwrap(), forecast());
        let marginal = CarbonForecast {
            zone: Some("nyc".into()),
            known_until: Some(ts("2026-03-11T04:00:00Z")),
            factor_set: String::new(),
            ..forecast()
        };
        assert_eq!(CarbonForecast::from_json(&marginal.to_json()).unwrap(), marginal);
    }

    #[test]
    fn slots_follow_each_other() {
        let forecast = forecast();
        let last = forecast.slots().last().unwrap();
        assert_eq!(
            last,
            ForecastSlot {
                start: ts("2026-03-10T12:15:00Z"),
                end: ts("2026-03-10T12:30:00Z"),
                value: 205.5,
                p10: 195.0,
                p90: 216.0
            }
        );
    }

    #[test]
    fn zone_and_skill_are_pinned() {
        let zone = ZoneNow {
            ts: ts("2026-03-10T12:05:00Z"),
            zone: "nyc".into(),
            marginal: 455.0,
            units: GRAMS_PER_KWH.into(),
            marginal_basis: "NYISO implied marginal emission rate, real time".into(),
            clamped: false,
            origin: Origin::Nyiso,
        };
        pinned(
            &zone.to_json(),
            concat!(
                r#"{"ts":"2026-03-10T12:05:00Z","zone":"nyc","marginal":455.0,"units":"g / kWh","#,
                r#""marginal_basis":"NYISO implied marginal emission rate, real time","clamped":false,"#,
                r#""origin":"nyiso"}"#
            ),
        );
        assert_eq!(ZoneNow::from_json(&zone.to_json()).unwrap(), zone);
        let skill = Skill {
            ts: ts("2026-03-10T12:00:00Z"),
            basis: "average, production, direct".into(),
            model: "ny-power".into(),
            days: 30,
            from: None,
            to: None,
            horizons: vec![HorizonSkill {
                day: 1,
                hours: 0,
                mape: None,
                mae: Some(9.5),
                coverage_p10_p90: None,
            }],
            origin: Origin::Nyiso,
        };
        pinned(
            &skill.to_json(),
            concat!(
                r#"{"ts":"2026-03-10T12:00:00Z","basis":"average, production, direct","model":"ny-power","#,
                r#""days":30,"from":null,"to":null,"horizons":[{"day":1,"hours":0,"mape":null,"mae":9.5,"#,
                r#""coverage_p10_p90":null}],"origin":"nyiso"}"#
            ),
        );
        assert_eq!(Skill::from_json(&skill.to_json()).unwrap(), skill);
    }

    #[test]
    fn a_forecast_that_cannot_be_is_refused_with_its_value() {
        let check = |forecast: CarbonForecast, expected: &str| {
            let error = CarbonForecast::from_json(&forecast.to_json()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(CarbonForecast { p10: vec![1.0], ..forecast() }, "1 values of p10 but 2 slots");
        check(CarbonForecast { values: vec![1.0, 1500.5], ..forecast() }, "1500.5");
        check(CarbonForecast { step_s: 0, ..forecast() }, "step_s is 0");
    }
}
