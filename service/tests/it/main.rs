//! The pieces of `service` against the real thing: sled in a temporary directory, real processes.

mod history;
mod mqtt;
