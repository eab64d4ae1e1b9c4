//! The JSON Schemas say what the payloads of `domain::wire` are.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::Timestamp;
use domain::week::Verdict;
use domain::wire::{
    CarbonForecast, CarbonNow, CarbonSeries, FeedState, FeedStatus, Flows, FuelReading,
    HorizonSkill, LoadSeries, Mix, Origin, RealTime, ServiceState, ServiceStatus, Skill, Updated,
    ZoneNow, ZoneSeries,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Site, header};

fn ts() -> Timestamp {
    DateTime::<Utc>::from_timestamp(1_773_144_300, 0).unwrap()
}

/// The payloads that are pinned in `domain::wire`, and some at the edges of what is allowed.
fn payloads() -> BTreeMap<&'static str, Vec<Vec<u8>>> {
    let fuels = [("Dual Fuel", 2282.0), ("Hydro", -20.5), ("Batteries", 30.0)];
    let mix = Mix {
        ts: ts(),
        interval_s: 300,
        units: "MW".into(),
        fuels: fuels.iter().map(|(name, power)| ((*name).to_owned(), *power)).collect(),
        complete: false,
        revised: true,
        origin: Origin::Recorded,
    };
    let now = CarbonNow {
        ts: ts(),
        value: 187.7,
        units: "g / kWh".into(),
        life_cycle: Some(250.0),
        consumption: Some(201.3),
        consumption_life_cycle: Some(262.0),
        production_only: None,
        marginal: Some(431.0),
        marginal_basis: Some("estimate by fossil MW, state-wide".into()),
        renewables_floor_mw: Some(210.0),
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
    let bare = CarbonNow {
        life_cycle: None,
        consumption: None,
        consumption_life_cycle: None,
        production_only: Some("the flow feed is gone".into()),
        marginal: None,
        marginal_basis: None,
        renewables_floor_mw: None,
        verdict: None,
        percentile_7d: None,
        percentile_hours: None,
        p33: None,
        p67: None,
        min_7d: None,
        max_7d: None,
        complete: false,
        missing: vec!["Wind".into()],
        unknown: vec!["Batteries".into()],
        ..now.clone()
    };
    let verdicts = [Verdict::Average, Verdict::Dirty, Verdict::Flat]
        .map(|verdict| CarbonNow { verdict: Some(verdict), ..now.clone() }.to_json());
    let series = |ts: Vec<Timestamp>| CarbonSeries {
        units: "g / kWh".into(),
        values: vec![187.7; ts.len()],
        ts,
        factor_set: "ny-2026.1".into(),
        origin: Origin::Generated,
    };
    let feed = |newest, state| FeedStatus {
        newest,
        checked: ts(),
        state,
        reason: "not found".into(),
        origin: Origin::Nyiso,
    };
    let service =
        |state| ServiceStatus { state, version: "0.1.0".into(), build: "abc".into(), since: ts() };
    BTreeMap::from([
        ("mix.json", vec![mix.to_json(), super::MIX.into()]),
        (
            "fuel-reading.json",
            vec![
                FuelReading { ts: ts(), value: 3310.0, units: "MW".into(), origin: Origin::Nyiso }
                    .to_json(),
                // As IBM/ny-power published it.
                br#"{"ts":"2018-03-10T12:05:00Z","value":3310,"units":"MW"}"#.to_vec(),
            ],
        ),
        (
            "carbon-now.json",
            [now.to_json(), bare.to_json(), super::CARBON_NOW.into()]
                .into_iter()
                .chain(verdicts)
                .collect(),
        ),
        ("carbon-series.json", vec![series(vec![ts()]).to_json(), series(vec![]).to_json()]),
        (
            "flows.json",
            vec![flows().to_json(), Flows { net: BTreeMap::new(), ..flows() }.to_json()],
        ),
        ("load-forecast.json", vec![load().to_json()]),
        ("zone-series.json", zone_series()),
        ("zone-now.json", zone_now()),
        ("forecast.json", forecasts()),
        ("skill.json", skills()),
        ("updated.json", vec![Updated { ts: ts(), origin: Origin::Nyiso }.to_json()]),
        (
            "service-status.json",
            vec![service(ServiceState::Online).to_json(), service(ServiceState::Offline).to_json()],
        ),
        (
            "feed-status.json",
            vec![
                feed(None, FeedState::Gone).to_json(),
                feed(Some(ts()), FeedState::Late).to_json(),
                feed(Some(ts()), FeedState::Fresh).to_json(),
            ],
        ),
    ])
}

fn flows() -> Flows {
    Flows {
        ts: ts(),
        units: "MW".into(),
        net: BTreeMap::from([("HQ".to_owned(), 1250.5), ("PJM".to_owned(), -300.0)]),
        points: BTreeMap::from([("23324".to_owned(), 1200.5)]),
        origin: Origin::Nyiso,
    }
}

fn load() -> LoadSeries {
    LoadSeries {
        issued: ts(),
        units: "MW".into(),
        basis: "NYISO load forecast of 2026-03-11".into(),
        start: ts(),
        step_s: 3600,
        values: vec![Some(15_000.0), None],
        zones: BTreeMap::from([("nyc".to_owned(), vec![Some(5_000.0), None])]),
        origin: Origin::Recorded,
    }
}

fn zone_series() -> Vec<Vec<u8>> {
    let rates = ZoneSeries {
        issued: ts(),
        zone: "hud-vl".into(),
        units: "g / kWh".into(),
        basis: "NYISO implied marginal emission rate".into(),
        start: ts(),
        step_s: 3600,
        values: vec![Some(431.0), None, Some(-20.0)],
        real_time: Some(RealTime { ts: ts(), value: 455.0 }),
        origin: Origin::Nyiso,
    };
    let prices = ZoneSeries { units: "$ / MWh".into(), real_time: None, ..rates.clone() };
    let silent = ZoneSeries { values: vec![], ..rates.clone() };
    [rates, prices, silent].iter().map(ZoneSeries::to_json).collect()
}

fn zone_now() -> Vec<Vec<u8>> {
    let zones = domain::zone::LoadZone::ALL.map(|zone| ZoneNow {
        ts: ts(),
        zone: zone.slug().into(),
        marginal: 455.0,
        units: "g / kWh".into(),
        marginal_basis: "NYISO implied marginal emission rate, real time".into(),
        clamped: false,
        origin: Origin::Nyiso,
    });
    zones.iter().map(ZoneNow::to_json).collect()
}

fn forecasts() -> Vec<Vec<u8>> {
    let average = CarbonForecast {
        issued: ts(),
        model: "ny-power".into(),
        units: "g / kWh".into(),
        basis: "average, production, direct".into(),
        zone: None,
        start: ts(),
        step_s: 900,
        values: vec![210.0, 205.5],
        p10: vec![200.0, 195.0],
        p90: vec![220.0, 216.0],
        known_until: None,
        factor_set: "ny-2026.1".into(),
        origin: Origin::Nyiso,
    };
    let marginal = CarbonForecast {
        basis: "marginal, direct, NYISO day-ahead".into(),
        zone: Some("nyc".into()),
        known_until: Some(ts()),
        factor_set: String::new(),
        ..average.clone()
    };
    [average, marginal].iter().map(CarbonForecast::to_json).collect()
}

fn skills() -> Vec<Vec<u8>> {
    let day = HorizonSkill {
        day: 1,
        hours: 720,
        mape: Some(4.4),
        mae: Some(9.5),
        coverage_p10_p90: Some(80.1),
    };
    let unscored = HorizonSkill { hours: 0, mape: None, mae: None, coverage_p10_p90: None, ..day };
    let skill = Skill {
        ts: ts(),
        basis: "average, production, direct".into(),
        model: "ny-power".into(),
        days: 30,
        from: Some(ts()),
        to: Some(ts()),
        horizons: vec![day, unscored],
        origin: Origin::Nyiso,
    };
    let fresh = Skill { from: None, to: None, horizons: vec![unscored], ..skill.clone() };
    [skill, fresh].iter().map(Skill::to_json).collect()
}

async fn schema(site: &Site, name: &str) -> Value {
    let answer = site.get(&format!("/schemas/{name}")).await;
    assert_eq!(answer.status(), StatusCode::OK, "{name}");
    assert_eq!(header(&answer, "content-type"), "application/schema+json");
    answer.json().await.unwrap()
}

#[tokio::test]
async fn every_payload_is_what_its_schema_says() {
    let site = Site::start().await;
    for (name, payloads) in payloads() {
        let schema = schema(&site, name).await;
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert!(jsonschema::meta::is_valid(&schema), "{name}");
        let validator = jsonschema::validator_for(&schema).unwrap();
        for payload in payloads {
            let mut value: Value = serde_json::from_slice(&payload).unwrap();
            let errors: Vec<_> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{name}: {errors:?} in {value}");
            // Fields are only ever added, so that a reader must take those it does not know.
            value["a_field_of_next_year"] = json!({"deep": [1]});
            assert!(validator.is_valid(&value), "{name} refuses additional fields");
        }
    }
}

#[tokio::test]
async fn every_field_of_a_payload_is_described() {
    let site = Site::start().await;
    for (name, payloads) in payloads() {
        let properties = schema(&site, name).await["properties"].clone();
        for payload in payloads {
            let value: Value = serde_json::from_slice(&payload).unwrap();
            for field in value.as_object().unwrap().keys() {
                assert!(properties[field].is_object(), "{name} does not know {field}");
            }
        }
    }
}

#[tokio::test]
async fn schemas_refuse_what_readers_refuse() {
    let site = Site::start().await;
    for (name, field, bad) in [
        ("carbon-now.json", "value", json!(1501)),
        ("carbon-now.json", "value", json!(-1)),
        ("carbon-now.json", "value", json!("208")),
        ("carbon-now.json", "verdict", json!("green")),
        ("carbon-now.json", "percentile_7d", json!(101)),
        ("carbon-now.json", "ts", json!("yesterday")),
        ("carbon-now.json", "origin", json!("elsewhere")),
        ("carbon-now.json", "consumption", json!(1501)),
        ("carbon-now.json", "marginal", json!("431")),
        ("flows.json", "net", json!({"HQ": 12_000})),
        ("load-forecast.json", "values", json!([60_001])),
        ("load-forecast.json", "zones", json!({"nyc": [-1]})),
        ("load-forecast.json", "step_s", json!(0)),
        ("zone-series.json", "zone", json!("brooklyn")),
        ("zone-series.json", "values", json!([10_001])),
        ("zone-series.json", "real_time", json!({"value": 1})),
        ("zone-now.json", "marginal", json!(-1)),
        ("forecast.json", "values", json!([null])),
        ("forecast.json", "p90", json!([1501])),
        ("forecast.json", "start", json!("now")),
        ("skill.json", "horizons", json!([{"day": 1}])),
        ("skill.json", "from", json!("yesterday")),
        ("carbon-series.json", "values", json!([1501])),
        ("carbon-series.json", "ts", json!(["yesterday"])),
        ("mix.json", "fuels", json!({"Wind": 60_000})),
        ("mix.json", "fuels", json!({"Wind": "258"})),
        ("service-status.json", "state", json!("maybe")),
        ("feed-status.json", "state", json!("maybe")),
        ("updated.json", "ts", json!(null)),
        ("fuel-reading.json", "value", json!(null)),
    ] {
        let validator = jsonschema::validator_for(&schema(&site, name).await).unwrap();
        let mut value: Value = serde_json::from_slice(&payloads()[name][0]).unwrap();
        value[field] = bad.clone();
        assert!(!validator.is_valid(&value), "{name} takes {field} {bad}");
    }
    for (name, payloads) in payloads() {
        let schema = schema(&site, name).await;
        let validator = jsonschema::validator_for(&schema).unwrap();
        for field in schema["required"].as_array().unwrap() {
            let mut value: Value = serde_json::from_slice(&payloads[0]).unwrap();
            value.as_object_mut().unwrap().remove(field.as_str().unwrap());
            assert!(!validator.is_valid(&value), "{name} goes without {field}");
        }
    }
}

#[tokio::test]
async fn the_index_leads_to_every_schema() {
    let site = Site::start().await;
    let index: Vec<Value> = site.get("/schemas").await.json().await.unwrap();
    let mut named = Vec::new();
    for entry in &index {
        let path = entry["schema"].as_str().unwrap();
        named.push(path.trim_start_matches("/schemas/").to_owned());
        assert_eq!(site.get(path).await.status(), StatusCode::OK, "{path}");
        for topic in entry["topics"].as_array().unwrap() {
            assert!(topic.as_str().unwrap().starts_with("ny-power/"), "{topic}");
        }
    }
    named.sort_unstable();
    assert_eq!(named, payloads().into_keys().collect::<Vec<_>>());
}
