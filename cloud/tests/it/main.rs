//! What `ny-power-cloud` promises.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own file should fail there")]

mod inspect;
