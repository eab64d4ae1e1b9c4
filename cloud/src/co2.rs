//! co2: mixes in, intensities out. The deciding is done by `domain::stream`; here is its shell.
//!
//! ```text
//! upstream/mix ──> store ──> IntensityStream ──> computed/co2
//!                   ^               │ └── quiet for a moment ──> archive/co2/24h, archive/co2/7d
//! NYISO's archive ──┘ (first start) └──> ZonesNow ──> computed/co2/<zone>
//! upstream/flows ──> IntensityStream     ^
//! upstream/marginal/<zone> ──────────────┘
//! all of them, and upstream/load-forecast ──> forecast (a thread of its own)
//! ```
//!
//! A subscriber waits for the reading alone: it is on its way before zones are worked out and disks written.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::TimeDelta;
use domain::Timestamp;
use domain::factors::FactorSetName;
use domain::marginal::Marginal;
use domain::stream::{Accepted, IntensityStream};
use domain::week::WEEK;
use domain::wire::{
    CarbonNow, Flows, LoadSeries, Mix, Origin, Root, Topic, WireError, ZoneNow, ZoneSeries,
};
use domain::zone_now::ZonesNow;
use metrics::{counter, gauge};
use service::clock::Clock;
use service::history::History;
use service::mqtt::{Event, Message, Publication, Publisher};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::forecast::{News, Teller, new_york};
use crate::metrics::Ready;
use crate::mix_history::MixHistory;
use crate::origin::OriginLock;
use crate::services::note;

/// The series follow the reading once no further mix came for this long: a catch-up publishes them once.
const QUIET: Duration = Duration::from_millis(250);

/// A live mix stamped further ahead of the clock is refused: taken for the newest, it would shut out every true
/// one until its time comes. NYISO's stamps are 5 to 15 minutes old.
const FUTURE: TimeDelta = TimeDelta::minutes(10);

/// A day's sun is known by the night before it.
const NIGHT_BEFORE: TimeDelta = TimeDelta::days(1);

/// What co2 subscribes to. The feeds that a reading is joined with come first, so that the broker's retained
/// ones are there when the mix is.
pub fn subscriptions(root: &Root) -> Vec<String> {
    vec![
        root.topic(&Topic::Flows),
        root.topic(&Topic::LoadForecast),
        format!("{}/upstream/marginal/+", root.as_str()),
        root.topic(&Topic::Mix),
    ]
}

/// What co2 is told.
#[derive(Clone, Debug)]
pub struct Co2Config {
    /// First level of every topic.
    pub root: Root,
    /// Emission factors.
    pub factors: FactorSetName,
    /// How many days of mixes are kept.
    pub retention_days: u32,
}

/// What co2 works with.
pub struct Parts {
    /// To the broker.
    pub publisher: Publisher,
    /// Its own store.
    pub store: Arc<dyn History>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// To the forecast.
    pub forecast: Teller,
    /// Told of the connection.
    pub ready: Ready,
}

/// Runs co2 until `shutdown`. `older` brings what was fetched from NYISO's archive, in any order.
///
/// # Errors
/// When the store cannot be read or written. What comes from the broker never ends it.
pub async fn run(
    config: Co2Config,
    mut events: mpsc::Receiver<Event>,
    mut older: mpsc::Receiver<Vec<Mix>>,
    parts: Parts,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let ready = parts.ready.clone();
    let mut co2 = Co2::open(config, parts)?;
    if co2.stream.newest().is_some() {
        co2.publish_series();
    }
    let mut unsaid = false;
    let mut older_open = true;
    // Beside the loop: an SD card may take seconds, and the next reading does not wait for it.
    let mut syncs: JoinSet<anyhow::Result<()>> = JoinSet::new();
    let mut unsynced = false;
    loop {
        if unsynced && syncs.is_empty() {
            syncs.spawn_blocking(co2.sync());
            unsynced = false;
        }
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            event = events.recv() => match event {
                None => break,
                Some(Event::Message(message)) => unsaid |= co2.on_message(&message).await?,
                Some(connection) => note(&connection, &ready),
            },
            Some(synced) = syncs.join_next() => synced??,
            batch = older.recv(), if older_open => match batch {
                None => older_open = false,
                Some(mixes) => unsaid |= co2.remember(&mixes)?,
            },
            () = tokio::time::sleep(QUIET), if unsaid => {
                co2.publish_series();
                unsaid = false;
                // The pump's note of what it published is durable, and it will not send that again.
                unsynced = true;
            }
        }
    }
    // After the one under way: the last is to cover everything.
    while let Some(synced) = syncs.join_next().await {
        synced??;
    }
    tokio::task::spawn_blocking(co2.sync()).await?
}

struct Co2 {
    config: Co2Config,
    publisher: Publisher,
    clock: Arc<dyn Clock>,
    forecast: Teller,
    history: MixHistory,
    origin: OriginLock,
    stream: IntensityStream,
    zones: ZonesNow,
    /// Said once, not with every message.
    foreign_said: bool,
    /// The same of stamps ahead of the clock.
    future_said: bool,
    /// Older mixes came since the series were published.
    older_came: bool,
    /// The newest reading that the log does not know: of a catch-up it is told the last one.
    unlogged: Option<Box<CarbonNow>>,
}

impl Co2 {
    fn open(config: Co2Config, parts: Parts) -> anyhow::Result<Self> {
        let Parts { publisher, store, clock, forecast, ready: _ } = parts;
        let origin = OriginLock::open(Arc::clone(&store))?;
        let history = MixHistory::new(store, config.retention_days);
        let mut stream = IntensityStream::new(config.factors.load(), origin.get(), new_york);
        if let Some((oldest, newest)) = history.ends().context("read the history of fuel mixes")? {
            // What came in before stamps were held against the clock.
            let newest = match origin.get() {
                Origin::Nyiso => newest.min(clock.now() + FUTURE),
                Origin::Recorded | Origin::Generated => newest,
            };
            let from = newest - WEEK - NIGHT_BEFORE;
            let week = history.range(from..newest + TimeDelta::seconds(1), origin.get())?;
            for mix in &week {
                stream.remember(mix);
            }
            info!(instants = week.len(), %oldest, %newest, "history read");
        }
        Ok(Self {
            config,
            publisher,
            clock,
            forecast,
            history,
            origin,
            stream,
            zones: ZonesNow::default(),
            foreign_said: false,
            future_said: false,
            older_came: false,
            unlogged: None,
        })
    }

    /// Takes a message; true when the series changed.
    async fn on_message(&mut self, message: &Message) -> anyhow::Result<bool> {
        match self.config.root.parse(&message.topic) {
            Some(Topic::Mix) => return self.on_mix(message).await,
            Some(Topic::Flows) => {
                let Some(flows) = read(message, "upstream/flows", Flows::from_json) else {
                    return Ok(false);
                };
                if self.admit(flows.origin) {
                    let lacked = self.stream.lacks_flows();
                    self.stream.remember_flows(flows.net_flows());
                    self.forecast.tell(News::Flows(flows));
                    // They are the newest reading's too: without this it would be without imports until the next.
                    return Ok(lacked && self.restate());
                }
            }
            Some(Topic::LoadForecast) => {
                let series = read(message, "upstream/load-forecast", LoadSeries::from_json);
                if let Some(series) = series.filter(|series| self.admit(series.origin)) {
                    self.forecast.tell(News::Loads(series));
                }
            }
            Some(Topic::MarginalRates(_)) => {
                let series = read(message, "upstream/marginal", ZoneSeries::from_json);
                if let Some(series) = series.filter(|series| self.admit(series.origin)) {
                    let said = self.zones.on_rates(series.clone());
                    self.publish_zones(said);
                    self.forecast.tell(News::Rates(series));
                }
            }
            _ => {}
        }
        Ok(false)
    }

    fn publish_zones(&self, said: impl IntoIterator<Item = ZoneNow>) {
        for now in said {
            let Some(zone) = domain::zone::LoadZone::from_slug(&now.zone) else { continue };
            let topic = self.config.root.topic(&Topic::ZoneNow(zone));
            self.publisher.send(Publication::snapshot(topic, now.to_json()));
        }
    }

    /// Whether this stamp lies ahead of the clock. What is played back may run faster than the clock.
    fn is_future(&mut self, ts: Timestamp, origin: Origin) -> bool {
        let now = self.clock.now();
        let future = origin == Origin::Nyiso && ts > now + FUTURE;
        if future {
            counter!("ny_power_bad_payloads_total", "topic" => "upstream/mix").increment(1);
            if !self.future_said {
                self.future_said = true;
                warn!(
                    %ts, %now,
                    "a fuel mix is stamped more than 10 minutes ahead of this clock and is refused; is the clock right?"
                );
            }
        }
        future
    }

    async fn on_mix(&mut self, message: &Message) -> anyhow::Result<bool> {
        let Some(mix) = read(message, "upstream/mix", Mix::from_json) else { return Ok(false) };
        if self.is_future(mix.ts, mix.origin) || !self.admit(mix.origin) {
            return Ok(false);
        }
        match self.stream.accept(&mix) {
            Accepted::Reading { now, newest } => {
                let topic = self.config.root.topic(&Topic::CarbonNow);
                let payload = now.to_json();
                let publication = if newest {
                    Publication::event(topic, payload)
                } else {
                    Publication::catch_up(topic, payload)
                };
                self.publisher.send(publication);
                // What this woke runs on this very thread, and only once this task pauses: without the pause
                // everything below would stand between the reading and its subscribers.
                tokio::task::yield_now().await;
                if newest {
                    let estimate = Marginal::estimate(&mix.fuel_mix());
                    let said = self.zones.on_mix(mix.ts, estimate, mix.origin);
                    self.publish_zones(said);
                    gauge!("ny_power_average_intensity_grams_per_kwh", "kind" => "production_direct")
                        .set(now.value);
                    self.unlogged = Some(now.clone());
                }
                let span = mix.ts..mix.ts + TimeDelta::seconds(1);
                self.keep(mix).await?;
                self.forecast.tell(News::Mixes(span));
                counter!("ny_power_readings_total", "complete" => if now.complete { "true" } else { "false" }).increment(1);
                Ok(true)
            }
            Accepted::Known => Ok(false),
            Accepted::NoGeneration => {
                warn!(ts = %mix.ts, "the fuels of this instant add up to nothing; no intensity");
                Ok(false)
            }
            Accepted::Foreign => Ok(false),
        }
    }

    /// Says the newest reading anew where what came after it has changed it; true when it did. Retained, with the
    /// same `ts`: no event, and no reader of events takes it for one.
    fn restate(&mut self) -> bool {
        let Some(now) = self.stream.restated() else { return false };
        let topic = self.config.root.topic(&Topic::CarbonNow);
        self.publisher.send(Publication::snapshot(topic, now.to_json()));
        true
    }

    /// Keeps a mix, on a thread that may wait for the disk. The reading does not depend on it: a full disk must not
    /// end the stream.
    async fn keep(&self, mix: Mix) -> anyhow::Result<()> {
        let (ts, history) = (mix.ts, self.history.clone());
        if let Err(error) = tokio::task::spawn_blocking(move || history.put(&mix)).await? {
            counter!("ny_power_history_failures_total").increment(1);
            warn!(%ts, error = format!("{:#}", anyhow::Error::from(error)), "a fuel mix was not kept");
        }
        Ok(())
    }

    /// Whether data of this origin belong here. The first data decide for the life of the store.
    fn admit(&mut self, came: Origin) -> bool {
        let fresh = self.origin.held().is_none();
        match self.origin.check(came) {
            Ok(()) => {
                if fresh {
                    self.stream = IntensityStream::new(self.config.factors.load(), came, new_york);
                }
                true
            }
            Err(error) => {
                counter!("ny_power_bad_payloads_total", "topic" => "origin").increment(1);
                if !self.foreign_said {
                    warn!(%error, "fuel mixes of another origin are left out");
                    self.foreign_said = true;
                }
                false
            }
        }
    }

    /// Takes older mixes into store and statistics; true when the series changed.
    fn remember(&mut self, mixes: &[Mix]) -> anyhow::Result<bool> {
        let Some(first) = mixes.first() else { return Ok(false) };
        if !self.admit(first.origin) {
            return Ok(false);
        }
        let limit = self.clock.now() + FUTURE;
        let mut span = first.ts..first.ts;
        for mix in mixes.iter().filter(|mix| mix.origin != Origin::Nyiso || mix.ts <= limit) {
            if self.stream.remember_archived(mix) {
                self.history.put(mix).context("keep an older fuel mix")?;
                span = span.start.min(mix.ts)..span.end.max(mix.ts + TimeDelta::seconds(1));
            }
        }
        if !span.is_empty() {
            self.forecast.tell(News::Mixes(span));
            self.older_came = true;
        }
        Ok(true)
    }

    /// Makes durable what was kept until it is called; blocks for as long as the disk does.
    fn sync(&self) -> impl FnOnce() -> anyhow::Result<()> + use<> {
        let history = self.history.clone();
        move || history.sync().context("make the history durable")
    }

    fn publish_series(&mut self) {
        if let Some(now) = self.unlogged.take() {
            info!(
                interval_end = %now.ts.format("%Y-%m-%dT%H:%M:%SZ"),
                grams_per_kwh = format!("{:.0}", now.value),
                percentile_7d = now.percentile_7d.map(|percentile| format!("{percentile:.0}")),
                "average intensity (production, direct)"
            );
        }
        // The newest reading came first and knew little of the week: at a first start it would have no verdict until
        // the next.
        if std::mem::take(&mut self.older_came) {
            self.restate();
        }
        for (topic, series) in
            [(Topic::Carbon24h, self.stream.day()), (Topic::Carbon7d, self.stream.week())]
        {
            self.publisher
                .send(Publication::snapshot(self.config.root.topic(&topic), series.to_json()));
        }
    }
}

/// Reads a payload; one that is none is counted, said and dropped.
fn read<T>(
    message: &Message,
    topic: &'static str,
    from_json: fn(&[u8]) -> Result<T, WireError>,
) -> Option<T> {
    from_json(&message.payload)
        .inspect_err(|error| {
            counter!("ny_power_bad_payloads_total", "topic" => topic).increment(1);
            warn!(topic = message.topic, error = with_causes(error), "payload refused");
        })
        .ok()
}

/// The error with its causes, on one line.
fn with_causes(error: &WireError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
