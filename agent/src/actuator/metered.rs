//! An actuator with a meter behind it: an open contactor through which power flows does not obey, whatever it
//! says of itself.
//!
//! ```text
//! open, power after 60 s ──> told again (3 times, 60 s apart) ──> its position is an error
//!      <──────────────────── no power ──────────────────────────────┘
//! ```
//!
//! With an error for a position nothing is moved any more, which is what a welded contact needs: every
//! further switching makes it worse, and the person is told.

use std::time::Duration;

use domain::control::{Contactor, Moment};
use tokio::sync::watch;

use super::meter::MeterReading;
use super::{Actuator, ActuatorError};
use crate::moments::Moments;

/// A car lets go within seconds, and a meter may speak but once a minute.
const PATIENCE: Duration = Duration::from_secs(60);

/// So often it is told again.
const TRIES: u32 = 3;

/// `A`, checked by the meter if there is one.
pub struct Metered<A> {
    actuator: A,
    meter: Option<MeterCheck>,
}

/// The meter, and from which power on something charges.
pub struct MeterCheck {
    readings: watch::Receiver<Option<MeterReading>>,
    charging_above_kw: f64,
    watch: Watch,
    moments: Moments,
}

impl MeterCheck {
    /// By these readings; a car charges above `charging_above_kw`.
    pub fn new(
        readings: watch::Receiver<Option<MeterReading>>,
        charging_above_kw: f64,
        moments: Moments,
    ) -> Self {
        Self { readings, charging_above_kw, watch: Watch::default(), moments }
    }
}

impl<A: Actuator> Metered<A> {
    /// `meter`: `None` believes the actuator.
    pub fn new(actuator: A, meter: Option<MeterCheck>) -> Self {
        Self { actuator, meter }
    }
}

impl<A: Actuator> Actuator for Metered<A> {
    fn name(&self) -> String {
        self.actuator.name()
    }

    async fn set(&mut self, to: Contactor) -> Result<(), ActuatorError> {
        self.actuator.set(to).await
    }

    async fn position(&mut self) -> Result<Contactor, ActuatorError> {
        let position = self.actuator.position().await?;
        let Some(meter) = &mut self.meter else { return Ok(position) };
        let reading = *meter.readings.borrow();
        let flowing = reading
            .filter(|reading| meter.charging_above_kw < reading.power_kw)
            .map(|reading| (reading.at, reading.power_kw));
        let heard = reading.map(|reading| reading.at);
        match meter.watch.judge(position, meter.moments.now(), heard, flowing) {
            Verdict::Agrees => Ok(position),
            Verdict::Tell => {
                tracing::warn!("the contactor is open, yet power flows; it is told to open again");
                self.actuator.set(Contactor::Open).await?;
                Ok(position)
            }
            Verdict::Disobeys { kw } => Err(ActuatorError::StillFlowing {
                watts: (kw * 1000.0).round() as u64,
                tries: TRIES,
            }),
        }
    }
}

/// What position and meter say together.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// Nothing speaks against the position.
    Agrees,
    /// The order to open is to be given once more.
    Tell,
    /// It does not open.
    Disobeys {
        /// What flows.
        kw: f64,
    },
}

/// Since when the contactor is open, or was last told to be.
#[derive(Debug, Default)]
struct Watch {
    open_since: Option<Moment>,
    told: u32,
}

impl Watch {
    /// `heard`: when the meter spoke last. `flowing`: the same with how much, where that is more than
    /// standby.
    fn judge(
        &mut self,
        position: Contactor,
        now: Moment,
        heard: Option<Moment>,
        flowing: Option<(Moment, f64)>,
    ) -> Verdict {
        if position == Contactor::Closed {
            *self = Self::default();
            return Verdict::Agrees;
        }
        let since = *self.open_since.get_or_insert(now);
        let Some((at, kw)) = flowing else {
            // Spoke, and of no power: all is well. Silent: as before.
            if heard.is_some_and(|at| Duration::ZERO < at.at_least_since(&since)) {
                self.told = 0;
            }
            return Verdict::Agrees;
        };
        if at.at_least_since(&since) < PATIENCE {
            return Verdict::Agrees;
        }
        if self.told < TRIES {
            self.told += 1;
            self.open_since = Some(now);
            return Verdict::Tell;
        }
        Verdict::Disobeys { kw }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Contactor::{Closed, Open};
    use Verdict::{Agrees, Disobeys, Tell};
    use domain::Timestamp;
    use domain::control::BootId;

    fn at(secs: u64) -> Moment {
        let wall = Timestamp::from_timestamp(1_773_144_000 + secs as i64, 0).unwrap();
        Moment { wall, boot: BootId(1), uptime: Duration::from_secs(secs) }
    }

    /// Looks every 10 s from 0 on at an open contactor; the meter speaks of `kw` at each of `spoken`. Gives
    /// what is not agreement, with its second.
    fn story(spoken: &[(u64, f64)], until: u64) -> Vec<(u64, Verdict)> {
        let mut watch = Watch::default();
        let mut found = Vec::new();
        for secs in (0..=until).step_by(10) {
            let last = spoken.iter().rev().find(|(then, _)| *then <= secs);
            let heard = last.map(|(then, _)| at(*then));
            let flowing = last.filter(|(_, kw)| 0.3 < *kw).map(|(then, kw)| (at(*then), *kw));
            match watch.judge(Open, at(secs), heard, flowing) {
                Agrees => {}
                verdict => found.push((secs, verdict)),
            }
        }
        found
    }

    #[test]
    fn power_through_an_open_contactor_is_fought_three_times_and_then_told() {
        let welded: Vec<(u64, f64)> = (0..50).map(|n| (n * 10, 7.0)).collect();
        let found = story(&welded, 260);
        assert_eq!(found[..3], [(60, Tell), (120, Tell), (180, Tell)]);
        assert_eq!(found[3], (240, Disobeys { kw: 7.0 }));
        assert_eq!(found.len(), 6, "and it stays told: {found:?}");
    }

    #[test]
    fn a_car_that_lets_go_within_a_minute_is_no_trouble() {
        assert_eq!(story(&[(0, 7.0), (50, 7.0), (60, 0.01)], 600), []);
        // Standby is no charge.
        assert_eq!(story(&[(0, 0.02), (300, 0.02)], 600), []);
    }

    #[test]
    fn a_silent_meter_speaks_against_nobody() {
        assert_eq!(story(&[(0, 7.0), (30, 7.0)], 3600), []);
        assert_eq!(story(&[], 3600), []);
    }

    #[test]
    fn it_is_over_when_the_meter_says_so_or_the_contactor_closes() {
        let mut spoken: Vec<(u64, f64)> = (0..30).map(|n| (n * 10, 7.0)).collect();
        spoken.push((300, 0.0));
        let found = story(&spoken, 600);
        assert_eq!(found.last().map(|(secs, _)| *secs), Some(290));

        let mut watch = Watch::default();
        for secs in (0..300).step_by(10) {
            watch.judge(Open, at(secs), Some(at(secs)), Some((at(secs), 7.0)));
        }
        assert_eq!(watch.judge(Closed, at(300), Some(at(300)), Some((at(300), 7.0))), Agrees);
        assert_eq!(watch.judge(Open, at(310), Some(at(310)), Some((at(310), 7.0))), Agrees);
    }
}
