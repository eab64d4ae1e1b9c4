//! The agent.

pub mod commands;
