//! The source of last resort: NYISO's own files, read by this agent and computed as service co2 does.
//!
//! ```text
//! control loop ──Want──> this task ──GET──> NYISO
//!      ^                     │
//!      └──FeedEvent::Nyiso───┘  readings, series, trouble: once a look
//! ```
//!
//! When to read is decided by [`fallback`], beside the control loop, from the readings that the feed brings.
//! The task obeys, politely: one file every five minutes or so, each agent at times of its own, less often
//! while nothing is new, much less while NYISO fails. Its readings pass the same checks as the feed's.

mod day_ahead;
pub mod fallback;
mod files;
mod intensities;
mod reins;

use std::time::Duration;

use domain::Timestamp;
use domain::zone::LoadZone;
use nyiso::client::ClientConfig;
use service::backoff::Backoff;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::moments::Moments;
use crate::subscriber::FeedEvent;
pub use day_ahead::Ahead;
pub use files::Known;
use files::{Files, Trouble};
pub use intensities::Found;
pub use reins::Reins;

/// What the control loop wants of this task.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Want {
    /// Read NYISO's own files.
    pub reads: bool,
    /// What is known already.
    pub known: Known,
}

/// What a look at NYISO's files came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// When, by our clock.
    pub at: Timestamp,
    /// What it brought.
    pub found: Found,
    /// What NYISO says of the days ahead, where that is new.
    pub ahead: Ahead,
    /// What went wrong, in one sentence.
    pub trouble: Option<String>,
}

/// How often NYISO is asked. Not a setting: the defaults are what is polite.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The first look comes within this, at random.
    pub first_within: Duration,
    /// Between two looks while there is something new each time, shortened by up to a fifth at random.
    pub every: Duration,
    /// The first wait after a failure; it doubles from there.
    pub retry: Duration,
    /// The longest wait, after failures and while nothing is new.
    pub slowest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first_within: Duration::from_secs(10),
            every: Duration::from_secs(5 * 60),
            retry: Duration::from_secs(60),
            slowest: Duration::from_secs(30 * 60),
        }
    }
}

/// Reads NYISO's own files while that is wanted, until `shutdown`; of `zone`, where one is given, also the
/// day-ahead prices and marginal rates.
///
/// # Errors
/// Never by itself: what NYISO does never ends it.
pub async fn run(
    (client, zone): (ClientConfig, Option<LoadZone>),
    pace: Pace,
    mut want: watch::Receiver<Want>,
    events: mpsc::Sender<FeedEvent>,
    moments: Moments,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let follow = async {
        while want.wait_for(|want| want.reads).await.is_ok() {
            let files = Files::new(client.clone(), zone);
            let spell = read(files, pace, want.clone(), &events, &moments);
            // What is on its way when the feed is back is let go.
            tokio::select! {
                _ = want.wait_for(|want| !want.reads) => {}
                () = spell => return,
            }
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = follow => {}
    }
    Ok(())
}

/// One spell of reading; ends only when nobody listens any more.
async fn read(
    mut files: Files,
    pace: Pace,
    want: watch::Receiver<Want>,
    events: &mpsc::Sender<FeedEvent>,
    moments: &Moments,
) {
    let mut quiet = Backoff::new(pace.every, pace.slowest).with_jitter(0.2);
    let mut failing = Backoff::new(pace.retry, pace.slowest);
    let mut said = None;
    tokio::time::sleep(pace.first_within.mul_f64(rand::random())).await;
    loop {
        let at = moments.now().wall;
        let known = want.borrow().known;
        let (found, trouble) = files.look(at, known).await;
        tell(&mut said, trouble.as_ref(), &found);
        let ahead = match &trouble {
            None => files.look_ahead(at).await,
            Some(_) => Ahead::default(),
        };
        if !found.readings.is_empty() {
            quiet.reset();
        }
        let next = match &trouble {
            None => {
                failing.reset();
                &mut quiet
            }
            Some(_) => &mut failing,
        };
        let asked = trouble.as_ref().and_then(|trouble| trouble.retry_after).unwrap_or_default();
        let pause = next.next().unwrap_or(pace.slowest).max(asked);
        let look = Look { at, found, ahead, trouble: trouble.map(|trouble| trouble.text) };
        if events.send(FeedEvent::Nyiso(Box::new(look))).await.is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}

/// Logs trouble when it begins or becomes another, and its end; not each look.
fn tell(said: &mut Option<&'static str>, trouble: Option<&Trouble>, found: &Found) {
    let kind = trouble.map(|trouble| trouble.kind);
    match trouble {
        Some(trouble) if *said != kind => warn!("NYISO's files cannot be read: {}", trouble.text),
        None if said.is_some() => info!("NYISO's files can be read again"),
        _ => {}
    }
    *said = kind;
    if let Some(refused) = &found.refused {
        warn!("a reading of NYISO's own files cannot be true and is left out: {refused}");
    }
}
