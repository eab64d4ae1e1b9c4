//! A log line that strangers can cause, at most one in a while: a listener that is open to the public must
//! not fill the disk with what the public does.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lets one through in `every`, and counts the rest.
#[derive(Debug)]
pub struct Sparse {
    every: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: Option<Instant>,
    suppressed: u64,
}

impl Sparse {
    /// One in `every`.
    pub fn new(every: Duration) -> Self {
        Self { every, state: Mutex::default() }
    }

    /// `Some` when this one may be said at `now`, with how many were not since the last.
    pub fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.next.is_some_and(|next| now < next) {
            state.suppressed += 1;
            return None;
        }
        state.next = Some(now + self.every);
        Some(std::mem::take(&mut state.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_while_and_the_rest_are_counted() {
        let sparse = Sparse::new(Duration::from_secs(10));
        let start = Instant::now();
        let admit = |secs| sparse.admit(start + Duration::from_secs(secs));
        assert_eq!([0, 1, 9, 10, 11, 25].map(admit), [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
