//! A clean end: signals become a token, tasks get a grace period.
//!
//! ```text
//! first SIGINT, SIGTERM or SIGHUP ──> `requested`: tasks finish what they hold, within the grace
//! second one, or grace over       ──> `forced`: tasks are dropped where they wait
//! ```
//!
//! Dropping a task runs its destructors, so a fail state that is driven by `Drop` happens either way.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal as listen};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// The wish to stop, and the wish to stop at once. Clones share both.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    requested: CancellationToken,
    forced: CancellationToken,
}

/// A token that is cancelled by SIGINT, SIGTERM or SIGHUP. Short for
/// `Shutdown::on_signals()?.token()`.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn signal() -> io::Result<CancellationToken> {
    Ok(Shutdown::on_signals()?.token())
}

impl Shutdown {
    /// One that only the caller cancels: for tests, and for commands that end by themselves.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that the signals cancel. Call once per process, inside a tokio runtime.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn on_signals() -> io::Result<Self> {
        let this = Self::new();
        let mut interrupt = listen(SignalKind::interrupt())?;
        let mut terminate = listen(SignalKind::terminate())?;
        // A closed terminal must reach the fail state too. `nohup` says that it must not: it starts
        // us with SIGHUP ignored, and a handler would undo that.
        let mut hangup =
            if hangup_is_ignored() { None } else { Some(listen(SignalKind::hangup())?) };
        let told = this.clone();
        // Lives as long as the runtime, like the handlers themselves.
        tokio::spawn(async move {
            loop {
                let (name, cause) = tokio::select! {
                    _ = interrupt.recv() => ("SIGINT", "Ctrl-C"),
                    _ = terminate.recv() => ("SIGTERM", "asked to stop"),
                    _ = next_of(&mut hangup) => ("SIGHUP", "the terminal closed"),
                };
                told.on_signal(name, cause);
            }
        });
        Ok(this)
    }

    fn on_signal(&self, name: &str, cause: &str) {
        if self.requested.is_cancelled() {
            warn!(signal = name, "stopping at once; what was not saved yet is lost");
            self.forced.cancel();
        } else {
            info!(signal = name, "stopping ({cause}); a second signal stops at once");
            self.requested.cancel();
        }
    }

    /// Cancelled when the process should end. Give each task a clone.
    pub fn token(&self) -> CancellationToken {
        self.requested.clone()
    }

    /// Waits until all `tasks` have ended, and gives the first error.
    ///
    /// The first task to end, well or badly, ends the others: a process with half its tasks is
    /// worse than none, and the supervisor starts it anew. Once the end is asked for, the tasks have
    /// `grace` to finish; then, or at a second signal, they are dropped where they wait.
    ///
    /// # Errors
    /// The first error or panic of a task, or that tasks had to be dropped.
    pub async fn join(
        &self,
        mut tasks: JoinSet<anyhow::Result<()>>,
        grace: Duration,
    ) -> anyhow::Result<()> {
        let overdue = async {
            self.requested.cancelled().await;
            tokio::select! {
                () = tokio::time::sleep(grace) => {}
                () = self.forced.cancelled() => {}
            }
        };
        tokio::pin!(overdue);

        let mut outcome = Ok(());
        loop {
            tokio::select! {
                biased;
                ended = tasks.join_next() => {
                    let Some(ended) = ended else { return outcome };
                    self.requested.cancel();
                    let ended = ended.unwrap_or_else(|panic| Err(panic.into()));
                    outcome = outcome.and(ended);
                }
                () = &mut overdue => break,
            }
        }

        let left = tasks.len();
        tasks.shutdown().await;
        outcome.and_then(|()| {
            Err(anyhow::anyhow!("stopped before everything was done; tasks dropped: {left}"))
        })
    }
}

async fn next_of(signal: &mut Option<tokio::signal::unix::Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => std::future::pending().await,
    }
}

/// Whether we were started with SIGHUP ignored, as `nohup` does.
fn hangup_is_ignored() -> bool {
    const SIGHUP_BIT: u64 = 1;
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| ignored_signals(&status))
        .is_some_and(|mask| mask & SIGHUP_BIT != 0)
}

/// The `SigIgn` mask of a `/proc/<pid>/status`; bit n-1 is signal n.
fn ignored_signals(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No test waits this long; it only keeps a hang from lasting for ever.
    const LIMIT: Duration = Duration::from_secs(20);
    const LONG: Duration = Duration::from_secs(3600);

    async fn joined(shutdown: &Shutdown, tasks: JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
        tokio::time::timeout(LIMIT, shutdown.join(tasks, LONG)).await.expect("hangs")
    }

    async fn waits_for(token: CancellationToken) -> anyhow::Result<()> {
        token.cancelled().await;
        Ok(())
    }

    #[tokio::test]
    async fn the_first_task_to_end_ends_the_rest() {
        let shutdown = Shutdown::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(async { Ok(()) });
        tasks.spawn(waits_for(shutdown.token()));
        joined(&shutdown, tasks).await.expect("a clean end");
        assert!(shutdown.token().is_cancelled());
    }

    #[tokio::test]
    async fn the_first_error_is_the_outcome() {
        let shutdown = Shutdown::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(async { Err(anyhow::anyhow!("broker refused the password")) });
        tasks.spawn(waits_for(shutdown.token()));
        let error = joined(&shutdown, tasks).await.expect_err("an error");
        assert_eq!(error.to_string(), "broker refused the password");
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_ends_the_rest() {
        let shutdown = Shutdown::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(async { panic!("on purpose") });
        tasks.spawn(waits_for(shutdown.token()));
        let error = joined(&shutdown, tasks).await.expect_err("an error");
        assert!(error.to_string().contains("on purpose"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn grace_over_drops_what_still_runs() {
        let shutdown = Shutdown::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(std::future::pending());
        shutdown.on_signal("SIGTERM", "test");
        let error = shutdown.join(tasks, Duration::from_secs(5)).await.expect_err("an error");
        assert_eq!(error.to_string(), "stopped before everything was done; tasks dropped: 1");
    }

    #[tokio::test]
    async fn a_second_signal_does_not_wait_for_the_grace() {
        let shutdown = Shutdown::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(std::future::pending());
        shutdown.on_signal("SIGINT", "test");
        shutdown.on_signal("SIGINT", "test");
        assert!(joined(&shutdown, tasks).await.is_err());
    }

    #[test]
    fn reads_which_signals_are_ignored() {
        let status = "Name:\tx\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        assert_eq!(ignored_signals(status), Some(0x1001));
        assert_eq!(ignored_signals("Name:\tx\n"), None);
    }
}
