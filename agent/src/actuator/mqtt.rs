//! A switch on the home broker: an order goes out, and counts once the switch itself has said that it
//! followed.
//!
//! What is known ends with the connection, and with the switch's own: a position is believed only if it was
//! said since, or kept by the broker (retained). Where nothing is known the switch is asked, if it can be.
//! Orders are QoS 1 and never retained: one that waited at the broker would act at any later time.

use std::time::Duration;

use domain::control::Contactor;
use service::mqtt::{Publication, Publisher};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::lease::Lease;
use super::word::{position, word};
use super::{Actuator, ActuatorError};
use crate::config::MqttSwitchConfig;
use crate::home::{Heard, Home};

/// What a switch says that it is; else what it says instead.
type Said = Result<Contactor, String>;

/// A switch that takes orders over MQTT.
#[derive(Debug)]
pub struct MqttSwitch {
    config: MqttSwitchConfig,
    /// For a person.
    broker_name: String,
    broker: watch::Receiver<Option<Publisher>>,
    state: watch::Receiver<Heard<Said>>,
    available: Option<watch::Receiver<Heard<bool>>>,
    /// Whether another agent moves it, too.
    lease: Option<Lease>,
    /// The broker has had its time to be there at the start.
    has_met: bool,
    /// What was said up to here was said before the switch went away.
    void_up_to: u64,
}

impl MqttSwitch {
    /// The switch of these settings on the broker of this name, which `home` will connect to.
    pub fn new(config: MqttSwitchConfig, broker_name: String, home: &mut Home) -> Self {
        let (pointer, on, off) =
            (config.state_pointer.clone(), config.state_on.clone(), config.state_off.clone());
        let state = home.listen(&config.state_topic, move |payload| {
            word(payload, pointer.as_deref()).map(|word| position(&word, &on, &off))
        });
        let available = config.availability.as_ref().map(|availability| {
            let (yes, no) = (availability.yes.clone(), availability.no.clone());
            home.listen(&availability.topic, move |payload| {
                let word = word(payload, Some("/state")).or_else(|| word(payload, None))?;
                if no.have(&word) { Some(false) } else { yes.have(&word).then_some(true) }
            })
        });
        let broker = home.broker();
        Self {
            config,
            broker_name,
            broker,
            state,
            available,
            lease: None,
            has_met: false,
            void_up_to: 0,
        }
    }

    /// The same, of an agent that shares the broker with others: `agent` tells it from them.
    #[must_use]
    pub fn leasing(mut self, agent: String, home: &mut Home) -> Self {
        self.lease = Some(Lease::new(&self.config.command_topic, agent, home));
        self
    }

    /// # Errors
    /// When another agent has the switch.
    async fn hold(&mut self, broker: &Publisher, with_an_order: bool) -> Result<(), ActuatorError> {
        let Some(lease) = &mut self.lease else { return Ok(()) };
        lease.check()?;
        lease.hold(broker, with_an_order).await;
        Ok(())
    }

    /// The way to the switch, as far as there is one.
    async fn way(&mut self, deadline: Instant) -> Result<Publisher, ActuatorError> {
        if !self.has_met {
            // Later we know whether it is there; at the start the first connection is on its way.
            let met = timeout_at(deadline, self.broker.wait_for(Option::is_some)).await.is_ok();
            self.has_met = true;
            if met && let Some(available) = &mut self.available {
                // A retained word about it comes with the first messages, if there is one.
                let soon = (Instant::now() + Duration::from_millis(300)).min(deadline);
                let _ = timeout_at(soon, available.wait_for(|heard| heard.value.is_some())).await;
            }
        }
        let broker = self.broker.borrow().clone();
        let broker = broker.ok_or_else(|| self.away())?;
        let is_away = self.available.as_ref().is_some_and(|it| it.borrow().value == Some(false));
        if is_away {
            self.void_up_to = self.state.borrow().serial;
            let topic = self.config.availability.as_ref().map(|it| it.topic.clone());
            return Err(ActuatorError::Offline { topic: topic.unwrap_or_default() });
        }
        Ok(broker)
    }

    /// What the switch says, or said after `serial`; `None` when it has not by `deadline`, or the broker
    /// is gone meanwhile.
    async fn hear(
        &mut self,
        deadline: Instant,
        wanted: impl Fn(&Heard<Said>) -> bool,
    ) -> Option<Said> {
        tokio::select! {
            heard = timeout_at(deadline, self.state.wait_for(wanted)) => {
                heard.ok()?.ok()?.value.clone()
            }
            _ = self.broker.wait_for(Option::is_none) => None,
        }
    }

    async fn send(
        &self,
        broker: &Publisher,
        deadline: Instant,
        (topic, payload): (&str, &str),
    ) -> Result<(), ActuatorError> {
        let order = Publication::command(topic, payload.as_bytes().to_vec());
        match timeout_at(deadline, broker.publish(order)).await {
            Ok(outcome) => outcome
                .map_err(|source| ActuatorError::Undelivered { topic: topic.to_owned(), source }),
            Err(_) => Err(self.silent()),
        }
    }

    fn away(&self) -> ActuatorError {
        ActuatorError::NoBroker { broker: self.broker_name.clone() }
    }

    fn silent(&self) -> ActuatorError {
        ActuatorError::Silent { secs: self.config.limit.as_secs() }
    }
}

impl Actuator for MqttSwitch {
    fn name(&self) -> String {
        format!("switch {} on {}", self.config.command_topic, self.broker_name)
    }

    async fn set(&mut self, to: Contactor) -> Result<(), ActuatorError> {
        let deadline = Instant::now() + self.config.limit;
        let broker = self.way(deadline).await?;
        self.hold(&broker, true).await?;
        let before = self.state.borrow().serial;
        let order = match to {
            Contactor::Closed => self.config.on.clone(),
            Contactor::Open => self.config.off.clone(),
        };
        let topic = self.config.command_topic.clone();
        self.send(&broker, deadline, (&topic, &order)).await?;
        let followed = |heard: &Heard<Said>| before < heard.serial && heard.value == Some(Ok(to));
        if self.hear(deadline, followed).await.is_some() {
            return Ok(());
        }
        // It spoke and said something else: that is for the position to tell, not silence.
        let heard = self.state.borrow();
        if before < heard.serial && heard.value.is_some() {
            return Ok(());
        }
        drop(heard);
        if self.broker.borrow().is_none() {
            return Err(self.away());
        }
        Err(self.silent())
    }

    async fn position(&mut self) -> Result<Contactor, ActuatorError> {
        let deadline = Instant::now() + self.config.limit;
        let broker = self.way(deadline).await?;
        self.hold(&broker, false).await?;
        let void = self.void_up_to;
        let known = move |heard: &Heard<Said>| void < heard.serial && heard.value.is_some();
        let is_known = known(&self.state.borrow());
        if !is_known && let Some((topic, payload)) = self.config.ask.clone() {
            self.send(&broker, deadline, (&topic, &payload)).await?;
        }
        match self.hear(deadline, known).await {
            Some(Ok(position)) => Ok(position),
            Some(Err(text)) => {
                Err(ActuatorError::NoPosition { from: self.config.state_topic.clone(), text })
            }
            None if self.broker.borrow().is_none() => Err(self.away()),
            None => Err(self.silent()),
        }
    }
}
