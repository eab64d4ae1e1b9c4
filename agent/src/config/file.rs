//! The settings file as written, one struct a section.

use std::path::PathBuf;

use domain::control::{Mode, Settings, Threshold};
use domain::wire::DEFAULT_ROOT;
use serde::{Deserialize, Serialize};

use super::charge::{ChargeSection, ScheduleSection};
use super::home::HomeSection;
use super::http::HttpSection;
use super::meter::MeterSection;
use super::mqtt::MqttSection;
use super::notify::Notify;
use super::signal::SignalSection;
use super::tariff::TariffSection;
use super::{ActuatorConfig, Bias, Config, Contact, LineSpec};

/// The file as written. `agent.example.toml` explains every key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub(super) state_dir: Option<PathBuf>,
    pub(super) signal: SignalSection,
    pub(super) feed: Feed,
    pub(super) control: Control,
    pub(super) charge: ChargeSection,
    pub(super) schedule: ScheduleSection,
    pub(super) tariff: TariffSection,
    pub(super) clock: ClockSection,
    pub(super) home: HomeSection,
    pub(super) meter: MeterSection,
    pub(super) actuator: Actuator,
    pub(super) notify: Notify,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Feed {
    pub url: String,
    pub root: String,
    pub ca_file: Option<PathBuf>,
    pub username: Option<String>,
    pub password_file: Option<PathBuf>,
    pub stale_after_mins: u64,
    pub accept_demo: Option<bool>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Control {
    pub mode: Option<ModeWord>,
    pub tick_secs: u64,
    pub min_on_secs: u64,
    pub min_off_secs: u64,
    pub max_switches_per_hour: u32,
    pub max_switches_per_day: u32,
    pub start_grace_secs: u64,
    pub manual_hold_mins: Option<u64>,
    pub safe_position: PositionWord,
    pub on_exit: OnExit,
    pub threshold: ThresholdSection,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThresholdSection {
    pub unit: ThresholdUnit,
    pub close_below: Option<f64>,
    pub open_above: Option<f64>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClockSection {
    pub trust: TrustPolicy,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Actuator {
    pub kind: ActuatorKind,
    pub simulated: Simulated,
    pub gpio: Gpio,
    pub mqtt: MqttSection,
    pub http: HttpSection,
    pub command: Command,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Command {
    pub on: Option<Vec<String>>,
    pub off: Option<Vec<String>>,
    pub state: Option<Vec<String>>,
    pub timeout_secs: u64,
}

impl Default for Command {
    fn default() -> Self {
        Self { on: None, off: None, state: None, timeout_secs: 4 }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Simulated {
    pub state_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gpio {
    pub chip: Option<String>,
    pub line: Option<LineSpec>,
    pub contact: Option<Contact>,
    pub active_low: bool,
    pub bias: Bias,
}

/// Which actuator moves the contactor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActuatorKind {
    /// Moves nothing but a word in a file.
    #[default]
    Simulated,
    /// A relay on a GPIO line of this machine.
    Gpio,
    /// A switch on the home broker.
    Mqtt,
    /// A switch behind HTTP, such as an entity of Home Assistant.
    Http,
    /// Programs of the user.
    Command,
}

/// When the wall clock is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustPolicy {
    /// On a board without a battery clock, once it was set from the network; elsewhere, unless it is
    /// plainly wrong.
    #[default]
    Auto,
    /// Everywhere only once it was set from the network.
    Synchronized,
    /// Unless it is plainly wrong.
    Always,
}

/// What becomes of the contactor when the program ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnExit {
    /// It is driven to the safe position.
    #[default]
    Safe,
    /// It stays where it is.
    Keep,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ModeWord {
    Clean,
    Threshold,
    Now,
    Off,
    Observe,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum PositionWord {
    Open,
    Closed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ThresholdUnit {
    #[default]
    #[serde(rename = "percentile")]
    Percentile,
    #[serde(rename = "g/kWh")]
    Grams,
}

impl ModeWord {
    /// What it means.
    pub fn mode(self) -> Mode {
        match self {
            Self::Clean => Mode::Clean,
            Self::Threshold => Mode::Threshold,
            Self::Now => Mode::Now,
            Self::Off => Mode::Off,
            Self::Observe => Mode::Observe,
        }
    }

    fn of(mode: Mode) -> Self {
        match mode {
            Mode::Clean => Self::Clean,
            Mode::Threshold => Self::Threshold,
            Mode::Now => Self::Now,
            Mode::Off => Self::Off,
            Mode::Observe => Self::Observe,
        }
    }
}

impl File {
    /// Whether the user said where state lives.
    pub fn names_state_dir(&self) -> bool {
        self.state_dir.is_some()
    }

    /// The file that says all of what `config` uses, so that nothing is left to guess; but no webhook.
    #[must_use]
    pub fn effective(&self, config: &Config) -> Self {
        let mut all = self.clone();
        all.state_dir = Some(config.state_dir.clone());
        all.feed.accept_demo = Some(config.feed.accept_demo);
        all.control.mode = Some(ModeWord::of(config.control.mode));
        // It may hold a secret; whoever prints this says that there is one.
        all.notify.webhook = None;
        let threshold = &mut all.control.threshold;
        (threshold.close_below, threshold.open_above) = match config.control.threshold {
            Threshold::Percentile { close_below, open_above } => {
                (Some(close_below), Some(open_above))
            }
            Threshold::Grams { close_below, open_above } => {
                (Some(close_below.grams_per_kwh()), Some(open_above.grams_per_kwh()))
            }
        };
        if let ActuatorConfig::Simulated { state_file } = &config.actuator {
            all.actuator.simulated.state_file = Some(state_file.clone());
        }
        if config.meter.is_some() {
            all.meter = self.meter.filled();
        }
        if matches!(config.actuator, ActuatorConfig::Mqtt(_)) {
            all.actuator.mqtt = self.actuator.mqtt.filled();
        }
        if matches!(config.actuator, ActuatorConfig::Http(_)) {
            all.actuator.http = self.actuator.http.filled();
        }
        all
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            url: "mqtt://127.0.0.1:1884".to_owned(),
            root: DEFAULT_ROOT.to_owned(),
            ca_file: None,
            username: None,
            password_file: None,
            stale_after_mins: Settings::default().stale_after.as_secs() / 60,
            accept_demo: None,
        }
    }
}

impl Default for Control {
    fn default() -> Self {
        let Settings { limits, start_grace, manual_hold, .. } = Settings::default();
        Self {
            mode: None,
            tick_secs: 10,
            min_on_secs: limits.min_on.as_secs(),
            min_off_secs: limits.min_off.as_secs(),
            max_switches_per_hour: limits.per_hour,
            max_switches_per_day: limits.per_day,
            start_grace_secs: start_grace.as_secs(),
            manual_hold_mins: manual_hold.map(|hold| hold.as_secs() / 60),
            safe_position: PositionWord::Closed,
            on_exit: OnExit::default(),
            threshold: ThresholdSection::default(),
        }
    }
}
