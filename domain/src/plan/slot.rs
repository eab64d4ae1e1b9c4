//! What is known about the hours ahead: slots of a forecast, and behind them a profile of the past.

use crate::Timestamp;

/// One stretch of a forecast: `[start, end)` and the value to keep low, mostly g CO2 per kWh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slot {
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
    /// Carbon intensity in g/kWh, or a price: whatever the plan is to keep low. May be negative.
    pub value: f64,
}

/// A list of slots that cannot be read as a forecast.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum SlotError {
    /// The value is NaN or infinite.
    #[error("slot {start} to {end}: value {value} is not a number")]
    NotANumber {
        /// Start of the slot.
        start: Timestamp,
        /// End of the slot.
        end: Timestamp,
        /// Its value.
        value: f64,
    },
    /// The slot is empty or runs backwards.
    #[error("slot {start} to {end}: the end must come after the start")]
    Backwards {
        /// Start of the slot.
        start: Timestamp,
        /// End of the slot.
        end: Timestamp,
    },
    /// Two slots tell of the same time.
    #[error(
        "slot {start} to {end} overlaps the slot before it, which ends at {previous_end} with another value or length"
    )]
    Overlap {
        /// Start of the later slot.
        start: Timestamp,
        /// End of the later slot.
        end: Timestamp,
        /// End of the slot before it.
        previous_end: Timestamp,
    },
}

/// Sorts `slots`, drops exact doubles, and refuses what has two readings.
///
/// # Errors
/// [`SlotError`] names the first slot that is not a number, runs backwards or overlaps another.
pub fn normalize(mut slots: Vec<Slot>) -> Result<Vec<Slot>, SlotError> {
    for &Slot { start, end, value } in &slots {
        if !value.is_finite() {
            return Err(SlotError::NotANumber { start, end, value });
        }
        if end <= start {
            return Err(SlotError::Backwards { start, end });
        }
    }
    slots.sort_by_key(|slot| (slot.start, slot.end));
    slots.dedup();
    for pair in slots.windows(2) {
        if pair[1].start < pair[0].end {
            return Err(SlotError::Overlap {
                start: pair[1].start,
                end: pair[1].end,
                previous_end: pair[0].end,
            });
        }
    }
    Ok(slots)
}

/// Everything known about the hours ahead: a forecast, and a profile from the past for the hours that
/// the forecast does not cover. Either may have holes or be empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outlook {
    forecast: Vec<Slot>,
    history: Vec<Slot>,
}

impl Outlook {
    /// The outlook of a forecast, on any grid, in any order.
    ///
    /// A forecast of nothing but zeros is taken for none: no grid runs at 0 g/kWh for days, but a
    /// broken publisher does.
    ///
    /// # Errors
    /// See [`normalize`].
    pub fn new(forecast: Vec<Slot>) -> Result<Self, SlotError> {
        Ok(Self { forecast: meaningful(forecast)?, history: Vec::new() })
    }

    /// Nothing is known.
    pub fn unknown() -> Self {
        Self::default()
    }

    /// Adds a profile of the past, used only where the forecast says nothing.
    ///
    /// # Errors
    /// See [`normalize`].
    pub fn with_history(self, history: Vec<Slot>) -> Result<Self, SlotError> {
        Ok(Self { history: meaningful(history)?, ..self })
    }

    /// Slots of the forecast: ascending, disjoint.
    pub fn forecast(&self) -> &[Slot] {
        &self.forecast
    }

    /// Slots of the profile: ascending, disjoint.
    pub fn history(&self) -> &[Slot] {
        &self.history
    }

    /// Whether nothing at all is known.
    pub fn is_empty(&self) -> bool {
        self.forecast.is_empty() && self.history.is_empty()
    }
}

fn meaningful(slots: Vec<Slot>) -> Result<Vec<Slot>, SlotError> {
    let slots = normalize(slots)?;
    Ok(if slots.iter().all(|slot| slot.value == 0.0) { Vec::new() } else { slots })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        chrono::DateTime::from_timestamp(1_773_144_000 + hour * 3600, 0).unwrap()
    }

    fn slot(from: i64, to: i64, value: f64) -> Slot {
        Slot { start: at(from), end: at(to), value }
    }

    #[track_caller]
    fn check(slots: &[(i64, i64, f64)], expected: Result<&[(i64, i64, f64)], &str>) {
        let list =
            |slots: &[(i64, i64, f64)]| slots.iter().map(|&(f, t, v)| slot(f, t, v)).collect();
        match (normalize(list(slots)), expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, list(expected)),
            (Err(error), Err(expected)) => {
                assert!(error.to_string().contains(expected), "{error}");
            }
            (got, expected) => panic!("{got:?} is not {expected:?}"),
        }
    }

    #[test]
    fn puts_right_what_has_one_reading_and_refuses_what_has_two() {
        check(&[], Ok(&[]));
        check(&[(1, 2, 5.0), (0, 1, 3.0)], Ok(&[(0, 1, 3.0), (1, 2, 5.0)]));
        check(&[(0, 1, 3.0), (1, 2, 5.0), (0, 1, 3.0)], Ok(&[(0, 1, 3.0), (1, 2, 5.0)]));
        check(&[(0, 1, 3.0), (4, 5, -1.0)], Ok(&[(0, 1, 3.0), (4, 5, -1.0)]));
        check(&[(0, 1, 3.0), (0, 1, 4.0)], Err("overlaps"));
        check(&[(0, 2, 3.0), (1, 2, 3.0)], Err("overlaps"));
        check(&[(0, 9, 3.0), (1, 2, 3.0)], Err("overlaps"));
        check(&[(1, 1, 3.0)], Err("must come after"));
        check(&[(2, 1, 3.0)], Err("must come after"));
        check(&[(0, 1, f64::NAN)], Err("NaN is not a number"));
        check(&[(0, 1, f64::INFINITY)], Err("inf is not a number"));
    }

    #[test]
    fn nothing_but_zeros_is_no_forecast() {
        let zeros = Outlook::new(vec![slot(0, 1, 0.0), slot(1, 2, -0.0)]).unwrap();
        assert!(zeros.is_empty());
        let one = Outlook::new(vec![slot(0, 1, 0.0), slot(1, 2, 0.1)]).unwrap();
        assert_eq!(one.forecast().len(), 2);
    }
}
