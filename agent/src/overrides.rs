//! What the person at the charger wants for once: charge now, not tonight, away, another departure. Each
//! ends by itself, is kept across restarts, and is told with its end.
//!
//! [`Overrides`] is what holds, [`Request`] changes it (pure), [`Desk`] keeps it and tells whoever decides.

mod request;
mod time;

use std::sync::Arc;

use chrono::TimeDelta;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use service::history::HistoryError;
use tokio::sync::watch;

use crate::eastern::say;
use crate::moments::Moments;
use crate::store::Store;

pub use request::{Refusal, Request};
pub use time::{Said, TimeError, time_of};

/// No override reaches further than this: what does was set, or is looked at, under a wrong clock.
pub const FURTHEST: TimeDelta = TimeDelta::days(366);

/// What the person wants for once. `None`: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    /// Charge until then, whatever the plan.
    #[serde(default)]
    pub charge_now_until: Option<Timestamp>,
    /// Do not charge until then, and drop the guarantee of a departure in that time.
    #[serde(default)]
    pub skip_until: Option<Timestamp>,
    /// The same, of somebody who is away.
    #[serde(default)]
    pub away_until: Option<Timestamp>,
    /// Replaces the next scheduled departure.
    #[serde(default)]
    pub depart_once: Option<Timestamp>,
}

impl Overrides {
    /// What of it holds at `now`: an override is over at its end, and void where its end lies more than
    /// [`FURTHEST`] ahead.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Self {
        let holds = |until: &Timestamp| now < *until && *until - now <= FURTHEST;
        Self {
            charge_now_until: self.charge_now_until.filter(holds),
            skip_until: self.skip_until.filter(holds),
            away_until: self.away_until.filter(holds),
            depart_once: self.depart_once.filter(holds),
        }
    }

    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What holds at `now`, one sentence each, in Eastern time.
    #[must_use]
    pub fn words(&self, now: Timestamp) -> String {
        let Self { charge_now_until, skip_until, away_until, depart_once } = self.at(now);
        let told = [
            ("Charging now until", charge_now_until),
            ("No charging tonight, until", skip_until),
            ("No charging while you are away, until", away_until),
            ("The next departure, this once, is", depart_once),
        ];
        let said: Vec<String> = told
            .into_iter()
            .filter_map(|(what, at)| Some(format!("{what} {}.", say(at?, now))))
            .collect();
        if said.is_empty() { "No override; the plan goes on.".to_owned() } else { said.join(" ") }
    }

    /// The next moment after `now` at which one of them ends.
    #[must_use]
    pub fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        let Self { charge_now_until, skip_until, away_until, depart_once } = self.at(now);
        [charge_now_until, skip_until, away_until, depart_once].into_iter().flatten().min()
    }
}

/// What answers a request: the sentence for the person, and what holds now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What will be, until when: in Eastern time.
    pub said: String,
    /// All that holds.
    pub overrides: Overrides,
}

/// The next scheduled departure after a time, if there is a schedule.
pub type NextDeparture = Arc<dyn Fn(Timestamp) -> Option<Timestamp> + Send + Sync>;

/// Where overrides are asked for, kept and watched.
pub struct Desk {
    store: Store,
    moments: Moments,
    next_departure: NextDeparture,
    current: watch::Sender<Overrides>,
}

impl Desk {
    /// With what was kept before. What cannot be read is nothing: the plan goes on.
    pub fn new(store: Store, moments: Moments, next_departure: NextDeparture) -> Self {
        let kept = store.overrides().unwrap_or_else(|error| {
            tracing::warn!("the overrides cannot be read and are dropped: {error}");
            Overrides::default()
        });
        Self { store, moments, next_departure, current: watch::Sender::new(kept) }
    }

    /// What holds: ask it `at(now)`. It wakes whoever waits for a change.
    pub fn watch(&self) -> watch::Receiver<Overrides> {
        self.current.subscribe()
    }

    /// What holds, in words.
    pub fn show(&self) -> Answer {
        let now = self.moments.now().wall;
        let overrides = self.current.borrow().at(now);
        Answer { said: overrides.words(now), overrides }
    }

    /// Takes a request, and keeps what comes of it before it answers. Blocks for as long as the disk
    /// does.
    ///
    /// # Errors
    /// When the request makes no sense at this time, or cannot be kept.
    pub fn take(&self, request: Request) -> Result<Answer, DeskError> {
        let now = self.moments.now().wall;
        let before = self.current.borrow().at(now);
        let answer = request.apply(before, now, (self.next_departure)(now))?;
        self.store.keep_overrides(&answer.overrides)?;
        self.store.sync()?;
        tracing::info!("override: {}", answer.said);
        self.current.send_replace(answer.overrides);
        Ok(answer)
    }
}

/// Why an override was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// It makes no sense.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It could not be kept, so it was not taken: a restart would forget it.
    #[error("the override cannot be kept: {0}")]
    Store(#[from] HistoryError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use service::history::MemoryHistory;

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn each_ends_by_itself() {
        let all = Overrides {
            charge_now_until: Some(ts("2026-03-10T12:00:00Z")),
            skip_until: Some(ts("2026-03-10T13:00:00Z")),
            away_until: Some(ts("2026-03-14T12:00:00Z")),
            depart_once: Some(ts("2026-03-10T14:00:00Z")),
        };
        assert_eq!(all.at(ts("2026-03-10T11:59:59Z")), all);
        let later = all.at(ts("2026-03-10T13:00:00Z"));
        assert_eq!((later.charge_now_until, later.skip_until), (None, None));
        assert_eq!(later.next_end(ts("2026-03-10T13:00:00Z")), all.depart_once);
        assert!(all.at(ts("2026-03-14T12:00:00Z")).is_empty());
    }

    #[test]
    fn under_a_clock_of_1970_they_rest_and_come_back_with_the_time() {
        let away =
            Overrides { away_until: Some(ts("2026-03-14T12:00:00Z")), ..Overrides::default() };
        assert!(away.at(ts("1970-01-01T00:05:00Z")).is_empty());
        assert_eq!(away.at(ts("2026-03-10T12:00:00Z")), away);
    }

    #[test]
    fn what_was_taken_is_kept_and_watched() {
        let store = Store::new(Arc::new(MemoryHistory::new()));
        let moments = Moments::of_this_machine();
        let now = moments.now().wall;
        let desk = Desk::new(store.clone(), moments.clone(), Arc::new(|_| None));
        let mut watch = desk.watch();
        let answer = desk.take(Request::ChargeNow { until: None }).unwrap();
        assert!(watch.has_changed().unwrap());
        assert_eq!(*watch.borrow_and_update(), answer.overrides);
        assert!(now < answer.overrides.charge_now_until.unwrap());
        let again = Desk::new(store, moments, Arc::new(|_| None));
        assert_eq!(*again.watch().borrow(), answer.overrides);
        assert!(again.take(Request::Clear).unwrap().overrides.is_empty());
    }
}
