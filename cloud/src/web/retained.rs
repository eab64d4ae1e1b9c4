//! The newest retained payload of each topic: all that the web service knows of the stream.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use axum::body::Bytes;
use tokio::sync::watch;
use tracing::warn;

use domain::Timestamp;
use domain::wire::{
    CarbonForecast, CarbonNow, CarbonSeries, FeedStatus, Flows, FuelReading, LoadSeries, Mix,
    Origin, Root, ServiceStatus, Signal, Skill, Topic, Updated, WireError, ZoneNow, ZoneSeries,
};
use domain::zone::LoadZone;

/// Bytes of the largest payload that is kept. A week of 15-minute means has about 24 kB.
pub const LARGEST_PAYLOAD: usize = 256 * 1024;

/// Topics that are kept at most. The contract names about 100; names of services and feeds are open-ended,
/// and this bounds the memory.
pub const MOST_TOPICS: usize = 256;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is the newest of its topic now.
    Kept,
    /// An empty payload: the broker has forgotten the topic, and so do we.
    Cleared,
    /// Older than what is held: a catch-up, or a correction of the past.
    Older,
    /// Of a topic that holds no state.
    NotKept,
}

/// Why a message was dropped. Each is counted; the first of a row is logged.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Not a topic of the contract.
    #[error("not a topic of the contract")]
    Unknown,
    /// Over [`LARGEST_PAYLOAD`].
    #[error("{0} bytes, over the limit of {LARGEST_PAYLOAD}")]
    TooLarge(usize),
    /// Over [`MOST_TOPICS`].
    #[error("already {MOST_TOPICS} topics")]
    Full,
    /// Not what its topic promises.
    #[error(transparent)]
    Payload(#[from] WireError),
}

impl Refused {
    fn kind(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown-topic",
            Self::TooLarge(_) => "too-large",
            Self::Full => "too-many-topics",
            Self::Payload(_) => "bad-payload",
        }
    }
}

/// A payload, read.
#[derive(Clone, Debug)]
enum Payload {
    Mix(Arc<Mix>),
    FuelReading(FuelReading),
    CarbonNow(Arc<CarbonNow>),
    Series(Arc<CarbonSeries>),
    Updated(Updated),
    ServiceStatus,
    FeedStatus(Arc<FeedStatus>),
    Forecast(Arc<CarbonForecast>),
    Skill(Arc<Skill>),
    ZoneNow(Arc<ZoneNow>),
    Flows(Arc<Flows>),
    /// Checked, and passed on as it is; with the instant that says which is newer.
    Feed(Timestamp),
}

impl Payload {
    /// `None` for a topic that holds no state.
    fn read(topic: &Topic, payload: &[u8]) -> Result<Option<Self>, WireError> {
        Ok(Some(match topic {
            Topic::Mix => Self::Mix(Arc::new(Mix::from_json(payload)?)),
            Topic::FuelReading(_) => Self::FuelReading(FuelReading::from_json(payload)?),
            Topic::CarbonNow => Self::CarbonNow(Arc::new(CarbonNow::from_json(payload)?)),
            Topic::Carbon24h | Topic::Carbon7d => {
                Self::Series(Arc::new(CarbonSeries::from_json(payload)?))
            }
            Topic::FuelMixUpdated => Self::Updated(Updated::from_json(payload)?),
            Topic::ServiceStatus(_) => {
                ServiceStatus::from_json(payload)?;
                Self::ServiceStatus
            }
            Topic::FeedStatus(_) => Self::FeedStatus(Arc::new(FeedStatus::from_json(payload)?)),
            Topic::Flows => Self::Flows(Arc::new(Flows::from_json(payload)?)),
            Topic::LoadForecast => Self::Feed(LoadSeries::from_json(payload)?.issued),
            Topic::MarginalRates(_) | Topic::Prices(_) => {
                Self::Feed(ZoneSeries::from_json(payload)?.issued)
            }
            Topic::ZoneNow(_) => Self::ZoneNow(Arc::new(ZoneNow::from_json(payload)?)),
            Topic::Forecast(_) => Self::Forecast(Arc::new(CarbonForecast::from_json(payload)?)),
            Topic::Skill => Self::Skill(Arc::new(Skill::from_json(payload)?)),
            Topic::WebUi => return Ok(None),
        }))
    }

    /// The instant that decides which of two is newer; `None` where the later to come is.
    fn stamp(&self) -> Option<Timestamp> {
        match self {
            Self::Mix(mix) => Some(mix.ts),
            Self::FuelReading(reading) => Some(reading.ts),
            Self::CarbonNow(now) => Some(now.ts),
            Self::Series(series) => series.ts.last().copied(),
            Self::Updated(updated) => Some(updated.ts),
            Self::ServiceStatus => None,
            Self::FeedStatus(status) => Some(status.checked),
            Self::Forecast(forecast) => Some(forecast.issued),
            Self::Skill(skill) => Some(skill.ts),
            Self::ZoneNow(now) => Some(now.ts),
            Self::Flows(flows) => Some(flows.ts),
            Self::Feed(stamp) => Some(*stamp),
        }
    }
}

#[derive(Debug, Default)]
struct Held {
    messages: HashMap<Topic, (Payload, Bytes)>,
    /// Of the last message, for one log line a row rather than one a message.
    refusing: bool,
    broker_up: bool,
}

/// What the pages and the HTTP API are made of, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// `computed/co2`.
    pub now: Option<Arc<CarbonNow>>,
    /// `upstream/mix`.
    pub mix: Option<Arc<Mix>>,
    /// `archive/co2/24h`.
    pub day: Option<Arc<CarbonSeries>>,
    /// `archive/co2/7d`.
    pub week: Option<Arc<CarbonSeries>>,
    /// `status/feed/fuel-mix`.
    pub feed: Option<Arc<FeedStatus>>,
    /// `upstream/flows`.
    pub flows: Option<Arc<Flows>>,
    /// `forecast/co2`.
    pub forecast: Option<Arc<CarbonForecast>>,
    /// `forecast/co2/skill`.
    pub skill: Option<Arc<Skill>>,
    /// `computed/co2/<zone>`, in the order of [`LoadZone::ALL`]; zones that are not published are absent.
    pub zones: Vec<(LoadZone, Arc<ZoneNow>)>,
    /// The session to the broker is up.
    pub broker_up: bool,
}

impl Snapshot {
    /// Where the data come from; what is least like New York's grid wins.
    pub fn origin(&self) -> Origin {
        let origins = [
            self.now.as_ref().map(|now| now.origin),
            self.mix.as_ref().map(|mix| mix.origin),
            self.day.as_ref().map(|day| day.origin),
            self.forecast.as_ref().map(|forecast| forecast.origin),
        ];
        let any = |origin| origins.contains(&Some(origin));
        if any(Origin::Generated) {
            Origin::Generated
        } else if any(Origin::Recorded) {
            Origin::Recorded
        } else {
            Origin::Nyiso
        }
    }
}

/// The newest retained payload of each topic, read and bounds-checked. Fed by whoever holds the MQTT
/// session; read by the pages and the HTTP API.
#[derive(Debug)]
pub struct Retained {
    root: Root,
    held: RwLock<Held>,
    revision: watch::Sender<u64>,
}

/// The feed whose state the dashboard shows.
pub const FUEL_MIX_FEED: &str = "fuel-mix";

impl Retained {
    /// Nothing known yet, of the stream below `root`.
    pub fn new(root: Root) -> Self {
        Self { root, held: RwLock::default(), revision: watch::Sender::new(0) }
    }

    /// The root of the stream.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Takes a message. A payload that is not what its topic promises is counted and dropped, and what
    /// was held stays.
    ///
    /// # Errors
    /// [`Refused`] says why it was dropped. It is logged and counted already: nothing is left to do.
    pub fn accept(&self, topic: &str, payload: &[u8]) -> Result<Accepted, Refused> {
        let outcome = self.try_accept(topic, payload);
        let mut held = self.write();
        match &outcome {
            Ok(_) => held.refusing = false,
            Err(refused) => {
                metrics::counter!("ny_power_web_messages_refused_total", "reason" => refused.kind())
                    .increment(1);
                if !held.refusing {
                    let error: &dyn std::error::Error = refused;
                    let cause = error.source().map(ToString::to_string);
                    warn!(topic, reason = %refused, cause, "dropped a message");
                }
                held.refusing = true;
            }
        }
        drop(held);
        if matches!(outcome, Ok(Accepted::Kept | Accepted::Cleared)) {
            self.revision.send_modify(|revision| *revision += 1);
        }
        outcome
    }

    fn try_accept(&self, name: &str, payload: &[u8]) -> Result<Accepted, Refused> {
        let topic = self.root.parse(name).ok_or(Refused::Unknown)?;
        if payload.is_empty() {
            let cleared = self.write().messages.remove(&topic).is_some();
            return Ok(if cleared { Accepted::Cleared } else { Accepted::NotKept });
        }
        if payload.len() > LARGEST_PAYLOAD {
            return Err(Refused::TooLarge(payload.len()));
        }
        let Some(read) = Payload::read(&topic, payload)? else { return Ok(Accepted::NotKept) };
        let mut held = self.write();
        match held.messages.get(&topic) {
            Some((newest, _)) if read.stamp() < newest.stamp() => return Ok(Accepted::Older),
            None if held.messages.len() >= MOST_TOPICS => return Err(Refused::Full),
            _ => {}
        }
        held.messages.insert(topic, (read, Bytes::copy_from_slice(payload)));
        Ok(Accepted::Kept)
    }

    /// The newest payload of `topic`, as it came.
    pub fn get(&self, topic: &Topic) -> Option<Bytes> {
        self.read().messages.get(topic).map(|(_, bytes)| bytes.clone())
    }

    /// The newest forecast of a signal: read, and as it came.
    pub fn forecast(&self, signal: Signal) -> Option<(Arc<CarbonForecast>, Bytes)> {
        match self.read().messages.get(&Topic::Forecast(signal)) {
            Some((Payload::Forecast(forecast), bytes)) => {
                Some((Arc::clone(forecast), bytes.clone()))
            }
            _ => None,
        }
    }

    /// Says whether the session to the broker is up. What is held stays when it goes: it has its age.
    pub fn set_broker_up(&self, up: bool) {
        self.write().broker_up = up;
        self.revision.send_modify(|revision| *revision += 1);
    }

    /// Changes with every message that is kept.
    pub fn revision(&self) -> u64 {
        *self.revision.borrow()
    }

    /// Tells of changes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Everything that the pages show, of one moment.
    pub fn snapshot(&self) -> Snapshot {
        let held = self.read();
        let series = |topic| match held.messages.get(&topic) {
            Some((Payload::Series(series), _)) => Some(Arc::clone(series)),
            _ => None,
        };
        Snapshot {
            now: match held.messages.get(&Topic::CarbonNow) {
                Some((Payload::CarbonNow(now), _)) => Some(Arc::clone(now)),
                _ => None,
            },
            mix: match held.messages.get(&Topic::Mix) {
                Some((Payload::Mix(mix), _)) => Some(Arc::clone(mix)),
                _ => None,
            },
            day: series(Topic::Carbon24h),
            week: series(Topic::Carbon7d),
            feed: match held.messages.get(&Topic::FeedStatus(FUEL_MIX_FEED.to_owned())) {
                Some((Payload::FeedStatus(status), _)) => Some(Arc::clone(status)),
                _ => None,
            },
            flows: match held.messages.get(&Topic::Flows) {
                Some((Payload::Flows(flows), _)) => Some(Arc::clone(flows)),
                _ => None,
            },
            forecast: match held.messages.get(&Topic::Forecast(Signal::Production)) {
                Some((Payload::Forecast(forecast), _)) => Some(Arc::clone(forecast)),
                _ => None,
            },
            skill: match held.messages.get(&Topic::Skill) {
                Some((Payload::Skill(skill), _)) => Some(Arc::clone(skill)),
                _ => None,
            },
            zones: LoadZone::ALL
                .into_iter()
                .filter_map(|zone| match held.messages.get(&Topic::ZoneNow(zone)) {
                    Some((Payload::ZoneNow(now), _)) => Some((zone, Arc::clone(now))),
                    _ => None,
                })
                .collect(),
            broker_up: held.broker_up,
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Held> {
        self.held.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn co2(ts: &str, value: f64) -> String {
        format!(
            r#"{{"ts":"{ts}","value":{value},"units":"g / kWh","factor_set":"x","complete":true}}"#
        )
    }

    const CO2: &str = "ny-power/computed/co2";

    #[track_caller]
    fn check(retained: &Retained, topic: &str, payload: &str, expected: &str) {
        let outcome = match retained.accept(topic, payload.as_bytes()) {
            Ok(accepted) => format!("{accepted:?}"),
            Err(refused) => refused.kind().to_owned(),
        };
        assert_eq!(outcome, expected);
    }

    fn value(retained: &Retained) -> Option<f64> {
        retained.snapshot().now.map(|now| now.value)
    }

    #[test]
    fn the_newest_is_held_and_a_correction_of_it_replaces_it() {
        let retained = Retained::new(Root::default());
        check(&retained, CO2, &co2("2026-03-10T12:05:00Z", 200.0), "Kept");
        check(&retained, CO2, &co2("2026-03-10T12:00:00Z", 1.0), "Older");
        assert_eq!(value(&retained), Some(200.0));
        check(&retained, CO2, &co2("2026-03-10T12:05:00Z", 201.0), "Kept");
        check(&retained, CO2, &co2("2026-03-10T12:10:00Z", 202.0), "Kept");
        assert_eq!(value(&retained), Some(202.0));
        let held = retained.get(&Topic::CarbonNow).unwrap();
        assert_eq!(held, co2("2026-03-10T12:10:00Z", 202.0).as_bytes());
    }

    #[test]
    fn what_is_not_promised_is_dropped_and_what_was_held_stays() {
        let retained = Retained::new(Root::default());
        check(&retained, CO2, &co2("2026-03-10T12:05:00Z", 200.0), "Kept");
        for bad in [
            "<img src=x onerror=alert(1)>".to_owned(),
            co2("2026-03-10T12:10:00Z", 1501.0),
            co2("yesterday", 200.0),
            "{}".to_owned(),
            "null".to_owned(),
        ] {
            check(&retained, CO2, &bad, "bad-payload");
        }
        check(&retained, "ny-power/computed/co3", "{}", "unknown-topic");
        check(&retained, "other/computed/co2", &co2("2026-03-10T12:10:00Z", 1.0), "unknown-topic");
        check(&retained, CO2, &" ".repeat(LARGEST_PAYLOAD + 1), "too-large");
        check(&retained, "ny-power/application/webui", "reload", "NotKept");
        assert_eq!(value(&retained), Some(200.0));
    }

    #[test]
    fn an_empty_payload_clears_its_topic() {
        let retained = Retained::new(Root::default());
        check(&retained, CO2, "", "NotKept");
        check(&retained, CO2, &co2("2026-03-10T12:05:00Z", 200.0), "Kept");
        check(&retained, CO2, "", "Cleared");
        assert_eq!(value(&retained), None);
        check(&retained, CO2, &co2("2026-03-10T12:00:00Z", 199.0), "Kept");
    }

    #[test]
    fn topics_are_bounded() {
        let retained = Retained::new(Root::default());
        let status =
            r#"{"state":"online","version":"1","build":"a","since":"2026-03-10T12:05:00Z"}"#;
        for index in 0..MOST_TOPICS {
            check(&retained, &format!("ny-power/status/s{index}"), status, "Kept");
        }
        check(&retained, "ny-power/status/one-more", status, "too-many-topics");
        check(&retained, "ny-power/status/s0", status, "Kept");
    }

    /// The contract has a topic for each zone of four kinds, and more fit beside them.
    #[test]
    fn every_topic_of_the_contract_fits() {
        let zones = LoadZone::COUNT;
        let (fuels, series, feeds_and_services) = (domain::fuel_mix::Fuel::COUNT, 10, 20);
        assert!(4 * zones + fuels + series + feeds_and_services <= MOST_TOPICS / 2);
    }

    #[test]
    fn the_least_real_origin_wins() {
        let retained = Retained::new(Root::default());
        assert_eq!(retained.snapshot().origin(), Origin::Nyiso);
        check(&retained, CO2, &co2("2026-03-10T12:05:00Z", 200.0), "Kept");
        let mix = r#"{"ts":"2026-03-10T12:05:00Z","interval_s":300,"units":"MW","fuels":{},
                      "complete":false,"origin":"generated"}"#;
        check(&retained, "ny-power/upstream/mix", mix, "Kept");
        assert_eq!(retained.snapshot().origin(), Origin::Generated);
    }

    #[test]
    fn changes_are_told() {
        let retained = Retained::new(Root::default());
        let before = retained.revision();
        check(&retained, CO2, "{}", "bad-payload");
        assert_eq!(retained.revision(), before);
        check(&retained, CO2, &co2("2026-03-10T12:05:00Z", 200.0), "Kept");
        assert_ne!(retained.revision(), before);
    }
}
