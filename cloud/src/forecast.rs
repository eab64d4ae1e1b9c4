//! The forecast: a thread beside co2, so that a fit of seconds never delays a reading of milliseconds.
//!
//! ```text
//! co2 ──news──> Desk (mixes by the hour, load forecasts, rates, flows; all in co2's store)
//!                 │  each full quarter of an hour, and a moment after a load forecast,
//!                 v  day-ahead rates or an archive came
//!              forecast/co2, …/consumption, …/marginal/<zone>, …/skill
//! ```
//!
//! What to say is decided in `domain::forecast`; here it is fed, timed and published.

mod desk;
mod issue;
mod memory;
pub mod past;
mod priority;
mod skill;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::NaiveDateTime;
use domain::Timestamp;
use domain::factors::FactorSetName;
use domain::forecast::LoadForecast;
use domain::forecast::slots::quarter;
use domain::wire::{Flows, LoadSeries, Root, ZoneSeries};
use metrics::counter;
use service::clock::Clock;
use service::history::History;
use service::mqtt::{Publication, Publisher};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use desk::Desk;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(200);

/// News come in bursts (a rate for each zone, an archive by the month): the forecast waits for their end.
const QUIET: Duration = Duration::from_millis(700);

/// But no longer than this.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the forecast is told.
#[derive(Clone, Debug)]
pub struct ForecastConfig {
    /// First level of every topic.
    pub root: Root,
    /// Emission factors.
    pub factors: FactorSetName,
    /// How many days of mixes are kept.
    pub retention_days: u32,
}

/// What has come.
#[derive(Clone, Debug)]
pub enum News {
    /// Fuel mixes of this span are in the store, new or corrected.
    Mixes(Range<Timestamp>),
    /// Interface flows.
    Flows(Flows),
    /// NYISO's load forecast.
    Loads(LoadSeries),
    /// Load forecasts of the past, from NYISO's archive, each with the time since when it was known.
    PastLoads(Vec<LoadForecast>),
    /// Marginal rates of a zone.
    Rates(ZoneSeries),
}

/// Tells the forecast what has come; never waits.
#[derive(Clone, Debug)]
pub struct Teller(mpsc::UnboundedSender<News>);

impl Teller {
    /// Passes `news` on. Without a forecast that listens they are dropped.
    pub fn tell(&self, news: News) {
        drop(self.0.send(news));
    }
}

/// Both ends of the way to the forecast.
// Unbounded: a reading must not wait for a fit, and the news are few (some dozen in five minutes) and small.
pub fn channel() -> (Teller, mpsc::UnboundedReceiver<News>) {
    let (tell, news) = mpsc::unbounded_channel();
    (Teller(tell), news)
}

/// The wall clock of New York.
pub fn new_york(ts: Timestamp) -> NaiveDateTime {
    nyiso::eastern::wall_clock(ts).0
}

/// Runs the forecast until `shutdown`.
///
/// # Errors
/// When the store cannot be read. What cannot be forecast or written is said and tried again a quarter of an
/// hour later.
pub async fn run(
    config: ForecastConfig,
    news: mpsc::UnboundedReceiver<News>,
    publisher: Publisher,
    store: Arc<dyn History>,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Handle::current();
    let (outcome, ended) = oneshot::channel();
    // Not one of the runtime's threads for blocking work: those are lent on, and a thread cannot take back its
    // lower priority.
    std::thread::Builder::new()
        .name("forecast".to_owned())
        .spawn(move || {
            priority::lower();
            let work = work(config, news, publisher, store, clock, shutdown);
            drop(outcome.send(runtime.block_on(work)));
        })
        .context("start the forecast's thread")?;
    ended.await.context("the forecast panicked")?
}

/// [`run`], on a thread that may block.
async fn work(
    config: ForecastConfig,
    mut news: mpsc::UnboundedReceiver<News>,
    publisher: Publisher,
    store: Arc<dyn History>,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let root = config.root.clone();
    let mut desk = Desk::open(config, store).context("read what the forecast is made of")?;
    let mut said: Option<Timestamp> = None;
    // The quarter of an hour that the log has told of.
    let mut told: Option<Timestamp> = None;
    // When news that change the forecast came: the first and the last of them.
    let mut stirred: Option<(Instant, Instant)> = None;
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            came = news.recv() => {
                let Some(came) = came else {
                    shutdown.cancelled().await;
                    return Ok(());
                };
                let now = desk.now(clock.now());
                if desk.take(came, now) {
                    let first = stirred.map_or_else(Instant::now, |(first, _)| first);
                    stirred = Some((first, Instant::now()));
                }
                continue;
            }
            _ = tick.tick() => {}
        }
        let now = desk.now(clock.now());
        let settled = stirred
            .is_some_and(|(first, last)| last.elapsed() > QUIET || first.elapsed() > PATIENCE);
        // A clock that was set back does not silence the forecast.
        if !settled && said == Some(quarter(now)) {
            continue;
        }
        match desk.issue(now) {
            Ok(None) => {
                debug!("nothing is known yet that a forecast could be of");
            }
            Ok(Some(issue)) => {
                if told != Some(quarter(now)) {
                    told = Some(quarter(now));
                    info!(
                        model = issue.model,
                        hours_of_history = issue.hours,
                        load_forecasts = issue.load_forecasts,
                        fit = ?issue.fit,
                        "forecast published"
                    );
                }
                for (topic, payload) in issue.payloads {
                    publisher.send(Publication::snapshot(root.topic(&topic), payload));
                }
                counter!("ny_power_forecasts_total", "model" => issue.model).increment(1);
            }
            Err(error) => {
                counter!("ny_power_forecast_failures_total").increment(1);
                warn!(
                    error = format!("{error:#}"),
                    "no forecast now; the next try is at the full quarter of an hour"
                );
            }
        }
        said = Some(quarter(now));
        stirred = None;
    }
}
