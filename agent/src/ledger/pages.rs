//! What is read from the ledger: sessions, and with them switches and readings, of a period.

use std::fmt;

use chrono::{DateTime, SecondsFormat};
use domain::Timestamp;
use domain::wire::Origin;
use serde::{Deserialize, Serialize};
use service::history::HistoryError;

use super::reckon;
use super::record::SessionEntry;
use super::shelf::Shelf;
use crate::store::{Store, cause_word};

/// `[from, to)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// First instant.
    pub from: Timestamp,
    /// First instant after it.
    pub to: Timestamp,
}

impl Period {
    /// All that was ever kept.
    pub const ALL: Self = Self { from: DateTime::UNIX_EPOCH, to: Timestamp::MAX_UTC };

    /// Whether `ts` lies in it.
    pub fn contains(&self, ts: Timestamp) -> bool {
        (self.from..self.to).contains(&ts)
    }
}

/// Switches, readings and sessions of a period.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryPage {
    /// Moves of the contactor, in the order in which they were.
    pub switches: Vec<SwitchEntry>,
    /// Average intensity, ascending.
    pub readings: Vec<Reading>,
    /// Whose readings they are: live ones where there are any in the period.
    pub origin: Origin,
    /// Sessions that began in it, ascending.
    pub sessions: Vec<SessionEntry>,
}

/// A move of the contactor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchEntry {
    /// When, by the wall clock of that time.
    pub at: Timestamp,
    /// `open` or `closed`.
    pub to: String,
    /// Who moved it.
    pub cause: String,
}

/// A reading of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// End of its interval.
    pub ts: Timestamp,
    /// Average, production, direct.
    pub grams_per_kwh: f64,
}

/// The sessions that began in `period`, ascending; the open one last, as it was when last looked at.
///
/// # Errors
/// When the history fails.
pub fn session_page(store: &Store, period: Period) -> Result<Vec<SessionEntry>, HistoryError> {
    let shelf = Shelf::new(store.clone());
    let mut sessions = shelf.sessions(&period)?;
    if let Some(open) = shelf.open_session()?.filter(|open| period.contains(open.from)) {
        // A kill between the two may have left it in both.
        sessions.retain(|session| session.from != open.from);
        let entry = reckon(&shelf, &open.end(open.seen), newest_origin(store), open.portion);
        sessions.push(SessionEntry { open: true, ..entry });
    }
    Ok(sessions)
}

/// Everything of `period`.
///
/// # Errors
/// When the history fails.
pub fn history_page(store: &Store, period: Period) -> Result<HistoryPage, HistoryError> {
    let span = period.from..period.to;
    let switches = store
        .moves_in(span.clone())?
        .into_iter()
        .map(|switch| SwitchEntry {
            at: switch.at.wall,
            to: switch.to.as_str().to_owned(),
            cause: cause_word(switch.cause).to_owned(),
        })
        .collect();
    let readings = |origin| store.readings_in(origin, span.clone());
    let (origin, samples) = [Origin::Nyiso, Origin::Recorded, Origin::Generated]
        .into_iter()
        .map(|origin| (origin, readings(origin)))
        .find(|(_, samples)| !samples.is_empty())
        .unwrap_or_default();
    let readings = samples
        .into_iter()
        .map(|sample| Reading { ts: sample.ts, grams_per_kwh: sample.grams_per_kwh })
        .collect();
    Ok(HistoryPage { switches, readings, origin, sessions: session_page(store, period)? })
}

/// A question about the ledger, as it goes over the socket: `sessions FROM TO`, `history FROM TO`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// For a report.
    Sessions(Period),
    /// Everything.
    History(Period),
}

impl Question {
    /// The question in this line; `None` where it is another.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (what, from, to) = (words.next()?, words.next()?, words.next()?);
        let period = Period { from: from.parse().ok()?, to: to.parse().ok()? };
        match (what, words.next()) {
            ("sessions", None) => Some(Self::Sessions(period)),
            ("history", None) => Some(Self::History(period)),
            _ => None,
        }
    }

    /// The answer; of [`Question::Sessions`] only the sessions are filled. Blocks for as long as the disk does.
    ///
    /// # Errors
    /// When the history fails.
    pub fn answer(self, store: &Store) -> Result<HistoryPage, HistoryError> {
        match self {
            Self::Sessions(period) => {
                Ok(HistoryPage { sessions: session_page(store, period)?, ..HistoryPage::default() })
            }
            Self::History(period) => history_page(store, period),
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, period) = match self {
            Self::Sessions(period) => ("sessions", period),
            Self::History(period) => ("history", period),
        };
        let time = |ts: Timestamp| ts.to_rfc3339_opts(SecondsFormat::Millis, true);
        write!(f, "{what} {} {}", time(period.from), time(period.to))
    }
}

/// Whose readings came last.
fn newest_origin(store: &Store) -> Origin {
    [Origin::Nyiso, Origin::Recorded, Origin::Generated]
        .into_iter()
        .max_by_key(|origin| (store.newest(*origin), *origin == Origin::Nyiso))
        .unwrap_or_default()
}
