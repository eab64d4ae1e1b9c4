//! Manners of a fleet: ten thousand cars that plan on one forecast must not start in the same second.
//!
//! Each device moves its starts and stops by offsets of its own. They are random over the fleet and fixed
//! for a device and an event (a departure, a return of power): hashed, never drawn, so that a new plan, a
//! restart or the next tick gives the same. The departure comes first: an offset gives way where the
//! charge would end late.
//!
//! The window is the one of the British regulation on smart charge points (SI 2021/1467, reg. 11), the
//! only one that gives numbers: up to 600 s at every start and change, settable up to 1800 s.

use std::time::Duration;

use chrono::TimeDelta;

use crate::Timestamp;
use crate::plan::Limits;

/// The usual window, seconds.
pub const WINDOW_SECS: u32 = 600;

/// The longest window, seconds.
pub const LONGEST_WINDOW_SECS: u32 = 1800;

/// How much a device may move its threshold, up or down.
const THRESHOLD_SHARE: f64 = 0.03;

/// How much later than planned one device starts and stops at one event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// Added to the start of a run.
    pub start: TimeDelta,
    /// Added to the end of a run that another run follows.
    pub stop: TimeDelta,
}

impl Offsets {
    /// No offsets: for "charge now", which a person has asked for.
    pub const NONE: Self = Self { start: TimeDelta::zero(), stop: TimeDelta::zero() };

    /// Offsets of `device` at `event`, whole seconds in `[0, window_secs)`; the window is cut to
    /// [`LONGEST_WINDOW_SECS`], and 0 means none.
    ///
    /// `event` names what all devices do at once and is the same in every plan for it: the departure, or
    /// the return of power.
    pub fn new(device: &str, event: &str, window_secs: u32) -> Self {
        let window = u64::from(window_secs.min(LONGEST_WINDOW_SECS));
        let offset = |what| {
            let second = hash(&[device, event, what]).checked_rem(window).unwrap_or(0);
            TimeDelta::seconds(second.cast_signed())
        };
        Self { start: offset("start"), stop: offset("stop") }
    }

    /// Moves `runs` (ascending, disjoint) by the offsets. The time charged stays the same, and every run
    /// ends by `depart` if it did before: the offset of a start gives way where it would make the charge
    /// late. No run or pause becomes shorter than the minimums of `limits`, if it was not before.
    ///
    /// A run that is under way at `now` has had its offset and keeps its start.
    pub fn apply(
        self,
        runs: &[(Timestamp, Timestamp)],
        now: Timestamp,
        depart: Timestamp,
        limits: &Limits,
    ) -> Vec<(Timestamp, Timestamp)> {
        let need: TimeDelta = runs.iter().map(|run| run.1 - run.0).sum();
        let mut starts: Vec<Timestamp> =
            runs.iter().map(|run| if run.0 < now { run.0 } else { run.0 + self.start }).collect();
        // What cannot be charged by the departure is taken back from the starts, the last ones first:
        // all of them taken back, the charge is on time.
        loop {
            for i in (1..runs.len()).rev() {
                // Room for a shortest run and a shortest pause before the next start.
                let room = self.shortest(runs, i - 1, limits) + self.pause(runs, i - 1, limits);
                starts[i - 1] = starts[i - 1].min(starts[i] - room).max(runs[i - 1].0);
            }
            let (moved, missing) = self.ends(runs, &starts, need, depart, limits);
            let late = (0..runs.len()).rev().find(|&i| runs[i].0 < starts[i]);
            let (true, Some(i)) = (TimeDelta::zero() < missing, late) else { return moved };
            starts[i] = (starts[i] - missing).max(runs[i].0);
        }
    }

    /// Ends for given starts, and the time that does not fit before the departure.
    fn ends(
        self,
        runs: &[(Timestamp, Timestamp)],
        starts: &[Timestamp],
        need: TimeDelta,
        depart: Timestamp,
        limits: &Limits,
    ) -> (Vec<(Timestamp, Timestamp)>, TimeDelta) {
        let mut left = need;
        let mut moved: Vec<(Timestamp, Timestamp)> = Vec::with_capacity(runs.len());
        for (i, &(_, end)) in runs.iter().enumerate() {
            let start = starts[i];
            let wanted = match starts.get(i + 1) {
                // The last run ends when the need is met; by then its start has spread its end.
                None => start + left,
                Some(next) => (end + self.stop)
                    .min(*next - self.pause(runs, i, limits))
                    .max(start + self.shortest(runs, i, limits)),
            };
            let end = wanted.min(start + left).min(depart.max(runs[runs.len() - 1].1));
            if start < end {
                left -= end - start;
                match moved.last_mut() {
                    Some(last) if last.1 == start => last.1 = end,
                    _ => moved.push((start, end)),
                }
            }
        }
        (moved, left)
    }

    /// The shortest that run `i` may become.
    fn shortest(self, runs: &[(Timestamp, Timestamp)], i: usize, limits: &Limits) -> TimeDelta {
        limits.min_on.min(runs[i].1 - runs[i].0).max(TimeDelta::zero())
    }

    /// The shortest that the pause after run `i` may become.
    fn pause(self, runs: &[(Timestamp, Timestamp)], i: usize, limits: &Limits) -> TimeDelta {
        limits.min_off.min(runs[i + 1].0 - runs[i].1).max(TimeDelta::zero())
    }
}

/// How long `device` waits before it closes after `event`, the return of power or of the feed, which all
/// devices see at once: whole seconds in `[0, window_secs)`; the window is cut to [`LONGEST_WINDOW_SECS`], and
/// 0 means none.
///
/// `event` is another each time, so that no device is always the last.
pub fn wait(device: &str, event: &str, window_secs: u32) -> Duration {
    let window = u64::from(window_secs.min(LONGEST_WINDOW_SECS));
    Duration::from_secs(hash(&[device, event, "wait"]).checked_rem(window).unwrap_or(0))
}

/// What `device` calls itself where others can read it: the same for ever, and nothing can be told from it.
pub fn pseudonym(device: &str) -> String {
    format!("{:016x}", hash(&[device, "pseudonym"]))
}

/// What `device` multiplies its threshold by, 0.97 to 1.03: in threshold mode all devices see the same
/// value in the same second, and a delay alone would still make them move in one order.
pub fn threshold_factor(device: &str) -> f64 {
    let share = (hash(&[device, "threshold"]) >> 11) as f64 / (1_u64 << 53) as f64;
    1.0 + THRESHOLD_SHARE * (2.0 * share - 1.0)
}

/// A hash that is the same in every version and on every machine: FNV-1a over the words, each ended by a
/// byte that no text holds, and the finalizer of MurmurHash3 so that similar names lie far apart.
// Not the standard library's: its algorithm may change with the compiler, and an offset with it.
fn hash(words: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for word in words {
        for byte in word.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}
