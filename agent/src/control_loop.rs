//! When to run a cycle: every tick, on whatever the feed says, and when a hold ends.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::agent::Agent;
use crate::ledger::Ledger;
use crate::status::Status;
use crate::subscriber::FeedEvent;
use crate::supervisor::Supervisor;

/// A moment later than a hold ends, so that it has.
const AFTER_A_HOLD: Duration = Duration::from_millis(50);

/// Runs cycles until `shutdown`.
///
/// # Errors
/// When nobody owns the actuator any more.
pub async fn run(
    mut agent: Agent,
    mut ledger: Ledger,
    tick: Duration,
    mut feed: mpsc::Receiver<FeedEvent>,
    status: watch::Sender<Option<Status>>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let mut supervisor = Supervisor::of_this_process();
    let tick = supervisor.longest_tick(tick);
    let mut overrides = agent.overrides();
    let mut feed_lives = true;
    let mut newest = None;
    loop {
        let cycle = agent.cycle().await?;
        supervisor.hear(&cycle.status);
        if let Some(facts) = &cycle.facts {
            ledger.tick(facts);
        }
        let is_new_reading = newest != cycle.status.signal.ts;
        newest = cycle.status.signal.ts;
        show(&cycle.status, cycle.is_news, is_new_reading);
        status.send_replace(Some(cycle.status));
        let wait = cycle.again_in.map_or(tick, |again| tick.min(again + AFTER_A_HOLD));
        let tick = sleep(wait);
        tokio::pin!(tick);
        // What changes nothing that is known does not cost a cycle.
        loop {
            tokio::select! {
                () = shutdown.cancelled() => {
                    supervisor.hear_the_end();
                    return Ok(());
                }
                () = &mut tick => break,
                Ok(()) = overrides.changed() => break,
                event = feed.recv(), if feed_lives => match event {
                    Some(event) => if agent.hear(event) { break },
                    None => feed_lives = false,
                },
            }
        }
    }
}

/// A person who watches gets a line for each reading and each change; a log gets the changes, with their
/// fields, and not every five minutes the same.
fn show(status: &Status, is_news: bool, is_new_reading: bool) {
    let mut out = std::io::stdout();
    if out.is_terminal() && (is_news || is_new_reading) {
        // A terminal that has gone is no reason to stop.
        let _ = writeln!(out, "{}", status.line());
    } else if is_news {
        let position = status.position.as_deref().unwrap_or("unknown");
        info!(position, mode = status.mode, "{}", status.reason);
    }
}
