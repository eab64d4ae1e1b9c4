use std::time::Duration;

use domain::Timestamp;

/// How much of a series is kept.
///
/// Both bounds hold by themselves, and are approached a few records at a time with every write.
/// The count is the one that no clock can fool: a record stamped in the future makes others look
/// old, so age is judged by a time that most of the newest records agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Records older than this go, but never the newest 32.
    pub max_age: Duration,
    /// The oldest records above this number go.
    pub max_count: u64,
}

impl Retention {
    /// Keeps at most `days` days and at most `max_count` records.
    pub const fn days(days: u64, max_count: u64) -> Self {
        Self { max_age: Duration::from_secs(days * 86_400), max_count }
    }
}

/// A named row of records, and how much of it is kept.
///
/// ```
/// use service::history::{Retention, Series};
///
/// /// Five-minute intensities for 45 days.
/// const CO2: Series = Series::new("co2", Retention::days(45, 45 * 288 * 2));
/// assert_eq!(CO2.name(), "co2");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series {
    name: &'static str,
    retention: Retention,
}

/// Between name and time in a key: no name holds it, so no series is a prefix of another.
const SEPARATOR: u8 = 0;

impl Series {
    /// # Panics
    /// When `name` is empty, longer than 64 bytes or holds a NUL, or `max_count` is 0. In a `const`
    /// that is a compile error.
    pub const fn new(name: &'static str, retention: Retention) -> Self {
        assert!(!name.is_empty() && name.len() <= 64, "a series name has 1 to 64 bytes");
        assert!(retention.max_count != 0, "a series keeps one record at least");
        let mut at = 0;
        while at < name.len() {
            assert!(name.as_bytes()[at] != SEPARATOR, "a series name holds no NUL");
            at += 1;
        }
        Self { name, retention }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How much of it is kept.
    pub const fn retention(&self) -> Retention {
        self.retention
    }

    /// The key of a moment: name, separator, milliseconds since 1970 as big-endian u64, so that
    /// the order of keys is the order of time.
    pub(super) fn key(&self, millis: u64) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.name.len() + 1 + 8);
        key.extend_from_slice(self.name.as_bytes());
        key.push(SEPARATOR);
        key.extend_from_slice(&millis.to_be_bytes());
        key
    }
}

/// Series name and milliseconds of a key; `None` for a key that [`Series::key`] did not make.
pub(super) fn split(key: &[u8]) -> Option<(&[u8], u64)> {
    let (head, millis) = key.split_last_chunk::<8>()?;
    let (separator, name) = head.split_last()?;
    (*separator == SEPARATOR && !name.is_empty()).then(|| (name, u64::from_be_bytes(*millis)))
}

/// Milliseconds since 1970; `None` before.
pub(super) fn millis(ts: Timestamp) -> Option<u64> {
    u64::try_from(ts.timestamp_millis()).ok()
}

/// The moment `millis` after 1970, brought inside what a timestamp can hold.
pub(super) fn moment(millis: u64) -> Timestamp {
    i64::try_from(millis)
        .ok()
        .and_then(Timestamp::from_timestamp_millis)
        .unwrap_or(Timestamp::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CO2: Series = Series::new("co2", Retention::days(1, 10));

    #[test]
    fn keys_sort_by_time_and_come_apart_again() {
        let moments = [0, 1, 255, 256, 1_773_158_400_000, u64::MAX];
        let keys: Vec<_> = moments.iter().map(|&millis| CO2.key(millis)).collect();
        assert!(keys.is_sorted());
        for (key, millis) in keys.iter().zip(moments) {
            assert_eq!(split(key), Some((b"co2".as_slice(), millis)));
        }
    }

    #[test]
    fn a_key_of_unknown_make_is_not_taken_for_a_record() {
        for key in [b"".as_slice(), b"co2", b"\x0000000000", b"co2!12345678"] {
            assert_eq!(split(key), None, "{key:?}");
        }
    }

    #[test]
    fn no_series_reaches_into_one_whose_name_it_begins() {
        let longer = Series::new("co2-zone", Retention::days(1, 10));
        assert!(CO2.key(u64::MAX) < longer.key(0));
    }

    #[test]
    fn moments_outside_what_chrono_holds_are_brought_inside() {
        assert_eq!(moment(u64::MAX), Timestamp::MAX_UTC);
        assert_eq!(millis(Timestamp::MIN_UTC), None);
        assert_eq!(millis(moment(1_234)), Some(1_234));
    }
}
