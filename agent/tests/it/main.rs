//! Promises of the agent, kept by the built program.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod plan_command;
