//! Pure rules of ny-power: no IO, no clock, no async.
//!
//! Read the modules in this order: what is measured ([`units`], [`fuel_mix`]), what is new in it
//! ([`changes`], [`freshness`]), what it means for the climate ([`factors`], [`carbon`], [`week`], [`series`],
//! [`stream`]), what is to come ([`forecast`], [`profile`]), where the contactor belongs ([`control`]), when to
//! charge ([`plan`]) and how not to do so all at once ([`fleet`]), and what is said to the world ([`wire`]).
//!
//! Invariants: time is always an argument; a value that exists is valid; only [`wire`] knows serde
//! and the topics.

pub mod carbon;
pub mod changes;
pub mod control;
pub mod factors;
pub mod fleet;
pub mod forecast;
pub mod freshness;
pub mod fuel_mix;
pub mod plan;
pub mod profile;
pub mod series;
pub mod stream;
pub mod units;
pub mod week;
pub mod wire;

/// An instant in UTC. New York wall clock exists only in crate `nyiso` and on the screen.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
