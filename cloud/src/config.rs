//! Settings of the cloud side: one file, `ny-power-cloud.toml`, and `NY_POWER_CLOUD__…` variables.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use domain::factors::FactorSetName;
use domain::wire::Root;
use nyiso::client::ClientConfig;
use serde::{Deserialize, Serialize};
use service::mqtt::{BrokerUrl, Password};
use service::settings::{Mistake, Settings};

use crate::broker;
use crate::feeds::Switches;

/// Prefix of the environment variables.
pub const ENV_PREFIX: &str = "NY_POWER_CLOUD";

/// All settings. `cloud.example.toml` explains each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Where state lives; see [`Config::data_dir`].
    pub data_dir: Option<PathBuf>,
    /// Where the files come from.
    pub nyiso: NyisoConfig,
    /// The broker that the services talk to.
    pub mqtt: MqttSection,
    /// The broker inside `up`.
    pub broker: BrokerSection,
    /// How intensity is computed and kept.
    pub co2: Co2Config,
    /// Pages and HTTP.
    pub web: WebSection,
    /// Metrics of `pump` and `co2` where they run alone.
    pub metrics: MetricsSection,
}

/// NYISO's public files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NyisoConfig {
    /// Folder of the CSV feeds.
    pub url: String,
    /// Seconds between two looks, before jitter.
    pub poll_interval_secs: u64,
    /// Seconds after which an answer is given up.
    pub timeout_secs: u64,
    /// Which feeds beside the fuel mix are read.
    pub feeds: Switches,
}

impl Default for NyisoConfig {
    fn default() -> Self {
        Self {
            url: "https://mis.nyiso.com/public/csv/".to_owned(),
            poll_interval_secs: 60,
            timeout_secs: 30,
            feeds: Switches::default(),
        }
    }
}

/// An MQTT broker, as seen by a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MqttSection {
    /// `mqtt://host:port` or `mqtts://host:port`.
    pub url: String,
    /// User of the publishers.
    pub username: Option<String>,
    /// File that holds the password; its last line end is cut off.
    pub password_file: Option<PathBuf>,
    /// CA certificate of the broker (PEM), where the system's do not know it.
    pub ca_file: Option<PathBuf>,
    /// First level of every topic.
    pub root: String,
    /// Publish IBM/ny-power's topic per fuel, whose names hold spaces. Off for brokers that forbid them.
    pub fuel_topics: bool,
}

impl Default for MqttSection {
    fn default() -> Self {
        Self {
            url: "mqtt://127.0.0.1:1884".to_owned(),
            username: None,
            password_file: None,
            ca_file: None,
            root: domain::wire::DEFAULT_ROOT.to_owned(),
            fuel_topics: true,
        }
    }
}

/// The embedded broker of `up`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrokerSection {
    /// Off: `up` uses the broker of `[mqtt]`.
    pub enabled: bool,
    /// Address of the MQTT listener.
    pub bind: SocketAddr,
    /// Most clients at a time.
    pub max_clients: usize,
    /// Publishers from outside.
    pub users: Vec<BrokerUser>,
}

impl Default for BrokerSection {
    fn default() -> Self {
        // Not 1883: a Mosquitto or Home Assistant on the same Pi has that one.
        Self {
            enabled: true,
            bind: SocketAddr::from(([127, 0, 0, 1], 1884)),
            max_clients: 1000,
            users: vec![],
        }
    }
}

/// Someone who may publish to the embedded broker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerUser {
    /// User name.
    pub name: String,
    /// File that holds the password; its last line end is cut off.
    pub password_file: PathBuf,
}

/// How intensity is computed and kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Co2Config {
    /// `ny-2026.1` or `ny-power-2018`.
    pub factor_set: String,
    /// Days of history fetched at the first start; 0 fetches none.
    pub backfill_days: u32,
    /// Days of fuel mix kept.
    pub retention_days: u32,
    /// Most megabytes of history on disk.
    pub max_store_mb: u64,
}

impl Default for Co2Config {
    fn default() -> Self {
        Self {
            factor_set: FactorSetName::default().as_str().to_owned(),
            backfill_days: 45,
            retention_days: 1100,
            max_store_mb: 512,
        }
    }
}

/// Pages and HTTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WebSection {
    /// Address of pages, HTTP API and the WebSocket bridge.
    pub bind: SocketAddr,
}

impl Default for WebSection {
    fn default() -> Self {
        Self { bind: SocketAddr::from(([127, 0, 0, 1], 8484)) }
    }
}

/// Metrics of a service that has no web.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricsSection {
    /// Address of `/metrics`, `/healthz` and `/readyz` of `pump` and `co2`; none where unset.
    pub bind: Option<SocketAddr>,
}

impl Config {
    /// Where state lives: `data_dir`, or else systemd's `STATE_DIRECTORY`, or else
    /// `$XDG_STATE_HOME/ny-power-cloud`, or else `~/.local/state/ny-power-cloud`.
    ///
    /// # Errors
    /// When none of these is set.
    pub fn data_dir(&self) -> anyhow::Result<PathBuf> {
        let variable = |name: &str| {
            std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
        };
        self.data_dir
            .clone()
            .or_else(|| variable("STATE_DIRECTORY"))
            .or_else(|| variable("XDG_STATE_HOME").map(|dir| dir.join("ny-power-cloud")))
            .or_else(|| variable("HOME").map(|dir| dir.join(".local/state/ny-power-cloud")))
            .ok_or_else(|| anyhow::anyhow!("no place for state: set data_dir in the settings"))
    }

    /// Why a password file cannot be read, one sentence each. No mistake of the settings: whoever checks
    /// them may lack the right that the service has.
    pub fn unreadable_passwords(&self) -> Vec<String> {
        let users = self.broker.users.iter().map(|user| &user.password_file);
        users
            .chain(&self.mqtt.password_file)
            .filter_map(|file| Password::from_file(file).err())
            .map(|error| format!("{:#}", anyhow::Error::from(error)))
            .collect()
    }

    /// The root of all topics.
    ///
    /// # Errors
    /// Cannot happen after [`Settings::validate`].
    pub fn root(&self) -> anyhow::Result<Root> {
        Ok(Root::new(&self.mqtt.root)?)
    }

    /// The emission factors.
    ///
    /// # Errors
    /// Cannot happen after [`Settings::validate`].
    pub fn factors(&self) -> anyhow::Result<FactorSetName> {
        Ok(self.co2.factor_set.parse()?)
    }
}

impl Settings for Config {
    fn validate(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let mut check = |key: &str, wrong: bool, text: String| {
            if wrong {
                mistakes.push(Mistake::new(key, text));
            }
        };
        let url = &self.nyiso.url;
        check(
            "nyiso.url",
            !(url.starts_with("http://") || url.starts_with("https://")),
            format!("{url:?} does not begin with http:// or https://"),
        );
        if let Some(error) = ClientConfig::new(url).err().filter(|_| url.starts_with("http")) {
            check("nyiso.url", true, error.to_string());
        }
        let secs = self.nyiso.poll_interval_secs;
        check(
            "nyiso.poll_interval_secs",
            secs == 0 || 3600 < secs,
            format!("{secs} is outside 1 to 3600 (30 or more towards NYISO itself)"),
        );
        check(
            "nyiso.poll_interval_secs",
            secs < 30 && url.contains("nyiso.com"),
            format!(
                "{secs} is too often for NYISO, whose files change every 5 minutes: 30 or more"
            ),
        );
        check(
            "nyiso.timeout_secs",
            self.nyiso.timeout_secs == 0,
            "0 would give up at once".to_owned(),
        );
        let broker = &self.mqtt.url;
        check(
            "mqtt.url",
            !(broker.starts_with("mqtt://") || broker.starts_with("mqtts://")),
            format!("{broker:?} does not begin with mqtt:// or mqtts://"),
        );
        let shaped = broker.starts_with("mqtt") && !broker.contains('@');
        if let Some(error) = broker.parse::<BrokerUrl>().err().filter(|_| shaped) {
            check("mqtt.url", true, error.to_string());
        }
        check(
            "mqtt.url",
            broker.contains('@'),
            "holds a user or password; use username and password_file".to_owned(),
        );
        check(
            "mqtt.password_file",
            self.mqtt.username.is_some() != self.mqtt.password_file.is_some(),
            "username and password_file go together".to_owned(),
        );
        if let Err(error) = Root::new(&self.mqtt.root) {
            check("mqtt.root", true, error.to_string());
        }
        if let Err(error) = self.co2.factor_set.parse::<FactorSetName>() {
            check("co2.factor_set", true, error.to_string());
        }
        let days = self.co2.retention_days;
        check(
            "co2.retention_days",
            days < 8,
            format!("{days} is under 8: the week's percentile needs 7 days"),
        );
        check(
            "co2.backfill_days",
            days < self.co2.backfill_days,
            format!("{} is more than retention_days = {days}", self.co2.backfill_days),
        );
        check(
            "co2.max_store_mb",
            self.co2.max_store_mb < 16,
            "under 16 MB leaves no room to work".to_owned(),
        );
        check(
            "broker.max_clients",
            self.broker.max_clients < 8,
            "under 8 shuts our own services out".to_owned(),
        );
        let mut names = BTreeSet::new();
        for BrokerUser { name, .. } in &self.broker.users {
            let taken = matches!(name.as_str(), "pump" | "co2" | "web" | "");
            check("broker.users", taken, format!("the name {name:?} is our own or empty"));
            let twice = !names.insert(name);
            check("broker.users", twice, format!("the name {name:?} is there twice"));
            let slug = broker::is_user_name(name) || name.is_empty();
            check(
                "broker.users",
                !slug,
                format!("the name {name:?} is not made of a-z, 0-9, - and _"),
            );
        }
        mistakes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> BrokerUser {
        BrokerUser { name: name.into(), password_file: "x".into() }
    }

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Config::default().validate(), []);
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_value() {
        let check = |change: fn(&mut Config), expected: &str| {
            let mut config = Config::default();
            change(&mut config);
            let text: Vec<String> = config
                .validate()
                .iter()
                .map(|mistake| format!("{}: {}", mistake.key, mistake.text))
                .collect();
            assert!(
                text.iter().any(|line| line.contains(expected)),
                "{expected:?} is not in {text:?}"
            );
        };
        check(
            |c| c.nyiso.url = "ftp://x".into(),
            "nyiso.url: \"ftp://x\" does not begin with http://",
        );
        check(|c| c.nyiso.poll_interval_secs = 5, "nyiso.poll_interval_secs: 5 is too often");
        check(
            |c| c.mqtt.url = "localhost".into(),
            "mqtt.url: \"localhost\" does not begin with mqtt://",
        );
        check(|c| c.nyiso.url = "http://".into(), "nyiso.url: ");
        check(|c| c.mqtt.url = "mqtt://h:99999".into(), "mqtt.url: ");
        check(|c| c.broker.users = vec![user("Bob")], "broker.users: the name \"Bob\" is not made");
        check(|c| c.broker.users = vec![user("b"), user("b")], "the name \"b\" is there twice");
        check(|c| c.mqtt.url = "mqtt://a:b@c".into(), "use username and password_file");
        check(|c| c.mqtt.username = Some("pump".into()), "username and password_file go together");
        check(|c| c.mqtt.root = "NY power".into(), "mqtt.root: topic root \"NY power\"");
        check(|c| c.co2.factor_set = "2030".into(), "co2.factor_set: no factor set \"2030\"");
        check(|c| c.co2.retention_days = 3, "co2.retention_days: 3 is under 8");
    }
}
