//! What systemd is told: that we are ready, that the control loop turns, and what we are doing.
//!
//! Only the control loop speaks here. A watchdog fed by anything else would watch the wrong thing.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::status::Status;

/// The service manager, if we run under one that asked to be told.
#[derive(Debug)]
pub struct Supervisor {
    /// It kills us when it hears nothing for so long.
    patience: Option<Duration>,
    is_ready: bool,
}

impl Supervisor {
    /// The one that started us.
    pub fn of_this_process() -> Self {
        Self { patience: sd_notify::watchdog_enabled(), is_ready: false }
    }

    /// A cycle may start so long after the one before at most.
    pub fn longest_tick(&self, tick: Duration) -> Duration {
        self.patience.map_or(tick, |patience| tick.min(patience / 3))
    }

    /// A cycle is done.
    pub fn hear(&mut self, status: &Status) {
        let mut states = vec![NotifyState::Watchdog, NotifyState::Status(&status.reason)];
        if !self.is_ready {
            states.push(NotifyState::Ready);
        }
        self.tell(&states);
        self.is_ready = true;
    }

    /// The end has begun.
    pub fn hear_the_end(&mut self) {
        self.tell(&[NotifyState::Stopping]);
    }

    fn tell(&self, states: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(states) {
            tracing::debug!("the service manager could not be told: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_hears_of_several_cycles_in_its_time() {
        let check = |patience: Option<u64>, expected: u64| {
            let patience = patience.map(Duration::from_secs);
            let supervisor = Supervisor { patience, is_ready: false };
            let longest = supervisor.longest_tick(Duration::from_secs(60));
            assert_eq!(longest, Duration::from_secs(expected));
        };
        check(None, 60);
        check(Some(120), 40);
        check(Some(600), 60);
    }
}
