//! Whether a broker lets us in.

use anyhow::{anyhow, bail};
use service::mqtt::{BrokerUrl, Event, MqttConfig, OnRefusal, connect};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::LOGIN_TAKES;
use crate::config::HomeConfig;

/// Logs in to the home broker, and out again.
///
/// # Errors
/// Why it does not let us in.
pub async fn ask_home(home: &HomeConfig) -> anyhow::Result<()> {
    log_in(home.mqtt()).await
}

/// Logs in to a broker, and out again.
///
/// # Errors
/// Why it does not let us in.
pub(super) async fn log_in(mut mqtt: MqttConfig) -> anyhow::Result<()> {
    reach(&mqtt.url).await?;
    // A refusal is the answer, not something to wait for the end of.
    mqtt.on_refusal = OnRefusal::End;
    let is_tls = mqtt.url.is_tls();
    let (_publisher, mut inbox, session) = connect(mqtt, Vec::new())?;
    let shutdown = CancellationToken::new();
    let greeting = async {
        while let Some(event) = inbox.recv().await {
            if matches!(event, Event::Connected { .. }) {
                return true;
            }
        }
        false
    };
    let asked = async {
        tokio::select! {
            ended = session.run(shutdown.clone()) => ended.map_err(anyhow::Error::from),
            met = greeting => if met { Ok(()) } else { Err(anyhow!("the session ended")) },
        }
    };
    match timeout(LOGIN_TAKES, asked).await {
        Ok(answer) => answer,
        Err(_) if is_tls => bail!(
            "something is there, but TLS or MQTT does not come about: look at the certificate, its name, and \
             ca_file"
        ),
        Err(_) => bail!("something is there, but it does not speak MQTT: is this the right port?"),
    }
}

/// Whether anything listens there: the system's own word on it.
async fn reach(url: &BrokerUrl) -> anyhow::Result<()> {
    let host = url.host().trim_start_matches('[').trim_end_matches(']');
    match timeout(LOGIN_TAKES, TcpStream::connect((host, url.port()))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => bail!("nothing answers within {} s", LOGIN_TAKES.as_secs()),
    }
}
