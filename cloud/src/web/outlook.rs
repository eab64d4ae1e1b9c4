//! What is expected, as cacheable JSON: `/forecast/co2`, `/forecast/skill`, and `/evcc/co2` in the shape of
//! evcc's custom tariffs.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use chrono::{DateTime, TimeDelta};
use serde::Serialize;

use domain::Timestamp;
use domain::wire::{CarbonForecast, ForecastSlot, Signal, Topic};
use domain::zone::LoadZone;

use super::api::{error, open_to_all, rfc3339};
use super::assets::Compressed;
use super::respond::{self, Cache};
use super::retained::Retained;

/// The slot of an evcc tariff, seconds.
const EVCC_STEP_S: i64 = 900;

/// A forecast that starts later than now by up to this still stands for now: two machines' clocks differ, and
/// one made for the next quarter hour may be here a little early.
const EARLY: TimeDelta = TimeDelta::hours(1);

/// Says on an answer whose shape has no room for it that the data are not New York's grid of now.
const ORIGIN: &str = "ny-power-origin";

/// One rate of an evcc tariff, `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Rate {
    #[serde(serialize_with = "rfc3339")]
    start: Timestamp,
    #[serde(serialize_with = "rfc3339")]
    end: Timestamp,
    value: f64,
}

/// Answers `/forecast/co2`: the payload of the topic, as it came.
pub fn forecast(
    retained: &Retained,
    query: Option<&str>,
    headers: &HeaderMap,
    now: Timestamp,
) -> Response {
    match newest(retained, query, now) {
        Ok((_, forecast, payload)) => cacheable(headers, payload, &forecast),
        Err(refusal) => refusal.into(),
    }
}

/// Answers `/evcc/co2`.
pub fn evcc(
    retained: &Retained,
    query: Option<&str>,
    headers: &HeaderMap,
    now: Timestamp,
) -> Response {
    let (signal, forecast, _) = match newest(retained, query, now) {
        Ok(found) => found,
        Err(refusal) => return refusal.into(),
    };
    let rates = rates(&forecast, now);
    if rates.is_empty() {
        let reason = format!(
            "the newest forecast of {} starts at {}, and says nothing of now",
            name(signal),
            utc(forecast.start)
        );
        return error(StatusCode::SERVICE_UNAVAILABLE, &reason);
    }
    let body = serde_json::to_vec(&rates).expect("finite numbers always serialize");
    cacheable(headers, body.into(), &forecast)
}

/// Answers `/forecast/skill`: the payload of the topic, as it came.
pub fn skill(retained: &Retained, headers: &HeaderMap) -> Response {
    match retained.get(&Topic::Skill) {
        Some(payload) => with_payload(headers, payload),
        None => none_yet(retained, "no score of the forecast has arrived yet"),
    }
}

/// Why there is no forecast to give.
struct Refusal(StatusCode, String);

impl From<Refusal> for Response {
    fn from(Refusal(status, reason): Refusal) -> Self {
        error(status, &reason)
    }
}

/// The newest forecast that the query asks for, if it still reaches beyond now.
fn newest(
    retained: &Retained,
    query: Option<&str>,
    now: Timestamp,
) -> Result<(Signal, std::sync::Arc<CarbonForecast>, Bytes), Refusal> {
    let signal = signal(query).map_err(|reason| Refusal(StatusCode::BAD_REQUEST, reason))?;
    let Some((forecast, payload)) = retained.forecast(signal) else {
        let name = name(signal);
        return Err(if retained.forecast(Signal::Production).is_none() {
            Refusal(
                StatusCode::SERVICE_UNAVAILABLE,
                waiting(retained, "no forecast has arrived yet"),
            )
        } else {
            let reason =
                format!("no forecast of {name} is published here; of production there is one");
            Refusal(StatusCode::NOT_FOUND, reason)
        });
    };
    match forecast.slots().last() {
        Some(last) if last.end > now => Ok((signal, forecast, payload)),
        last => {
            let over = last.map_or(forecast.start, |last| last.end);
            let reason = format!(
                "the newest forecast of {} was issued at {} and ended at {}",
                name(signal),
                utc(forecast.issued),
                utc(over)
            );
            Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, waiting(retained, &reason)))
        }
    }
}

/// The quarter hours from the one of `now` to the end of the forecast: ascending, each starting where the one
/// before ends. Empty where the forecast starts over an hour from now.
fn rates(forecast: &CarbonForecast, now: Timestamp) -> Vec<Rate> {
    let slots: Vec<ForecastSlot> = forecast.slots().collect();
    let (Some(first), Some(last)) = (slots.first(), slots.last()) else { return Vec::new() };
    if first.start > now + EARLY {
        return Vec::new();
    }
    let step = TimeDelta::seconds(EVCC_STEP_S);
    let mut start = quarter(now);
    let mut rates = Vec::new();
    while start + step <= last.end {
        let end = start + step;
        let value = mean(&slots, start, end).unwrap_or(first.value);
        rates.push(Rate { start, end, value: (value * 10.0).round() / 10.0 });
        start = end;
    }
    rates
}

/// The mean of the slots within `[start, end)`, by duration; `None` where none is.
fn mean(slots: &[ForecastSlot], start: Timestamp, end: Timestamp) -> Option<f64> {
    let (mut sum, mut span) = (0.0, 0.0);
    let from = slots.partition_point(|slot| slot.end <= start);
    for slot in slots[from..].iter().take_while(|slot| slot.start < end) {
        let share = (slot.end.min(end) - slot.start.max(start)).num_seconds() as f64;
        sum += share * slot.value;
        span += share;
    }
    (span > 0.0).then(|| sum / span)
}

/// The start of the quarter hour of `now`. New York's offsets are full hours: it is one there too.
fn quarter(now: Timestamp) -> Timestamp {
    let start = now.timestamp().div_euclid(EVCC_STEP_S) * EVCC_STEP_S;
    DateTime::from_timestamp(start, 0).unwrap_or(now)
}

/// Which forecast a query asks for: `signal` and, for marginal only, `zone`.
fn signal(query: Option<&str>) -> Result<Signal, String> {
    let signal = parameter(query, "signal")?;
    let zone = parameter(query, "zone")?;
    let slugs = || LoadZone::ALL.map(LoadZone::slug).join(", ");
    let signal = match signal.unwrap_or("production") {
        "production" => Signal::Production,
        "consumption" => Signal::Consumption,
        "marginal" => {
            let Some(zone) = zone else {
                return Err(format!("signal=marginal needs a zone: one of {}", slugs()));
            };
            let found = LoadZone::from_slug(zone);
            return found
                .map(Signal::Marginal)
                .ok_or_else(|| format!("zone is {:?}: give one of {}", shortened(zone), slugs()));
        }
        other => {
            let shown = shortened(other);
            return Err(format!("signal is {shown:?}: give production, consumption or marginal"));
        }
    };
    match zone {
        Some(_) => Err("zone goes with signal=marginal only".to_owned()),
        None => Ok(signal),
    }
}

/// The value of a parameter of the query; an error when it stands there twice.
fn parameter<'a>(query: Option<&'a str>, wanted: &str) -> Result<Option<&'a str>, String> {
    let mut found = None;
    for pair in query.unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name != wanted {
            continue;
        }
        if found.is_some() {
            return Err(format!("{wanted} is given twice: give it once"));
        }
        found = Some(value);
    }
    Ok(found)
}

/// What came back is shown as JSON text, cut short.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

fn name(signal: Signal) -> String {
    match signal {
        Signal::Production => "production".to_owned(),
        Signal::Consumption => "consumption".to_owned(),
        Signal::Marginal(zone) => format!("the marginal intensity of {}", zone.slug()),
    }
}

fn utc(ts: Timestamp) -> String {
    ts.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn waiting(retained: &Retained, reason: &str) -> String {
    if retained.snapshot().broker_up {
        reason.to_owned()
    } else {
        format!("{reason}: the session to the broker is down")
    }
}

fn none_yet(retained: &Retained, reason: &str) -> Response {
    error(StatusCode::SERVICE_UNAVAILABLE, &waiting(retained, reason))
}

fn cacheable(headers: &HeaderMap, body: Bytes, forecast: &CarbonForecast) -> Response {
    let mut response = with_payload(headers, body);
    let origin = HeaderValue::from_static(forecast.origin.as_str());
    response.headers_mut().insert(ORIGIN, origin);
    response
}

fn with_payload(headers: &HeaderMap, body: Bytes) -> Response {
    let document = Compressed::new(body.to_vec());
    open_to_all(respond::with(headers, &document, respond::JSON, Cache::Minute))
}

#[cfg(test)]
mod tests {
    use domain::wire::Origin;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn forecast(start: &str, step_s: u32, values: &[f64]) -> CarbonForecast {
        CarbonForecast {
            issued: at(start),
            model: "ny-power".into(),
            units: "g / kWh".into(),
            basis: "average, production, direct".into(),
            zone: None,
            start: at(start),
            step_s,
            values: values.to_vec(),
            p10: values.to_vec(),
            p90: values.to_vec(),
            known_until: None,
            factor_set: String::new(),
            origin: Origin::Nyiso,
        }
    }

    #[track_caller]
    fn check(forecast: &CarbonForecast, now: &str, expected: &[(&str, f64)]) {
        let rates = rates(forecast, at(now));
        let got: Vec<_> = rates.iter().map(|rate| (utc(rate.start), rate.value)).collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(time, value)| (format!("2026-03-10T{time}:00Z"), *value))
            .collect();
        assert_eq!(got, expected);
        assert!(rates.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert!(rates.first().is_none_or(|first| first.start <= at(now) && at(now) < first.end));
    }

    #[test]
    fn quarter_hours_from_now_without_a_hole() {
        let noon = forecast("2026-03-10T12:00:00Z", 900, &[210.0, 205.55, 200.0]);
        check(
            &noon,
            "2026-03-10T12:00:00Z",
            &[("12:00", 210.0), ("12:15", 205.6), ("12:30", 200.0)],
        );
        check(&noon, "2026-03-10T12:29:59Z", &[("12:15", 205.6), ("12:30", 200.0)]);
        check(&noon, "2026-03-10T12:45:00Z", &[]);
        // A little early: the first slot stands for now.
        check(
            &noon,
            "2026-03-10T11:44:00Z",
            &[
                ("11:30", 210.0),
                ("11:45", 210.0),
                ("12:00", 210.0),
                ("12:15", 205.6),
                ("12:30", 200.0),
            ],
        );
        check(&noon, "2026-03-10T10:59:00Z", &[]);
        // Another step than ours: hours are cut, five minutes are averaged.
        let hour = forecast("2026-03-10T12:00:00Z", 3600, &[210.0]);
        check(&hour, "2026-03-10T12:31:00Z", &[("12:30", 210.0), ("12:45", 210.0)]);
        let fine = forecast("2026-03-10T12:00:00Z", 300, &[200.0, 203.0, 206.0, 1.0]);
        check(&fine, "2026-03-10T12:00:00Z", &[("12:00", 203.0)]);
        check(&forecast("2026-03-10T12:00:00Z", 900, &[]), "2026-03-10T12:00:00Z", &[]);
    }

    #[test]
    fn queries_name_a_signal_and_a_zone() {
        #[track_caller]
        fn check(query: &str, expected: Result<Signal, &str>) {
            match (signal(Some(query)), expected) {
                (Ok(signal), Ok(expected)) => assert_eq!(signal, expected),
                (Err(reason), Err(part)) => assert!(reason.contains(part), "{reason}"),
                (got, _) => panic!("{got:?}"),
            }
        }
        assert_eq!(signal(None), Ok(Signal::Production));
        check("", Ok(Signal::Production));
        check("other=1", Ok(Signal::Production));
        check("signal=production", Ok(Signal::Production));
        check("signal=consumption", Ok(Signal::Consumption));
        check("zone=hud-vl&signal=marginal", Ok(Signal::Marginal(LoadZone::HudVl)));
        check("signal=marginal", Err("needs a zone: one of capitl"));
        check("signal=marginal&zone=NYC", Err(r#"zone is "NYC": give one of capitl"#));
        check("signal=average", Err(r#"signal is "average": give production"#));
        check("signal=", Err(r#"signal is """#));
        check("zone=nyc", Err("with signal=marginal only"));
        check("signal=marginal&zone=nyc&zone=west", Err("zone is given twice"));
    }
}
