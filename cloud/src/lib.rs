//! The cloud side.

pub mod broker;
pub mod inspect;
pub mod ports;
pub mod replay;
//! skeleton
pub mod web;
