//! Where the switch says that it is. It is asked, never told.

use std::time::Duration;

use anyhow::{Context as _, bail};
use domain::control::Contactor;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::actuator::{Actuator, Command, HttpSwitch, MqttSwitch, Simulated, find_line};
use crate::config::{ActuatorConfig, Config};
use crate::home::Home;

/// The slowest answer that settings allow is 4 s.
const ANSWER_TAKES: Duration = Duration::from_secs(6);

/// The position of the switch; `None` where only its owner can know: to read a GPIO line is to take it.
///
/// # Errors
/// Why it cannot be known.
pub async fn ask_switch(config: &Config) -> anyhow::Result<Option<Contactor>> {
    match &config.actuator {
        ActuatorConfig::Gpio(gpio) => {
            find_line(gpio)?;
            Ok(None)
        }
        ActuatorConfig::Simulated { state_file } => {
            position(Simulated::new(state_file)).await.map(Some)
        }
        ActuatorConfig::Command(programs) => {
            position(Command::new(programs.clone())).await.map(Some)
        }
        ActuatorConfig::Http(switch) => position(HttpSwitch::new(*switch.clone())?).await.map(Some),
        ActuatorConfig::Mqtt(switch) => {
            let broker = config.home.as_ref().context("there is no home broker")?;
            let mut home = Home::default();
            let switch = MqttSwitch::new(*switch.clone(), broker.url.to_string(), &mut home);
            let shutdown = CancellationToken::new();
            let session = home.connect(broker.mqtt())?;
            tokio::select! {
                answer = position(switch) => answer.map(Some),
                ended = session.run(shutdown.clone()) => {
                    ended?;
                    bail!("the session with the home broker ended")
                }
            }
        }
    }
}

async fn position(mut actuator: impl Actuator) -> anyhow::Result<Contactor> {
    match timeout(ANSWER_TAKES, actuator.position()).await {
        Ok(position) => Ok(position?),
        Err(_) => bail!("no answer within {} s", ANSWER_TAKES.as_secs()),
    }
}
