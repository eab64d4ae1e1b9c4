//! Settings: what the file says, and what it comes to. After loading nothing is a string that has a
//! better type.

mod charge;
mod file;
mod gpio;
mod home;
mod http;
mod meter;
mod mqtt;
mod notify;
mod parse;
mod signal;
mod tariff;
#[cfg(test)]
mod tests;
mod words;

use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::charging::ChargeSettings;
use domain::control::Settings;
use domain::wire::Root;
use service::mqtt::{BrokerUrl, ClientName, MqttConfig, OnRefusal, Password};
use service::settings::{Mistakes, load, load_text};

pub use file::{ActuatorKind, File, OnExit, TrustPolicy};
pub use gpio::{Bias, Contact, GpioConfig, LineSpec};
pub use home::HomeConfig;
pub use http::{HttpPreset, HttpSwitchConfig, Method};
pub use meter::{EnergyUnit, MeterConfig, PowerUnit, PresenceConfig, Quantity};
pub use mqtt::{Availability, MqttPreset, MqttSwitchConfig};
pub use notify::NotifyConfig;
pub use signal::{SignalConfig, SignalSource};
pub use words::Words;

/// Environment variables that start so override the file: `NY_POWER_AGENT__CONTROL__MODE=now`.
pub const ENV_PREFIX: &str = "NY_POWER_AGENT";

/// The file that is read when none is named, if it is there.
pub const USUAL_FILE: &str = "/etc/ny-power/agent.toml";

/// Settings as they are used.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where history, lock and socket live.
    pub state_dir: PathBuf,
    /// The public stream.
    pub feed: FeedConfig,
    /// Where the readings come from.
    pub signal: SignalConfig,
    /// How to decide.
    pub control: Settings,
    /// The charge that is asked for, if one is described.
    pub charge: Option<ChargeSettings>,
    /// How often it decides even when nothing happens.
    pub tick: Duration,
    /// What becomes of the contactor when the program ends.
    pub on_exit: OnExit,
    /// When the clock is believed.
    pub clock_trust: TrustPolicy,
    /// The household's own broker, if there is one.
    pub home: Option<HomeConfig>,
    /// The meter in the charger's line, if there is one.
    pub meter: Option<MeterConfig>,
    /// What moves the contactor.
    pub actuator: ActuatorConfig,
    /// How alarms reach the person.
    pub notify: NotifyConfig,
    /// Tells this device from others.
    pub device: String,
    /// Over how many seconds this device and others spread what they would do at once.
    pub offset_secs: u32,
}

/// The public stream.
#[derive(Clone, Debug)]
pub struct FeedConfig {
    /// Where the broker is.
    pub url: BrokerUrl,
    /// Certificates to trust with `mqtts://`, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// User name, for a feed that asks for one.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Password>,
    /// Root of the topics.
    pub root: Root,
    /// Whether recorded and generated data may move the contactor.
    pub accept_demo: bool,
}

impl FeedConfig {
    /// The session with the feed's broker: anonymous name, and never given up, since there is work to
    /// do without it.
    pub fn mqtt(&self) -> MqttConfig {
        let mut mqtt =
            MqttConfig::new(self.url.clone(), ClientName::Random("ny-power-agent".to_owned()));
        mqtt.ca_file.clone_from(&self.ca_file);
        mqtt.username.clone_from(&self.username);
        mqtt.password.clone_from(&self.password);
        mqtt.root = self.root.clone();
        mqtt.on_refusal = OnRefusal::KeepTrying;
        mqtt
    }
}

/// Programs of the user. Each is a program and its arguments; no shell is involved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandConfig {
    /// Lets the car charge.
    pub on: Vec<String>,
    /// Does not.
    pub off: Vec<String>,
    /// Says which it is.
    pub state: Vec<String>,
    /// How long each may take.
    pub limit: Duration,
}

/// What moves the contactor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActuatorConfig {
    /// Moves nothing but a word in a file.
    Simulated {
        /// The file that holds `open` or `closed`.
        state_file: PathBuf,
    },
    /// A relay on a GPIO line of this machine.
    Gpio(GpioConfig),
    /// A switch on the home broker.
    Mqtt(Box<MqttSwitchConfig>),
    /// A switch behind HTTP.
    Http(Box<HttpSwitchConfig>),
    /// Programs of the user.
    Command(CommandConfig),
}

/// The settings file that applies: the one named, else [`USUAL_FILE`]. `None`: all defaults.
pub fn find(named: Option<&Path>) -> Option<PathBuf> {
    let usual = || Some(PathBuf::from(USUAL_FILE)).filter(|path| path.exists());
    named.map(Path::to_owned).or_else(usual)
}

impl Config {
    /// Reads the file and the environment.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn load(path: Option<&Path>) -> Result<(File, Self), Mistakes> {
        let file: File = load(path, ENV_PREFIX)?;
        match file.parse() {
            Ok(config) => Ok((file, config)),
            Err(mistakes) => Err(Mistakes { file: path.map(Path::to_owned), mistakes }),
        }
    }
    /// The same of the text of a file that need not be there yet, whatever the environment says.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn of_text(text: &str) -> Result<(File, Self), Mistakes> {
        let file: File = load_text(text)?;
        let config = file.parse().map_err(|mistakes| Mistakes { file: None, mistakes })?;
        Ok((file, config))
    }
}
