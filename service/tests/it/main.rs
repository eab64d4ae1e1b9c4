//! The pieces of `service` against the real thing: sled in a temporary directory, real processes.

mod child;
mod history;
mod mqtt;
mod shutdown;
