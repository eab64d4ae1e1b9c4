//! What a time would have been with these settings: the agent's own decisions over recorded days.
//!
//! ```text
//! Record (NYISO's files, or an agent's history) ──readings, as late as they come──┐
//!    └──> Foresight: the feed's forecast, by what was known then ─────────────────┼──> World: grid, charger,
//!                                                             a clock that is turned ┘    decide, ledger
//! ```
//!
//! Nothing here decides: the grid, the charger, `domain::control::decide` and the ledger are those of `run`,
//! with a memory instead of a disk and a contactor that always obeys.

mod foresight;
mod record;
mod world;

pub use foresight::{Foreseen, Foresight};
pub use record::Record;
pub use world::{Replayed, replay};
