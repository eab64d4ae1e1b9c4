//! Four days ahead: hourly carbon intensity with its P10-P90 band.
//!
//! Read in this order: hours and days ([`calendar`]), what is known ([`history`], [`load`], [`table`]),
//! what the model looks at ([`profile`], [`features`]), how it learns ([`moments`], [`ridge`]), and what
//! it says ([`model`], [`bands`]). [`baselines`] are what it is measured against, [`skill`] and
//! [`regret`] how. What is published is cut into [`slots`], joined with what else is known ([`outlook`]), and
//! kept to be scored ([`record`]).
//!
//! The method is one ridge regression for each of 96 hours ahead, on anomalies against the last
//! fourteen days, with NYISO's load forecast where it is at hand. Where it cannot be used the fourteen
//! days speak themselves, and without them a shape of the day: there is never a hole, and never 0.
//!
//! Invariants: a forecast from hour h looks only at readings of hours before h and at load forecasts
//! known by then; the same inputs give the same bits.

pub mod bands;
pub mod baselines;
pub mod calendar;
pub mod features;
pub mod history;
pub mod load;
pub mod model;
pub mod moments;
pub mod outlook;
pub mod profile;
pub mod record;
pub mod regret;
pub mod ridge;
pub mod skill;
pub mod slots;
pub mod table;
pub mod trainer;

#[cfg(test)]
mod tests;

pub use calendar::{Calendar, Hour};
pub use history::{History, HourlyMean, HourlyReading};
pub use load::{LoadForecast, LoadForecasts, Loads};
pub use model::{Forecast, Learner, Method, Model, Quantiles};
pub use table::{Inputs, Table};
pub use trainer::Phase;

/// Hours that the model learns to forecast. Those beyond are taken for the same hour of the fourth day.
pub const HORIZON: usize = 96;

/// Hours that a [`Calendar`] must reach beyond the hour that is forecast from.
pub const LOOK_AHEAD: usize = HORIZON + 72;

/// What our forecasts are called on the wire and in the backtest.
pub const MODEL_NAME: &str = "ny-power";
