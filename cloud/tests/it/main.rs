//! The cloud's parts against real files, sockets, brokers and clients.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own file should fail there")]

mod backtest;
mod broker;
mod inspect;
mod replay;
mod stream;
mod sun;
mod up;
mod web;
