//! Promises of the pure rules, through their public interface.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod fleet;
mod plan;
