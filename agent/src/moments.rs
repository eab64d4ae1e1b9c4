//! Moments of this machine: the wall clock, and the time since it was switched on.

use std::sync::Arc;
use std::time::Duration;

use domain::control::{BootId, Moment};
use service::clock::{Clock, SystemClock};

/// Tells the moment. Cheap to clone.
#[derive(Clone)]
pub struct Moments {
    clock: Arc<dyn Clock>,
    boot: BootId,
    uptime: Uptime,
}

#[derive(Clone, Copy)]
enum Uptime {
    /// The kernel's, sleep included: the same for every process of this boot, so a minimum time
    /// goes on across a restart.
    Kernel,
    /// The clock's stopwatch: starts at zero with this process.
    Stopwatch,
}

impl Moments {
    /// Those of this machine. Where the kernel tells neither boot nor uptime, each process counts as a
    /// boot of its own: minimum times then start anew with it, which is the safe side.
    pub fn of_this_machine() -> Self {
        let clock = Arc::new(SystemClock::new());
        match (kernel_boot(), kernel_uptime()) {
            (Some(boot), Some(_)) => Self { clock, boot, uptime: Uptime::Kernel },
            _ => Self { clock, boot: BootId(rand::random()), uptime: Uptime::Stopwatch },
        }
    }

    /// Those of another clock, for tests and replays.
    pub fn of_clock(clock: Arc<dyn Clock>, boot: BootId) -> Self {
        Self { clock, boot, uptime: Uptime::Stopwatch }
    }

    /// Now.
    pub fn now(&self) -> Moment {
        let uptime = match self.uptime {
            // It could be read at the start; should it ever fail, zero only makes minimum times longer.
            Uptime::Kernel => kernel_uptime().unwrap_or_default(),
            Uptime::Stopwatch => self.clock.monotonic(),
        };
        Moment { wall: self.clock.now(), boot: self.boot, uptime }
    }
}

/// Linux draws a random id at each boot.
fn kernel_boot() -> Option<BootId> {
    parse_boot(&std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?)
}

fn parse_boot(uuid: &str) -> Option<BootId> {
    u128::from_str_radix(&uuid.trim().replace('-', ""), 16).ok().map(BootId)
}

/// Seconds since boot, sleep included, to a hundredth.
// Not `Instant`: that stands still while the machine sleeps, and means nothing to the next process.
fn kernel_uptime() -> Option<Duration> {
    parse_uptime(&std::fs::read_to_string("/proc/uptime").ok()?)
}

fn parse_uptime(text: &str) -> Option<Duration> {
    let secs: f64 = text.split_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(secs).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_linux_writes() {
        assert_eq!(parse_uptime("1098.22 1651.54\n"), Some(Duration::from_millis(1_098_220)));
        assert_eq!(parse_uptime("soon"), None);
        assert_eq!(
            parse_boot("1b41d3e9-48df-4f20-b2f1-e4a1e4855e53\n"),
            Some(BootId(0x1b41_d3e9_48df_4f20_b2f1_e4a1_e485_5e53))
        );
        assert_eq!(parse_boot(""), None);
    }

    #[test]
    fn this_machine_moves_on() {
        let moments = Moments::of_this_machine();
        let before = moments.now();
        let after = moments.now();
        assert_eq!(before.boot, after.boot);
        assert!(before.uptime <= after.uptime);
    }
}
