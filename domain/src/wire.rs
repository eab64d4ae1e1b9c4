//! The public contract: MQTT topics and JSON payloads. Nothing else in `domain` knows that MQTT exists,
//! and nothing here is a client.
//!
//! Rules: times are RFC 3339 in UTC, full seconds; readers ignore unknown fields; fields are never
//! renamed, only added. Data topics are retained and QoS 1: the retained message is the newest; an
//! older instant (catch-up, a correction) goes out unretained.

mod feeds;
mod forecast;
mod payload;
mod rfc3339;
mod status;
mod topic;

pub(crate) use payload::AVERAGE_BOUNDS;

pub use feeds::{DOLLARS_PER_MWH, Flows, LoadSeries, RealTime, ZoneSeries};
pub use forecast::{CarbonForecast, ForecastSlot, HorizonSkill, Skill, ZoneNow};
pub use payload::{
    CarbonNow, CarbonSeries, FuelReading, GRAMS_PER_KWH, MEGAWATTS, Mix, Origin, Updated, WireError,
};
pub use status::{FeedState, FeedStatus, ServiceState, ServiceStatus};
pub use topic::{DEFAULT_ROOT, Root, RootError, Signal, Topic};
