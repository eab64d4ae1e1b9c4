//! Builds the tasks, joins them, and leaves the contactor as it should be left.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use domain::control::SwitchLog;
use service::history::{History, SledConfig, SledHistory};
use service::shutdown::Shutdown;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::actuator::{
    Actuator, Command, Exit, Gpio, HttpSwitch, Meter, MeterCheck, Metered, MqttSwitch, Ownership,
    Simulated, own,
};
use crate::agent::{Agent, ClockPolicy, stale_after};
use crate::api::Ear;
use crate::charger::Charger;
use crate::clock_trust::{built, is_forgetful_board, kernel_is_synchronized};
use crate::config::{ActuatorConfig, Config, OnExit, SignalSource};
use crate::eastern::NEW_YORK;
use crate::grid::Grid;
use crate::home::Home;
use crate::ledger::Ledger;
use crate::lock::Lock;
use crate::moments::Moments;
use crate::nyiso_source::fallback::Policy;
use crate::nyiso_source::{Pace, Reins};
use crate::overrides::Desk;
use crate::store::Store;
use crate::{control_loop, notify, nyiso_source, subscriber};

/// How long tasks have to finish once the end is asked for.
const GRACE: Duration = Duration::from_secs(5);

/// How long the contactor may take to reach its exit position: three tries of an actuator that hardly
/// answers. systemd waits 90 s.
const EXIT_LIMIT: Duration = Duration::from_secs(45);

/// The store stays below this: a year of moves and 45 days of three origins take a tenth of it.
pub(crate) const STORE: SledConfig = SledConfig {
    cache_bytes: 1 << 20,
    max_bytes: 64 << 20,
    open_limit: Duration::from_secs(60),
    retry_every: Duration::from_secs(10),
};

/// Runs the agent until it is asked to stop, or a task fails.
///
/// # Errors
/// When the state directory cannot be used, another agent has it, or a task fails.
pub async fn run(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    // Before the actuator is touched: a second agent must not even look at the relay.
    let _lock = Lock::take(&config.state_dir)?;
    let mut home = Home::default();
    match &config.actuator {
        ActuatorConfig::Simulated { state_file } => {
            run_with(Simulated::new(state_file), home, &config, shutdown).await
        }
        ActuatorConfig::Command(programs) => {
            run_with(Command::new(programs.clone()), home, &config, shutdown).await
        }
        ActuatorConfig::Gpio(gpio) => {
            let relay = Gpio::open(gpio).context("the relay cannot be used")?;
            run_with(relay, home, &config, shutdown).await
        }
        ActuatorConfig::Http(switch) => {
            run_with(HttpSwitch::new(*switch.clone())?, home, &config, shutdown).await
        }
        ActuatorConfig::Mqtt(switch) => {
            let broker = config.home.as_ref().map(|home| home.url.to_string());
            let switch = MqttSwitch::new(*switch.clone(), broker.unwrap_or_default(), &mut home)
                .leasing(domain::fleet::pseudonym(&config.device), &mut home);
            run_with(switch, home, &config, shutdown).await
        }
    }
}

async fn run_with<A: Actuator>(
    actuator: A,
    mut home: Home,
    config: &Config,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let moments = Moments::of_this_machine();
    let meter = config.meter.as_ref().map(|meter| (meter, Meter::new(meter, &mut home)));
    // On a token of its own: the exit position is still to be driven when all else has ended.
    let home_shutdown = CancellationToken::new();
    let home = match &config.home {
        Some(broker) if !home.is_idle() => Some(home.connect(broker.mqtt())?),
        _ => None,
    };
    let home = home.map(|session| tokio::spawn(session.run(home_shutdown.clone())));
    let check = meter.as_ref().filter(|(_, meter)| meter.has_power()).map(|(config, meter)| {
        MeterCheck::new(meter.readings(), config.charging_above_kw, moments.clone())
    });
    let senses = meter
        .as_ref()
        .map(|(config, meter)| (meter.readings(), meter.presence(), config.charging_above_kw));
    let meter =
        meter.map(|(_, meter)| tokio::spawn(meter.run(moments.clone(), home_shutdown.clone())));
    let actuator = Metered::new(actuator, check);

    let history_dir = config.state_dir.join("history");
    let (history, report) = SledHistory::open(&history_dir, STORE)
        .with_context(|| format!("cannot open the history in {}", history_dir.display()))?;
    if report.is_trouble() {
        warn!("{report}");
    } else {
        info!("{report}");
    }
    let history: Arc<dyn History> = Arc::new(history);
    let store = Store::new(Arc::clone(&history));
    let (switches, readable) = match store.switches() {
        Ok(switches) => (switches, true),
        Err(error) => {
            warn!("the record of the contactor's moves cannot be read: {error}");
            (SwitchLog::default(), false)
        }
    };

    let schedule = config.charge.as_ref().map(|charge| charge.schedule).unwrap_or_default();
    let desk = Arc::new(Desk::new(
        store.clone(),
        moments.clone(),
        Arc::new(move |now| schedule.next_after(now, NEW_YORK)),
    ));

    let (notifier, delivery) = notify::notifier(&config.notify, store.clone(), moments.clone());

    let name = actuator.name();
    let exit = match config.on_exit {
        OnExit::Safe => Exit::To(config.control.safe),
        OnExit::Keep => Exit::Keep,
    };
    let (handle, owner) = own(
        actuator,
        Ownership {
            limits: config.control.limits,
            exit,
            moments: moments.clone(),
            store: store.clone(),
            switches,
            record_is_doubtful: report.is_trouble() || !readable,
        },
    );
    let owner = tokio::spawn(owner);

    let charger = Charger::new(config.charge.clone(), store.clone());
    let car = store.clone();
    let ledger = Ledger::new(store.clone());
    let told = store.clone();
    let grid = Grid::new(
        store,
        config.control.threshold,
        config.feed.accept_demo,
        stale_after(&config.control),
        moments.now(),
    );
    let clock = ClockPolicy {
        policy: config.clock_trust,
        built: built(),
        forgetful_board: is_forgetful_board(),
        synchronized: kernel_is_synchronized,
    };
    info!(
        mode = config.control.mode.as_str(),
        source = %config.signal.source,
        feed = %config.feed.url,
        actuator = %name,
        state_dir = %config.state_dir.display(),
        "ny-power-agent {} starts",
        env!("CARGO_PKG_VERSION")
    );
    let url = config.feed.url.to_string();
    let agent = Agent::new(
        config.control,
        moments.clone(),
        clock,
        (grid, charger),
        desk.watch(),
        (handle, name),
        url,
    )
    .telling(notifier)
    .of_a_fleet(&config.device, config.offset_secs)
    .remembering(car);
    let agent = match senses {
        Some((readings, plugged, above_kw)) => agent.with_meter(readings, plugged, above_kw),
        None => agent,
    };

    let nyiso = match (config.signal.source, config.signal.fallback) {
        (SignalSource::Nyiso, _) => Some(Policy::ByChoice),
        (SignalSource::Feed, true) => Some(Policy::when_silent(rand::random())),
        (SignalSource::Feed, false) => None,
    };
    let (agent, want) = match nyiso {
        Some(policy) => {
            let url = config.signal.nyiso.base.to_string();
            let (reins, want) = Reins::new(policy, url, moments.now());
            (agent.reading_nyiso(reins), Some(want))
        }
        None => (agent, None),
    };

    let outcome = match Ear::open(&config.state_dir) {
        Ok(ear) => {
            let (events, feed) = mpsc::channel(64);
            let (status, asked) = watch::channel(None);
            let foresight = agent.foresight();
            let mut tasks = JoinSet::new();
            let zone = config.charge.as_ref().and_then(|charge| charge.zone);
            if let Some(want) = want {
                let (client, events) = (config.signal.nyiso.clone(), events.clone());
                let (pace, stop) = (Pace::default(), shutdown.token());
                let files = (client, zone);
                tasks.spawn(nyiso_source::run(files, pace, want, events, moments, stop));
            }
            if config.signal.source == SignalSource::Feed {
                tasks.spawn(subscriber::run(config.feed.mqtt(), zone, events, shutdown.token()));
            }
            let control =
                control_loop::run(agent, ledger, config.tick, feed, status, shutdown.token());
            tasks.spawn(control);
            tasks.spawn(delivery.run(shutdown.token()));
            tasks.spawn(ear.listen((asked, foresight), desk, told, shutdown.token()));
            shutdown.join(tasks, GRACE).await
        }
        Err(error) => {
            drop(agent);
            Err(error)
        }
    };
    // All handles are gone now, so the owner drives the exit position, whatever ended the rest.
    let left = match tokio::time::timeout(EXIT_LIMIT, owner).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(panic)) => Err(panic).context("the actuator's owner failed"),
        Err(_) => Err(anyhow::anyhow!("the contactor did not reach its exit position in time")),
    };
    home_shutdown.cancel();
    if let Some(session) = home
        && let Ok(Err(error)) = session.await
    {
        warn!("{error:#}");
    }
    if let Some(meter) = meter
        && let Err(panic) = meter.await
    {
        warn!("the meter failed: {panic}");
    }
    let synced = tokio::task::spawn_blocking(move || history.sync()).await;
    if let Ok(Err(error)) = synced {
        warn!("the last seconds of history may be lost: {error}");
    }
    outcome.and(left)
}
