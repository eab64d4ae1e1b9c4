//! co2: mixes in, intensities out. The deciding is done by `domain::stream`; here is its shell.
//!
//! ```text
//! upstream/mix ──> store ──> IntensityStream ──> computed/co2
//!                   ^               └── quiet for a moment ──> archive/co2/24h, archive/co2/7d
//! NYISO's archive ──┘ (first start)
//! ```

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::TimeDelta;
use domain::factors::FactorSetName;
use domain::stream::{Accepted, IntensityStream};
use domain::week::WEEK;
use domain::wire::{CarbonNow, Mix, Origin, Root, Topic};
use metrics::{counter, gauge};
use service::history::History;
use service::mqtt::{Event, Message, Publication, Publisher};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::metrics::Ready;
use crate::mix_history::MixHistory;
use crate::origin::OriginLock;
use crate::services::note;

/// The series follow the reading once no further mix came for this long: a catch-up publishes them once.
const QUIET: Duration = Duration::from_millis(250);

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

/// Runs co2 until `shutdown`. `older` brings what was fetched from NYISO's archive, in any order.
///
/// # Errors
/// When the store cannot be read or written. What comes from the broker never ends it.
pub async fn run(
    config: Co2Config,
    mut events: mpsc::Receiver<Event>,
    mut older: mpsc::Receiver<Vec<Mix>>,
    publisher: Publisher,
    store: Arc<dyn History>,
    ready: Ready,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let mut co2 = Co2::open(config, publisher, store)?;
    if co2.stream.newest().is_some() {
        co2.publish_series();
    }
    let mut unsaid = false;
    let mut older_open = true;
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            event = events.recv() => match event {
                None => break,
                Some(Event::Message(message)) => unsaid |= co2.on_message(&message)?,
                Some(connection) => note(&connection, &ready),
            },
            batch = older.recv(), if older_open => match batch {
                None => older_open = false,
                Some(mixes) => unsaid |= co2.remember(&mixes)?,
            },
            () = tokio::time::sleep(QUIET), if unsaid => {
                co2.publish_series();
                unsaid = false;
                // The pump's note of what it published is durable, and it will not send that again.
                co2.sync().await?;
            }
        }
    }
    co2.sync().await
}

struct Co2 {
    config: Co2Config,
    publisher: Publisher,
    history: MixHistory,
    origin: OriginLock,
    stream: IntensityStream,
    /// Said once, not with every message.
    foreign_said: bool,
    /// The newest reading that the log does not know: of a catch-up it is told the last one.
    unlogged: Option<Box<CarbonNow>>,
}

impl Co2 {
    fn open(
        config: Co2Config,
        publisher: Publisher,
        store: Arc<dyn History>,
    ) -> anyhow::Result<Self> {
        let origin = OriginLock::open(Arc::clone(&store))?;
        let history = MixHistory::new(store, config.retention_days);
        let mut stream = IntensityStream::new(config.factors.load(), origin.get());
        if let Some((oldest, newest)) = history.ends().context("read the history of fuel mixes")? {
            let week =
                history.range(newest - WEEK..newest + TimeDelta::seconds(1), origin.get())?;
            for mix in &week {
                stream.remember(mix);
            }
            info!(instants = week.len(), %oldest, %newest, "history read");
        }
        Ok(Self { config, publisher, history, origin, stream, foreign_said: false, unlogged: None })
    }

    /// Takes a message; true when the series changed.
    fn on_message(&mut self, message: &Message) -> anyhow::Result<bool> {
        if self.config.root.parse(&message.topic) != Some(Topic::Mix) {
            return Ok(false);
        }
        let mix = match Mix::from_json(&message.payload) {
            Ok(mix) => mix,
            Err(error) => {
                counter!("ny_power_bad_payloads_total", "topic" => "upstream/mix").increment(1);
                warn!(
                    topic = message.topic,
                    error = format!("{:#}", anyhow::Error::from(error)),
                    "payload refused"
                );
                return Ok(false);
            }
        };
        if !self.admit(mix.origin) {
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
                // After the reading is on its way: a subscriber waits for that, not for the disk.
                // And the reading does not depend on it: a full disk must not end the stream.
                if let Err(error) = self.history.put(&mix) {
                    counter!("ny_power_history_failures_total").increment(1);
                    warn!(ts = %mix.ts, error = format!("{:#}", anyhow::Error::from(error)), "a fuel mix was not kept");
                }
                if newest {
                    gauge!("ny_power_average_intensity_grams_per_kwh", "kind" => "production_direct")
                        .set(now.value);
                    self.unlogged = Some(now.clone());
                }
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

    /// Whether data of this origin belong here. The first data decide for the life of the store.
    fn admit(&mut self, came: Origin) -> bool {
        let fresh = self.origin.held().is_none();
        match self.origin.check(came) {
            Ok(()) => {
                if fresh {
                    self.stream = IntensityStream::new(self.config.factors.load(), came);
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
        for mix in mixes {
            if self.stream.remember_archived(mix) {
                self.history.put(mix).context("keep an older fuel mix")?;
            }
        }
        Ok(true)
    }

    async fn sync(&self) -> anyhow::Result<()> {
        let history = self.history.clone();
        tokio::task::spawn_blocking(move || history.sync())
            .await?
            .context("make the history durable")
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
        for (topic, series) in
            [(Topic::Carbon24h, self.stream.day()), (Topic::Carbon7d, self.stream.week())]
        {
            self.publisher
                .send(Publication::snapshot(self.config.root.topic(&topic), series.to_json()));
        }
    }
}
