//! A stand-in, a broker, and the services between them, each of which can be stopped and started.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use cloud::co2::{self, Co2Config};
use cloud::forecast::{self, ForecastConfig};
use cloud::metrics::Ready;
use cloud::pump::{self, PumpConfig};
use cloud::replay::Standin;
use cloud::source::Source;
use domain::Timestamp;
use domain::factors::FactorSetName;
use domain::fuel_mix::{Fuel, FuelMix};
use domain::units::Megawatts;
use domain::wire::{Mix, Root};
use nyiso::client::{Client, ClientConfig};
use service::clock::ManualClock;
use service::history::{History, SledConfig, SledHistory};
use service::mqtt::{ClientName, MqttConfig, Password, Publisher, connect};
use tempfile::TempDir;
use testkit::{PATIENCE, Received, Subscriber};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::broker::Bench;

/// Noon in New York on an ordinary day.
pub const NOON: &str = "2026-03-10T16:00:00Z";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A complete mix: gas and wind as given, every other fuel 100 MW.
pub fn mix(ts: Timestamp, gas: f64, wind: f64) -> FuelMix {
    let mut mix = FuelMix::new(ts);
    for fuel in Fuel::ALL {
        mix.set(fuel, Megawatts::new(100.0).unwrap());
    }
    mix.set(Fuel::NaturalGas, Megawatts::new(gas).unwrap());
    mix.set(Fuel::Wind, Megawatts::new(wind).unwrap());
    mix
}

/// A service at work.
pub struct Service {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<anyhow::Result<()>>>,
}

impl Service {
    /// A service of these tasks.
    pub fn of(stop: CancellationToken, tasks: Vec<JoinHandle<anyhow::Result<()>>>) -> Self {
        Self { stop, tasks }
    }

    /// Ends it as SIGTERM does.
    pub async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            tokio::time::timeout(PATIENCE, task).await.expect("it does not stop").unwrap().unwrap();
        }
    }
}

/// Everything that is not under test.
pub struct Rig {
    pub bench: Bench,
    pub standin: Standin,
    pub clock: Arc<ManualClock>,
    base: String,
    dir: TempDir,
    _serving: tokio_util::sync::DropGuard,
}

impl Rig {
    pub async fn new(bench: Bench, now: &str) -> Self {
        let clock = Arc::new(ManualClock::new(at(now)));
        let standin = Standin::scripted(clock.clone());
        standin.stop_clock_at(at(now));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/public/csv/", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(standin.clone().serve(listener, stop.clone()));
        let dir = tempfile::tempdir().unwrap();
        Self { bench, standin, clock, base, dir, _serving: stop.drop_guard() }
    }

    /// Lets time pass for all.
    pub fn advance(&self, minutes: i64) {
        self.clock.advance(Duration::from_secs(minutes as u64 * 60));
        self.standin.stop_clock_at(self.standin.now() + TimeDelta::minutes(minutes));
    }

    /// Publishes an instant at the stand-in, `minutes` before its present.
    pub fn push(&self, minutes_ago: i64, gas: f64, wind: f64) -> Timestamp {
        let ts = self.standin.now() - TimeDelta::minutes(minutes_ago);
        self.standin.push(&mix(ts, gas, wind));
        ts
    }

    pub async fn subscriber(&self, filter: &str) -> Subscriber {
        Subscriber::connect(self.bench.addr(), filter).await
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub fn session(&self, name: &str) -> MqttConfig {
        let url = service::mqtt::BrokerUrl::tcp(self.bench.addr());
        MqttConfig {
            username: Some("pump".to_owned()),
            password: Some(Password::new("hunter2")),
            reconnect: (Duration::from_millis(20), Duration::from_millis(200)),
            ..MqttConfig::new(url, ClientName::Fixed(format!("test-{name}")))
        }
    }

    pub fn store(&self, name: &str) -> Arc<SledHistory> {
        let (store, _) =
            SledHistory::open(&self.dir.path().join(name), SledConfig::default()).unwrap();
        Arc::new(store)
    }

    /// Starts the pump; a look every few hundredths of a second.
    pub fn pump(&self) -> Service {
        let mut client = ClientConfig::new(&self.base).unwrap();
        client.min_interval = Duration::ZERO;
        client.read_timeout = Duration::from_millis(400);
        client.total_timeout = Duration::from_millis(1500);
        let source = Source::new(Client::new(client).unwrap());
        let (publisher, events, session) = connect(self.session("pump"), vec![]).unwrap();
        let config = PumpConfig {
            poll_interval: Duration::from_millis(30),
            root: Root::default(),
            fuel_topics: true,
        };
        let stop = CancellationToken::new();
        let store = self.store("pump");
        let run = pump::run(config, source, publisher, store, self.clock.clone(), stop.clone());
        let token = stop.clone();
        let session = async move {
            let _events = events;
            Ok(session.run(token).await?)
        };
        Service { stop, tasks: vec![tokio::spawn(run), tokio::spawn(session)] }
    }

    /// Starts co2 and the forecast beside it; what is sent to the second is taken for an archive.
    pub async fn co2(&self) -> (Service, mpsc::Sender<Vec<Mix>>) {
        self.co2_with(self.store("co2")).await
    }

    /// The same, with a store of the test's.
    pub async fn co2_with(&self, store: Arc<dyn History>) -> (Service, mpsc::Sender<Vec<Mix>>) {
        let subscriptions = co2::subscriptions(&Root::default());
        let (publisher, events, session): (Publisher, _, _) =
            connect(self.session("co2"), subscriptions).unwrap();
        let config = Co2Config {
            root: Root::default(),
            factors: FactorSetName::default(),
            retention_days: 30,
        };
        let (older_tx, older_rx) = mpsc::channel(2);
        let stop = CancellationToken::new();
        let (teller, news) = forecast::channel();
        let forecast = forecast::run(
            ForecastConfig {
                root: Root::default(),
                factors: config.factors,
                retention_days: config.retention_days,
            },
            news,
            publisher.clone(),
            store.clone(),
            self.clock.clone(),
            stop.clone(),
        );
        let ready = Ready::default();
        let parts = co2::Parts {
            publisher,
            store,
            clock: self.clock.clone(),
            forecast: teller,
            ready: ready.clone(),
        };
        let run = co2::run(config, events, older_rx, parts, stop.clone());
        let token = stop.clone();
        let session = async move { Ok(session.run(token).await?) };
        let tasks = vec![tokio::spawn(run), tokio::spawn(forecast), tokio::spawn(session)];
        // What is published from now on reaches it.
        let connected = async {
            while !ready.get() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, connected).await.expect("co2 finds its broker");
        (Service { stop, tasks }, older_tx)
    }
}

/// The next message of `topic` that is about `ts`.
pub async fn about(subscriber: &mut Subscriber, topic: &str, ts: Timestamp) -> serde_json::Value {
    loop {
        let json = json(&subscriber.next(topic, PATIENCE).await);
        if json["ts"] == text(ts) {
            return json;
        }
    }
}

pub fn json(received: &Received) -> serde_json::Value {
    serde_json::from_str(received.text()).unwrap()
}

/// As on the wire.
pub fn text(ts: Timestamp) -> String {
    ts.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Runs a story with each broker; one that is not installed is said and left out.
macro_rules! with_both_brokers {
    ($($story:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                let Some(bench) = crate::broker::Bench::embedded().await else { return };
                super::$story(bench).await;
            })+
        }
        mod mosquitto {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                let Some(bench) = crate::broker::Bench::mosquitto().await else { return };
                super::$story(bench).await;
            })+
        }
    };
}
pub(super) use with_both_brokers;
