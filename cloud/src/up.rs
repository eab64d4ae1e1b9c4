//! up: everything in one process, with the embedded broker: nothing else to install.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use domain::Timestamp;
use service::clock::{Clock, SystemClock};
use service::mqtt::{ClientName, MqttConfig, Password};
use service::shutdown::Shutdown;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::broker::{self, Broker, BrokerConfig, BrokerError, Limits, Service, User};
use crate::cli::GRACE;
use crate::config::Config;
use crate::metrics::{self, Ready};
use crate::replay::Standin;
use crate::services::{self, Tasks};

/// The seed of the generated year: the same demo every time.
const DEMO_SEED: u64 = 2018;

/// What the demo's first start reads of its own archive: the week behind the percentile, and a day.
const DEMO_BACKFILL_DAYS: u32 = 8;

/// Runs pump, co2, web and, unless the settings say otherwise, the broker, until a signal.
///
/// # Errors
/// When a piece cannot be set up, or one of them ends with an error.
pub async fn run(mut config: Config, demo: bool, shutdown: Shutdown) -> anyhow::Result<()> {
    let started = SystemClock::new().now();
    let handle = metrics::install();
    let mut tasks = Tasks::new();
    let dir = config.data_dir()?.join(if demo { "demo" } else { "live" });
    std::fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;

    // First what fails when its port is taken, before anything runs.
    let listener = services::listen(config.web.bind, "web.bind").await?;
    let broker = if config.broker.enabled {
        Some(broker::start(embedded(&config, &dir)?).await?)
    } else {
        None
    };

    if demo {
        let files = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("open a port for the generated files")?;
        config.nyiso.url = format!("http://{}/public/csv/", files.local_addr()?);
        config.co2.backfill_days = config.co2.backfill_days.min(DEMO_BACKFILL_DAYS);
        let standin = Standin::generated(DEMO_SEED, Arc::new(SystemClock::new()));
        let token = shutdown.token();
        tasks.spawn(async move {
            standin.serve(files, token).await.context("serve the generated files")
        });
    }

    let session = |name: &str| match &broker {
        Some(broker) => inside(&config, broker, name, started),
        None => services::broker_of(&config, name, started),
    };
    let ready = Ready::default();
    services::start_pump(&mut tasks, &config, session("pump")?, &dir, &ready, &shutdown)?;
    services::start_co2(&mut tasks, &config, session("co2")?, &dir, &ready, &shutdown)?;
    let reader =
        if broker.is_some() { session("web")? } else { services::reader_of(&config, started)? };
    println!("dashboard: http://{}/", listener.local_addr()?);
    println!("stream:    {}/{} (anyone may read)", reader.url, config.root()?.all());
    if demo {
        println!("data:      GENERATED: plausible, and true of nothing");
    } else {
        println!("data:      {}", config.nyiso.url);
    }
    services::start_web(&mut tasks, &config, reader, listener, handle, &shutdown)?;

    let Some(broker) = broker else { return shutdown.join(tasks, GRACE).await };
    // The broker goes last, so that the services can say that they are offline.
    let broker_stop = CancellationToken::new();
    let broker = serve(broker, broker_stop.clone(), &mut tasks, &shutdown);
    let outcome = shutdown.join(tasks, GRACE).await;
    broker_stop.cancel();
    let broker_outcome =
        tokio::time::timeout(GRACE, broker).await.context("the broker does not end")?;
    outcome.and(Ok(broker_outcome??))
}

/// Runs the broker in a task of its own; `tasks` end when it does.
fn serve(
    broker: Broker,
    stop: CancellationToken,
    tasks: &mut Tasks,
    shutdown: &Shutdown,
) -> JoinHandle<Result<(), BrokerError>> {
    let ended = CancellationToken::new();
    let guard = ended.clone().drop_guard();
    let handle = tokio::spawn(async move {
        let _guard = guard;
        broker.run(stop).await
    });
    let token = shutdown.token();
    tasks.spawn(async move {
        tokio::select! {
            () = ended.cancelled() => anyhow::bail!("the embedded broker ended"),
            () = token.cancelled() => Ok(()),
        }
    });
    handle
}

/// The embedded broker as the settings want it.
fn embedded(config: &Config, dir: &Path) -> anyhow::Result<BrokerConfig> {
    let users = config.broker.users.iter().map(|user| {
        let password = Password::from_file(&user.password_file)?;
        Ok(User::new(&user.name, password))
    });
    Ok(BrokerConfig {
        listen: config.broker.bind,
        root: config.root()?,
        users: users.collect::<anyhow::Result<_>>()?,
        services: vec![Service::pump(), Service::co2(), Service::new("web", &[])],
        limits: Limits { max_clients: config.broker.max_clients, ..Limits::default() },
        ..BrokerConfig::new(dir.join("broker"))
    })
}

/// A session of one of our own services with the embedded broker.
fn inside(
    config: &Config,
    broker: &Broker,
    name: &str,
    started: Timestamp,
) -> anyhow::Result<MqttConfig> {
    let login =
        broker.login(name).with_context(|| format!("the embedded broker does not know {name}"))?;
    Ok(MqttConfig {
        username: Some(login.username.clone()),
        password: Some(login.password.clone()),
        root: config.root()?,
        presence: Some(services::presence(name, started)),
        ..MqttConfig::new(broker.url(), ClientName::Fixed(login.username.clone()))
    })
}
