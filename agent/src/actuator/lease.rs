//! Two agents at one switch of the home broker: whoever moves it says so on a retained topic, again and again,
//! and the other leaves the switch alone.
//!
//! No clock is believed: a lease lives for [`LIFE`] by the stopwatch of whoever hears it, from the moment it is
//! heard. So an agent that died lets go by itself, and a retained word of long ago costs one wait.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use service::mqtt::{IfAway, Publication, Publisher};
use tokio::sync::watch;
use tokio::time::Instant;

use super::ActuatorError;
use crate::home::{Heard, Home};

/// Nobody has said it again for so long: the switch is free.
pub(super) const LIFE: Duration = Duration::from_secs(120);

/// Said again this often.
const AGAIN: Duration = Duration::from_secs(30);

/// What is said on the topic.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Word {
    agent: String,
}

/// Our claim to a switch, and what others say of theirs.
#[derive(Debug)]
pub(super) struct Lease {
    topic: String,
    agent: String,
    others: watch::Receiver<Heard<Arc<str>>>,
    /// The last that another agent said, and when it was heard.
    other: Option<(u64, Instant, Arc<str>)>,
    /// When we last said ours; `None` before our first order.
    said: Option<Instant>,
}

impl Lease {
    /// On the switch that takes its orders on `command_topic`, for the agent of this name.
    pub fn new(command_topic: &str, agent: String, home: &mut Home) -> Self {
        let topic = format!("ny-power-agent/lease/{}", command_topic.replace('/', "_"));
        let own = agent.clone();
        let others = home.listen(&topic, move |payload| {
            let word = serde_json::from_slice::<Word>(payload).ok()?;
            // Our own comes back to us.
            (word.agent != own).then(|| Arc::from(word.agent.chars().take(64).collect::<String>()))
        });
        Self { topic, agent, others, other: None, said: None }
    }

    /// # Errors
    /// When another agent has the switch.
    pub fn check(&mut self) -> Result<(), ActuatorError> {
        let heard = self.others.borrow_and_update();
        if let Some(agent) = heard.value.clone()
            && self.other.as_ref().is_none_or(|(serial, ..)| *serial != heard.serial)
        {
            self.other = Some((heard.serial, Instant::now(), agent));
        }
        drop(heard);
        let Some((_, since, agent)) = &self.other else { return Ok(()) };
        // Both may have begun in the same moment: then the first by name goes on.
        let yields = self.said.is_none() || **agent < *self.agent;
        if since.elapsed() < LIFE && yields {
            self.said = None;
            return Err(ActuatorError::Leased { agent: agent.to_string() });
        }
        Ok(())
    }

    /// Says that the switch is ours: with an order, and later from time to time.
    pub async fn hold(&mut self, broker: &Publisher, with_an_order: bool) {
        let is_due = match self.said {
            None => with_an_order,
            Some(said) => AGAIN <= said.elapsed(),
        };
        if !is_due {
            return;
        }
        self.said = Some(Instant::now());
        let word = Word { agent: self.agent.clone() };
        let payload = serde_json::to_vec(&word).expect("a word always serializes");
        let lease = Publication {
            if_away: IfAway::GiveUp,
            ..Publication::event(self.topic.clone(), payload)
        };
        if let Err(error) = broker.publish(lease).await {
            tracing::debug!("the lease could not be said: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lease of `agent`, and the ear through which it hears others.
    fn lease(agent: &str) -> (Lease, watch::Sender<Heard<Arc<str>>>) {
        let (ear, others) = watch::channel(Heard { value: None, serial: 0, retained: false });
        let (topic, agent) = ("t".to_owned(), agent.to_owned());
        (Lease { topic, agent, others, other: None, said: None }, ear)
    }

    fn say(ear: &watch::Sender<Heard<Arc<str>>>, agent: &str) {
        ear.send_modify(|heard| {
            *heard = Heard { value: Some(agent.into()), serial: heard.serial + 1, retained: true };
        });
    }

    #[tokio::test(start_paused = true)]
    async fn an_agent_that_died_lets_go_after_two_minutes() {
        let (mut lease, ear) = lease("b");
        lease.check().unwrap();
        say(&ear, "a");
        for _ in 0..4 {
            assert!(matches!(lease.check(), Err(ActuatorError::Leased { .. })));
            tokio::time::advance(Duration::from_secs(29)).await;
        }
        // Said again: two minutes more.
        say(&ear, "a");
        assert!(lease.check().is_err());
        tokio::time::advance(Duration::from_secs(121)).await;
        lease.check().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_that_began_in_the_same_moment_the_first_by_name_goes_on() {
        for (ours, goes_on) in [("a", true), ("c", false)] {
            let (mut lease, ear) = lease(ours);
            lease.said = Some(Instant::now());
            say(&ear, "b");
            assert_eq!(lease.check().is_ok(), goes_on, "{ours}");
        }
    }
}
