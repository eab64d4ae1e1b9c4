//! What is new in a day's file: the difference between what NYISO says now and what was published.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::Timestamp;
use crate::fuel_mix::FuelMix;

/// An instant further ahead than this is not believed: NYISO's newest is ten minutes old.
pub const FUTURE_TOLERANCE: TimeDelta = TimeDelta::minutes(2);

/// A gap longer than this makes the next interval 300 s again.
const LONGEST_GAP: TimeDelta = TimeDelta::hours(6);

/// Instants that were published, each with a fingerprint of its values.
#[derive(Clone, Debug, Default)]
pub struct Published {
    fingerprints: BTreeMap<Timestamp, u64>,
    /// Newest instants that came incomplete once: given one more look before they go out so.
    awaited: Option<Timestamp>,
}

/// An instant to publish.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What NYISO says.
    pub mix: FuelMix,
    /// Seconds since the instant before: 300 where there is none within 6 h.
    pub interval_s: u32,
    /// It replaces what was published for this instant.
    pub revised: bool,
    /// Nothing newer was published: this is the one to retain.
    pub newest: bool,
}

/// What a look at a file found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// What to publish, oldest first.
    pub changes: Vec<Change>,
    /// Something was held back: look at the file again, even if it stays the same.
    pub held_back: bool,
}

impl Published {
    /// Notes an instant as published.
    pub fn record(&mut self, ts: Timestamp, fingerprint: u64) {
        self.fingerprints.insert(ts, fingerprint);
    }

    /// The newest published instant.
    pub fn newest(&self) -> Option<Timestamp> {
        self.fingerprints.last_key_value().map(|(ts, _)| *ts)
    }

    /// Forgets what is older than `cutoff`.
    pub fn forget_before(&mut self, cutoff: Timestamp) {
        self.fingerprints = self.fingerprints.split_off(&cutoff);
    }

    /// How many instants are remembered.
    pub fn len(&self) -> usize {
        self.fingerprints.len()
    }

    /// Nothing was ever published.
    pub fn is_empty(&self) -> bool {
        self.fingerprints.is_empty()
    }

    /// What is new or corrected in `mixes` (ascending), oldest first. Instants in the future are left out:
    /// they come again when their time is there. The file's last instant, when incomplete, is held back until
    /// it has been seen so twice: NYISO writes rows of the coming instant before their values. What was
    /// published whole is never revised to less: that is a file cut off, not a correction.
    pub fn changes(&mut self, mixes: &[FuelMix], now: Timestamp) -> Changes {
        let mut changes: Vec<Change> = Vec::new();
        let mut held_back = false;
        let newest_published = self.newest();
        let newest_in_file = mixes
            .iter()
            .map(|mix| mix.ts)
            .filter(|ts| *ts <= now + FUTURE_TOLERANCE)
            .max()
            .max(newest_published);
        let mut awaited = None;
        let mut before = None;
        for mix in mixes {
            if mix.ts > now + FUTURE_TOLERANCE {
                held_back = true;
                continue;
            }
            // Files of days that are apart may come together, the days between published before.
            before = before.max(self.before(mix.ts));
            let interval_s = match before {
                Some(before) if mix.ts - before <= LONGEST_GAP => (mix.ts - before).num_seconds(),
                _ => 300,
            };
            before = Some(mix.ts);
            let held = self.fingerprints.get(&mix.ts);
            if held == Some(&fingerprint(mix)) {
                continue;
            }
            if !mix.is_complete() && held.is_some_and(|held| was_complete(*held)) {
                held_back = true;
                continue;
            }
            let newest = Some(mix.ts) == newest_in_file;
            if !mix.is_complete() && newest && held.is_none() && self.awaited != Some(mix.ts) {
                awaited = Some(mix.ts);
                held_back = true;
                continue;
            }
            changes.push(Change {
                mix: mix.clone(),
                interval_s: u32::try_from(interval_s).unwrap_or(300),
                revised: held.is_some(),
                newest,
            });
        }
        // Where the newest is held back, the newest that does go out is the one to retain.
        if let Some(last) = changes.last_mut() {
            last.newest = newest_published.is_none_or(|newest| newest <= last.mix.ts);
        }
        self.awaited = awaited;
        Changes { changes, held_back }
    }

    /// The newest published instant before `ts`.
    fn before(&self, ts: Timestamp) -> Option<Timestamp> {
        self.fingerprints.range(..ts).next_back().map(|(before, _)| *before)
    }
}

/// A number that changes when any value of the mix does. Stable from one run of the program to the next. Its
/// lowest bit says whether the mix was complete.
pub fn fingerprint(mix: &FuelMix) -> u64 {
    let known = mix.fuels().map(|(fuel, power)| (fuel.name(), power));
    let unknown = mix.unknown().iter().map(|(name, power)| (name.as_str(), *power));
    let hash = known.chain(unknown).fold(FNV_OFFSET, |hash, (name, power)| {
        fnv1a(fnv1a(hash, name.as_bytes()), &power.value().to_le_bytes())
    });
    hash & !1 | u64::from(mix.is_complete())
}

fn was_complete(fingerprint: u64) -> bool {
    fingerprint & 1 == 1
}

// FNV-1a: the standard library's hasher promises nothing from one release to the next, and this is stored.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuel_mix::Fuel;
    use crate::units::Megawatts;
    use chrono::DateTime;

    fn at(minutes: i64) -> Timestamp {
        DateTime::from_timestamp(1_700_000_000 + minutes * 60, 0).unwrap()
    }

    fn mix(minutes: i64, gas: f64) -> FuelMix {
        let mut mix = FuelMix::new(at(minutes));
        for fuel in Fuel::ALL {
            mix.set(fuel, Megawatts::new(gas).unwrap());
        }
        mix
    }

    fn incomplete(minutes: i64) -> FuelMix {
        let mut mix = FuelMix::new(at(minutes));
        mix.set(Fuel::Hydro, Megawatts::new(1.0).unwrap());
        mix
    }

    /// Draws changes as `minute:interval` with `r` for revised and `!` for newest, and records them.
    fn publish(published: &mut Published, file: &[FuelMix], now: i64) -> String {
        let Changes { changes, held_back } = published.changes(file, at(now));
        let drawn: Vec<String> = changes
            .iter()
            .map(|change| {
                format!(
                    "{}:{}{}{}",
                    (change.mix.ts - at(0)).num_minutes(),
                    change.interval_s,
                    if change.revised { "r" } else { "" },
                    if change.newest { "!" } else { "" }
                )
            })
            .collect();
        for change in &changes {
            published.record(change.mix.ts, fingerprint(&change.mix));
        }
        format!("{}{}", drawn.join(" "), if held_back { " ..." } else { "" }).trim().to_owned()
    }

    #[test]
    fn catches_up_in_order_then_publishes_only_what_is_new() {
        let mut published = Published::default();
        let mut file = vec![mix(0, 1.0), mix(5, 1.0), mix(12, 1.0)];
        assert_eq!(publish(&mut published, &file, 20), "0:300 5:300 12:420!");
        assert_eq!(publish(&mut published, &file, 21), "");
        file.push(mix(15, 1.0));
        assert_eq!(publish(&mut published, &file, 22), "15:180!");
    }

    #[test]
    fn a_correction_is_revised_and_retained_only_where_it_is_the_newest() {
        let mut published = Published::default();
        publish(&mut published, &[mix(0, 1.0), mix(5, 1.0)], 20);
        assert_eq!(publish(&mut published, &[mix(0, 2.0), mix(5, 1.0)], 20), "0:300r");
        assert_eq!(publish(&mut published, &[mix(0, 2.0), mix(5, 3.0)], 20), "5:300r!");
    }

    #[test]
    fn an_instant_that_comes_late_fills_its_hole_unretained() {
        let mut published = Published::default();
        publish(&mut published, &[mix(0, 1.0), mix(10, 1.0)], 20);
        assert_eq!(publish(&mut published, &[mix(0, 1.0), mix(5, 1.0), mix(10, 1.0)], 20), "5:300");
    }

    #[test]
    fn the_future_waits_for_its_time() {
        let mut published = Published::default();
        let file = [mix(0, 1.0), mix(5, 1.0)];
        assert_eq!(publish(&mut published, &file, 1), "0:300! ...");
        assert_eq!(publish(&mut published, &file, 3), "5:300!");
    }

    #[test]
    fn an_incomplete_newest_gets_one_more_look() {
        let mut published = Published::default();
        assert_eq!(publish(&mut published, &[mix(0, 1.0), incomplete(5)], 6), "0:300! ...");
        assert_eq!(publish(&mut published, &[mix(0, 1.0), incomplete(5)], 7), "5:300!");
        assert_eq!(publish(&mut published, &[mix(0, 1.0), mix(5, 1.0)], 8), "5:300r!");
        assert_eq!(publish(&mut published, &[incomplete(6), mix(10, 1.0)], 11), "6:60 10:240!");
    }

    #[test]
    fn an_interval_counts_from_what_was_published_between_two_files() {
        let mut published = Published::default();
        publish(&mut published, &[mix(5, 1.0)], 20);
        assert_eq!(publish(&mut published, &[mix(0, 1.0), mix(10, 1.0)], 20), "0:300 10:300!");
    }

    #[test]
    fn a_file_cut_off_takes_nothing_back() {
        let mut published = Published::default();
        publish(&mut published, &[mix(0, 1.0), mix(5, 1.0), mix(10, 1.0)], 20);
        assert_eq!(publish(&mut published, &[mix(0, 1.0), incomplete(5)], 20), "...");
        assert_eq!(publish(&mut published, &[mix(0, 1.0), mix(5, 1.0), incomplete(10)], 20), "...");
        assert_eq!(publish(&mut published, &[mix(5, 1.0), mix(10, 2.0)], 20), "10:300r!");
    }

    #[test]
    fn a_long_gap_makes_the_interval_300_again() {
        let mut published = Published::default();
        assert_eq!(publish(&mut published, &[mix(0, 1.0), mix(360, 1.0)], 999), "0:300 360:21600!");
        assert_eq!(publish(&mut published, &[mix(721, 1.0)], 999), "721:300!");
    }

    #[test]
    fn the_fingerprint_is_pinned_since_it_is_stored() {
        assert_eq!(
            fingerprint(&mix(0, 1.0)),
            fingerprint(&mix(5, 1.0)),
            "of values, not of the instant"
        );
        assert_ne!(fingerprint(&mix(0, 1.0)), fingerprint(&mix(0, 2.0)));
        assert_eq!(fingerprint(&mix(0, 1.0)), 0x751c_1a40_41f8_e917);
    }

    #[test]
    fn forgets_old_days() {
        let mut published = Published::default();
        publish(&mut published, &[mix(0, 1.0), mix(5, 1.0)], 20);
        published.forget_before(at(3));
        assert_eq!((published.len(), published.newest()), (1, Some(at(5))));
        assert!(!published.is_empty());
    }
}
