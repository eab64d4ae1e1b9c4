//! Questions to what the agent works with, for `doctor` and `setup`: is it there, and what does it say? Nothing
//! here gives an order, takes a line or a lock, or waits longer than its limit.

mod broker;
mod feed;
mod meter;
mod switch;

pub use broker::ask_home;
pub use feed::{FeedAnswer, ask_feed};
pub use meter::{MeterAnswer, ask_meter};
pub use switch::ask_switch;

use std::time::Duration;

/// A broker may take this long to let us in.
const LOGIN_TAKES: Duration = Duration::from_secs(5);

/// Runs one question to its end on this thread.
///
/// # Errors
/// When this machine gives no runtime: out of memory or descriptors.
pub fn wait<T>(question: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(question);
    // A name that takes long to be looked up is not waited for.
    runtime.shutdown_timeout(Duration::from_millis(100));
    Ok(answer)
}
