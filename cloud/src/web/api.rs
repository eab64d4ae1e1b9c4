//! The HTTP API: the shapes of IBM/ny-power's, and JSON for every error.

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use domain::Timestamp;
use domain::week::Verdict;
use domain::wire::{CarbonNow, CarbonSeries, Origin};

use super::assets::Compressed;
use super::respond::{self, Cache};
use super::retained::Snapshot;

/// What `value` is, in the words of the contract.
const BASIS: &str = "average, production, direct";

/// The newest reading comes with the next poll of NYISO, which asks every minute.
const RETRY_AFTER_SECS: &str = "60";

/// Hours that `/range/co2` goes back at most: what the 7-day series holds.
const MOST_HOURS: u32 = 168;

/// `/current/co2`: IBM/ny-power's `value`, `time` and `units`, and what else the stream knows.
#[derive(Debug, Serialize)]
struct Current<'a> {
    value: f64,
    #[serde(serialize_with = "rfc3339")]
    time: Timestamp,
    units: &'a str,
    basis: &'static str,
    life_cycle: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumption: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumption_life_cycle: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    production_only: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    marginal: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    marginal_basis: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    renewables_floor_mw: Option<f64>,
    verdict: Option<&'static str>,
    percentile_7d: Option<f64>,
    percentile_hours: Option<f64>,
    p33: Option<f64>,
    p67: Option<f64>,
    min_7d: Option<f64>,
    max_7d: Option<f64>,
    factor_set: &'a str,
    complete: bool,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    missing: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    unknown: &'a [String],
    origin: Origin,
}

impl<'a> Current<'a> {
    fn of(now: &'a CarbonNow) -> Self {
        Self {
            value: now.value,
            time: now.ts,
            units: &now.units,
            basis: BASIS,
            life_cycle: now.life_cycle,
            consumption: now.consumption,
            consumption_life_cycle: now.consumption_life_cycle,
            production_only: now.production_only.as_deref(),
            marginal: now.marginal,
            marginal_basis: now.marginal_basis.as_deref(),
            renewables_floor_mw: now.renewables_floor_mw,
            verdict: now.verdict.map(|verdict| match verdict {
                Verdict::Clean => "clean",
                Verdict::Average => "average",
                Verdict::Dirty => "dirty",
                Verdict::Flat => "flat",
            }),
            percentile_7d: now.percentile_7d,
            percentile_hours: now.percentile_hours,
            p33: now.p33,
            p67: now.p67,
            min_7d: now.min_7d,
            max_7d: now.max_7d,
            factor_set: &now.factor_set,
            complete: now.complete,
            missing: &now.missing,
            unknown: &now.unknown,
            origin: now.origin,
        }
    }
}

/// An element of `/range/co2`.
#[derive(Debug, Serialize)]
struct Point<'a> {
    value: f64,
    #[serde(serialize_with = "rfc3339")]
    time: Timestamp,
    units: &'a str,
    basis: &'static str,
    factor_set: &'a str,
    origin: Origin,
}

/// A time on the wire.
pub fn rfc3339<S: serde::Serializer>(ts: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&ts.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}

/// Answers `/current/co2`.
pub fn current(snapshot: &Snapshot, headers: &HeaderMap) -> Response {
    match &snapshot.now {
        Some(now) => json(headers, &Current::of(now)),
        None => not_known_yet(snapshot),
    }
}

/// Answers `/range/co2`: without `hours` the last 24, each instant; beyond 24 the 15-minute means of the
/// week. Hours are counted back from the newest reading.
pub fn range(snapshot: &Snapshot, query: Option<&str>, headers: &HeaderMap) -> Response {
    let hours = match hours(query) {
        Ok(hours) => hours,
        Err(reason) => return error(StatusCode::BAD_REQUEST, &reason),
    };
    let series = if hours <= 24 { &snapshot.day } else { &snapshot.week };
    match series {
        Some(series) => json(headers, &last(series, hours)),
        None => not_known_yet(snapshot),
    }
}

fn last(series: &CarbonSeries, hours: u32) -> Vec<Point<'_>> {
    let Some(newest) = series.ts.last() else { return Vec::new() };
    let after = *newest - chrono::TimeDelta::hours(hours.into());
    let points = series.ts.iter().zip(&series.values).filter(|(ts, _)| **ts > after);
    points
        .map(|(ts, value)| Point {
            value: *value,
            time: *ts,
            units: &series.units,
            basis: BASIS,
            factor_set: &series.factor_set,
            origin: series.origin,
        })
        .collect()
}

/// `hours` of the query: a whole number from 1 to 168, 24 without one.
fn hours(query: Option<&str>) -> Result<u32, String> {
    let mut hours = None;
    for pair in query.unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name != "hours" {
            continue;
        }
        if hours.is_some() {
            return Err("hours is given twice: give it once".to_owned());
        }
        let number = value.parse().ok().filter(|number| (1..=MOST_HOURS).contains(number));
        // What came back is shown as JSON text, cut short.
        let shown: String = value.chars().take(40).collect();
        hours = Some(number.ok_or_else(|| {
            format!("hours is {shown:?}: give a whole number from 1 to {MOST_HOURS}")
        })?);
    }
    Ok(hours.unwrap_or(24))
}

fn not_known_yet(snapshot: &Snapshot) -> Response {
    let reason = if snapshot.broker_up {
        "no reading has arrived yet"
    } else {
        "no reading has arrived yet: the session to the broker is down"
    };
    error(StatusCode::SERVICE_UNAVAILABLE, reason)
}

/// An error as JSON: `{"error":"…"}`.
pub fn error(status: StatusCode, reason: &str) -> Response {
    let body = format!("{}\n", json!({ "error": reason }));
    let mut response = (status, [(header::CONTENT_TYPE, respond::JSON)], body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, Cache::Never.value());
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static(RETRY_AFTER_SECS));
    }
    open_to_all(response)
}

fn json(headers: &HeaderMap, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).expect("string keys and finite numbers always serialize");
    open_to_all(respond::with(headers, &Compressed::new(body), respond::JSON, Cache::Revalidate))
}

/// A document that does not change while the process runs.
pub fn fixed(headers: &HeaderMap, document: &Compressed, content_type: &'static str) -> Response {
    open_to_all(respond::with(headers, document, content_type, Cache::Revalidate))
}

/// The data are public and there are no cookies: pages of any origin may read them.
pub fn open_to_all(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, header::HeaderValue::from_static("*"));
    response
}

/// Plain text, never cached.
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::CACHE_CONTROL, Cache::Never.value()),
    ];
    (status, headers, body.into()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_whole_and_within_the_week() {
        #[track_caller]
        fn check(query: &str, expected: Result<u32, &str>) {
            match (hours(Some(query)), expected) {
                (Ok(hours), Ok(expected)) => assert_eq!(hours, expected),
                (Err(reason), Err(part)) => assert!(reason.contains(part), "{reason}"),
                (got, _) => panic!("{got:?}"),
            }
        }
        assert_eq!(hours(None), Ok(24));
        check("", Ok(24));
        check("hours=1", Ok(1));
        check("hours=168", Ok(168));
        check("x=y&hours=48", Ok(48));
        check("hours=0", Err(r#"hours is "0": give a whole number from 1 to 168"#));
        check("hours=169", Err("169"));
        check("hours=-1", Err("-1"));
        check("hours=1.5", Err("1.5"));
        check("hours=", Err(r#"hours is """#));
        check("hours", Err(r#"hours is """#));
        check("hours=abc", Err("abc"));
        check("hours=1&hours=2", Err("twice"));
        check(&format!("hours={}", "9".repeat(1000)), Err("999"));
    }
}
