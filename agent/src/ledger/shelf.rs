//! Where the ledger is kept: three series of the agent's history.

use std::ops::ControlFlow;

use chrono::{DateTime, TimeDelta};
use domain::Timestamp;
use domain::ledger::{Open, Portion};
use service::history::{History, HistoryError, Retention, Series};

use super::pages::Period;
use super::record::{OpenRecord, SessionEntry};
use crate::store::Store;

// Ten years; a session takes about 700 bytes.
const SESSIONS: Series = Series::new("sessions", Retention::days(3653, 10_000));

// A session is reckoned by them until its readings are all there: 14 days and two more would do.
const PORTIONS: Series = Series::new("session-energy", Retention::days(45, 288 * 45));

const MOST_IN_FIVE_MINUTES: i64 = 8;

// One record: the session that is open, or that none is.
const OPEN: Series = Series::new("session-open", Retention::days(36_500, 1));

/// The ledger's part of the store. Cheap to clone.
#[derive(Clone)]
pub struct Shelf(Store);

impl Shelf {
    /// In this store.
    pub fn new(store: Store) -> Self {
        Self(store)
    }

    /// The store around it.
    pub fn store(&self) -> &Store {
        &self.0
    }

    fn history(&self) -> &dyn History {
        self.0.history()
    }

    /// Keeps the energy of five minutes of the session that began at `session`, in place of what was said of
    /// them.
    pub fn keep_portion(&self, portion: &Portion, session: Timestamp) -> Result<(), HistoryError> {
        let value = portion_value(portion, session);
        // Who unplugs and plugs in again within five minutes has two sessions in them: each has its record.
        for other in 0..MOST_IN_FIVE_MINUTES {
            let key = portion.start + TimeDelta::milliseconds(other);
            let kept = self.history().get(&PORTIONS, key)?;
            let is_ours = |kept: &[u8]| {
                read_portion(key, kept).is_none_or(|(_, of)| of == truncated(session))
            };
            if kept.as_deref().is_none_or(is_ours) {
                return self.history().put(&PORTIONS, key, &value);
            }
        }
        tracing::debug!(start = %portion.start, "more sessions in five minutes than are kept");
        Ok(())
    }

    /// The portions of the session that began at `session` and lasted until `to`, ascending. Stops at damage.
    pub fn portions(&self, session: Timestamp, to: Timestamp) -> Vec<Portion> {
        let mut portions = Vec::new();
        let session = truncated(session);
        let span = session - Portion::LENGTH..to + Portion::LENGTH;
        let outcome = self.history().scan(&PORTIONS, span, &mut |key, value| {
            let read = read_portion(key, value).filter(|(_, of)| *of == session);
            portions.extend(read.map(|(portion, _)| portion));
            ControlFlow::Continue(())
        });
        if let Err(error) = outcome {
            tracing::warn!("part of a session's energy cannot be read: {error}");
        }
        portions
    }

    /// Keeps a session that is over, in place of the one that began at the same moment.
    pub fn keep_session(&self, session: &SessionEntry) -> Result<(), HistoryError> {
        let text = serde_json::to_vec(session).expect("words and finite numbers always serialize");
        self.history().put(&SESSIONS, session.from, &text)
    }

    /// The sessions that began in `period`, ascending. What another version wrote is left out.
    pub fn sessions(&self, period: &Period) -> Result<Vec<SessionEntry>, HistoryError> {
        let mut sessions = Vec::new();
        self.history().scan(&SESSIONS, period.from..period.to, &mut |_, value| {
            sessions.extend(serde_json::from_slice::<SessionEntry>(value));
            ControlFlow::Continue(())
        })?;
        Ok(sessions)
    }

    /// Keeps the session that is open, in place of what was said before.
    pub fn keep_open(&self, open: Option<&Open>) -> Result<(), HistoryError> {
        let text = serde_json::to_vec(&open.map(OpenRecord::of))
            .expect("words and finite numbers always serialize");
        self.history().put(&OPEN, DateTime::UNIX_EPOCH, &text)
    }

    /// The session that is open.
    pub fn open_session(&self) -> Result<Option<Open>, HistoryError> {
        let record = self.history().get(&OPEN, DateTime::UNIX_EPOCH)?;
        let read = |value: Vec<u8>| serde_json::from_slice::<Option<OpenRecord>>(&value).ok()?;
        Ok(record.and_then(read).and_then(|record| record.open()))
    }
}

/// To the millisecond, as everything is kept.
fn truncated(ts: Timestamp) -> Timestamp {
    DateTime::from_timestamp_millis(ts.timestamp_millis()).unwrap_or(ts)
}

fn portion_value(portion: &Portion, session: Timestamp) -> [u8; 16] {
    let mut value = [0; 16];
    value[..8].copy_from_slice(&portion.kwh.to_be_bytes());
    value[8..].copy_from_slice(&session.timestamp_millis().to_be_bytes());
    value
}

/// The portion, and when its session began. `None` for what another version wrote.
fn read_portion(key: Timestamp, value: &[u8]) -> Option<(Portion, Timestamp)> {
    let value: &[u8; 16] = value.try_into().ok()?;
    let (kwh, session) = value.split_at(8);
    let kwh = f64::from_be_bytes(kwh.try_into().ok()?);
    let session = i64::from_be_bytes(session.try_into().ok()?);
    let length = Portion::LENGTH.num_milliseconds();
    let start = key.timestamp_millis().div_euclid(length) * length;
    let portion = Portion { start: DateTime::from_timestamp_millis(start)?, kwh };
    Some((portion, DateTime::from_timestamp_millis(session)?))
}
