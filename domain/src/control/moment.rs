//! When something happened, in a way that no jump of the wall clock and no restart can bend.

use std::time::Duration;

use crate::Timestamp;

/// Identity of one run of the machine, from power-up to power-down. Two moments of the same boot can be
/// subtracted; of different boots only the wall clock, which may be wrong, says how far apart they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BootId(pub u128);

/// One moment, on the wall clock and on the stopwatch that started with the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock. For people; for minimum times it is not believed.
    pub wall: Timestamp,
    /// Which run of the machine.
    pub boot: BootId,
    /// Since the machine started, sleep included. Never goes back within a boot.
    pub uptime: Duration,
}

impl Moment {
    /// How long ago `earlier` was, at least. What minimum times are measured with: of an earlier boot
    /// only the uptime of this one is certain.
    pub fn at_least_since(&self, earlier: &Self) -> Duration {
        if self.boot == earlier.boot {
            self.uptime.saturating_sub(earlier.uptime)
        } else {
            self.uptime
        }
    }

    /// How long ago `earlier` was, as well as can be told: across boots by the wall clock, but never
    /// less than is certain. What budgets of a day are measured with: a budget that waited for a day of
    /// uptime would punish every reboot.
    pub fn about_since(&self, earlier: &Self) -> Duration {
        let certain = self.at_least_since(earlier);
        if self.boot == earlier.boot {
            return certain;
        }
        (self.wall - earlier.wall).to_std().map_or(certain, |by_wall| by_wall.max(certain))
    }

    /// The wall clock `ahead` from now.
    pub fn wall_in(&self, ahead: Duration) -> Timestamp {
        chrono::TimeDelta::from_std(ahead)
            .ok()
            .and_then(|ahead| self.wall.checked_add_signed(ahead))
            .unwrap_or(Timestamp::MAX_UTC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn moment(boot: u128, wall_s: i64, uptime_s: u64) -> Moment {
        Moment {
            wall: Timestamp::from_timestamp(1_773_144_000 + wall_s, 0).unwrap(),
            boot: BootId(boot),
            uptime: Duration::from_secs(uptime_s),
        }
    }

    #[track_caller]
    fn check(earlier: Moment, now: Moment, at_least_s: u64, about_s: u64) {
        assert_eq!(now.at_least_since(&earlier), Duration::from_secs(at_least_s), "at least");
        assert_eq!(now.about_since(&earlier), Duration::from_secs(about_s), "about");
    }

    #[test]
    fn within_a_boot_only_the_stopwatch_counts() {
        check(moment(1, 0, 100), moment(1, 60, 160), 60, 60);
        check(moment(1, 0, 100), moment(1, 25 * HOUR, 160), 60, 60);
        check(moment(1, 0, 100), moment(1, -HOUR, 160), 60, 60);
    }

    #[test]
    fn across_boots_the_uptime_is_certain_and_the_wall_clock_a_guess() {
        check(moment(1, 0, 9000), moment(2, HOUR, 30), 30, 3600);
        check(moment(1, 0, 9000), moment(2, -HOUR, 30), 30, 30);
    }

    #[test]
    fn a_time_beyond_the_calendar_is_the_end_of_the_calendar() {
        assert_eq!(moment(1, 0, 0).wall_in(Duration::MAX), Timestamp::MAX_UTC);
        assert_eq!(moment(1, 0, 0).wall_in(Duration::from_secs(60)), moment(1, 60, 0).wall);
    }
}
