//! Keeps a panic or a hang of sled from becoming ours.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Once, mpsc};
use std::time::Duration;

use tracing::debug;

/// Why guarded work has no result.
#[derive(Debug, PartialEq, Eq)]
pub enum Gone {
    /// It panicked with this message.
    Panicked(String),
    /// It did not come back; its thread is left behind.
    Hung,
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` here; a panic becomes its message.
///
/// What `work` touched may be in any state after a panic: the store is opened anew then.
pub fn caught<R>(work: impl FnOnce() -> R) -> Result<R, Gone> {
    quiet_hook();
    let outer = GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    outcome.map_err(|payload| Gone::Panicked(message(&*payload)))
}

/// Runs `work` on a thread of its own for at most `limit`.
///
/// sled waits without a limit for its own threads (`Flusher::drop`, `make_stable`), and those may
/// have ended in a panic on a damaged store.
pub fn within<R: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> R + Send + 'static,
) -> Result<R, Gone> {
    let (done, outcome) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name("history".to_owned());
    let spawned = thread.spawn(move || {
        // The receiver may have stopped waiting.
        let _ = done.send(caught(work));
    });
    if let Err(error) = spawned {
        return Err(Gone::Panicked(format!("cannot start a thread: {error}")));
    }
    outcome.recv_timeout(limit).unwrap_or(Err(Gone::Hung))
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without words")
        .to_owned()
}

/// Panics that we catch, and those of sled's own threads, which it catches itself, go to the log for
/// those who look closely, rather than as a crash report onto the user's screen.
fn quiet_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let of_sled = std::thread::current().name().is_some_and(|n| n.starts_with("sled-io-"));
            if GUARDED.get() || of_sled {
                debug!("caught inside the history: {info}");
            } else {
                usual(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(caught(|| 1), Ok(1));
        assert_eq!(
            caught(|| panic!("index {} out of bounds", 7)),
            Err::<(), _>(Gone::Panicked("index 7 out of bounds".to_owned()))
        );
        let silent = within(Duration::from_secs(20), || std::panic::panic_any(5));
        assert_eq!(silent, Err::<(), _>(Gone::Panicked("a panic without words".to_owned())));
    }

    #[test]
    fn a_hang_ends_for_the_caller() {
        let (_keep, never) = mpsc::channel::<()>();
        let outcome = within(Duration::from_millis(1), move || never.recv().is_ok());
        assert_eq!(outcome, Err(Gone::Hung));
    }
}
