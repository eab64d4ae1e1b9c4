//! feeds: what NYISO publishes beside the fuel mix, in; events out.
//!
//! ```text
//! each feed by itself: files that can hold something new ──> parse ──> differs from what was said? ──> publish
//!                          │ failure: said once, counted
//!                          v
//!                   status/feed/<feed>
//! ```
//!
//! Flows, load forecast, marginal rates and prices make the numbers better, and none is needed for any of
//! them. So each has a task, failures and a switch of its own, and none of this can hold up the fuel mix.
//! Nothing is kept on disk: what was said last is retained by the broker and said again after a restart.

mod content;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{NaiveDate, TimeDelta, Timelike};
use domain::Timestamp;
use domain::wire::{FeedState, FeedStatus, Origin, Root, Topic};
use metrics::{counter, gauge};
use nyiso::client::{Client, FetchError};
use nyiso::path::{Feed as Files, FileKind, Span};
use nyiso::{archive, eastern, load_forecast};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use service::backoff::Backoff;
use service::clock::Clock;
use service::mqtt::{Publication, Publisher};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use content::{Content, Saying};

/// The file of a new day appears 10 to 20 minutes after Eastern midnight.
const NEW_DAY: TimeDelta = TimeDelta::minutes(30);

/// What comes every five minutes is no news any more when it is this old.
const STALE: TimeDelta = TimeDelta::minutes(60);

/// Said at least this often, so that a reader can tell a quiet feed from a dead pump.
const STATUS_EVERY: TimeDelta = TimeDelta::minutes(5);

/// While NYISO fails, looks are further and further apart, up to this many intervals.
const SLOWEST: u32 = 6;

/// Which of these feeds are read. All are, unless the settings say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switches {
    /// Interface flows (P-32): without them there is no consumption-based intensity.
    pub flows: bool,
    /// Load forecast (P-7): without it the forecast is a third worse.
    pub load_forecast: bool,
    /// Implied marginal emission rates (P-71, P-72): without them marginal is an estimate.
    pub marginal: bool,
    /// Zonal prices (P-2A, P-24A).
    pub price: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self { flows: true, load_forecast: true, marginal: true, price: true }
    }
}

/// One of the feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `upstream/flows`.
    Flows,
    /// `upstream/load-forecast`.
    LoadForecast,
    /// `upstream/marginal/<zone>`.
    Marginal,
    /// `upstream/price/<zone>`.
    Price,
}

impl Kind {
    /// Its name in topics, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flows => "flows",
            Self::LoadForecast => "load-forecast",
            Self::Marginal => "marginal",
            Self::Price => "price",
        }
    }

    /// Those that are switched on.
    pub fn on(switches: Switches) -> Vec<Self> {
        [
            (Self::Flows, switches.flows),
            (Self::LoadForecast, switches.load_forecast),
            (Self::Marginal, switches.marginal),
            (Self::Price, switches.price),
        ]
        .into_iter()
        .filter_map(|(kind, on)| on.then_some(kind))
        .collect()
    }

    /// Looks at a feed are this many intervals of the fuel mix apart: every five minutes, the load forecast
    /// every fifteen.
    fn intervals(self) -> u32 {
        if self == Self::LoadForecast { 15 } else { 5 }
    }

    /// The files that can hold something new at `now`, in the order of their content.
    fn files(self, now: Timestamp) -> Vec<FileKind> {
        let today = eastern::day_of(now);
        let tomorrow = today.succ_opt().unwrap_or(today);
        let minutes = eastern::wall_clock(now).0.time().num_seconds_from_midnight() / 60;
        let day = |feed, date| FileKind { feed, span: Span::Day, date };
        // The load forecast of tomorrow is posted at about 07:05, the day-ahead market at about 11:00.
        let ahead = |feed, from: u32| {
            let next = (from <= minutes).then(|| day(feed, tomorrow));
            std::iter::once(day(feed, today)).chain(next)
        };
        match self {
            Self::Flows => vec![day(Files::InterfaceFlows, today)],
            Self::LoadForecast => ahead(Files::LoadForecast, 7 * 60).collect(),
            Self::Marginal => ahead(Files::DayAheadEmissionRate, 10 * 60 + 30)
                .chain([day(Files::RealTimeEmissionRate, today)])
                .collect(),
            Self::Price => ahead(Files::DayAheadPrice, 10 * 60 + 30)
                .chain([day(Files::RealTimePrice, today)])
                .collect(),
        }
    }
}

/// What the feeds are told.
#[derive(Clone, Copy, Debug)]
pub struct FeedsConfig {
    /// Time between two looks at the fuel mix; these feeds take multiples of it.
    pub poll_interval: Duration,
    /// Which are on.
    pub switches: Switches,
}

/// Reads one feed until `shutdown`.
///
/// # Errors
/// None today: what NYISO and the broker do never ends it.
pub async fn run(
    kind: Kind,
    config: FeedsConfig,
    root: Root,
    client: Arc<Client>,
    publisher: Publisher,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let interval = config.poll_interval * kind.intervals();
    let mut feed = FeedReader::new(kind, root, client, publisher, clock);
    let mut backoff = Backoff::new(interval, interval * SLOWEST);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = feed.round() => {}
        }
        let pause = match feed.failing {
            Some(_) => {
                backoff.next().unwrap_or(interval).max(feed.retry_after.take().unwrap_or_default())
            }
            None => {
                backoff.reset();
                interval.mul_f64(rand::rng().random_range(0.9..1.1))
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Why a file could not be read.
struct Failure {
    kind: &'static str,
    reason: String,
}

/// One feed at work.
struct FeedReader {
    kind: Kind,
    root: Root,
    client: Arc<Client>,
    publisher: Publisher,
    clock: Arc<dyn Clock>,
    /// How far the source's present is ahead of our clock: a stand-in may play faster than time.
    ahead: TimeDelta,
    origin: Origin,
    /// What the files say that were read, and the hash of each.
    held: BTreeMap<NaiveDate, BTreeMap<&'static str, ([u8; 32], Content)>>,
    /// What was said last on each topic, of each day where there are several, without the time of saying.
    said: BTreeMap<String, BTreeMap<Option<NaiveDate>, Vec<u8>>>,
    /// The newest instant of the flows that was said.
    flows_until: Option<Timestamp>,
    /// Ties that were warned of.
    unknown_ties: BTreeSet<u32>,
    /// Kind of the failure of the last look.
    failing: Option<&'static str>,
    failure: Option<String>,
    status: Option<FeedStatus>,
    retry_after: Option<Duration>,
}

impl FeedReader {
    fn new(
        kind: Kind,
        root: Root,
        client: Arc<Client>,
        publisher: Publisher,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            kind,
            root,
            client,
            publisher,
            clock,
            ahead: TimeDelta::zero(),
            origin: Origin::default(),
            held: BTreeMap::new(),
            said: BTreeMap::new(),
            flows_until: None,
            unknown_ties: BTreeSet::new(),
            failing: None,
            failure: None,
            status: None,
            retry_after: None,
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now() + self.ahead
    }

    /// One look at every file that can have changed.
    async fn round(&mut self) {
        let now = self.now();
        let today = eastern::day_of(now);
        self.held.retain(|date, _| today <= *date);
        let mut failure = None;
        for file in self.kind.files(now) {
            if let Err(error) = self.look(file, today).await {
                failure = failure.or(Some(error));
            }
        }
        self.note_outcome(failure);
        self.say();
    }

    async fn look(&mut self, file: FileKind, today: NaiveDate) -> Result<(), Failure> {
        let feed = self.kind.name();
        let polls = |outcome: &'static str| {
            counter!("ny_power_polls_total", "feed" => feed, "outcome" => outcome).increment(1);
        };
        let fetched = match self.client.fetch(&file.path()).await {
            Ok(fetched) => fetched,
            Err(error) => {
                polls(error.kind());
                self.retry_after = self.retry_after.max(error.retry_after());
                let young = self.now() - eastern::midnight(today) < NEW_DAY;
                if matches!(error, FetchError::NotFound { .. }) && (today < file.date || young) {
                    debug!(feed, date = %file.date, "not published yet");
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
            // Another source than before: nothing of the one is said as of the other.
            self.held.clear();
            self.said.clear();
            self.flows_until = None;
            self.origin = fetched.origin;
        }
        let files = self.held.entry(file.date).or_default();
        let name = content::name_of(file.feed);
        if files.get(name).is_some_and(|(hash, _)| *hash == fetched.hash) {
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
                self.held.entry(file.date).or_default().insert(name, (fetched.hash, content));
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
        for (point, name) in content.unknown_ties() {
            if self.unknown_ties.insert(point) {
                warn!(
                    feed = self.kind.name(),
                    point, name, "a tie that this program does not know"
                );
            }
        }
        gauge!("ny_power_unknown_ties", "feed" => self.kind.name())
            .set(self.unknown_ties.len() as f64);
    }

    fn note_outcome(&mut self, failure: Option<Failure>) {
        let feed = self.kind.name();
        let kind = failure.as_ref().map(|failure| failure.kind);
        match (&failure, self.failing) {
            (Some(failure), known) if known != Some(failure.kind) => {
                warn!(
                    feed,
                    reason = failure.reason,
                    "NYISO's feed fails; what it is for goes on without"
                );
            }
            (None, Some(_)) => info!(feed, "NYISO's feed is back"),
            _ => {}
        }
        self.failing = kind;
        self.failure = failure.map(|failure| failure.reason);
    }

    /// Publishes what differs from what was said last, and how the feed is.
    fn say(&mut self) {
        let now = self.now();
        let contents: Vec<&Content> = self
            .held
            .values()
            .flat_map(|files| files.values().map(|(_, content)| content))
            .collect();
        let mut newest = None;
        for Saying { topic, day, stamp, body, retain } in
            content::sayings(self.kind, &contents, now, self.origin)
        {
            newest = newest.max(stamp);
            // Each instant of the flows once, in order: a day of them is what a consumer starts from.
            if self.kind == Kind::Flows {
                if stamp < self.flows_until {
                    continue;
                }
                self.flows_until = stamp;
            }
            let name = self.root.topic(&topic);
            let known = body.without_stamp();
            let said = self.said.entry(name.clone()).or_default();
            if said.get(&day) == Some(&known) {
                continue;
            }
            // Of the days on one topic those two count that are still in play.
            while 1 < said.len() {
                said.pop_first();
            }
            said.insert(day, known);
            let payload = body.to_json();
            self.publisher.send(if retain {
                Publication::event(name, payload)
            } else {
                Publication::catch_up(name, payload)
            });
        }
        self.say_how_fresh(now, newest);
    }

    fn say_how_fresh(&mut self, now: Timestamp, newest: Option<Timestamp>) {
        let tried = self.failure.as_ref();
        let trouble =
            tried.map(|reason| format!(" The last try failed: {reason}.")).unwrap_or_default();
        let (state, reason) = match newest {
            None if trouble.is_empty() => {
                (FeedState::Gone, "NYISO has published nothing yet.".to_owned())
            }
            None => (FeedState::Gone, format!("Nothing has arrived yet.{trouble}")),
            Some(newest) if self.kind != Kind::LoadForecast && STALE < now - newest => {
                let minutes = (now - newest).num_minutes();
                (FeedState::Gone, format!("The newest value is {minutes} minutes old.{trouble}"))
            }
            Some(_) if !trouble.is_empty() => (FeedState::Late, trouble.trim_start().to_owned()),
            Some(_) => (FeedState::Fresh, String::new()),
        };
        let status = FeedStatus { newest, checked: now, state, reason, origin: self.origin };
        let same = self.status.as_ref().is_some_and(|said| {
            said.newest == status.newest
                && said.state == status.state
                && now - said.checked < STATUS_EVERY
        });
        if !same {
            let topic = self.root.topic(&Topic::FeedStatus(self.kind.name().to_owned()));
            self.publisher.send(Publication::snapshot(topic, status.to_json()));
            self.status = Some(status);
        }
    }
}

/// NYISO's load forecasts dated `from` to `to` (inclusive), as far as they are there: daily files while
/// they last, then monthly archives. For a start that knows none yet. What cannot be had is left out and
/// said in the log.
pub async fn past_load_forecasts(
    client: &Client,
    from: NaiveDate,
    to: NaiveDate,
) -> Vec<(load_forecast::LoadForecastFile, Origin)> {
    let mut found = Vec::new();
    let mut archived: BTreeMap<NaiveDate, Vec<(String, Vec<u8>)>> = BTreeMap::new();
    for date in from.iter_days().take_while(|date| *date <= to) {
        let file = FileKind { feed: Files::LoadForecast, span: Span::Day, date };
        let (bytes, origin) = match client.fetch(&file.path()).await {
            Ok(fetched) => (Some(fetched.body), fetched.origin),
            Err(FetchError::NotFound { .. }) => {
                let month = FileKind { span: Span::Month, ..file };
                let path = month.path();
                let first = chrono::Datelike::with_day(&date, 1).unwrap_or(date);
                let mut origin = Origin::default();
                if let std::collections::btree_map::Entry::Vacant(entry) = archived.entry(first) {
                    let days = match client.fetch(&path).await {
                        Ok(fetched) => {
                            origin = fetched.origin;
                            archive::days(&fetched.body).unwrap_or_default()
                        }
                        Err(error) => {
                            debug!(%error, "no archive of load forecasts");
                            Vec::new()
                        }
                    };
                    entry.insert(days);
                }
                let path = file.path();
                let day = archived[&first].iter().find(|(name, _)| path.ends_with(name.as_str()));
                (day.map(|(_, bytes)| bytes.clone()), origin)
            }
            Err(error) => {
                warn!(
                    error = format!("{:#}", anyhow::Error::from(error)),
                    "a past load forecast cannot be had"
                );
                break;
            }
        };
        match bytes.as_deref().map(load_forecast::parse) {
            Some(Ok(parsed)) => found.push((parsed, origin)),
            Some(Err(error)) => warn!(%date, %error, "a past load forecast cannot be read"),
            None => debug!(%date, "no load forecast"),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: Kind, now: &str, expected: &[&str]) {
        let files: Vec<String> =
            kind.files(now.parse().unwrap()).into_iter().map(FileKind::path).collect();
        assert_eq!(files, expected);
    }

    #[test]
    fn tomorrow_is_asked_for_once_it_can_be_there() {
        let today = "isolf/20260310isolf.csv";
        check(Kind::LoadForecast, "2026-03-10T10:59:00Z", &[today]);
        check(Kind::LoadForecast, "2026-03-10T11:00:00Z", &[today, "isolf/20260311isolf.csv"]);
        check(
            Kind::Price,
            "2026-03-10T14:00:00Z",
            &["damlbmp/20260310damlbmp_zone.csv", "realtime/20260310realtime_zone.csv"],
        );
        check(
            Kind::Marginal,
            "2026-03-10T14:30:00Z",
            &[
                "damimer/20260310dam_imer.csv",
                "damimer/20260311dam_imer.csv",
                "rtimer/20260310rt_imer.csv",
            ],
        );
        check(
            Kind::Flows,
            "2026-03-10T03:59:00Z",
            &["ExternalLimitsFlows/20260309ExternalLimitsFlows.csv"],
        );
    }

    #[test]
    fn each_has_a_switch() {
        assert_eq!(Kind::on(Switches::default()).len(), 4);
        let off = Switches { flows: false, price: false, ..Switches::default() };
        assert_eq!(Kind::on(off), [Kind::LoadForecast, Kind::Marginal]);
    }
}
