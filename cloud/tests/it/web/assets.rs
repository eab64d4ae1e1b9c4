//! What ships: every import exists and is preloaded, every topic is the contract's, and it stays small.

use std::collections::BTreeSet;

use cloud::web::ASSETS;
use domain::wire::{Signal, Topic};
use domain::zone::LoadZone;
use reqwest::StatusCode;

use super::{Site, header};

fn source(name: &str) -> String {
    let asset = ASSETS.get(name).unwrap_or_else(|| panic!("no asset {name}"));
    String::from_utf8(asset.file.plain.to_vec()).unwrap()
}

/// The modules that `name` imports, and what those import.
fn imports(name: &str, seen: &mut BTreeSet<String>) {
    if !seen.insert(name.to_owned()) {
        return;
    }
    for line in source(name).lines().filter(|line| line.starts_with("import ")) {
        let (_, from) = line.split_once("from \"./").unwrap_or_else(|| panic!("{name}: {line}"));
        imports(from.trim_end_matches("\";"), seen);
    }
}

/// The modules that a page asks for with `attribute`.
fn asked_for(html: &str, before: &str) -> BTreeSet<String> {
    html.split(before)
        .skip(1)
        .map(|rest| rest.split_once('"').unwrap().0.rsplit_once('/').unwrap().1.to_owned())
        .collect()
}

#[tokio::test]
async fn every_import_exists_and_is_preloaded() {
    let site = Site::start().await;
    for (path, entry) in [("/", "app.js"), ("/about", "about.js"), ("/console", "console.js")] {
        let html = site.text(path).await;
        let mut needed = BTreeSet::new();
        imports(entry, &mut needed);
        assert_eq!(asked_for(&html, r#"rel="modulepreload" href=""#), needed, "{path}");
        assert_eq!(asked_for(&html, r#"type="module" src=""#), [entry.to_owned()].into());
        assert!(!html.contains("http://") && !html.contains("https://"), "{path}");
    }
}

#[tokio::test]
async fn assets_are_immutable_under_their_hash() {
    let site = Site::start().await;
    for asset in ASSETS.all() {
        let answer = site.get(&format!("{}/{}", ASSETS.prefix, asset.name)).await;
        assert_eq!(answer.status(), StatusCode::OK, "{}", asset.name);
        assert_eq!(header(&answer, "content-type"), asset.content_type);
        assert_eq!(header(&answer, "cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
        assert_eq!(
            header(&answer, "content-security-policy"),
            "default-src 'none'; frame-ancestors 'none'"
        );
        assert_eq!(answer.bytes().await.unwrap(), asset.file.plain);
        // Another build's name for it: an answer, but none to keep.
        let other = site.get(&format!("/a/0123456789abcdef/{}", asset.name)).await;
        assert_eq!(header(&other, "cache-control"), "no-cache");
    }
}

#[test]
fn every_file_in_the_folder_is_served_or_filled_in() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/assets");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let filled_in = name.ends_with(".html") || name == "style.css";
        assert!(filled_in || ASSETS.get(&name).is_some(), "{name} is not served");
    }
}

#[test]
fn the_topics_of_the_page_are_the_contracts() {
    let script = source("topics.js");
    let named: BTreeSet<_> = script
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split_once(": \"")?.1.strip_suffix("\","))
        .map(str::to_owned)
        .collect();
    let expected: BTreeSet<_> = [
        Topic::Mix,
        Topic::CarbonNow,
        Topic::Flows,
        Topic::LoadForecast,
        Topic::Forecast(Signal::Production),
        Topic::Forecast(Signal::Consumption),
        Topic::Skill,
        Topic::Carbon24h,
        Topic::Carbon7d,
        Topic::FuelMixUpdated,
        Topic::WebUi,
        Topic::FeedStatus("fuel-mix".into()),
        Topic::ServiceStatus("web".into()),
    ]
    .iter()
    .map(ToString::to_string)
    // One topic a fuel or a load zone: what the script knows is the level above.
    .chain(
        [
            "upstream/fuel-mix/",
            "upstream/marginal/",
            "upstream/price/",
            "computed/co2/",
            "forecast/co2/marginal/",
        ]
        .map(str::to_owned),
    )
    .collect();
    assert_eq!(named, expected);
    let zones = script.split_once("export const ZONES = ").unwrap().1.trim().trim_end_matches(';');
    let zones: Vec<&str> = serde_json::from_str(zones).unwrap();
    assert_eq!(zones, LoadZone::ALL.map(LoadZone::slug));
    // Nowhere else does a script write a topic.
    for asset in ASSETS.all().iter().filter(|asset| asset.name.ends_with(".js")) {
        if asset.name == "topics.js" || asset.name == "console.js" {
            continue;
        }
        for topic in &expected {
            assert!(!source(asset.name).contains(&format!("\"{topic}")), "{}: {topic}", asset.name);
        }
    }
}

/// Comments on lines of their own do not travel; code does, and keeps its line.
#[test]
fn scripts_travel_without_their_comments() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/assets");
    for asset in ASSETS.all().iter().filter(|asset| asset.name.ends_with(".js")) {
        let written = std::fs::read_to_string(format!("{folder}/{}", asset.name)).unwrap();
        let sent = source(asset.name);
        assert_eq!(written.lines().count(), sent.lines().count(), "{}", asset.name);
        for (written, sent) in written.lines().zip(sent.lines()) {
            let text = written.trim();
            let comment =
                text.starts_with("//") || text.starts_with('*') || text.starts_with("/**");
            assert!(sent == written || (sent.is_empty() && comment), "{}: {written}", asset.name);
        }
        assert!(!sent.contains("@param"), "{}", asset.name);
    }
}

#[test]
fn scripts_cannot_make_markup_of_data() {
    for asset in ASSETS.all().iter().filter(|asset| asset.name.ends_with(".js")) {
        let script = source(asset.name);
        for forbidden in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]
        {
            assert!(!script.contains(forbidden), "{} has {forbidden}", asset.name);
        }
    }
}

#[tokio::test]
async fn the_first_load_stays_within_its_budget() {
    let site = Site::full().await;
    let page = site.ask(reqwest::Method::GET, "/", &[("accept-encoding", "gzip")]).await;
    let html = page.bytes().await.unwrap().len();
    let mut modules = BTreeSet::new();
    imports("app.js", &mut modules);
    let scripts: usize = modules.iter().map(|name| ASSETS.get(name).unwrap().file.gzip.len()).sum();
    let rest: usize = ["icon.svg", "manifest.webmanifest"]
        .map(|name| ASSETS.get(name).unwrap().file.gzip.len())
        .iter()
        .sum();
    let total = html + scripts + rest;
    println!("first load, gzip: {total} bytes; html {html}, scripts {scripts}, rest {rest}");
    assert!(total <= 40_000, "{total} bytes");
    assert!(scripts <= 25_000, "{scripts} bytes");
}
