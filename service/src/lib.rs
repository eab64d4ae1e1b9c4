//! What both processes need to live.

pub mod settings;
