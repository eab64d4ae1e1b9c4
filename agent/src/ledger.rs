//! The ledger: what was charged, kept so that a power cut loses one tick at most.
//!
//! ```text
//! control loop ──facts──> Ledger ──> domain::ledger::Book ──> shelf (sled) <── pages <── `report`, `history`
//! ```
//!
//! Each tick that changes something is one small record: the open session with its portion of five minutes.
//! Every five minutes the portion goes to a series of its own. A session that is over is reckoned at once,
//! and anew until the readings of its time are all there: NYISO's come a quarter of an hour late, a feed that was
//! away brings them later.

mod pages;
mod record;
mod shelf;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::control::Moment;
use domain::ledger::{Account, Book, Entry, Open, Portion, Rates, Session, Tick};
use domain::series::LONGEST_INTERVAL;
use domain::wire::Origin;
use service::history::HistoryError;
use tracing::{debug, info, warn};

use crate::agent::CycleFacts;
use crate::eastern::NEW_YORK;
use crate::store::Store;

pub use pages::{HistoryPage, Period, Question, Reading, SwitchEntry, history_page, session_page};
pub use record::{AccountEntry, SessionEntry};
use shelf::Shelf;

/// An open session in which nothing happens is kept this often, for its end after a power cut.
const KEEP_SEEN: TimeDelta = TimeDelta::minutes(5);

/// Sessions are reckoned anew so often.
const RECKON_EVERY: std::time::Duration = std::time::Duration::from_secs(5 * 60);

/// Readings that did not come within this time do not come any more.
const READINGS_COME: TimeDelta = TimeDelta::hours(48);

/// So many portions wait for a disk that takes nothing: three days of charging.
const MOST_UNWRITTEN: usize = 3 * 288;

/// A session that may change yet.
struct Unsettled {
    entry: SessionEntry,
    /// It is kept as it is here.
    written: bool,
}

/// Follows the sessions and keeps them.
pub struct Ledger {
    shelf: Shelf,
    book: Book,
    /// The open session as it is kept.
    kept: Option<Open>,
    /// Sessions that are over but lack readings, or could not be written yet.
    unsettled: Vec<Unsettled>,
    /// Portions that could not be written yet, each with the beginning of its session.
    unwritten: Vec<(Portion, Timestamp)>,
    reckoned: Option<Moment>,
    /// The record could not be written, and that was said.
    complained: bool,
}

impl Ledger {
    /// Goes on where the record ends. What cannot be read is left out, and said.
    pub fn new(store: Store) -> Self {
        let shelf = Shelf::new(store);
        let open = shelf.open_session().unwrap_or_else(|error| {
            warn!("the open session cannot be read and is dropped: {error}");
            None
        });
        let unsettled = shelf.sessions(&Period::ALL).unwrap_or_else(|error| {
            warn!("part of the sessions cannot be read: {error}");
            Vec::new()
        });
        let unsettled = unsettled.into_iter().filter(|session| !session.settled);
        let unsettled = unsettled.map(|entry| Unsettled { entry, written: true }).collect();
        Self {
            shelf,
            book: Book::new(open.clone()),
            kept: open,
            unsettled,
            unwritten: Vec::new(),
            reckoned: None,
            complained: false,
        }
    }

    /// Takes a tick in, and keeps what came of it.
    pub fn tick(&mut self, facts: &CycleFacts) {
        let entries = self.book.tick(&tick_of(facts));
        let ended = entries.iter().find_map(|entry| match entry {
            Entry::Ended(session) => Some(session.from),
            Entry::Portion(_) => None,
        });
        let of = ended.or(self.book.open().map(|open| open.from));
        for entry in &entries {
            match entry {
                // First its energy, then that it is over: what is kept never knows less than before.
                Entry::Portion(portion) => {
                    self.unwritten.push((*portion, of.unwrap_or(portion.start)));
                    self.keep_portions();
                }
                Entry::Ended(session) => self.end(session, facts.origin),
            }
        }
        self.keep_open();
        let due = |at: &Moment| RECKON_EVERY <= facts.at.at_least_since(at);
        if facts.clock_trusted && self.reckoned.as_ref().is_none_or(due) {
            self.reckoned = Some(facts.at);
            self.settle(facts.at.wall);
        }
    }

    fn end(&mut self, session: &Session, origin: Origin) {
        let entry = reckon(&self.shelf, session, origin, None);
        info!(kwh = session.kwh, by = session.by.as_str(), "a charging session is over");
        let written = self.keep(|shelf| shelf.keep_session(&entry));
        self.unsettled.push(Unsettled { entry, written });
    }

    fn keep_portions(&mut self) {
        while let Some((portion, of)) = self.unwritten.first().copied() {
            if !self.keep(|shelf| shelf.keep_portion(&portion, of)) {
                break;
            }
            self.unwritten.remove(0);
        }
        let excess = self.unwritten.len().saturating_sub(MOST_UNWRITTEN);
        self.unwritten.drain(..excess);
    }

    fn keep_open(&mut self) {
        let open = self.book.open();
        let is_same = match (&self.kept, open) {
            (None, None) => true,
            (Some(kept), Some(open)) => {
                // Only the time of the last look differs: that may wait.
                let seen =
                    |open: &Open| Open { seen: kept.seen, active: kept.active, ..open.clone() };
                open.seen - kept.seen < KEEP_SEEN && kept.seen <= open.seen && seen(open) == *kept
            }
            _ => false,
        };
        if !is_same {
            let open = open.cloned();
            if self.keep(|shelf| shelf.keep_open(open.as_ref())) {
                self.kept = open;
            }
        }
    }

    fn settle(&mut self, now: Timestamp) {
        self.keep_portions();
        let sessions = std::mem::take(&mut self.unsettled);
        for Unsettled { entry: before, written } in sessions {
            let mut entry = reckon(&self.shelf, &before.session(), before.origin, None);
            let newest = now - LONGEST_INTERVAL;
            entry.settled =
                READINGS_COME < now - entry.to || (entry.is_whole() && entry.to < newest);
            let is_kept = written && entry == before;
            let written = is_kept || self.keep(|shelf| shelf.keep_session(&entry));
            if entry.settled && written {
                debug!(from = %entry.from, "a session is reckoned for good");
            } else {
                self.unsettled.push(Unsettled { entry, written });
            }
        }
    }

    /// A record that cannot be written stops no charge; it is said once, and tried again.
    fn keep(&mut self, write: impl FnOnce(&Shelf) -> Result<(), HistoryError>) -> bool {
        let outcome = write(&self.shelf);
        let complained = std::mem::replace(&mut self.complained, outcome.is_err());
        match &outcome {
            Err(error) if !complained => warn!("what is charged cannot be recorded: {error}"),
            Ok(()) if complained => info!("what is charged can be recorded again"),
            _ => {}
        }
        outcome.is_ok()
    }
}

fn tick_of(facts: &CycleFacts) -> Tick {
    Tick {
        at: facts.at,
        trusted: facts.clock_trusted,
        position: facts.position,
        power_kw: facts.power_kw,
        charging_kw: facts.charging_kw,
        meter_kwh: facts.meter_kwh,
        plugged: facts.plugged,
        depart: facts.depart,
        home_since: facts.home_since,
        need_kwh: facts.need_kwh,
    }
}

/// The session with its grams by the readings that are kept; `under_way` is a portion that is not over.
fn reckon(
    shelf: &Shelf,
    session: &Session,
    origin: Origin,
    under_way: Option<Portion>,
) -> SessionEntry {
    let mut portions = shelf.portions(session.from, session.to);
    if let Some(open) = under_way {
        portions.retain(|portion| portion.start != open.start);
        portions.push(open);
    }
    let span = session.from - Portion::LENGTH..session.to + LONGEST_INTERVAL + Portion::LENGTH;
    let account = |samples| {
        let rates = Rates::new(samples);
        (!rates.is_empty()).then(|| Account::new(session, &portions, &rates, NEW_YORK))
    };
    let average = account(shelf.store().readings_in(origin, span.clone()));
    let marginal = account(shelf.store().marginal_in(origin, span));
    SessionEntry::new(session, origin, average, marginal)
}

#[cfg(test)]
mod tests;
