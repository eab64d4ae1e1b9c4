//! What this device does otherwise than all others, so that a fleet does not step together: it waits for a time
//! of its own after power or feed have come back for everybody, moves its threshold a little, and moves a little
//! later when the grid's number asks all of them.

use std::time::Duration;

use chrono::TimeDelta;
use domain::control::{Contactor, Moment, Wait};
use domain::fleet;

/// Shorter gaps of the feed change nothing that anybody decides by.
const HICCUP: Duration = Duration::from_secs(60);

/// The manners of one device.
#[derive(Clone, Debug)]
pub struct Manners {
    device: String,
    window_secs: u32,
    lost: Option<Moment>,
    wait: Option<Wait>,
    turn: Option<(Contactor, Wait)>,
    /// The grid's number was looked at before.
    watches: bool,
}

impl Manners {
    /// Of `device`, which spreads over `window_secs`; 0: it has none. The machine's start is the first event,
    /// and not the program's: a program is restarted by itself, power comes back for a whole street. Until
    /// then plus `start_grace` nobody has decided anything.
    pub fn new(device: &str, window_secs: u32, start_grace: Duration, now: Moment) -> Self {
        let mut manners = Self {
            device: device.to_owned(),
            window_secs,
            lost: None,
            wait: None,
            turn: None,
            watches: false,
        };
        let up = TimeDelta::from_std(now.uptime).unwrap_or_default();
        let wall = now.wall.checked_sub_signed(up).unwrap_or(now.wall);
        let boot = Moment { wall, uptime: Duration::ZERO, ..now };
        let length = manners.length(&format!("power-{:032x}", now.boot.0));
        manners.wait = length.map(|length| Wait { since: boot, length: start_grace + length });
        manners
    }

    /// None at all.
    pub fn none() -> Self {
        Self {
            device: String::new(),
            window_secs: 0,
            lost: None,
            wait: None,
            turn: None,
            watches: false,
        }
    }

    /// The feed has gone, or cannot be reached.
    pub fn feed_lost(&mut self, now: Moment) {
        self.lost.get_or_insert(now);
    }

    /// The feed is there. A wait that runs is not made longer: a feed that comes and goes must not keep the
    /// car from charging.
    pub fn feed_returned(&mut self, now: Moment) {
        let Some(lost) = self.lost.take() else { return };
        let runs = self.wait.is_some_and(|wait| wait.rest(&now).is_some());
        if now.at_least_since(&lost) < HICCUP || runs {
            return;
        }
        let length = self.length(&format!("feed-{}", now.wall.timestamp()));
        self.wait = length.map(|length| Wait { since: now, length });
    }

    /// What this device waits for, running or over.
    pub fn wait(&self) -> Option<Wait> {
        self.wait
    }

    /// The grid's number asks for `to`, or for no move: what this device waits for before it makes it. While the
    /// same is asked it waits for the same, and the next time at the same day, too. What was asked before this
    /// program looked has had its wait: an agent that is restarted again and again must not wait for ever.
    pub fn turn(&mut self, to: Option<Contactor>, now: Moment) -> Option<Wait> {
        let watched = std::mem::replace(&mut self.watches, true);
        let Some(to) = to else {
            self.turn = None;
            return None;
        };
        if self.turn.is_none_or(|(asked, _)| asked != to) {
            let day = now.wall.date_naive();
            let length = self.length(&format!("threshold-{to}-{day}"))?;
            let length = if watched { length } else { Duration::ZERO };
            self.turn = Some((to, Wait { since: now, length }));
        }
        self.turn.map(|(_, wait)| wait)
    }

    /// The same, as it was asked last.
    pub fn turning(&self) -> Option<Wait> {
        self.turn.map(|(_, wait)| wait)
    }

    /// What it multiplies its threshold by.
    pub fn threshold_factor(&self) -> f64 {
        if self.window_secs == 0 { 1.0 } else { fleet::threshold_factor(&self.device) }
    }

    fn length(&self, event: &str) -> Option<Duration> {
        Some(fleet::wait(&self.device, event, self.window_secs)).filter(|wait| !wait.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use domain::control::BootId;

    fn at(secs: u64, boot: u128) -> Moment {
        let wall = Timestamp::from_timestamp(1_773_144_000 + secs.cast_signed(), 0).unwrap();
        Moment { wall, boot: BootId(boot), uptime: Duration::from_secs(secs) }
    }

    fn rest(manners: &Manners, secs: u64) -> u64 {
        manners.wait().and_then(|wait| wait.rest(&at(secs, 1))).map_or(0, |rest| rest.as_secs())
    }

    const GRACE: Duration = Duration::from_secs(120);

    #[test]
    fn a_boot_is_waited_for_once_and_each_boot_anew() {
        let lengths: Vec<u64> = (0..50)
            .map(|boot| {
                let manners = Manners::new("garage", 600, GRACE, at(40, boot));
                manners.wait().map_or(0, |wait| wait.length.as_secs())
            })
            .collect();
        assert!(lengths.iter().all(|length| *length < 720), "{lengths:?}");
        let distinct: std::collections::BTreeSet<_> = lengths.iter().collect();
        assert!(40 < distinct.len(), "{lengths:?}");
        // A restart of the program within the boot goes on with the same wait.
        let first = Manners::new("garage", 600, GRACE, at(40, 1));
        let second = Manners::new("garage", 600, GRACE, at(90, 1));
        assert_eq!(rest(&first, 100), rest(&second, 100));
        assert_ne!(rest(&first, 100), 0);
        assert_eq!(rest(&second, 720), 0);
    }

    #[test]
    fn a_feed_that_was_away_is_waited_for_and_a_hiccup_is_not() {
        let mut manners = Manners::new("garage", 600, GRACE, at(5000, 1));
        manners.feed_returned(at(5000, 1));
        assert_eq!(rest(&manners, 5000), 0, "the first connection is no return");
        manners.feed_lost(at(5100, 1));
        manners.feed_returned(at(5150, 1));
        assert_eq!(rest(&manners, 5150), 0);
        manners.feed_lost(at(6000, 1));
        manners.feed_lost(at(6055, 1));
        manners.feed_returned(at(6060, 1));
        let length = rest(&manners, 6060);
        assert!((1..600).contains(&length), "{length}");
        // It comes and goes: the wait ends when it would have.
        manners.feed_lost(at(6061, 1));
        manners.feed_returned(at(6060 + length.max(62) - 1, 1));
        assert_eq!(rest(&manners, 6060 + length), 0);
    }

    #[test]
    fn a_turn_of_the_grid_is_waited_for_while_it_lasts() {
        let mut manners = Manners::new("garage", 600, GRACE, at(5000, 1));
        let first = manners.turn(Some(Contactor::Open), at(4900, 1)).unwrap();
        assert_eq!(first.rest(&at(4900, 1)), None, "asked before it looked");
        let wait = manners.turn(Some(Contactor::Closed), at(5000, 1)).unwrap();
        assert_eq!(manners.turn(Some(Contactor::Closed), at(5100, 1)), Some(wait));
        let back = manners.turn(Some(Contactor::Open), at(5200, 1)).unwrap();
        assert_eq!(back.since, at(5200, 1));
        assert_ne!(back.length, wait.length, "starts tell nothing of stops");
        assert_eq!(manners.turn(None, at(5300, 1)), None);
        let again = manners.turn(Some(Contactor::Closed), at(5400, 1)).unwrap();
        assert_eq!((again.since, again.length), (at(5400, 1), wait.length));
    }

    #[test]
    fn without_a_window_there_are_no_manners() {
        let mut manners = Manners::new("garage", 0, GRACE, at(0, 1));
        manners.feed_lost(at(0, 1));
        manners.feed_returned(at(900, 1));
        assert_eq!((manners.wait(), manners.threshold_factor()), (None, 1.0));
        assert_eq!(manners.turn(Some(Contactor::Open), at(900, 1)), None);
        let own = Manners::new("garage", 600, GRACE, at(0, 1)).threshold_factor();
        assert!(own != 1.0 && (0.97..=1.03).contains(&own), "{own}");
    }
}
