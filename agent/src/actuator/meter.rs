//! The meter in the charger's line: how much flows, how much has flowed, how much usually flows, and whether
//! a car is plugged in. Read from the home broker; nothing is decided here.

mod tally;

use domain::control::Moment;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::tally::Tally;
use super::word::{number, word};
use crate::config::{MeterConfig, Quantity};
use crate::home::{Heard, Home};
use crate::moments::Moments;

/// Beyond this a household's line is not what is measured, kW.
const MOST_KW: f64 = 100.0;

/// What the meter says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeterReading {
    /// When it said so. A meter speaks as often as it likes: look at the age.
    pub at: Moment,
    /// What flows, kW.
    pub power_kw: f64,
    /// What has flowed since the agent's start, kWh; never falls. By the meter's own counter as far as it
    /// goes, else from the power.
    pub energy_kwh: Option<f64>,
    /// What usually flows while a car charges, kW: the median of steady charging.
    pub typical_kw: Option<f64>,
}

/// The meter before it runs.
pub struct Meter {
    power: Option<watch::Receiver<Heard<f64>>>,
    energy: Option<watch::Receiver<Heard<f64>>>,
    presence: Option<watch::Receiver<Heard<bool>>>,
    charging_above_kw: f64,
    readings: watch::Sender<Option<MeterReading>>,
    plugged: watch::Sender<Option<bool>>,
}

impl Meter {
    /// The meter of these settings on the broker that `home` will connect to.
    pub fn new(config: &MeterConfig, home: &mut Home) -> Self {
        let mut ear = |quantity: &Quantity, most: f64| {
            let (pointer, factor) = (quantity.pointer.clone(), quantity.factor);
            home.listen(&quantity.topic, move |payload| {
                let value = number(payload, pointer.as_deref())? * factor;
                // Below zero: power that comes out of the car, or noise.
                (-most <= value && value <= most).then_some(value.max(0.0))
            })
        };
        let power = config.power.as_ref().map(|power| ear(power, MOST_KW));
        let energy = config.energy.as_ref().map(|energy| ear(energy, 1e9));
        let presence = config.presence.as_ref().map(|presence| {
            let (pointer, plugged, unplugged) =
                (presence.pointer.clone(), presence.plugged.clone(), presence.unplugged.clone());
            home.listen(&presence.topic, move |payload| {
                let word = word(payload, pointer.as_deref())?;
                if unplugged.have(&word) {
                    Some(false)
                } else {
                    plugged.have(&word).then_some(true)
                }
            })
        });
        Self {
            power,
            energy,
            presence,
            charging_above_kw: config.charging_above_kw,
            readings: watch::channel(None).0,
            plugged: watch::channel(None).0,
        }
    }

    /// What it says; `None` while nothing is known: before the first reading, and with the broker away.
    pub fn readings(&self) -> watch::Receiver<Option<MeterReading>> {
        self.readings.subscribe()
    }

    /// Whether a car is plugged in; `None` while nothing is known, or nobody knows.
    pub fn presence(&self) -> watch::Receiver<Option<bool>> {
        self.plugged.subscribe()
    }

    /// Whether it measures power, or only knows of the car.
    pub fn has_power(&self) -> bool {
        self.power.is_some()
    }

    /// Listens until `shutdown`, or until the home session ends.
    pub async fn run(mut self, moments: Moments, shutdown: CancellationToken) {
        let mut tally = Tally::new(self.charging_above_kw);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                Some(heard) = next(&mut self.power) => self.hear_power(&mut tally, heard, moments.now()),
                Some(heard) = next(&mut self.energy) => {
                    if let Some(kwh) = heard.value {
                        tally.count(kwh, heard.retained, moments.now());
                    }
                }
                Some(heard) = next(&mut self.presence) => {
                    let is_news = self.plugged.send_replace(heard.value) != heard.value;
                    match heard.value {
                        Some(true) if is_news => info!("a car is plugged in"),
                        Some(false) if is_news => info!("no car is plugged in"),
                        _ => {}
                    }
                }
            }
        }
    }

    fn hear_power(&self, tally: &mut Tally, heard: Heard<f64>, at: Moment) {
        let Some(power_kw) = heard.value else {
            tally.pause();
            self.readings.send_replace(None);
            return;
        };
        // Kept by the broker: that is how much flowed at some time.
        if heard.retained {
            return;
        }
        tally.flow(power_kw, at);
        let energy_kwh = Some(tally.total_kwh());
        let typical_kw = tally.typical_kw();
        self.readings.send_replace(Some(MeterReading { at, power_kw, energy_kwh, typical_kw }));
    }
}

/// The next that is heard; `None` when there is no such ear, or it will hear no more.
async fn next<T: Copy>(ear: &mut Option<watch::Receiver<Heard<T>>>) -> Option<Heard<T>> {
    let receiver = ear.as_mut()?;
    if receiver.changed().await.is_err() {
        *ear = None;
        return None;
    }
    Some(*receiver.borrow_and_update())
}
