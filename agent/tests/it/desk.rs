//! A charger on a desk: a clock to turn, a feed to speak, a relay that obeys or does not. Its store and its
//! relay outlive the agent, as on a real machine.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use agent::actuator::{Actuator, ActuatorError, Exit, Handle, MeterReading, Ownership, own};
use agent::agent::{Agent, ClockPolicy, stale_after};
use agent::charger::Charger;
use agent::config::{NotifyConfig, TrustPolicy};
use agent::grid::Grid;
use agent::moments::Moments;
use agent::notify::{Alarm, Notifier, notifier};
use agent::nyiso_source::fallback::Policy;
use agent::nyiso_source::{Reins, Want};
use agent::overrides::Overrides;
use agent::status::Status;
use agent::store::Store;
use agent::subscriber::FeedEvent;
use domain::Timestamp;
use domain::charging::ChargeSettings;
use domain::control::{BootId, Contactor, Settings, SwitchLog, Threshold};
use domain::units::CarbonIntensity;
use domain::wire::{CarbonNow, CarbonSeries, GRAMS_PER_KWH, Origin};
use service::clock::{Clock, ManualClock};
use service::history::{History, MemoryHistory};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub const MINUTE: u64 = 60;
pub const HOUR: u64 = 3600;

/// What the relay does, and what was done to it.
#[derive(Debug)]
pub struct Bench {
    pub position: Contactor,
    pub orders: Vec<Contactor>,
    /// Takes orders and stays.
    pub is_stuck: bool,
    /// Cannot be read.
    pub is_unreadable: bool,
    /// Never answers.
    pub is_silent: bool,
    /// Panics at the next order.
    pub panics: bool,
}

#[derive(Clone)]
struct Relay(Arc<Mutex<Bench>>);

impl Relay {
    fn bench(&self) -> MutexGuard<'_, Bench> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Actuator for Relay {
    fn name(&self) -> String {
        "relay on the desk".to_owned()
    }

    async fn set(&mut self, to: Contactor) -> Result<(), ActuatorError> {
        let is_silent = self.bench().is_silent;
        if is_silent {
            std::future::pending::<()>().await;
        }
        let mut bench = self.bench();
        bench.orders.push(to);
        assert!(!std::mem::take(&mut bench.panics), "the driver panics");
        if !bench.is_stuck {
            bench.position = to;
        }
        Ok(())
    }

    async fn position(&mut self) -> Result<Contactor, ActuatorError> {
        let bench = self.bench();
        if bench.is_unreadable {
            return Err(ActuatorError::NoPosition { from: "relay".into(), text: "?".into() });
        }
        Ok(bench.position)
    }
}

/// Everything that stays when the agent goes.
pub struct Desk {
    pub clock: Arc<ManualClock>,
    pub settings: Settings,
    pub exit: Exit,
    pub accept_demo: bool,
    pub policy: TrustPolicy,
    pub boot: BootId,
    pub record_is_doubtful: bool,
    pub charge: Option<ChargeSettings>,
    pub overrides: watch::Sender<Overrides>,
    /// Over how many seconds it spreads what a fleet would do at once.
    pub offset_secs: u32,
    /// The car at the cable, where a meter tells; `None`: no meter.
    pub car: Option<CarOnTheDesk>,
    meter: watch::Sender<Option<MeterReading>>,
    plugged: watch::Sender<Option<bool>>,
    /// When NYISO's own files are read, if ever.
    pub nyiso: Option<Policy>,
    relay: Relay,
    history: Arc<dyn History>,
}

/// A car that takes 7 kW while the contactor is closed, or does not.
#[derive(Clone, Copy, Debug, Default)]
pub struct CarOnTheDesk {
    /// What the presence sensor says.
    pub plugged: Option<bool>,
    /// Falls asleep at its first pause.
    pub sleeps: bool,
    /// It is asleep.
    pub is_asleep: bool,
    /// How long it took current.
    pub charged_secs: u64,
    pub was_drawing: bool,
}

/// An agent at work.
pub struct Running {
    /// What the agent wants of the task that reads NYISO's own files.
    pub want: Option<watch::Receiver<Want>>,
    agent: Agent,
    owner: JoinHandle<()>,
    clock: Arc<ManualClock>,
    relay: Relay,
    moments: Moments,
    notifier: Notifier,
    _delivery: agent::notify::Delivery,
}

pub fn grams(value: f64) -> CarbonIntensity {
    CarbonIntensity::from_grams_per_kwh(value).expect("a plausible test")
}

impl Desk {
    /// Charging starts below 200 and stops above 250 g/kWh; Tuesday 2026-03-24, 08:00 EDT.
    pub fn new(position: Contactor) -> Self {
        Self::with_history(position, Arc::new(MemoryHistory::new()))
    }

    pub fn with_history(position: Contactor, history: Arc<dyn History>) -> Self {
        let threshold = Threshold::Grams { close_below: grams(200.0), open_above: grams(250.0) };
        let bench = Bench {
            position,
            orders: Vec::new(),
            is_stuck: false,
            is_unreadable: false,
            is_silent: false,
            panics: false,
        };
        let clock = Arc::new(ManualClock::new("2026-03-23T12:00:00Z".parse().expect("a time")));
        // The machine has been up for a day.
        clock.advance(Duration::from_secs(24 * HOUR));
        Self {
            clock,
            settings: Settings { threshold, ..Settings::default() },
            exit: Exit::To(Contactor::Closed),
            accept_demo: true,
            policy: TrustPolicy::Always,
            boot: BootId(1),
            record_is_doubtful: false,
            charge: None,
            overrides: watch::Sender::default(),
            offset_secs: 0,
            car: None,
            meter: watch::Sender::default(),
            plugged: watch::Sender::default(),
            nyiso: None,
            relay: Relay(Arc::new(Mutex::new(bench))),
            history,
        }
    }

    pub fn bench(&self) -> MutexGuard<'_, Bench> {
        self.relay.bench()
    }

    /// Power has come back: another boot, and another stopwatch.
    pub fn boot_again(&mut self) {
        self.boot = BootId(self.boot.0 + 1);
        self.clock = Arc::new(ManualClock::new(self.clock.now()));
    }

    /// Another store from the next start on.
    pub fn replace_history(&mut self, history: Arc<dyn History>) {
        self.history = history;
    }

    pub fn store(&self) -> Store {
        Store::new(Arc::clone(&self.history))
    }

    pub fn lifetime(&self) -> u64 {
        self.store().switches().map_or(0, |switches| switches.lifetime())
    }

    /// Starts the agent as `run` does.
    pub fn start(&self) -> Running {
        let moments = Moments::of_clock(self.clock.clone(), self.boot);
        let switches = self.store().switches();
        let readable = switches.is_ok();
        let (handle, owner) = own(
            self.relay.clone(),
            Ownership {
                limits: self.settings.limits,
                exit: self.exit,
                moments: moments.clone(),
                store: self.store(),
                switches: switches.unwrap_or_else(|_| SwitchLog::default()),
                record_is_doubtful: self.record_is_doubtful || !readable,
            },
        );
        let (notifier, delivery) =
            notifier(&NotifyConfig::default(), self.store(), moments.clone());
        let agent = self.agent(moments.clone(), handle).telling(notifier.clone());
        let (agent, want) = match self.nyiso {
            Some(policy) => {
                let url = "http://nyiso/".to_owned();
                let (reins, want) = Reins::new(policy, url, moments.now());
                (agent.reading_nyiso(reins), Some(want))
            }
            None => (agent, None),
        };
        Running {
            want,
            agent,
            moments,
            notifier,
            _delivery: delivery,
            owner: tokio::spawn(owner),
            clock: self.clock.clone(),
            relay: self.relay.clone(),
        }
    }

    fn agent(&self, moments: Moments, handle: Handle) -> Agent {
        let grid = Grid::new(
            self.store(),
            self.settings.threshold,
            self.accept_demo,
            stale_after(&self.settings),
            moments.now(),
        );
        let clock = ClockPolicy {
            policy: self.policy,
            built: "2026-01-01T00:00:00Z".parse().expect("a time"),
            forgetful_board: true,
            synchronized: || Some(false),
        };
        let (name, url) = ("relay on the desk".to_owned(), "mqtt://feed".to_owned());
        let charger = Charger::new(self.charge.clone(), self.store());
        let overrides = self.overrides.subscribe();
        let agent = Agent::new(
            self.settings,
            moments,
            clock,
            (grid, charger),
            overrides,
            (handle, name),
            url,
        )
        .of_a_fleet("desk", self.offset_secs)
        .remembering(self.store());
        match self.car {
            Some(_) => agent.with_meter(self.meter.subscribe(), self.plugged.subscribe(), 0.3),
            None => agent,
        }
    }

    /// Time passes at the car: it draws or not, and the meter says so.
    pub fn live(&mut self, agent: &Running, secs: u64) {
        let position = self.bench().position;
        agent.wait(secs);
        let Some(car) = &mut self.car else { return };
        let is_there = car.plugged != Some(false);
        if !is_there {
            car.is_asleep = false;
        }
        let draws = is_there && position == Contactor::Closed && !car.is_asleep;
        // One that is cut off while it charges may fall asleep over it.
        car.is_asleep |= car.sleeps && is_there && car.was_drawing && position == Contactor::Open;
        car.was_drawing = draws;
        car.charged_secs += if draws { secs } else { 0 };
        self.plugged.send_replace(car.plugged);
        self.meter.send_replace(Some(MeterReading {
            at: agent.moments.now(),
            power_kw: if draws { 7.0 } else { 0.0 },
            energy_kwh: None,
            typical_kw: None,
        }));
    }
}

impl Running {
    pub fn wait(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether the person is told so.
    pub fn is_told(&self, alarm: Alarm) -> bool {
        self.notifier.stands(alarm)
    }

    /// A reading of this very moment, as news.
    pub fn read(&mut self, value: f64) -> bool {
        self.hear(self.reading(value))
    }

    pub fn reading(&self, value: f64) -> CarbonNow {
        CarbonNow {
            ts: self.now(),
            value,
            units: GRAMS_PER_KWH.to_owned(),
            life_cycle: None,
            consumption: None,
            consumption_life_cycle: None,
            production_only: None,
            marginal: None,
            marginal_basis: None,
            renewables_floor_mw: None,
            verdict: None,
            percentile_7d: None,
            percentile_hours: None,
            p33: None,
            p67: None,
            min_7d: None,
            max_7d: None,
            factor_set: "ny-2026.1".to_owned(),
            complete: true,
            missing: Vec::new(),
            unknown: Vec::new(),
            revised: false,
            origin: Origin::Nyiso,
        }
    }

    pub fn hear(&mut self, reading: CarbonNow) -> bool {
        self.agent.hear(FeedEvent::Reading { reading: Box::new(reading), retained: false })
    }

    pub fn hear_event(&mut self, event: FeedEvent) -> bool {
        self.agent.hear(event)
    }

    /// 15-minute means of the last `days` days until now.
    pub fn fill(&mut self, days: i64, origin: Origin, value: impl Fn(Timestamp) -> f64) {
        let now = self.now();
        let ts: Vec<Timestamp> = (0..=days * 96)
            .rev()
            .map(|quarters| now - chrono::TimeDelta::minutes(15 * quarters))
            .collect();
        let values = ts.iter().map(|ts| value(*ts)).collect();
        let (units, factor_set) = (GRAMS_PER_KWH.to_owned(), "ny-2026.1".to_owned());
        self.agent.hear(FeedEvent::Series(CarbonSeries { units, ts, values, factor_set, origin }));
    }

    /// One cycle; gives the status.
    pub async fn cycle(&mut self) -> Status {
        self.agent.cycle().await.expect("the owner lives").status
    }

    /// One cycle; then the relay is where it should be.
    #[track_caller]
    pub fn check(&mut self, position: Contactor) -> impl Future<Output = Status> + '_ {
        let caller = std::panic::Location::caller();
        async move {
            let status = self.cycle().await;
            let is = self.relay.bench().position;
            assert_eq!(is, position, "{caller}: {}", status.reason);
            assert_eq!(status.position.as_deref(), Some(position.as_str()), "{caller}");
            status
        }
    }

    /// A clean end: the owner gets to drive the exit position.
    pub async fn stop(self) {
        drop(self.agent);
        self.owner.await.expect("no panic");
    }

    /// An end that nobody gets to react to.
    pub async fn kill(self) {
        self.owner.abort();
        let _ = self.owner.await;
    }

    /// The outcome of the owner's task once everybody has gone.
    pub async fn end(self) -> Result<(), tokio::task::JoinError> {
        drop(self.agent);
        self.owner.await
    }

    /// The next cycle, where the owner may have ended.
    pub async fn try_cycle(&mut self) -> Result<Status, agent::actuator::MoveError> {
        Ok(self.agent.cycle().await?.status)
    }
}
