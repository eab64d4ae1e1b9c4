//! What the meter says, if it speaks while we listen.

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::actuator::Meter;
use crate::config::{HomeConfig, MeterConfig};
use crate::home::Home;
use crate::moments::Moments;

/// Meters speak when something changes, or every so often.
const LISTENING_TAKES: Duration = Duration::from_secs(6);

/// What was heard.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MeterAnswer {
    /// What flows, kW.
    pub power_kw: Option<f64>,
    /// Whether a car is plugged in.
    pub plugged: Option<bool>,
}

/// Listens to the meter until it has said all that it can, or for some seconds.
///
/// # Errors
/// When the session with the home broker cannot be set up, or ends.
pub async fn ask_meter(broker: &HomeConfig, config: &MeterConfig) -> anyhow::Result<MeterAnswer> {
    let mut home = Home::default();
    let meter = Meter::new(config, &mut home);
    let (mut readings, mut plugged) = (meter.readings(), meter.presence());
    let shutdown = CancellationToken::new();
    let session = home.connect(broker.mqtt())?;
    let listen = async {
        if config.power.is_some() {
            let _ = readings.wait_for(Option::is_some).await;
        }
        if config.presence.is_some() {
            let _ = plugged.wait_for(Option::is_some).await;
        }
    };
    tokio::select! {
        // Whatever was heard until then is the answer.
        _ = timeout(LISTENING_TAKES, listen) => {}
        () = meter.run(Moments::of_this_machine(), shutdown.clone()) => {}
        ended = session.run(shutdown.clone()) => ended.context("the session ended")?,
    }
    Ok(MeterAnswer {
        power_kw: readings.borrow().map(|reading| reading.power_kw),
        plugged: *plugged.borrow(),
    })
}
