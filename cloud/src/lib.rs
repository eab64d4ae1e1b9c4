//! The cloud side.

pub mod inspect;
pub mod replay;
