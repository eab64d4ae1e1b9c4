use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{CARBON_NOW, Site, header};

async fn json(site: &Site, path: &str) -> Value {
    let answer = site.get(path).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    assert_eq!(header(&answer, "content-type"), "application/json");
    assert_eq!(header(&answer, "access-control-allow-origin"), "*");
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn current_has_the_shape_that_old_clients_read() {
    let site = Site::full().await;
    let current = json(&site, "/current/co2").await;
    let expected = json!({
        "value": 208.4, "time": "2026-03-10T22:00:00Z", "units": "g / kWh",
        "basis": "average, production, direct", "life_cycle": 271.0, "verdict": "clean",
        "percentile_7d": 24.0, "percentile_hours": 168.0, "p33": 190.0, "p67": 246.0,
        "min_7d": 168.0, "max_7d": 334.0, "factor_set": "ny-2026.1", "complete": true,
        "origin": "nyiso"
    });
    assert_eq!(current, expected);
}

#[tokio::test]
async fn an_incomplete_reading_says_so() {
    let site = Site::start().await;
    let reading =
        CARBON_NOW.replace(r#""complete":true"#, r#""complete":false,"missing":["Wind"]"#);
    site.accept("computed/co2", &reading);
    let current = json(&site, "/current/co2").await;
    assert_eq!((&current["complete"], &current["missing"]), (&json!(false), &json!(["Wind"])));
}

#[tokio::test]
async fn range_goes_back_as_far_as_asked() {
    let site = Site::full().await;
    for (query, count, first) in [
        ("", 288, "2026-03-09T22:05:00Z"),
        ("?hours=24", 288, "2026-03-09T22:05:00Z"),
        ("?hours=1", 12, "2026-03-10T21:05:00Z"),
        ("?hours=25", 100, "2026-03-09T21:15:00Z"),
        ("?hours=168", 672, "2026-03-03T22:15:00Z"),
        ("?other=1", 288, "2026-03-09T22:05:00Z"),
    ] {
        let range = json(&site, &format!("/range/co2{query}")).await;
        let range = range.as_array().unwrap();
        assert_eq!((range.len(), range[0]["time"].as_str().unwrap()), (count, first), "{query}");
        let last = range.last().unwrap();
        assert_eq!(last["time"], "2026-03-10T22:00:00Z", "{query}");
        assert_eq!(last["units"], "g / kWh");
        assert!(last["value"].is_number());
        assert_eq!(last["origin"], "nyiso");
    }
}

#[tokio::test]
async fn a_bad_question_is_answered_with_what_is_wrong() {
    let site = Site::full().await;
    for hours in ["0", "169", "-1", "1.5", "abc", "", "%3Cimg%3E", "1&hours=2"] {
        let answer = site.get(&format!("/range/co2?hours={hours}")).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{hours}");
        assert_eq!(header(&answer, "content-type"), "application/json");
        let error: Value = answer.json().await.unwrap();
        let text = error["error"].as_str().unwrap();
        assert!(text.starts_with("hours is ") && text.contains("give"), "{text}");
    }
}

#[tokio::test]
async fn before_the_first_reading_there_is_a_reason_and_a_time_to_come_back() {
    let site = Site::start().await;
    for path in ["/current/co2", "/range/co2", "/range/co2?hours=100", "/readyz"] {
        let answer = site.get(path).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(header(&answer, "retry-after"), "60");
        assert_eq!(header(&answer, "cache-control"), "no-store");
        let error: Value = answer.json().await.unwrap();
        let text = error["error"].as_str().unwrap();
        assert!(text.contains("no reading has arrived yet"), "{path}: {text}");
        assert!(text.contains("the session to the broker is down"), "{path}: {text}");
    }
    assert_eq!(site.get("/healthz").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn ready_when_the_session_is_up_and_a_reading_is_known() {
    let site = Site::start().await;
    site.retained.set_broker_up(true);
    assert_eq!(site.get("/readyz").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    site.accept("computed/co2", CARBON_NOW);
    assert_eq!(site.get("/readyz").await.status(), StatusCode::OK);
    site.retained.set_broker_up(false);
    assert_eq!(site.get("/readyz").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(site.get("/healthz").await.status(), StatusCode::OK);
    assert_eq!(json(&site, "/current/co2").await["value"], 208.4);
}

#[tokio::test]
async fn answers_are_not_sent_twice() {
    let site = Site::full().await;
    let first = site.get("/current/co2").await;
    let etag = header(&first, "etag").to_owned();
    let again = site.ask(Method::GET, "/current/co2", &[("if-none-match", &etag)]).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    site.accept("computed/co2", &CARBON_NOW.replace("22:00:00", "22:05:00"));
    let newer = site.ask(Method::GET, "/current/co2", &[("if-none-match", &etag)]).await;
    assert_eq!(newer.status(), StatusCode::OK);
}

#[tokio::test]
async fn metrics_are_rendered_by_whoever_has_them() {
    let site = Site::start().await;
    let answer = site.get("/metrics").await;
    assert!(header(&answer, "content-type").starts_with("text/plain; version=0.0.4"));
    assert_eq!(answer.text().await.unwrap(), "ny_power_test 1\n");
}

#[tokio::test]
async fn the_description_names_every_route() {
    let site = Site::full().await;
    let description = json(&site, "/openapi.json").await;
    let paths = description["paths"].as_object().unwrap();
    let expected = [
        "/",
        "/console",
        "/current/co2",
        "/evcc/co2",
        "/forecast/co2",
        "/forecast/skill",
        "/healthz",
        "/metrics",
        "/mqtt",
        "/openapi.json",
        "/range/co2",
        "/readyz",
        "/schemas",
        "/schemas/{name}",
    ];
    let mut named: Vec<_> = paths.keys().map(String::as_str).collect();
    named.sort_unstable();
    assert_eq!(named, expected);
    for path in expected {
        let status = site.get(&path.replace("{name}", "mix.json")).await.status();
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(paths[path]["get"]["responses"]["200"].is_object(), "{path}");
    }
}
