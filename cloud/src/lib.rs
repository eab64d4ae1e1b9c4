//! skeleton
pub mod inspect;
