//! The forecast over HTTP.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{SKILL, Site, forecast, header};

const PRODUCTION: &str = "average, production, direct";

#[track_caller]
fn refused(status: StatusCode, body: &str, expected: (StatusCode, &str)) {
    let error: Value = serde_json::from_str(body).unwrap();
    let reason = error["error"].as_str().unwrap();
    assert_eq!(status, expected.0, "{reason}");
    assert!(reason.contains(expected.1), "{reason}");
}

async fn check_refused(site: &Site, path: &str, expected: (StatusCode, &str)) {
    let answer = site.get(path).await;
    assert_eq!(header(&answer, "cache-control"), "no-store", "{path}");
    let status = answer.status();
    refused(status, &answer.text().await.unwrap(), expected);
}

#[tokio::test]
async fn the_payloads_are_passed_on_as_they_came() {
    let site = Site::full().await;
    site.accept("forecast/co2/consumption", &forecast("average, consumption, direct"));
    site.accept("forecast/co2/marginal/nyc", &forecast("marginal, direct"));
    for (path, expected) in [
        ("/forecast/co2", forecast(PRODUCTION)),
        ("/forecast/co2?signal=production", forecast(PRODUCTION)),
        ("/forecast/co2?signal=consumption", forecast("average, consumption, direct")),
        ("/forecast/co2?signal=marginal&zone=nyc", forecast("marginal, direct")),
        ("/forecast/skill", SKILL.to_owned()),
    ] {
        let answer = site.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(header(&answer, "content-type"), "application/json");
        assert_eq!(header(&answer, "cache-control"), "public, max-age=60");
        assert_eq!(header(&answer, "access-control-allow-origin"), "*");
        let etag = header(&answer, "etag").to_owned();
        assert_eq!(answer.text().await.unwrap(), expected, "{path}");
        let again = site.ask(Method::GET, path, &[("if-none-match", &etag)]).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path}");
    }
}

#[tokio::test]
async fn evcc_gets_quarter_hours_from_now_without_a_hole() {
    let site = Site::full().await;
    let answer = site.get("/evcc/co2").await;
    assert_eq!(header(&answer, "cache-control"), "public, max-age=60");
    assert_eq!(header(&answer, "ny-power-origin"), "nyiso");
    let rates: Vec<Value> = answer.json().await.unwrap();
    assert_eq!(rates.len(), 384);
    let first =
        json!({"start": "2026-03-10T22:00:00Z", "end": "2026-03-10T22:15:00Z", "value": 210.0});
    assert_eq!(rates[0], first);
    let time = |rate: &Value, name: &str| -> DateTime<Utc> {
        let text = rate[name].as_str().unwrap();
        assert!(text.ends_with('Z'), "{text}");
        text.parse().unwrap()
    };
    for rate in &rates {
        assert_eq!(time(rate, "end") - time(rate, "start"), TimeDelta::minutes(15));
    }
    assert!(rates.windows(2).all(|pair| pair[0]["end"] == pair[1]["start"]));

    site.set_clock("2026-03-10T22:15:00Z");
    let later: Vec<Value> = site.get("/evcc/co2").await.json().await.unwrap();
    assert_eq!(later, rates[1..]);
}

#[tokio::test]
async fn what_is_not_there_says_so() {
    let site = Site::start().await;
    for path in ["/forecast/co2", "/evcc/co2", "/forecast/co2?signal=consumption"] {
        let expected = (StatusCode::SERVICE_UNAVAILABLE, "no forecast has arrived yet");
        check_refused(&site, path, expected).await;
        assert_eq!(header(&site.get(path).await, "retry-after"), "60");
    }
    let down = "the session to the broker is down";
    check_refused(&site, "/forecast/skill", (StatusCode::SERVICE_UNAVAILABLE, down)).await;

    let site = Site::full().await;
    for (query, status, reason) in [
        ("?signal=consumption", StatusCode::NOT_FOUND, "no forecast of consumption is published"),
        ("?signal=marginal&zone=nyc", StatusCode::NOT_FOUND, "marginal intensity of nyc"),
        ("?signal=marginal", StatusCode::BAD_REQUEST, "needs a zone"),
        ("?signal=marginal&zone=x", StatusCode::BAD_REQUEST, "capitl"),
        ("?signal=green", StatusCode::BAD_REQUEST, "green"),
    ] {
        for path in ["/forecast/co2", "/evcc/co2"] {
            check_refused(&site, &format!("{path}{query}"), (status, reason)).await;
        }
    }
}

#[tokio::test]
async fn a_forecast_that_is_over_is_none() {
    let site = Site::full().await;
    site.set_clock("2026-03-14T22:00:00Z");
    for path in ["/forecast/co2", "/evcc/co2"] {
        let reason = "issued at 2026-03-10T22:00:00Z and ended at 2026-03-14T22:00:00Z";
        check_refused(&site, path, (StatusCode::SERVICE_UNAVAILABLE, reason)).await;
    }
    site.set_clock("2026-03-10T12:00:00Z");
    let reason = "starts at 2026-03-10T22:00:00Z";
    check_refused(&site, "/evcc/co2", (StatusCode::SERVICE_UNAVAILABLE, reason)).await;
    assert_eq!(site.get("/forecast/co2").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_made_up_says_so_where_the_shape_has_no_room() {
    let site = Site::start().await;
    site.accept("forecast/co2", &forecast(PRODUCTION).replace("nyiso", "generated"));
    assert_eq!(header(&site.get("/evcc/co2").await, "ny-power-origin"), "generated");
}

#[tokio::test]
async fn the_page_about_the_numbers_shows_forecast_and_skill() {
    let site = Site::full().await;
    let page = site.get("/about").await.text().await.unwrap();
    assert!(page.contains("average, production, direct"), "no basis");
    assert_eq!(page.matches("<tr><th scope=\"row\">Day ").count(), 2, "a row for each day ahead");
    assert!(page.contains("<tr><th scope=\"row\">Tue 6:00 PM</th>"), "no hour of the forecast");
    assert!(!page.contains("{{"), "a hole was left");
    let bare = Site::start().await.get("/about").await.text().await.unwrap();
    assert!(bare.contains("No score yet"), "{bare}");
    assert!(bare.contains("No forecast right now"), "{bare}");
}
