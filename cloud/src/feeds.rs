//! feeds: what NYISO publishes beside the fuel mix, in; events out.
//!
//! ```text
//! each feed by itself: files that can hold something new ──> parse ──> differs from what was said? ──> publish
//!                          │ failure: said once, counted, and asked less often
//!                          v
//!                   status/feed/<feed>
//! ```
//!
//! Flows, load forecast, marginal rates and prices make the numbers better, and none is needed for any of
//! them. So each has a task, failures and a switch of its own, and none of this can hold up the fuel mix.
//! After a restart what is retained may be said again. Only of the flows, which come instant by instant, the
//! pump's store knows how far the broker has acknowledged them: no instant is published twice.

mod content;
mod health;
mod kind;
mod past;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::wire::{FeedStatus, Origin, Root, Topic};
use metrics::{counter, gauge};
use nyiso::client::{Client, FetchError};
use nyiso::eastern;
use nyiso::path::{Feed as Files, FileKind, Span};
use rand::RngExt;
use service::clock::Clock;
use service::history::{History, Retention, Series};
use service::mqtt::{Delivery, Publication, Publisher};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use content::{Content, Saying};
use health::Facts;
pub use kind::{Kind, Switches};
use kind::{Term, days};
pub use past::past_load_forecasts;

/// The file of a new day appears 10 to 20 minutes after Eastern midnight.
const NEW_DAY: TimeDelta = TimeDelta::minutes(30);

/// A file of the hours ahead is posted once: what is held is compared with it this often.
const RECHECK: TimeDelta = TimeDelta::minutes(60);

/// Said at least this often, so that a reader can tell a quiet feed from a dead pump.
const STATUS_EVERY: TimeDelta = TimeDelta::minutes(5);

/// Files that fail are asked for less and less often, at last at each of so many looks.
const SLOWEST: u32 = 6;

/// The newest instant of the flows that the broker has acknowledged, by its time.
const FLOWS_SAID: Series = Series::new("flows-said", Retention::days(36_500, 1));

/// What the feeds are told.
#[derive(Clone, Debug)]
pub struct FeedsConfig {
    /// Time between two looks at the fuel mix; these feeds take multiples of it.
    pub poll_interval: Duration,
    /// First level of every topic.
    pub root: Root,
}

/// Reads one feed until `shutdown`.
///
/// # Errors
/// None today: what NYISO and the broker do never ends it, and a panic of its own only begins it anew.
pub async fn run(
    kind: Kind,
    config: FeedsConfig,
    client: Arc<Client>,
    publisher: Publisher,
    store: Arc<dyn History>,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let interval = config.poll_interval * kind.intervals();
    let work = || {
        let reader = FeedReader::new(
            kind,
            config.root.clone(),
            Arc::clone(&client),
            publisher.clone(),
            Arc::clone(&store),
            Arc::clone(&clock),
        );
        reader.run(interval, shutdown.clone())
    };
    again_after_panic(kind.name(), interval, &shutdown, work).await;
    Ok(())
}

/// Runs `work`, and again after `pause` where it panics: the process also pumps the fuel mix, which a bug in
/// one of these feeds must not end.
async fn again_after_panic<F: Future<Output = ()> + Send + 'static>(
    feed: &'static str,
    pause: Duration,
    shutdown: &CancellationToken,
    mut work: impl FnMut() -> F,
) {
    while let Err(error) = tokio::spawn(work()).await {
        error!(feed, %error, "reading this feed panicked; this is a bug, and it begins anew");
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Why a file could not be read.
#[derive(Clone, Debug)]
struct Failure {
    kind: &'static str,
    reason: String,
}

/// A feed of NYISO's that fails.
#[derive(Debug)]
struct Trouble {
    failure: Failure,
    /// Looks that are left out before the next try.
    rest: u32,
    /// How many were, the last time.
    rested: u32,
}

/// A file that was read.
struct Held {
    hash: [u8; 32],
    content: Content,
    /// When it was last compared with NYISO's.
    asked: Timestamp,
}

/// How far the flows were acknowledged, by the store; `None` when it does not say: then a day is said again.
fn acknowledged(store: &dyn History) -> Option<Timestamp> {
    let last = store.last(&FLOWS_SAID).inspect_err(|error| {
        warn!(%error, "how far the flows were published cannot be read");
    });
    last.ok().flatten().map(|record| record.ts)
}

/// One feed at work.
struct FeedReader {
    kind: Kind,
    root: Root,
    client: Arc<Client>,
    publisher: Publisher,
    store: Arc<dyn History>,
    clock: Arc<dyn Clock>,
    /// How far the source's present is ahead of our clock: a stand-in may play faster than time.
    ahead: TimeDelta,
    origin: Origin,
    /// What the files say that were read.
    held: BTreeMap<(NaiveDate, Term), Held>,
    /// What was said last on each topic, of each day where there are several, without the time of saying.
    said: BTreeMap<String, BTreeMap<Option<NaiveDate>, Vec<u8>>>,
    /// The newest instant of the flows that was said.
    flows_until: Option<Timestamp>,
    /// Ties that were warned of.
    unknown_ties: BTreeSet<u32>,
    /// NYISO's feeds that fail.
    troubles: BTreeMap<Term, Trouble>,
    /// What was said last of the feed, and the failure behind it.
    status: Option<(FeedStatus, Option<String>)>,
    retry_after: Option<Duration>,
}

impl FeedReader {
    fn new(
        kind: Kind,
        root: Root,
        client: Arc<Client>,
        publisher: Publisher,
        store: Arc<dyn History>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let flows_until = if kind == Kind::Flows { acknowledged(store.as_ref()) } else { None };
        Self {
            kind,
            root,
            client,
            publisher,
            store,
            clock,
            ahead: TimeDelta::zero(),
            origin: Origin::default(),
            held: BTreeMap::new(),
            said: BTreeMap::new(),
            flows_until,
            unknown_ties: BTreeSet::new(),
            troubles: BTreeMap::new(),
            status: None,
            retry_after: None,
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now() + self.ahead
    }

    async fn run(mut self, interval: Duration, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.look_at_all() => {}
            }
            // A wish to stop cuts the looking short, but not what is on its way: it is noted first.
            if let Some((instant, delivery)) = self.say() {
                self.note_delivery(instant, delivery).await;
            }
            let pause = interval.mul_f64(rand::rng().random_range(0.9..1.1));
            let pause = pause.max(self.retry_after.take().unwrap_or_default());
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One look at every file that can have changed.
    async fn look_at_all(&mut self) {
        self.forget();
        for feed in self.kind.upstream() {
            if let Some(trouble) = self.troubles.get_mut(&Term::of(*feed))
                && 0 < trouble.rest
            {
                trouble.rest -= 1;
                continue;
            }
            let now = self.now();
            let mut failure = None;
            for date in days(*feed, now) {
                let settled = self.held.get(&(date, Term::of(*feed))).is_some_and(|held| {
                    Term::of(*feed) == Term::Ahead
                        && (held.asked..held.asked + RECHECK).contains(&now)
                });
                let file = FileKind { feed: *feed, span: Span::Day, date };
                if !settled && let Err(error) = self.look(file).await {
                    failure = failure.or(Some(error));
                }
            }
            self.note_outcome(*feed, failure);
        }
    }

    /// Notes how far the flows were acknowledged. What was not delivered is said again at the next look.
    async fn note_delivery(&mut self, instant: Timestamp, delivery: Delivery) {
        let outcome = match delivery.await {
            Ok(()) => self.store.put(&FLOWS_SAID, instant, &[]).map_err(anyhow::Error::from),
            Err(error) => {
                self.flows_until = acknowledged(self.store.as_ref());
                self.said.clear();
                Err(error.into())
            }
        };
        if let Err(error) = outcome {
            warn!(feed = self.kind.name(), error = format!("{error:#}"), "flows may be said again");
        }
    }

    /// Lets go of days that are over, but for what is newest of its kind: through an outage it stays the
    /// last good state. Just after midnight the day before still counts.
    fn forget(&mut self) {
        let now = self.now();
        let today = eastern::day_of(now);
        let still = days(Files::InterfaceFlows, now).next().unwrap_or(today);
        for (term, first) in [(Term::Ahead, today), (Term::Live, still)] {
            let newest = self.held.keys().rev().find(|(_, held)| *held == term);
            let Some(newest) = newest.map(|(date, _)| *date) else { continue };
            let first = first.min(newest);
            self.held.retain(|(date, held), _| *held != term || first <= *date);
        }
    }

    async fn look(&mut self, file: FileKind) -> Result<(), Failure> {
        let feed = self.kind.name();
        let polls = |outcome: &'static str| {
            counter!("ny_power_polls_total", "feed" => feed, "outcome" => outcome).increment(1);
        };
        let fetched = match self.client.fetch(&file.path()).await {
            Ok(fetched) => fetched,
            Err(error) => {
                polls(error.kind());
                self.retry_after = self.retry_after.max(error.retry_after());
                // Yesterday's may be gone, tomorrow's is not there yet, today's comes after midnight.
                let now = self.now();
                let today = eastern::day_of(now);
                let young = now - eastern::midnight(today) < NEW_DAY;
                if matches!(error, FetchError::NotFound { .. }) && (file.date != today || young) {
                    debug!(feed, date = %file.date, "no file of this day, or not yet");
                    return Ok(());
                }
                let kind = error.kind();
                return Err(Failure { kind, reason: format!("{:#}", anyhow::Error::from(error)) });
            }
        };
        if let Some(now) = fetched.now.filter(|_| fetched.origin != Origin::Nyiso) {
            self.ahead = now - self.clock.now();
        }
        if fetched.origin != self.origin {
            // Another source than before: nothing of the one is said as of the other. What the store knows
            // at a start is of the one source that the pump has.
            if !self.held.is_empty() {
                self.flows_until = None;
            }
            self.held.clear();
            self.said.clear();
            self.origin = fetched.origin;
        }
        let (key, asked) = ((file.date, Term::of(file.feed)), self.now());
        if let Some(held) = self.held.get_mut(&key).filter(|held| held.hash == fetched.hash) {
            held.asked = asked;
            polls("unchanged");
            return Ok(());
        }
        match Content::read(file.feed, &fetched.body) {
            Ok((content, odd)) => {
                polls("new");
                if let Some(first) = odd.first {
                    counter!("ny_power_oddities_total", "feed" => feed, "kind" => "row")
                        .increment(odd.count);
                    warn!(feed, date = %file.date, rows = odd.count, first, "rows were left out");
                }
                self.warn_of_ties(&content);
                self.held.insert(key, Held { hash: fetched.hash, content, asked });
                Ok(())
            }
            Err(error) => {
                polls("unreadable");
                let url = self.client.url(&file.path());
                Err(Failure { kind: "unreadable", reason: format!("{url}: {error:#}") })
            }
        }
    }

    /// A tie that nobody knows is in no sum: once is enough to say so.
    fn warn_of_ties(&mut self, content: &Content) {
        let Some(ties) = content.unknown_ties() else { return };
        for (point, name) in ties {
            if self.unknown_ties.insert(*point) {
                warn!(
                    feed = self.kind.name(),
                    point, name, "a tie that this program does not know; it is in no sum"
                );
            }
        }
        gauge!("ny_power_unknown_ties", "feed" => self.kind.name())
            .set(self.unknown_ties.len() as f64);
    }

    /// Tells how a look at one of NYISO's feeds went: logged when trouble begins or becomes another, and
    /// when it ends; the metric counts each.
    fn note_outcome(&mut self, upstream: Files, failure: Option<Failure>) {
        let (feed, term) = (self.kind.name(), Term::of(upstream));
        let known = self.troubles.remove(&term);
        let Some(failure) = failure else {
            if known.is_some() {
                info!(feed, "NYISO's feed is back");
            }
            return;
        };
        let same = known.as_ref().is_some_and(|known| known.failure.kind == failure.kind);
        let reason = failure.reason.as_str();
        if same {
            debug!(feed, reason, "still");
        } else if failure.kind == "not-found" {
            // A stand-in may well lack it, and NYISO may end it.
            info!(feed, reason, "no such feed there; what it is for goes on without");
        } else {
            warn!(feed, reason, "NYISO's feed fails; what it is for goes on without");
        }
        let rested = known.map_or(0, |known| (known.rested * 2 + 1).min(SLOWEST - 1));
        self.troubles.insert(term, Trouble { failure, rest: rested, rested });
    }

    /// Publishes what differs from what was said last, and how the feed is. Gives the newest instant of the
    /// flows among it, with its delivery.
    fn say(&mut self) -> Option<(Timestamp, Delivery)> {
        let mut newest = None;
        let now = self.now();
        let contents: Vec<&Content> = self.held.values().map(|held| &held.content).collect();
        let facts = Facts::of(&contents, now);
        let sayings = content::sayings(self.kind, &contents, now, self.origin);
        let in_play: BTreeSet<Option<NaiveDate>> = sayings.iter().map(|said| said.day).collect();
        for Saying { topic, day, instant, body, retain } in sayings {
            // Each instant of the flows once, in order: a day of them is what a consumer starts from.
            if let Some(instant) = instant {
                if self.flows_until.is_some_and(|until| instant < until) {
                    continue;
                }
                self.flows_until = Some(instant);
            }
            let name = self.root.topic(&topic);
            let known = body.without_stamp();
            let said = self.said.entry(name.clone()).or_default();
            if said.get(&day) == Some(&known) {
                continue;
            }
            said.insert(day, known);
            let payload = body.to_json();
            let delivery = self.publisher.publish(if retain {
                Publication::event(name, payload)
            } else {
                Publication::catch_up(name, payload)
            });
            newest = instant.map(|instant| (instant, delivery));
        }
        self.said.values_mut().for_each(|said| said.retain(|day, _| in_play.contains(day)));
        self.say_how_fresh(&facts, now);
        newest
    }

    /// Publishes `status/feed/<feed>` when it says something new, and every five minutes.
    fn say_how_fresh(&mut self, facts: &Facts, now: Timestamp) {
        let feed = self.kind.name();
        let newest = facts.newest(now);
        if let Some(newest) = newest {
            gauge!("ny_power_newest_timestamp_seconds", "feed" => feed)
                .set(newest.timestamp() as f64);
            gauge!("ny_power_feed_age_seconds", "feed" => feed)
                .set((now - newest).num_seconds() as f64);
        }
        let trouble = self.troubles.values().next().map(|known| known.failure.reason.clone());
        let (state, reason) = facts.state(self.kind, now, trouble.as_deref());
        let status = FeedStatus { newest, checked: now, state, reason, origin: self.origin };
        let same = self.status.as_ref().is_some_and(|(said, known)| {
            *known == trouble
                && said.newest == status.newest
                && said.state == status.state
                && now - said.checked < STATUS_EVERY
        });
        if !same {
            let topic = self.root.topic(&Topic::FeedStatus(feed.to_owned()));
            self.publisher.send(Publication::snapshot(topic, status.to_json()));
            self.status = Some((status, trouble));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_begins_the_feed_anew() {
        let mut runs = 0;
        let work = || {
            runs += 1;
            let broken = runs < 3;
            async move { assert!(!broken, "a bug") }
        };
        again_after_panic("flows", Duration::ZERO, &CancellationToken::new(), work).await;
        assert_eq!(runs, 3);
    }
}
