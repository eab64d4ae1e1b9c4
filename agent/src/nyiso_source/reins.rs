//! What the control loop holds of the task: it says when to read, and remembers what came of it.

use chrono::SubsecRound as _;
use domain::Timestamp;
use domain::control::{ClockTrust, Moment};
use domain::wire::Origin;
use tokio::sync::watch;
use tracing::{info, warn};

use super::fallback::{Fallback, Policy};
use super::{Known, Look, Want};
use crate::explain;
use crate::grid::{Refused, Taken};
use crate::status::NyisoStatus;

/// Holds the task.
pub struct Reins {
    fallback: Fallback,
    want: watch::Sender<Want>,
    status: NyisoStatus,
}

impl Reins {
    /// With what the task follows. `url` is for the status.
    pub fn new(policy: Policy, url: String, started: Moment) -> (Self, watch::Receiver<Want>) {
        let (want, follow) = watch::channel(Want::default());
        let status =
            NyisoStatus { url, by_choice: policy == Policy::ByChoice, ..NyisoStatus::default() };
        (Self { fallback: Fallback::new(policy, started), want, status }, follow)
    }

    /// A reading of the feed, and what became of it; see [`Fallback::hear`].
    pub fn hear_feed(
        &mut self,
        ts: Timestamp,
        outcome: &Result<Taken, Refused>,
        is_fresh: bool,
        now: Moment,
    ) {
        self.fallback.hear(ts, outcome, is_fresh, now);
    }

    /// The task has looked. Gives whether that still counts: what was on its way when the feed came back
    /// does not.
    pub fn hear_look(&mut self, look: &Look) -> bool {
        if !self.fallback.reads() {
            return false;
        }
        self.status.looked = Some(look.at.trunc_subsecs(0));
        self.status.trouble.clone_from(&look.trouble);
        true
    }

    /// Decides anew whether NYISO's own files are read.
    pub fn decide(&mut self, now: &Moment, clock: ClockTrust, origin: Origin, known: Known) {
        let (reads, is_news) = self.fallback.decide(now, clock, origin);
        // Only what matters wakes the task; it looks the rest up when it needs it.
        self.want.send_if_modified(|want| {
            *want = Want { reads, known };
            is_news
        });
        if !is_news {
            return;
        }
        self.status.reads = reads;
        self.status.since = Some(now.wall.trunc_subsecs(0));
        self.status.trouble = None;
        let url = &self.status.url;
        let silent = explain::length(now.at_least_since(&self.fallback.heard()));
        match (self.fallback.policy(), reads) {
            (Policy::ByChoice, true) => info!("NYISO's own files are read from {url}"),
            (Policy::WhenSilent(_), true) => warn!(
                "the feed has brought no newer reading for {silent}: NYISO's own files are read from \
                 {url} until it does"
            ),
            (_, false) if clock != ClockTrust::Trusted => {
                warn!("NYISO's own files are not read while the clock cannot be trusted");
            }
            (_, false) => info!("the feed brings readings again: NYISO's own files are left alone"),
        }
    }

    /// For whoever asks.
    pub fn status(&self) -> NyisoStatus {
        let heard = self.fallback.heard().wall.trunc_subsecs(0);
        NyisoStatus { feed_heard: Some(heard), ..self.status.clone() }
    }
}
