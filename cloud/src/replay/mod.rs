//! `replay`: a stand-in for NYISO over HTTP, for demos, tests and work offline.
//!
//! It serves the fuel mix and the feeds beside it under NYISO's paths, from recorded files or made up, moved
//! so that now is inside the record. Every answer says that it is not NYISO: `x-ny-power-origin: recorded` or
//! `generated`. It can misbehave on request.
//!
//! ```text
//! Record, Generator ──> Source ──> MovedDay (Shift) ──> Shelf (what is there at an instant)
//!        └────> recorded_feeds, other_feeds (posting) ────┘
//!                                                        │
//!                  Pace (its clock), Faults ──> Standin ─┴─> http
//! ```
//!
//! Time: the stand-in's now is the wall clock's. At another speed it starts there and runs on faster or
//! slower; `x-ny-power-now` tells clients what time it is. Nothing with a stamp in its future is ever
//! served, and nothing can be changed over HTTP.

mod args;
mod at;
mod day_file;
mod fault;
mod generator;
mod http;
mod moved;
mod noise;
mod other_feeds;
mod pace;
mod page;
mod posting;
mod reactors;
mod record;
mod recorded_feeds;
mod render;
mod shelf;
mod shift;
mod source;
mod standin;

pub use args::{ReplayArgs, run};
pub use at::At;
pub use fault::{Copies, Cut, Fault, FaultKind, When};
pub use nyiso::client::{NOW_HEADER, ORIGIN_HEADER};
pub use pace::Speed;
pub use record::RecordError;
pub use standin::{Material, Settings, Standin, StandinError};
