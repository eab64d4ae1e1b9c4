//! What is said about the household's own broker.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use service::mqtt::{BrokerUrl, ClientName, MqttConfig, OnRefusal, Password};

use super::parse::Check;

/// `[home]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HomeSection {
    pub(super) url: Option<String>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) username: Option<String>,
    pub(super) password_file: Option<PathBuf>,
}

/// The household's own broker.
#[derive(Clone, Debug)]
pub struct HomeConfig {
    /// Where it is.
    pub url: BrokerUrl,
    /// Certificates to trust with `mqtts://`, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// User name.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Password>,
}

impl HomeConfig {
    /// The session: never given up, since the broker may start after us.
    // A new name for each attempt, so without a session that the broker keeps: what a switch said while we
    // were away would come in late, after the retained state, and pass for the newest.
    pub fn mqtt(&self) -> MqttConfig {
        let name = ClientName::Random("ny-power-home".to_owned());
        let mut mqtt = MqttConfig::new(self.url.clone(), name);
        mqtt.ca_file.clone_from(&self.ca_file);
        mqtt.username.clone_from(&self.username);
        mqtt.password.clone_from(&self.password);
        mqtt.on_refusal = OnRefusal::KeepTrying;
        // A dead broker is one through which nothing is switched: known within half a minute.
        mqtt.keep_alive = Duration::from_secs(15);
        mqtt
    }
}

impl HomeSection {
    /// `None` without a mistake: there is no home broker.
    pub(super) fn parse(&self, check: &mut Check) -> Option<HomeConfig> {
        if let Some(path) = &self.ca_file
            && let Err(error) = std::fs::File::open(path)
        {
            check.say("home.ca_file", format!("{} cannot be read: {error}", path.display()));
        }
        let password = match &self.password_file {
            Some(path) => check.ok("home.password_file", Password::from_file(path)),
            None => None,
        };
        if self.password_file.is_some() && self.username.is_none() {
            check.say("home.username", "must be given with password_file");
        }
        let Some(url) = &self.url else {
            if self.ca_file.is_some() || self.username.is_some() {
                check.say("home.url", "must be given with the other keys of [home]");
            }
            return None;
        };
        let url = check.ok("home.url", url.parse())?;
        Some(HomeConfig {
            url,
            ca_file: self.ca_file.clone(),
            username: self.username.clone(),
            password,
        })
    }
}
