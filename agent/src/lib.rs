//! Charges the car when New York's grid is cleanest.
//!
//! ```text
//! feed ──> subscriber ──> control loop ──> actuator's owner ──> relay
//!                            │   │
//!              history <─────┘   └──> status ──> socket ──> `ny-power-agent status`
//! ```
//!
//! Every decision is made in `domain::control`; here are the eyes, the hands and the memory for it. Read the
//! modules in this order: [`config`], [`subscriber`], [`grid`], [`agent`], [`actuator`], [`run()`].

pub mod actuator;
pub mod agent;
pub mod api;
pub mod charger;
pub mod clock_trust;
pub mod commands;
pub mod config;
mod control_loop;
pub mod eastern;
pub mod explain;
pub mod foresight;
pub mod grid;
pub mod home;
pub mod ledger;
mod lock;
pub mod manners;
pub mod moments;
pub mod notify;
pub mod nyiso_source;
pub mod overrides;
pub mod picture;
pub mod replay;
mod run;
pub mod status;
pub mod store;
pub mod subscriber;
mod supervisor;

pub use run::run;
