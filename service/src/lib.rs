//! What every ny-power process needs to live: a clock, logging, a clean end, patience, a memory.
//!
//! Nothing here decides anything about the grid or the car; that is `domain`. Read the modules in
//! this order: [`clock`], [`logging`], [`settings`], [`shutdown`], [`backoff`], [`history`], [`mqtt`].
//!
//! Invariants: [`clock`] is the only place that reads the wall clock; nothing here ends the process.

// sled panics on damaged files, and the contactor's fail state is driven while unwinding. Both need
// a panic that can be caught, so a profile with `panic = "abort"` does not build.
#[cfg(panic = "abort")]
compile_error!(
    "ny-power needs panic = \"unwind\": a panic must reach the fail state and be caught"
);

pub mod backoff;
pub mod clock;
pub mod history;
pub mod logging;
pub mod mqtt;
pub mod settings;
pub mod shutdown;
