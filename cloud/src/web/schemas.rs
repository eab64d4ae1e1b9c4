//! JSON Schemas of the payloads, and the OpenAPI description of the routes: files, served as they are.

use std::sync::LazyLock;

use serde_json::json;

use super::assets::Compressed;
use domain::wire::Root;

/// `Content-Type` of a JSON Schema.
pub const SCHEMA_JSON: &str = "application/schema+json";

/// A schema and the topics whose payloads it describes, without the root.
pub struct Schema {
    /// Its file below `/schemas/`.
    pub name: &'static str,
    /// Topics, with `<…>` where a level is open.
    pub topics: &'static [&'static str],
    /// The file.
    pub file: Compressed,
}

macro_rules! schemas {
    ($($name:literal: $topics:expr),+ $(,)?) => {
        vec![$(Schema {
            name: $name,
            topics: &$topics,
            file: Compressed::new(include_bytes!(concat!("schemas/", $name)).to_vec()),
        }),+]
    };
}

/// One a payload of the contract.
pub static SCHEMAS: LazyLock<Vec<Schema>> = LazyLock::new(|| {
    schemas! {
        "mix.json": ["upstream/mix"],
        "fuel-reading.json": ["upstream/fuel-mix/<Fuel Category>"],
        "carbon-now.json": ["computed/co2"],
        "carbon-series.json": ["archive/co2/24h", "archive/co2/7d"],
        "flows.json": ["upstream/flows"],
        "load-forecast.json": ["upstream/load-forecast"],
        "zone-series.json": ["upstream/marginal/<zone>", "upstream/price/<zone>"],
        "zone-now.json": ["computed/co2/<zone>"],
        "forecast.json": [
            "forecast/co2",
            "forecast/co2/consumption",
            "forecast/co2/marginal/<zone>",
        ],
        "skill.json": ["forecast/co2/skill"],
        "updated.json": ["status/fuel-mix/updated"],
        "service-status.json": ["status/<service>"],
        "feed-status.json": ["status/feed/<feed>"],
    }
});

/// What the HTTP side answers.
pub static OPENAPI: LazyLock<Compressed> =
    LazyLock::new(|| Compressed::new(include_bytes!("schemas/openapi.json").to_vec()));

/// Which schema describes which topic.
pub fn index(root: &Root) -> Compressed {
    let schemas: Vec<_> = SCHEMAS
        .iter()
        .map(|schema| {
            let topics: Vec<_> =
                schema.topics.iter().map(|topic| format!("{}/{topic}", root.as_str())).collect();
            json!({ "schema": format!("/schemas/{}", schema.name), "topics": topics })
        })
        .collect();
    Compressed::new(format!("{}\n", json!(schemas)).into_bytes())
}
