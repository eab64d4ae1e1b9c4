//! The NYISO stand-in against a real HTTP client.

mod command;
mod faults;
mod feeds;
mod generated;
pub mod harness;
mod recorded;
mod steering;
