//! Kilowatt-hours from a counter that may be reset and from power that comes now and then, and the power that
//! is usual. Pure: the moments are given.

use std::collections::VecDeque;
use std::time::Duration;

use domain::control::Moment;

/// Between two readings further apart than this nothing is known of the power.
const LONGEST_GAP: Duration = Duration::from_secs(15 * 60);

/// More than this between two words of a counter is another counter, kWh.
const LARGEST_STEP_KWH: f64 = 200.0;

/// So many steady readings make a usual power, and so many are remembered.
const FEWEST: usize = 5;
const MOST: usize = 121;

/// Two readings in a row that differ by less than this part are steady.
const STEADY: f64 = 0.05;

#[derive(Debug)]
pub(super) struct Tally {
    charging_above_kw: f64,
    last: Option<(Moment, f64)>,
    counter: Option<f64>,
    /// By the counter, or by power up to the counter's last word.
    settled_kwh: f64,
    /// By power since the counter's last word, which will say it better.
    since_kwh: f64,
    /// The most ever told: what was told is not taken back.
    told_kwh: f64,
    steady_kw: VecDeque<f64>,
}

impl Tally {
    pub(super) fn new(charging_above_kw: f64) -> Self {
        Self {
            charging_above_kw,
            last: None,
            counter: None,
            settled_kwh: 0.0,
            since_kwh: 0.0,
            told_kwh: 0.0,
            steady_kw: VecDeque::new(),
        }
    }

    /// So much flows now.
    pub(super) fn flow(&mut self, power_kw: f64, at: Moment) {
        if let Some((then, before_kw)) = self.last {
            self.integrate(then, at, (before_kw + power_kw) / 2.0);
            let is_steady = (power_kw - before_kw).abs() <= STEADY * power_kw;
            if self.charging_above_kw < power_kw && is_steady {
                self.steady_kw.push_back(power_kw);
                if MOST < self.steady_kw.len() {
                    self.steady_kw.pop_front();
                }
            }
        }
        self.last = Some((at, power_kw));
    }

    fn integrate(&mut self, from: Moment, to: Moment, power_kw: f64) {
        let span = to.at_least_since(&from);
        if span <= LONGEST_GAP {
            self.since_kwh += power_kw * span.as_secs_f64() / 3600.0;
        }
    }

    /// Nothing is known of what flows from here to the next reading.
    pub(super) fn pause(&mut self) {
        self.last = None;
    }

    /// The counter says so many. `retained`: it said so at some time before.
    pub(super) fn count(&mut self, kwh: f64, retained: bool, at: Moment) {
        // The counter knows of the time up to now, so power is integrated from here on: a message with both
        // may be heard in either order.
        if let Some((then, power_kw)) = self.last {
            self.integrate(then, at, power_kw);
            self.last = Some((at, power_kw));
        }
        let Some(before) = self.counter else {
            // A beginning of which nobody knows when it was would count what flowed before the agent's start.
            if !retained {
                self.counter = Some(kwh);
                self.settle(self.since_kwh);
            }
            return;
        };
        let step = kwh - before;
        self.counter = Some(kwh);
        if (0.0..=LARGEST_STEP_KWH).contains(&step) {
            self.settle(step);
        } else {
            // It was reset, or is another one: what the power says of this time stands.
            self.settle(self.since_kwh);
        }
    }

    fn settle(&mut self, kwh: f64) {
        self.settled_kwh += kwh;
        self.since_kwh = 0.0;
    }

    /// What has flowed.
    pub(super) fn total_kwh(&mut self) -> f64 {
        self.told_kwh = self.told_kwh.max(self.settled_kwh + self.since_kwh);
        self.told_kwh
    }

    /// The median of steady charging.
    pub(super) fn typical_kw(&self) -> Option<f64> {
        if self.steady_kw.len() < FEWEST {
            return None;
        }
        let mut sorted: Vec<f64> = self.steady_kw.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        Some(sorted[sorted.len() / 2])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use domain::control::BootId;

    fn at(secs: u64) -> Moment {
        let wall = Timestamp::from_timestamp(1_773_144_000 + secs as i64, 0).unwrap();
        Moment { wall, boot: BootId(1), uptime: Duration::from_secs(secs) }
    }

    #[track_caller]
    fn check(tally: &mut Tally, kwh: f64) {
        let total = tally.total_kwh();
        assert!((total - kwh).abs() < 1e-9, "{total} is not {kwh}");
    }

    #[test]
    fn power_is_integrated_and_gaps_are_not_guessed() {
        let mut tally = Tally::new(0.3);
        for minute in 0..=60 {
            tally.flow(6.0, at(minute * 60));
        }
        check(&mut tally, 6.0);
        // Half an hour of silence.
        tally.flow(6.0, at(90 * 60));
        check(&mut tally, 6.0);
        // The broker was away, however short.
        tally.pause();
        tally.flow(6.0, at(91 * 60));
        tally.flow(0.0, at(92 * 60));
        check(&mut tally, 6.0 + 3.0 / 60.0);
    }

    #[test]
    fn a_counter_says_it_better() {
        let mut tally = Tally::new(0.3);
        tally.count(1000.0, false, at(0));
        tally.flow(6.0, at(0));
        tally.flow(6.0, at(600));
        check(&mut tally, 1.0);
        // Also through a silence, and no less than was told before.
        tally.count(1000.9, false, at(600));
        check(&mut tally, 1.0);
        tally.flow(6.0, at(3600));
        tally.count(1005.0, false, at(3600));
        check(&mut tally, 5.0);
    }

    #[test]
    fn a_message_with_both_may_be_heard_in_either_order() {
        for power_first in [true, false] {
            let mut tally = Tally::new(0.3);
            for (secs, kwh) in [(0, 10.0), (600, 10.95), (1200, 11.9)] {
                if power_first {
                    tally.flow(6.0, at(secs));
                }
                tally.count(kwh, false, at(secs));
                if !power_first {
                    tally.flow(6.0, at(secs));
                }
            }
            let total = tally.total_kwh();
            assert!((total - 1.9).abs() < 1e-9, "{total}");
        }
    }

    #[test]
    fn a_reset_or_another_counter_loses_nothing_and_invents_nothing() {
        for odd in [0.2, 99_999.0, 1000.5] {
            let mut tally = Tally::new(0.3);
            tally.count(5000.0, false, at(0));
            tally.flow(6.0, at(0));
            tally.count(5001.0, false, at(0));
            tally.flow(6.0, at(600));
            // By power: 1 kWh since.
            tally.count(odd, false, at(600));
            check(&mut tally, 2.0);
            tally.count(odd + 1.5, false, at(600));
            check(&mut tally, 3.5);
        }
    }

    #[test]
    fn what_the_broker_had_kept_is_no_beginning_but_a_good_end_of_a_gap() {
        let mut tally = Tally::new(0.3);
        tally.count(1000.0, true, at(0));
        tally.count(1004.0, false, at(1));
        check(&mut tally, 0.0);
        tally.pause();
        tally.count(1007.0, true, at(2));
        check(&mut tally, 3.0);
    }

    #[test]
    fn the_usual_power_is_that_of_steady_charging() {
        let mut tally = Tally::new(0.3);
        let mut secs = 0;
        let mut feed = |tally: &mut Tally, powers: &[f64]| {
            for power in powers {
                secs += 30;
                tally.flow(*power, at(secs));
            }
        };
        // Standby, and a rise: nothing steady.
        feed(&mut tally, &[0.005, 0.005, 0.005, 0.005, 0.005, 0.005, 3.0, 5.0, 7.0]);
        assert_eq!(tally.typical_kw(), None);
        feed(&mut tally, &[7.1, 7.2, 7.2, 7.2, 7.2, 7.2]);
        assert_eq!(tally.typical_kw(), Some(7.2));
        // A car that pauses, a wild value, the taper at the end.
        feed(&mut tally, &[0.0, 7.2, 7.2, 70.0, 7.2, 7.2, 6.0, 5.0, 4.0, 3.0, 2.0]);
        assert_eq!(tally.typical_kw(), Some(7.2));
    }

    #[test]
    fn memory_is_bounded() {
        let mut tally = Tally::new(0.3);
        for second in 0..10_000 {
            tally.flow(7.0, at(second));
        }
        assert_eq!(tally.steady_kw.len(), MOST);
    }
}
