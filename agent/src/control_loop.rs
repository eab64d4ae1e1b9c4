//! When to run a cycle: every tick, on whatever the feed says, and when a hold ends.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::agent::Agent;
use crate::status::Status;
use crate::subscriber::FeedEvent;

/// A moment later than a hold ends, so that it has.
const AFTER_A_HOLD: Duration = Duration::from_millis(50);

/// Runs cycles until `shutdown`.
///
/// # Errors
/// When nobody owns the actuator any more.
pub async fn run(
    mut agent: Agent,
    tick: Duration,
    mut feed: mpsc::Receiver<FeedEvent>,
    status: watch::Sender<Option<Status>>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let mut feed_lives = true;
    loop {
        let cycle = agent.cycle().await?;
        if cycle.is_news {
            show(&cycle.status);
        }
        status.send_replace(Some(cycle.status));
        let wait = cycle.again_in.map_or(tick, |again| tick.min(again + AFTER_A_HOLD));
        let tick = sleep(wait);
        tokio::pin!(tick);
        // What changes nothing that is known does not cost a cycle.
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = &mut tick => break,
                event = feed.recv(), if feed_lives => match event {
                    Some(event) => if agent.hear(event) { break },
                    None => feed_lives = false,
                },
            }
        }
    }
}

/// A line for the person who watches; the log has it, too, for the one who looks later.
fn show(status: &Status) {
    let mut out = std::io::stdout();
    if out.is_terminal() {
        // A terminal that has gone is no reason to stop.
        let _ = writeln!(out, "{}", status.line());
    }
}
