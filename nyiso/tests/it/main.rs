//! What crate `nyiso` promises, on made-up files and on recorded ones.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own file should fail there")]

#[cfg(feature = "client")]
mod client;
mod faults;
mod formats;
mod load_forecast;
mod properties;
mod recorded;
mod recorded_feeds;
mod survey;
