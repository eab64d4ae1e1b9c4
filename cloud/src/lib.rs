//! The cloud side: NYISO's public files as an open MQTT event stream, with a live dashboard.
//!
//! One binary, one command a service; `up` is all of them in one process. Services meet only on MQTT
//! topics. Read in the order in which a reading travels: [`source`], [`pump`], [`co2`], [`forecast`],
//! [`web`]; then
//! [`broker`] and [`up`], which put them together, and the tools beside them.

pub mod backfill;
pub mod backtest;
pub mod broker;
pub mod cli;
pub mod co2;
pub mod config;
pub mod feeds;
pub mod forecast;
pub mod inspect;
pub mod metrics;
pub mod mix_history;
pub mod origin;
pub mod ports;
pub mod pump;
pub mod replay;
pub mod services;
pub mod source;
pub mod up;
pub mod web;

/// Version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Build id: the version, and the commit where the build knew it.
pub const BUILD: &str = match option_env!("NY_POWER_BUILD") {
    Some(build) => build,
    None => VERSION,
};
