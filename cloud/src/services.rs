//! Puts each service together: its sessions, its store, its tasks. `up` uses the same pieces.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::TimeDelta;
use domain::Timestamp;
use metrics_exporter_prometheus::PrometheusHandle;
use nyiso::client::{Client, ClientConfig};
use nyiso::{eastern, path};
use service::backoff::Backoff;
use service::clock::{Clock, SystemClock};
use service::history::{History, SledConfig, SledHistory};
use service::mqtt::{self, ClientName, Event, MqttConfig, Password, Presence, Publisher, Session};
use service::shutdown::Shutdown;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::cli::GRACE;
use crate::config::Config;
use crate::metrics::{self, Ready};
use crate::source::Source;
use crate::{backfill, co2, feeds, forecast, ports, pump, web};

/// First and longest wait until a first start asks again for older days that it could not have.
const BACKFILL_RETRY: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(900));

/// Where live state is kept.
///
/// # Errors
/// When there is no place for state.
pub fn live_dir(config: &Config) -> anyhow::Result<PathBuf> {
    Ok(config.data_dir()?.join("live"))
}

/// Opens the store of `service` below `dir` and says in the log what the opening found.
///
/// # Errors
/// When another process holds it or it cannot be written.
pub fn open_store(dir: &Path, service: &str, config: &Config) -> anyhow::Result<Arc<dyn History>> {
    let dir = dir.join(service);
    std::fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
    let settings = SledConfig { max_bytes: config.co2.max_store_mb << 20, ..SledConfig::default() };
    let (store, report) = SledHistory::open(&dir, settings)?;
    if report.is_trouble() {
        warn!(service, store = %dir.display(), "{report}");
    } else {
        info!(service, store = %dir.display(), "{report}");
    }
    Ok(Arc::new(store))
}

/// NYISO, or the stand-in that the settings name.
///
/// # Errors
/// When the address cannot be used.
pub fn source(config: &Config) -> anyhow::Result<Source> {
    Ok(Source::new(client(config)?))
}

fn client(config: &Config) -> anyhow::Result<Client> {
    let defaults = ClientConfig::new(&config.nyiso.url).context("nyiso.url")?;
    let limit = Duration::from_secs(config.nyiso.timeout_secs);
    let settings = ClientConfig {
        connect_timeout: defaults.connect_timeout.min(limit),
        read_timeout: defaults.read_timeout.min(limit),
        total_timeout: limit,
        ..defaults
    };
    Ok(Client::new(settings)?)
}

/// Says whether NYISO answers.
///
/// # Errors
/// When the settings cannot be used; that NYISO is silent is no error but exit code 1.
pub async fn check_feed(config: &Config, clock: &dyn Clock) -> anyhow::Result<ExitCode> {
    let url = &config.nyiso.url;
    // Yesterday's file is there at any time of day.
    let yesterday = eastern::day_of(clock.now()) - TimeDelta::days(1);
    let limit = Duration::from_secs(config.nyiso.timeout_secs);
    match tokio::time::timeout(limit, client(config)?.fetch(&path::fuel_mix_day(yesterday))).await {
        Ok(Ok(fetched)) => {
            println!(
                "{url} answers: {} bytes of fuel mix for {yesterday}, origin {}",
                fetched.body.len(),
                fetched.origin
            );
            Ok(ExitCode::SUCCESS)
        }
        Ok(Err(error)) => {
            println!("{:#}", anyhow::Error::from(error));
            Ok(ExitCode::FAILURE)
        }
        Err(_) => {
            println!("{url} did not answer within {} s", limit.as_secs());
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The broker as the settings name it, for the service `name`.
///
/// # Errors
/// A bad address, or a password file that cannot be read.
pub fn broker_of(config: &Config, name: &str, since: Timestamp) -> anyhow::Result<MqttConfig> {
    let url = config.mqtt.url.parse().with_context(|| format!("mqtt.url {:?}", config.mqtt.url))?;
    let password = config.mqtt.password_file.as_deref().map(Password::from_file).transpose()?;
    Ok(MqttConfig {
        ca_file: config.mqtt.ca_file.clone(),
        username: config.mqtt.username.clone(),
        password,
        root: config.root()?,
        presence: Some(presence(name, since)),
        ..MqttConfig::new(url, ClientName::Fixed(format!("ny-power-{name}")))
    })
}

/// What `status/<name>` says.
pub fn presence(name: &str, since: Timestamp) -> Presence {
    Presence {
        name: name.to_owned(),
        version: crate::VERSION.to_owned(),
        build: crate::BUILD.to_owned(),
        since,
    }
}

/// Tasks of a process; the first to end ends the rest.
pub type Tasks = JoinSet<anyhow::Result<()>>;

/// Starts a session and hands out its ends.
///
/// # Errors
/// When the session cannot be set up.
pub fn start_session(
    tasks: &mut Tasks,
    settings: MqttConfig,
    subscriptions: Vec<String>,
    shutdown: &Shutdown,
) -> anyhow::Result<(Publisher, mpsc::Receiver<Event>)> {
    let (publisher, events, session): (Publisher, mpsc::Receiver<Event>, Session) =
        mqtt::connect(settings, subscriptions)?;
    let token = shutdown.token();
    tasks.spawn(async move { Ok(session.run(token).await?) });
    Ok((publisher, events))
}

/// Starts the pump's tasks.
///
/// # Errors
/// When a piece of it cannot be set up.
pub fn start_pump(
    tasks: &mut Tasks,
    config: &Config,
    broker: MqttConfig,
    dir: &Path,
    ready: &Ready,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let store = open_store(dir, "pump", config)?;
    let (publisher, events) = start_session(tasks, broker, vec![], shutdown)?;
    tasks.spawn(watch(events, ready.clone()));
    let settings = pump::PumpConfig {
        poll_interval: Duration::from_secs(config.nyiso.poll_interval_secs),
        root: config.root()?,
        fuel_topics: config.mqtt.fuel_topics,
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    // A client of their own: a file that stalls must not hold up the fuel mix.
    let others = Arc::new(client(config)?);
    let feeds_config =
        feeds::FeedsConfig { poll_interval: settings.poll_interval, root: settings.root.clone() };
    for kind in feeds::Kind::on(config.nyiso.feeds) {
        tasks.spawn(feeds::run(
            kind,
            feeds_config.clone(),
            Arc::clone(&others),
            publisher.clone(),
            Arc::clone(&store),
            Arc::clone(&clock),
            shutdown.token(),
        ));
    }
    tasks.spawn(pump::run(settings, source(config)?, publisher, store, clock, shutdown.token()));
    Ok(())
}

/// Starts co2's tasks.
///
/// # Errors
/// When a piece of it cannot be set up.
pub fn start_co2(
    tasks: &mut Tasks,
    config: &Config,
    broker: MqttConfig,
    dir: &Path,
    ready: &Ready,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let store = open_store(dir, "co2", config)?;
    let root = config.root()?;
    let (publisher, events) = start_session(tasks, broker, co2::subscriptions(&root), shutdown)?;
    let (older_tx, older_rx) = mpsc::channel(2);
    let (forecast, news) = forecast::channel();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (factors, retention_days) = (config.factors()?, config.co2.retention_days);
    let settings = co2::Co2Config { root: root.clone(), factors, retention_days };
    let (source, days, token) = (source(config)?, config.co2.backfill_days, shutdown.token());
    let first_start = backfill::at_first_start(
        source,
        Arc::clone(&store),
        days,
        Arc::clone(&clock),
        Backoff::new(BACKFILL_RETRY.0, BACKFILL_RETRY.1),
        older_tx,
        token.clone(),
    );
    tasks.spawn(async move {
        first_start.await?;
        // The task ends its process when it ends, so it stays.
        token.cancelled().await;
        Ok(())
    });
    if config.nyiso.feeds.load_forecast {
        let past = forecast::past::run(
            client(config)?,
            Arc::clone(&store),
            days,
            Arc::clone(&clock),
            Backoff::new(BACKFILL_RETRY.0, BACKFILL_RETRY.1),
            forecast.clone(),
            shutdown.token(),
        );
        let token = shutdown.token();
        tasks.spawn(async move {
            past.await?;
            token.cancelled().await;
            Ok(())
        });
    }
    tasks.spawn(forecast::run(
        forecast::ForecastConfig { root, factors, retention_days },
        news,
        publisher.clone(),
        Arc::clone(&store),
        Arc::clone(&clock),
        shutdown.token(),
    ));
    let parts = co2::Parts { publisher, store, clock, forecast, ready: ready.clone() };
    tasks.spawn(co2::run(settings, events, older_rx, parts, shutdown.token()));
    Ok(())
}

/// Keeps `ready` true to the connection, and lets nothing through.
async fn watch(mut events: mpsc::Receiver<Event>, ready: Ready) -> anyhow::Result<()> {
    while let Some(event) = events.recv().await {
        note(&event, &ready);
    }
    Ok(())
}

/// Keeps `ready` true to the connection.
pub fn note(event: &Event, ready: &Ready) {
    match event {
        Event::Connected { .. } => ready.set(true),
        Event::Disconnected { .. } => ready.set(false),
        Event::Message(_) => {}
    }
}

/// Listens on `addr`, or says which process does already.
///
/// # Errors
/// When the address cannot be had.
pub async fn listen(addr: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    ports::listen(addr).await.with_context(|| format!("cannot listen on {addr} ({setting})"))
}

/// The broker as a reader sees it. With a user in the settings the web may say that it is there.
///
/// # Errors
/// A bad address, or a password file that cannot be read.
pub fn reader_of(config: &Config, since: Timestamp) -> anyhow::Result<MqttConfig> {
    let named = broker_of(config, "web", since)?;
    let presence = named.presence.clone().filter(|_| named.username.is_some());
    // Replicas of web share no session.
    Ok(MqttConfig { presence, client: ClientName::Random("ny-power-web".to_owned()), ..named })
}

/// Starts the web's tasks.
///
/// # Errors
/// When a piece of it cannot be set up.
pub fn start_web(
    tasks: &mut Tasks,
    config: &Config,
    broker: MqttConfig,
    listener: TcpListener,
    metrics: PrometheusHandle,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    anyhow::ensure!(
        !broker.url.is_tls(),
        "mqtt.url is mqtts://, but the bridge for browsers speaks plain MQTT to the broker; give web a listener of its network"
    );
    let address = match broker.url.host() {
        host if host.contains(':') => format!("[{host}]:{}", broker.url.port()),
        host => format!("{host}:{}", broker.url.port()),
    };
    let root = config.root()?;
    let retained = Arc::new(web::Retained::new(root.clone()));
    let settings = web::WebConfig {
        broker_hint: Some(address.clone()),
        build: crate::BUILD.to_owned(),
        ..web::WebConfig::new(address)
    };
    let clock = SystemClock::new();
    let state = web::WebState::new(
        settings,
        Arc::clone(&retained),
        Arc::new(move || clock.now()),
        Some(Arc::new(move || metrics.render())),
    );
    let (publisher, mut events) = start_session(tasks, broker, vec![root.all()], shutdown)?;
    tasks.spawn(async move {
        // Held for the status that it publishes.
        let _publisher = publisher;
        while let Some(event) = events.recv().await {
            match event {
                Event::Connected { .. } => retained.set_broker_up(true),
                Event::Disconnected { .. } => retained.set_broker_up(false),
                // Refusals are logged and counted there.
                Event::Message(message) => drop(retained.accept(&message.topic, &message.payload)),
            }
        }
        Ok(())
    });
    let token = shutdown.token();
    tasks.spawn(
        async move { web::run(listener, state, token).await.context("serve the dashboard") },
    );
    Ok(())
}

/// `pump` as a process of its own.
///
/// # Errors
/// When a piece cannot be set up, or one of them ends with an error.
pub async fn pump_alone(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    alone(config, shutdown, "pump", start_pump).await
}

/// `co2` as a process of its own.
///
/// # Errors
/// When a piece cannot be set up, or one of them ends with an error.
pub async fn co2_alone(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    alone(config, shutdown, "co2", start_co2).await
}

type Start = fn(&mut Tasks, &Config, MqttConfig, &Path, &Ready, &Shutdown) -> anyhow::Result<()>;

async fn alone(config: Config, shutdown: Shutdown, name: &str, start: Start) -> anyhow::Result<()> {
    let started = SystemClock::new().now();
    let handle = metrics::install();
    let ready = Ready::default();
    let mut tasks = Tasks::new();
    let broker = broker_of(&config, name, started)?;
    info!(service = name, broker = %broker.url, nyiso = config.nyiso.url, "starting");
    if let Some(bind) = config.metrics.bind {
        let listener = listen(bind, "metrics.bind").await?;
        tasks.spawn(metrics::run(listener, handle, ready.clone(), shutdown.token()));
    }
    start(&mut tasks, &config, broker, &live_dir(&config)?, &ready, &shutdown)?;
    shutdown.join(tasks, GRACE).await
}

/// `web` as a process of its own.
///
/// # Errors
/// When a piece cannot be set up, or one of them ends with an error.
pub async fn web_alone(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    let broker = reader_of(&config, SystemClock::new().now())?;
    let handle = metrics::install();
    let listener = listen(config.web.bind, "web.bind").await?;
    let mut tasks = Tasks::new();
    println!("dashboard: http://{}/   broker: {}", listener.local_addr()?, broker.url);
    start_web(&mut tasks, &config, broker, listener, handle, &shutdown)?;
    shutdown.join(tasks, GRACE).await
}
