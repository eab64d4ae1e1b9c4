//! The HTML pages: filled on the server with the newest data, so that they read before any script runs
//! and without one.

use std::sync::{Arc, LazyLock, Mutex};

use chrono::TimeDelta;

use domain::Timestamp;
use domain::wire::{CarbonForecast, Signal, Topic};

use super::assets::{ASSETS, Compressed};
use super::retained::{FUEL_MIX_FEED, Retained, Snapshot};
use super::template::{Filling, Template, json_for_script};
use super::view::View;
use super::view::outlook::zone_options;

static INDEX: LazyLock<Template> =
    LazyLock::new(|| Template::new(include_str!("assets/index.html")));
static CONSOLE: LazyLock<Template> =
    LazyLock::new(|| Template::new(include_str!("assets/console.html")));
static ABOUT: LazyLock<Template> =
    LazyLock::new(|| Template::new(include_str!("assets/about.html")));
static NOT_FOUND: LazyLock<Template> =
    LazyLock::new(|| Template::new(include_str!("assets/not-found.html")));

/// A page ready to be sent.
#[derive(Debug)]
pub struct Page {
    /// The document, with its gzip and its tag.
    pub document: Compressed,
}

/// Which page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// The dashboard.
    Index,
    /// The MQTT console.
    Console,
    /// How the number is made, and how good the forecast has been.
    About,
    /// What is not there.
    NotFound,
}

/// Makes the pages, each at most once for a minute and a state of the data.
#[derive(Debug)]
pub struct Pages {
    build: String,
    broker_hint: String,
    index: Mutex<Option<(Moment, Arc<Page>)>>,
    console: Mutex<Option<(Moment, Arc<Page>)>>,
    about: Mutex<Option<(Moment, Arc<Page>)>>,
}

/// What a page depends on: the data, and the minute, which its ages are counted in.
type Moment = (u64, i64);

impl Pages {
    /// Pages of this build; `broker_hint` is the `host:port` that the console shows for `mosquitto_sub`.
    pub fn new(build: &str, broker_hint: Option<&str>) -> Self {
        Self {
            build: build.to_owned(),
            broker_hint: broker_hint.unwrap_or_default().to_owned(),
            index: Mutex::default(),
            console: Mutex::default(),
            about: Mutex::default(),
        }
    }

    /// The page, with what `retained` holds at `now`.
    pub fn page(&self, name: Name, retained: &Retained, now: Timestamp) -> Arc<Page> {
        let cache = match name {
            Name::Index => &self.index,
            Name::Console => &self.console,
            Name::About => &self.about,
            Name::NotFound => return Arc::new(self.make(name, retained, now)),
        };
        let moment = (retained.revision(), now.timestamp().div_euclid(60));
        let mut cache = cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &*cache {
            Some((made_at, page)) if *made_at == moment => Arc::clone(page),
            _ => {
                let page = Arc::new(self.make(name, retained, now));
                *cache = Some((moment, Arc::clone(&page)));
                page
            }
        }
    }

    fn make(&self, name: Name, retained: &Retained, now: Timestamp) -> Page {
        let snapshot = retained.snapshot();
        let view = View::of(&snapshot, now);
        let root = retained.root().as_str();
        let messages = messages(name, &snapshot, now);
        let data = json_for_script(&self.data(&messages, root, now));
        let hint = self.subscribe_hint(root);
        let hidden = |hide: bool| if hide { "hidden" } else { "" };
        let outlook = &view.outlook;
        let fillings: &[Filling<'_>] = &[
            ("style", ASSETS.style),
            ("assets", &ASSETS.prefix),
            ("build", &self.build),
            ("root", root),
            ("data", &data),
            ("subscribe", &hint),
            ("subscribe_hidden", hidden(hint.is_empty())),
            ("title", &view.title),
            ("description", &view.description),
            ("banner", &view.banner),
            ("banner_hidden", hidden(view.banner.is_empty())),
            ("as_of", &view.as_of),
            ("state", view.state),
            ("verdict_class", view.verdict_class),
            ("value", &view.value),
            ("verdict", &view.verdict),
            ("standing", &view.standing),
            ("strip_hidden", hidden(!view.has_strip)),
            ("marker_hidden", hidden(!view.has_marker)),
            ("marker", if view.marker.is_empty() { "0" } else { &view.marker }),
            ("strip", &view.strip),
            ("cleanest", &view.cleanest),
            ("dirtiest", &view.dirtiest),
            ("age", &view.age),
            ("incomplete", &view.incomplete),
            ("incomplete_hidden", hidden(view.incomplete.is_empty())),
            ("reason", &view.reason),
            ("basis", &view.basis),
            ("life_cycle", &view.life_cycle),
            ("mix_rows", &view.mix_rows),
            ("mix_total", &view.mix_total),
            ("hour_rows", &view.hour_rows),
            ("table_hidden", hidden(view.hour_rows.is_empty() && outlook.forecast_rows.is_empty())),
            ("imports", &outlook.imports),
            ("neighbors", &outlook.neighbors),
            ("neighbor_rows", &outlook.neighbor_rows),
            ("neighbors_hidden", hidden(outlook.neighbor_rows.is_empty())),
            ("zone_options", &zone_options()),
            ("day_title", &outlook.day_title),
            ("best", &outlook.best),
            ("forecast_basis", &outlook.forecast_basis),
            ("forecast_rows", &outlook.forecast_rows),
            ("forecast_hidden", hidden(outlook.forecast_rows.is_empty())),
            ("marginal", &outlook.marginal),
            ("zone_rows", &outlook.zone_rows),
            ("zones_hidden", hidden(outlook.zone_rows.is_empty())),
            ("skill_note", &outlook.skill_note),
            ("skill_rows", &outlook.skill_rows),
            ("skill_hidden", hidden(outlook.skill_rows.is_empty())),
        ];
        let template = match name {
            Name::Index => &INDEX,
            Name::Console => &CONSOLE,
            Name::About => &ABOUT,
            Name::NotFound => &NOT_FOUND,
        };
        Page { document: Compressed::new(template.fill(fillings).into_bytes()) }
    }

    /// The line that subscribes from a terminal; empty when readers cannot reach the broker.
    fn subscribe_hint(&self, root: &str) -> String {
        match self.broker_hint.rsplit_once(':') {
            Some((host, port)) => format!("mosquitto_sub -h {host} -p {port} -t '{root}/#' -v"),
            None => String::new(),
        }
    }

    /// What the script starts from: the server's clock, and the newest messages as they stand on the wire.
    fn data(&self, messages: &str, root: &str, now: Timestamp) -> String {
        format!(
            r#"{{"now":{now},"build":{build},"root":{root},"messages":{{{messages}}}}}"#,
            now = now.timestamp_millis(),
            build = quoted(&self.build),
            root = quoted(root),
        )
    }
}

/// The newest messages that a page shows, by topic, as members of a JSON object.
fn messages(name: Name, snapshot: &Snapshot, now: Timestamp) -> String {
    let is_shown = |topic: &Topic| match (name, topic) {
        (Name::Console | Name::NotFound, _) => false,
        (Name::Index, topic) => *topic != Topic::Skill,
        (Name::About, topic) => matches!(
            topic,
            Topic::CarbonNow | Topic::Forecast(_) | Topic::ZoneNow(_) | Topic::Skill
        ),
    };
    // Written anew rather than passed on: what a page carries is bounded by our own fields.
    let forecast = snapshot.forecast.as_ref().map(|forecast| shown(forecast, now));
    let messages = [
        (Topic::CarbonNow, snapshot.now.as_ref().map(|now| now.to_json())),
        (Topic::Carbon24h, snapshot.day.as_ref().map(|day| day.to_json())),
        (Topic::Mix, snapshot.mix.as_ref().map(|mix| mix.to_json())),
        (Topic::Forecast(Signal::Production), forecast.map(|forecast| forecast.to_json())),
        (Topic::Skill, snapshot.skill.as_ref().map(|skill| skill.to_json())),
        (Topic::Flows, snapshot.flows.as_ref().map(|flows| flows.to_json())),
        (
            Topic::FeedStatus(FUEL_MIX_FEED.to_owned()),
            snapshot.feed.as_ref().map(|feed| feed.to_json()),
        ),
    ];
    let zones =
        snapshot.zones.iter().map(|(zone, now)| (Topic::ZoneNow(*zone), Some(now.to_json())));
    let messages: Vec<String> = messages
        .into_iter()
        .chain(zones)
        .filter(|(topic, _)| is_shown(topic))
        .filter_map(|(topic, json)| {
            let json = String::from_utf8(json?).ok()?;
            Some(format!("{}:{json}", quoted(&topic.to_string())))
        })
        .collect();
    messages.join(",")
}

/// The part of a forecast that the chart shows: four days would weigh more than the page. The stream brings
/// them all.
fn shown(forecast: &CarbonForecast, now: Timestamp) -> CarbonForecast {
    let until = now.max(forecast.start) + TimeDelta::hours(25);
    let slots = forecast.slots().take_while(|slot| slot.start < until).count();
    let cut = |list: &[f64]| list[..slots].to_vec();
    CarbonForecast {
        values: cut(&forecast.values),
        p10: cut(&forecast.p10),
        p90: cut(&forecast.p90),
        ..forecast.clone()
    }
}

/// The policy of a page: nothing but what this server sends. No `style` attribute works under it, so bars
/// and markers are SVG.
pub fn content_security_policy() -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src '{}'; connect-src 'self'; \
         img-src 'self' data:; manifest-src 'self'; base-uri 'none'; frame-ancestors 'none'",
        ASSETS.style_hash
    )
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text always serializes")
}
