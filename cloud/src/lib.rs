//! The cloud side.

pub mod inspect;
pub mod replay;
//! skeleton
pub mod web;
