//! Pure rules of ny-power: no IO, no clock, no async.
//!
//! Read the modules in this order: what is measured ([`units`], [`fuel_mix`]), what is new in it
//! ([`changes`], [`freshness`]), what it means for the climate ([`factors`], [`carbon`], [`night`], [`week`], [`series`],
//! [`stream`]; imports in [`consumption`], the next kWh in [`marginal`], both by [`zone`] or state: [`zone_now`]), what is to
//! come ([`forecast`], [`profile`]), where the contactor belongs ([`control`]), when to charge ([`plan`], for a
//! household's [`tariff`] and [`schedule`]: [`charging`]) and how not to do so all at once ([`fleet`]), what was
//! charged ([`ledger`]), and what is said to the world ([`wire`]).
//!
//! Invariants: time is always an argument; a value that exists is valid; only [`wire`] knows serde
//! and the topics.

pub mod carbon;
pub mod changes;
pub mod charging;
pub mod consumption;
pub mod control;
pub mod factors;
pub mod fleet;
pub mod forecast;
pub mod freshness;
pub mod fuel_mix;
pub mod ledger;
pub mod marginal;
pub mod night;
pub mod plan;
pub mod profile;
pub mod schedule;
pub mod series;
pub mod stream;
pub mod tariff;
pub mod units;
pub mod week;
pub mod wire;
pub mod zone;
pub mod zone_now;

/// An instant in UTC. New York wall clock exists only in crate `nyiso` and on the screen.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
