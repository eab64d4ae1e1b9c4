//! pump: NYISO's fuel-mix files in, events out.
//!
//! ```text
//! each minute: files of the days that can still change ──> parse ──> what is new? ──> publish, oldest first
//!                     │ failure: said once, counted                       ^                  │ PUBACK
//!                     v                                                   └── store <────────┘
//!              status/feed/fuel-mix
//! ```
//!
//! An instant is noted in the store when the broker has acknowledged it, so a restart skips nothing; and a
//! stop waits for that, so a restart repeats nothing. A kill -9 or a power cut may repeat what was not durable
//! yet: one instant in regular service, [`SYNC_EVERY`] in a catch-up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{NaiveDate, TimeDelta, Timelike};
use domain::Timestamp;
use domain::changes::{Change, Changes, Published, fingerprint};
use domain::freshness::{FeedFacts, feed_state};
use domain::fuel_mix::FuelMix;
use domain::wire::{FeedStatus, FuelReading, MEGAWATTS, Mix, Root, Topic, Updated};
use metrics::{counter, gauge};
use nyiso::{eastern, fuel_mix};
use rand::RngExt;
use service::backoff::Backoff;
use service::clock::Clock;
use service::history::{History, Record, Retention, Series};
use service::mqtt::{Publication, Publisher};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::origin::OriginLock;
use crate::source::Source;

/// Name of the feed in topics, logs and metrics.
pub const FEED: &str = "fuel-mix";

/// NYISO keeps daily files for 7 to 14 days; older ones are in the monthly archive.
const LONGEST_CATCH_UP: TimeDelta = TimeDelta::days(45);

/// A closed day is looked at again this often: NYISO corrects in place, silently.
const RECHECK_YESTERDAY: TimeDelta = TimeDelta::minutes(15);

/// A past day that NYISO has no file of is asked for this often, [`RECHECK_YESTERDAY`] apart: one that answers
/// 404 to everything for a while is in trouble, and one that does so for an hour lacks the day.
const LOOKS_FOR_MISSING: u32 = 4;

/// While NYISO fails, looks are further and further apart, up to this many intervals.
const SLOWEST: u32 = 5;

/// Said at least this often, so that a reader can tell a quiet feed from a dead pump.
const STATUS_EVERY: TimeDelta = TimeDelta::minutes(5);

/// Fingerprints of what was published.
const PUBLISHED: Series = Series::new("published-fuel-mix", Retention::days(46, 20_000));

/// Past days that could not be read yet, by their Eastern midnight. In the store, so that a restart in the
/// middle of a catch-up with holes still fills them.
const OWED: Series = Series::new("owed-fuel-mix-days", Retention::days(46, 60));

/// Instants of a catch-up between two durable points: a kill in the middle repeats at most these.
const SYNC_EVERY: usize = 24;

/// What the pump is told.
#[derive(Clone, Debug)]
pub struct PumpConfig {
    /// Time between two looks, before jitter.
    pub poll_interval: Duration,
    /// First level of every topic.
    pub root: Root,
    /// Publish IBM/ny-power's topic per fuel too.
    pub fuel_topics: bool,
}

/// Runs the pump until `shutdown`.
///
/// # Errors
/// When the store cannot be read or written. What NYISO and the broker do never ends it.
pub async fn run(
    config: PumpConfig,
    source: Source,
    publisher: Publisher,
    store: Arc<dyn History>,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let mut pump = Pump::new(config, source, publisher, store, clock)?;
    let interval = pump.config.poll_interval;
    let mut backoff = Backoff::new(interval, interval * SLOWEST);
    loop {
        pump.round(&shutdown).await?;
        let pause = if pump.facts.failure.is_some() {
            let asked = pump.retry_after.take().unwrap_or_default();
            backoff.next().unwrap_or(interval).max(asked)
        } else {
            backoff.reset();
            interval.mul_f64(rand::rng().random_range(0.9..1.1))
        };
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// A file with something new in it.
struct NewFile {
    mixes: Vec<FuelMix>,
    hash: Option<[u8; 32]>,
}

/// Why a day could not be read.
struct Failure {
    /// Counts it, and tells one outage from the next.
    kind: &'static str,
    /// In one sentence.
    reason: String,
}

fn minutes_of_day(now: Timestamp) -> u32 {
    eastern::wall_clock(now).0.time().num_seconds_from_midnight() / 60
}

/// The error with its causes, on one line.
fn in_full(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}

/// One feed's pump.
struct Pump {
    config: PumpConfig,
    source: Source,
    publisher: Publisher,
    store: Arc<dyn History>,
    clock: Arc<dyn Clock>,
    published: Published,
    origin: OriginLock,
    /// Hash of each day's file when it was last read whole.
    seen: BTreeMap<NaiveDate, [u8; 32]>,
    /// When each day was last asked for.
    asked: BTreeMap<NaiveDate, Timestamp>,
    /// Past days that failed: in a catch-up later days may succeed, and these would never be asked for again.
    owed: BTreeSet<NaiveDate>,
    /// Past days that NYISO has no file of, and how often it was asked.
    missing: BTreeMap<NaiveDate, u32>,
    /// Kind of the failure of the last look.
    failing: Option<&'static str>,
    facts: FeedFacts,
    last_mix: Option<FuelMix>,
    /// What was said last of the feed, and the failure behind it.
    said: Option<(FeedStatus, Option<String>)>,
    /// How long the server asked to be left alone.
    retry_after: Option<Duration>,
}

impl Pump {
    fn new(
        config: PumpConfig,
        source: Source,
        publisher: Publisher,
        store: Arc<dyn History>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let mut published = Published::default();
        let all = Timestamp::UNIX_EPOCH..Timestamp::MAX_UTC;
        for Record { ts, value } in
            store.range(&PUBLISHED, all).context("read what was published")?
        {
            let fingerprint =
                value.as_slice().try_into().map(u64::from_be_bytes).unwrap_or_default();
            published.record(ts, fingerprint);
        }
        let owed = store
            .range(&OWED, Timestamp::UNIX_EPOCH..Timestamp::MAX_UTC)
            .context("read which days are owed")?;
        let owed = owed.iter().map(|record| eastern::day_of(record.ts)).collect();
        let facts = FeedFacts { newest: published.newest(), ..FeedFacts::default() };
        let origin = OriginLock::open(Arc::clone(&store))?;
        Ok(Self {
            config,
            source,
            publisher,
            store,
            clock,
            published,
            origin,
            seen: BTreeMap::new(),
            asked: BTreeMap::new(),
            owed,
            missing: BTreeMap::new(),
            failing: None,
            facts,
            last_mix: None,
            said: None,
            retry_after: None,
        })
    }

    /// One look at every day that can have changed.
    ///
    /// A wish to stop cuts the looking short, but not an instant on its way: it is noted first, so that the
    /// next start does not send it again.
    async fn round(&mut self, shutdown: &CancellationToken) -> anyhow::Result<()> {
        let now = self.source.now(self.clock.now());
        // All days together, so that only the newest of all is retained; of an instant that is in two
        // files the later file knows more.
        let mut mixes: BTreeMap<Timestamp, FuelMix> = BTreeMap::new();
        let mut hashes = Vec::new();
        let mut failure = None;
        self.retry_after = None;
        for day in self.days(now) {
            let file = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                file = self.fetch(day, now) => file,
            };
            let missing = self.missing.get(&day).is_some_and(|looks| *looks < LOOKS_FOR_MISSING);
            self.owe(day, day < eastern::day_of(now) && (file.is_err() || missing))?;
            match file {
                Ok(None) => {}
                Ok(Some(file)) => {
                    mixes.extend(file.mixes.into_iter().map(|mix| (mix.ts, mix)));
                    hashes.extend(file.hash.map(|hash| (day, hash)));
                }
                Err(error) => failure = Some(error),
            }
        }
        self.note_outcome(failure);
        self.source.forget_archive();
        let mixes: Vec<FuelMix> = mixes.into_values().collect();
        let now = self.source.now(self.clock.now());
        let Changes { changes, held_back } = self.published.changes(&mixes, now);
        if !held_back {
            self.seen.extend(hashes);
        }
        if changes.len() > 1 {
            info!(instants = changes.len(), from = %changes[0].mix.ts, "catching up");
        }
        let mut delivered = true;
        for batch in changes.chunks(SYNC_EVERY) {
            for change in batch {
                if !delivered || shutdown.is_cancelled() {
                    break;
                }
                // Nothing overtakes an instant that was not delivered: later ones would end the catch-up.
                delivered = self.publish(change).await?;
            }
            self.sync().await?;
        }
        let now = self.source.now(self.clock.now());
        self.published.forget_before(now - LONGEST_CATCH_UP);
        self.say_how_fresh(now);
        Ok(())
    }

    /// The Eastern days to look at: on a first start yesterday and today; after a pause every day since
    /// the last published instant, and those that failed; in regular service today, and yesterday while it can still gain rows
    /// and every quarter of an hour for corrections.
    fn days(&self, now: Timestamp) -> Vec<NaiveDate> {
        let today = eastern::day_of(now);
        let yesterday = today.pred_opt().unwrap_or(today);
        let last = self
            .published
            .newest()
            .map_or(yesterday, |newest| eastern::day_of(newest.max(now - LONGEST_CATCH_UP)));
        let mut days: Vec<NaiveDate> =
            last.min(yesterday).iter_days().take_while(|day| *day <= today).collect();
        let oldest = eastern::day_of(now - LONGEST_CATCH_UP);
        days.extend(self.owed.iter().filter(|day| (oldest..today).contains(day)));
        days.sort();
        days.dedup();
        days.retain(|day| {
            let in_play = *day == today || now - eastern::midnight(today) < TimeDelta::minutes(60);
            let asked = self.asked.get(day);
            in_play || asked.is_none_or(|asked| RECHECK_YESTERDAY <= now - *asked || now < *asked)
        });
        days
    }

    /// The day's instants when its file is new; `None` when it is not, or is not there by rights.
    async fn fetch(&mut self, day: NaiveDate, now: Timestamp) -> Result<Option<NewFile>, Failure> {
        let today = eastern::day_of(now);
        let polls = |outcome: &'static str| {
            counter!("ny_power_polls_total", "feed" => FEED, "outcome" => outcome).increment(1);
        };
        let fetched = match self.source.day(day, day < today, self.clock.now()).await {
            Ok(fetched) => fetched,
            Err(error) => {
                let kind = error.kind();
                polls(kind);
                self.retry_after = self.retry_after.max(error.retry_after());
                // The new day's file appears 10 to 20 minutes after Eastern midnight.
                let too_early = error.is_not_found()
                    && day == today
                    && now - eastern::midnight(today) < TimeDelta::minutes(30);
                if too_early {
                    debug!(%day, "the file of the new day is not there yet");
                    return Ok(None);
                }
                let reason = in_full(error);
                // Neither a daily file nor an archive with it: most likely a hole that NYISO itself has.
                if matches!(kind, "not-found" | "no-such-day") && day < today {
                    self.asked.insert(day, now);
                    let looks = self.missing.entry(day).or_default();
                    *looks += 1;
                    if *looks == 1 {
                        warn!(%day, reason, "NYISO has no fuel mix of this day");
                    }
                    return Ok(None);
                }
                return Err(Failure { kind, reason });
            }
        };
        if let Err(error) = self.origin.check(fetched.origin) {
            polls("foreign");
            return Err(Failure { kind: "foreign", reason: in_full(error) });
        }
        self.asked.insert(day, now);
        self.missing.remove(&day);
        if fetched.hash.is_some() && self.seen.get(&day) == fetched.hash.as_ref() {
            polls("unchanged");
            return Ok(None);
        }
        match fuel_mix::parse(&fetched.file) {
            Ok(file) => {
                polls("new");
                for oddity in &file.oddities {
                    counter!("ny_power_oddities_total", "feed" => FEED, "kind" => oddity.kind.name()).increment(1);
                    debug!(%day, %oddity, "odd row");
                }
                if !file.oddities.is_empty() {
                    warn!(%day, oddities = file.oddities.len(), first = %file.oddities[0], "file is odd");
                }
                Ok(Some(NewFile { mixes: file.mixes, hash: fetched.hash }))
            }
            Err(error) => {
                polls("unreadable");
                Err(Failure { kind: "unreadable", reason: format!("{day}: {}", in_full(error)) })
            }
        }
    }

    /// Notes whether a past day is still to be read.
    fn owe(&mut self, day: NaiveDate, owed: bool) -> anyhow::Result<()> {
        let midnight = eastern::midnight(day);
        if owed && self.owed.insert(day) {
            self.store.put(&OWED, midnight, b"").context("note an owed day")?;
        } else if !owed && self.owed.remove(&day) {
            self.store.remove(&OWED, midnight).context("note that a day came")?;
        }
        Ok(())
    }

    /// Tells how a look at all days went: logged when trouble begins or becomes another, not each minute nor
    /// once a day's file; the metric counts each.
    fn note_outcome(&mut self, failure: Option<Failure>) {
        let kind = failure.as_ref().map(|failure| failure.kind);
        match &failure {
            Some(Failure { reason, .. }) if self.failing != kind => {
                warn!(reason, "cannot read NYISO's fuel mix; the last good state stays");
            }
            None if self.failing.is_some() => info!("NYISO's fuel mix can be read again"),
            _ => {}
        }
        self.failing = kind;
        self.facts.failure = failure.map(|failure| failure.reason);
    }

    /// Publishes one instant and notes it when the broker has it; false when it was not delivered.
    async fn publish(&mut self, change: &Change) -> anyhow::Result<bool> {
        let origin = self.origin.get();
        let mix = Mix::new(&change.mix, change.interval_s, change.revised, origin);
        let topic = |topic: Topic| self.config.root.topic(&topic);
        let publication = |name: String, payload: Vec<u8>| {
            if change.newest {
                Publication::event(name, payload)
            } else {
                Publication::catch_up(name, payload)
            }
        };
        // The mix first: intensity waits for nothing else.
        let delivery = self.publisher.publish(publication(topic(Topic::Mix), mix.to_json()));
        // What this woke runs on this very thread, and only once this task pauses.
        tokio::task::yield_now().await;
        if self.config.fuel_topics {
            for (fuel, power) in change.mix.fuels() {
                let reading = FuelReading {
                    ts: mix.ts,
                    value: power.value(),
                    units: MEGAWATTS.to_owned(),
                    origin,
                };
                self.publisher
                    .send(publication(topic(Topic::FuelReading(fuel)), reading.to_json()));
            }
        }
        if change.newest {
            let updated = Updated { ts: mix.ts, origin };
            self.publisher
                .send(Publication::event(topic(Topic::FuelMixUpdated), updated.to_json()));
        }
        if let Err(error) = delivery.await {
            // Not noted, so the next look at the file brings it again.
            warn!(ts = %mix.ts, %error, "an instant was not delivered");
            self.seen.clear();
            self.asked.clear();
            return Ok(false);
        }
        let value = fingerprint(&change.mix);
        self.published.record(mix.ts, value);
        self.store
            .put(&PUBLISHED, mix.ts, &value.to_be_bytes())
            .context("note what was published")?;
        counter!("ny_power_instants_total", "feed" => FEED, "revised" => if change.revised { "true" } else { "false" })
            .increment(1);
        if !mix.complete {
            warn!(ts = %mix.ts, fuels = mix.fuels.len(), "instant is incomplete");
        }
        if change.newest {
            self.note_newest(change.mix.clone());
        }
        Ok(true)
    }

    async fn sync(&self) -> anyhow::Result<()> {
        let store = Arc::clone(&self.store);
        tokio::task::spawn_blocking(move || store.sync())
            .await?
            .context("make durable what was published")
    }

    fn note_newest(&mut self, mix: FuelMix) {
        let same = self.last_mix.as_ref().filter(|last| last.same_values(&mix)).map(|last| last.ts);
        self.facts.frozen_since = same.map(|last| self.facts.frozen_since.unwrap_or(last));
        self.facts.newest = Some(mix.ts);
        gauge!("ny_power_newest_timestamp_seconds", "feed" => FEED).set(mix.ts.timestamp() as f64);
        self.last_mix = Some(mix);
    }

    /// Publishes `status/feed/fuel-mix` when it says something new, and every five minutes.
    fn say_how_fresh(&mut self, now: Timestamp) {
        if let Some(newest) = self.facts.newest {
            gauge!("ny_power_feed_age_seconds", "feed" => FEED)
                .set((now - newest).num_seconds() as f64);
        }
        let (state, reason) = feed_state(&self.facts, now, minutes_of_day(now));
        let status = FeedStatus {
            newest: self.facts.newest,
            checked: now,
            state,
            reason,
            origin: self.origin.get(),
        };
        let same = self.said.as_ref().is_some_and(|(said, failure)| {
            *failure == self.facts.failure
                && said.newest == status.newest
                && said.state == status.state
                && now - said.checked < STATUS_EVERY
        });
        if !same {
            let topic = self.config.root.topic(&Topic::FeedStatus(FEED.to_owned()));
            self.publisher.send(Publication::snapshot(topic, status.to_json()));
            self.said = Some((status, self.facts.failure.clone()));
        }
    }
}
