//! Topics, built and parsed in this file and nowhere else.

use std::fmt;

use crate::fuel_mix::Fuel;
use crate::zone::LoadZone;

/// The root that IBM/ny-power used and that we keep.
pub const DEFAULT_ROOT: &str = "ny-power";

/// The first level or levels of every topic. Lower-case slugs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Root(String);

/// A root that some broker would refuse or misread.
#[derive(Debug, thiserror::Error)]
#[error("topic root {0:?} must be levels of a-z, 0-9, - and _, separated by single slashes")]
pub struct RootError(String);

impl Root {
    /// Checks that `root` is made of lower-case slugs.
    ///
    /// # Errors
    /// [`RootError`] holds the text that is no root.
    pub fn new(root: &str) -> Result<Self, RootError> {
        let slug = |level: &str| {
            !level.is_empty()
                && level
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
        };
        if root.split('/').all(slug) {
            Ok(Self(root.to_owned()))
        } else {
            Err(RootError(root.to_owned()))
        }
    }

    /// The text of the root, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Everything below the root, for a subscription.
    pub fn all(&self) -> String {
        format!("{}/#", self.0)
    }

    /// The full topic name.
    pub fn topic(&self, topic: &Topic) -> String {
        format!("{}/{topic}", self.0)
    }

    /// The topic of a full name; `None` for one of another root, or one that we do not know.
    pub fn parse(&self, name: &str) -> Option<Topic> {
        Topic::parse(name.strip_prefix(&self.0)?.strip_prefix('/')?)
    }
}

impl Default for Root {
    fn default() -> Self {
        Self(DEFAULT_ROOT.to_owned())
    }
}

/// Which intensity a forecast is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Average, production, direct.
    Production,
    /// Average, consumption (imports counted), direct.
    Consumption,
    /// Marginal, direct, of a load zone.
    Marginal(LoadZone),
}

/// Every topic of the stream, without its root.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The whole fuel mix of an instant: [`super::Mix`].
    Mix,
    /// One fuel, as IBM/ny-power published it: [`super::FuelReading`].
    FuelReading(Fuel),
    /// Average intensity now: [`super::CarbonNow`].
    CarbonNow,
    /// Net flows from the neighbors: [`super::Flows`].
    Flows,
    /// NYISO's load forecast: [`super::LoadSeries`].
    LoadForecast,
    /// NYISO's implied marginal emission rate of a zone: [`super::ZoneSeries`].
    MarginalRates(LoadZone),
    /// NYISO's price in a zone: [`super::ZoneSeries`].
    Prices(LoadZone),
    /// Marginal intensity now in a zone: [`super::ZoneNow`].
    ZoneNow(LoadZone),
    /// Four days ahead: [`super::CarbonForecast`].
    Forecast(Signal),
    /// How good the forecast has been: [`super::Skill`].
    Skill,
    /// Average intensity of the last 24 hours, each instant: [`super::CarbonSeries`].
    Carbon24h,
    /// Average intensity of the last 7 days, 15-minute means: [`super::CarbonSeries`].
    Carbon7d,
    /// The newest instant of the fuel mix, as IBM/ny-power published it: [`super::Updated`].
    FuelMixUpdated,
    /// A service is there, or is gone: [`super::ServiceStatus`].
    ServiceStatus(String),
    /// How fresh a feed of NYISO's is: [`super::FeedStatus`].
    FeedStatus(String),
    /// `reload` makes open dashboards offer a reload. Never retained.
    WebUi,
}

const FUEL_MIX: &str = "upstream/fuel-mix/";
const MARGINAL_RATES: &str = "upstream/marginal/";
const PRICES: &str = "upstream/price/";
const CARBON_NOW: &str = "computed/co2";
const FORECAST: &str = "forecast/co2";
const STATUS_FEED: &str = "status/feed/";
const STATUS: &str = "status/";

impl Topic {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "upstream/mix" => Self::Mix,
            CARBON_NOW => Self::CarbonNow,
            "upstream/flows" => Self::Flows,
            "upstream/load-forecast" => Self::LoadForecast,
            FORECAST => Self::Forecast(Signal::Production),
            "forecast/co2/consumption" => Self::Forecast(Signal::Consumption),
            "forecast/co2/skill" => Self::Skill,
            "archive/co2/24h" => Self::Carbon24h,
            "archive/co2/7d" => Self::Carbon7d,
            "status/fuel-mix/updated" => Self::FuelMixUpdated,
            "application/webui" => Self::WebUi,
            _ => {
                if let Some(fuel) = name.strip_prefix(FUEL_MIX) {
                    return Fuel::from_name(fuel).map(Self::FuelReading);
                }
                if let Some(zone) = name.strip_prefix(MARGINAL_RATES) {
                    return LoadZone::from_slug(zone).map(Self::MarginalRates);
                }
                if let Some(zone) = name.strip_prefix(PRICES) {
                    return LoadZone::from_slug(zone).map(Self::Prices);
                }
                if let Some(zone) = name.strip_prefix(CARBON_NOW) {
                    let zone = LoadZone::from_slug(zone.strip_prefix('/')?);
                    return zone.map(Self::ZoneNow);
                }
                if let Some(zone) = name.strip_prefix(FORECAST) {
                    let zone = LoadZone::from_slug(zone.strip_prefix("/marginal/")?);
                    return zone.map(|zone| Self::Forecast(Signal::Marginal(zone)));
                }
                if let Some(feed) = name.strip_prefix(STATUS_FEED) {
                    return level(feed).map(Self::FeedStatus);
                }
                return level(name.strip_prefix(STATUS)?).map(Self::ServiceStatus);
            }
        })
    }
}

fn level(text: &str) -> Option<String> {
    (!text.is_empty() && !text.contains('/')).then(|| text.to_owned())
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mix => f.write_str("upstream/mix"),
            Self::FuelReading(fuel) => write!(f, "{FUEL_MIX}{}", fuel.name()),
            Self::CarbonNow => f.write_str(CARBON_NOW),
            Self::Flows => f.write_str("upstream/flows"),
            Self::LoadForecast => f.write_str("upstream/load-forecast"),
            Self::MarginalRates(zone) => write!(f, "{MARGINAL_RATES}{}", zone.slug()),
            Self::Prices(zone) => write!(f, "{PRICES}{}", zone.slug()),
            Self::ZoneNow(zone) => write!(f, "{CARBON_NOW}/{}", zone.slug()),
            Self::Forecast(Signal::Production) => f.write_str(FORECAST),
            Self::Forecast(Signal::Consumption) => write!(f, "{FORECAST}/consumption"),
            Self::Forecast(Signal::Marginal(zone)) => {
                write!(f, "{FORECAST}/marginal/{}", zone.slug())
            }
            Self::Skill => write!(f, "{FORECAST}/skill"),
            Self::Carbon24h => f.write_str("archive/co2/24h"),
            Self::Carbon7d => f.write_str("archive/co2/7d"),
            Self::FuelMixUpdated => f.write_str("status/fuel-mix/updated"),
            Self::ServiceStatus(name) => write!(f, "{STATUS}{name}"),
            Self::FeedStatus(feed) => write!(f, "{STATUS_FEED}{feed}"),
            Self::WebUi => f.write_str("application/webui"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_is_read_back_from_its_name() {
        let root = Root::default();
        let mut topics = vec![
            Topic::Mix,
            Topic::CarbonNow,
            Topic::Carbon24h,
            Topic::Carbon7d,
            Topic::FuelMixUpdated,
            Topic::ServiceStatus("pump".into()),
            Topic::FeedStatus("fuel-mix".into()),
            Topic::WebUi,
            Topic::Flows,
            Topic::LoadForecast,
            Topic::Forecast(Signal::Production),
            Topic::Forecast(Signal::Consumption),
            Topic::Skill,
        ];
        topics.extend(LoadZone::ALL.map(Topic::MarginalRates));
        topics.extend(LoadZone::ALL.map(Topic::Prices));
        topics.extend(LoadZone::ALL.map(Topic::ZoneNow));
        topics.extend(LoadZone::ALL.map(|zone| Topic::Forecast(Signal::Marginal(zone))));
        topics.extend(Fuel::ALL.map(Topic::FuelReading));
        for topic in topics {
            assert_eq!(root.parse(&root.topic(&topic)), Some(topic));
        }
    }

    #[test]
    fn the_names_that_old_clients_know() {
        let root = Root::default();
        assert_eq!(root.topic(&Topic::CarbonNow), "ny-power/computed/co2");
        assert_eq!(
            root.topic(&Topic::FuelReading(Fuel::NaturalGas)),
            "ny-power/upstream/fuel-mix/Natural Gas"
        );
        assert_eq!(root.topic(&Topic::Carbon24h), "ny-power/archive/co2/24h");
        assert_eq!(root.topic(&Topic::FuelMixUpdated), "ny-power/status/fuel-mix/updated");
        assert_eq!(root.topic(&Topic::WebUi), "ny-power/application/webui");
    }

    #[test]
    fn foreign_and_unknown_names_are_nobody() {
        let root = Root::default();
        for name in [
            "ny-powers/computed/co2",
            "ny-power/computed/co3",
            "ny-power/computed/co2/bronx",
            "ny-power/forecast/co2/marginal",
            "ny-power/upstream/price/",
            "ny-power/status/a/b",
            "ny-power/status/",
        ] {
            assert_eq!(root.parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_root_is_made_of_slugs() {
        assert_eq!(Root::new("grid/ny_1").unwrap().all(), "grid/ny_1/#");
        for bad in ["", "/", "a/", "A", "a b", "a/#", "a//b"] {
            assert!(Root::new(bad).is_err(), "{bad}");
        }
    }
}
