//! NYISO's public feeds: paths and bytes in, values out.
//!
//! Pure but for the HTTP client, which sits behind feature `client`. Read the modules in this order:
//! New York's wall clock ([`eastern`]), where the files lie ([`path`]), what is in them
//! ([`fuel_mix`]; [`interface_flows`], [`emission_rate`], [`price`], [`load_forecast`] without a zone column, see
//! [`local_time`]; [`archive`], [`gzip`]) and what their instants say about the feed ([`survey`]).
//!
//! Invariants: Eastern time exists nowhere else in the product; a row that cannot be read becomes an
//! [`fuel_mix::Oddity`] and never a number.

pub mod archive;
#[cfg(feature = "client")]
pub mod client;
pub mod eastern;
pub mod emission_rate;
pub mod fuel_mix;
pub mod gzip;
pub mod interface_flows;
pub mod load_forecast;
pub mod local_time;
pub mod path;
pub mod price;
pub mod survey;
pub mod table;
