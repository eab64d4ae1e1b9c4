//! The one task that owns the actuator. Here sit minimum times, budget and count, whoever asks; each move is
//! written down before it is made, so that no death of the process gets round them.
//!
//! ```text
//! Handle ──look──> read back; a position nobody ordered is written down as a hand's
//!        ──move──> permit ── no ──> refused
//!                    │ yes
//!                    ▼
//!                  write down, sync ──> order ──> read back ── as ordered ──> done
//!                                         ▲             │ not
//!                                         └── 3 tries ──┴──> does not obey
//! all handles gone, or a panic ──> exit position, if minimum off allows it ──> end
//! ```

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use domain::control::{
    Cause, Contactor, Hold, Limits, Priority, RIVAL_LASTS, Switch, SwitchLog, Urgency,
};
use futures_util::FutureExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use super::{Actuator, ActuatorError};
use crate::moments::Moments;
use crate::store::Store;

/// The longest that an actuator may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// A relay needs some milliseconds to move, a radio switch longer.
const SETTLE: Duration = Duration::from_millis(200);

/// So often an order is given before the contactor counts as disobedient.
const TRIES: u32 = 3;

/// What becomes of the contactor when everybody has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It is driven here, unless it has been open for less than the minimum.
    To(Contactor),
    /// It stays.
    Keep,
}

/// What a look at the contactor shows.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Where it is.
    pub position: Contactor,
    /// How it got there.
    pub switches: SwitchLog,
}

/// Why a move was not made.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// Something holds it.
    #[error("the contactor is held where it is")]
    Held(Hold),
    /// The actuator failed.
    #[error("the actuator failed")]
    Actuator(#[from] ActuatorError),
    /// It took the orders and did not follow.
    #[error("the contactor does not obey: told {told} {tries} times, it is {is}")]
    Disobeyed {
        /// Where it was sent.
        told: Contactor,
        /// Where it is.
        is: Contactor,
        /// How often.
        tries: u32,
    },
    /// Somebody else moves it again and again.
    #[error(
        "somebody else has moved the contactor twice within 10 minutes: is there a second controller? \
         The agent leaves it alone for {mins} minutes, unless the departure or a person needs it"
    )]
    SecondController {
        /// How long.
        mins: u64,
    },
    /// The owner has ended.
    #[error("the actuator's owner has ended")]
    Gone,
}

enum Request {
    Look(oneshot::Sender<Result<Seen, MoveError>>),
    Move { to: Contactor, priority: Priority, reply: oneshot::Sender<Result<Seen, MoveError>> },
}

/// Asks the owner. When the last clone is dropped, the owner drives the exit position and ends.
#[derive(Clone, Debug)]
pub struct Handle(mpsc::Sender<Request>);

impl Handle {
    /// Reads the contactor back.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn look(&self) -> Result<Seen, MoveError> {
        self.ask(Request::Look).await
    }

    /// Moves the contactor, for a claim of this rank.
    ///
    /// # Errors
    /// [`MoveError`] says why it was not moved, or did not follow.
    pub async fn move_to(&self, to: Contactor, priority: Priority) -> Result<Seen, MoveError> {
        self.ask(|reply| Request::Move { to, priority, reply }).await
    }

    async fn ask(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<Seen, MoveError>>) -> Request,
    ) -> Result<Seen, MoveError> {
        let (reply, answer) = oneshot::channel();
        self.0.send(request(reply)).await.map_err(|_| MoveError::Gone)?;
        answer.await.map_err(|_| MoveError::Gone)?
    }
}

/// What the owner needs to know besides the actuator.
pub struct Ownership {
    /// What the contactor can bear.
    pub limits: Limits,
    /// Where it is left.
    pub exit: Exit,
    /// Tells the moment of each move.
    pub moments: Moments,
    /// Keeps each move.
    pub store: Store,
    /// The moves so far.
    pub switches: SwitchLog,
    /// The record of moves may be incomplete: what is found at the start then counts as a move of this
    /// moment, since it may have been one.
    pub record_is_doubtful: bool,
}

/// Makes the handle, and the future that owns `actuator`: spawn it, and await it after everything else, so
/// that the exit position is driven whatever ended the rest.
pub fn own<A: Actuator>(
    actuator: A,
    ownership: Ownership,
) -> (Handle, impl Future<Output = ()> + Send + 'static) {
    let (requests, inbox) = mpsc::channel(8);
    let owner = Owner { actuator, ownership, expected: None, ordered: None };
    (Handle(requests), owner.run(inbox))
}

struct Owner<A> {
    actuator: A,
    ownership: Ownership,
    /// Where the contactor was when we last knew; `None` before the first look.
    expected: Option<Contactor>,
    /// The last order whose outcome was not seen: a contactor that follows late is not moved by a hand.
    ordered: Option<Contactor>,
}

impl<A: Actuator> Owner<A> {
    async fn run(mut self, mut inbox: mpsc::Receiver<Request>) {
        // A panic is a way out too, and every way out drives the exit position.
        let served = AssertUnwindSafe(self.serve(&mut inbox)).catch_unwind().await;
        drop(inbox);
        if AssertUnwindSafe(self.leave()).catch_unwind().await.is_err() {
            error!("the exit position could not be driven: the actuator panicked");
        }
        if let Err(panic) = served {
            std::panic::resume_unwind(panic);
        }
    }

    async fn serve(&mut self, inbox: &mut mpsc::Receiver<Request>) {
        while let Some(request) = inbox.recv().await {
            // Who asked may have gone meanwhile; what was asked is done all the same.
            match request {
                Request::Look(reply) => drop(reply.send(self.look().await)),
                Request::Move { to, priority, reply } => {
                    drop(reply.send(self.move_to(to, priority).await));
                }
            }
        }
    }

    async fn look(&mut self) -> Result<Seen, MoveError> {
        let position = self.read().await?;
        let cause = match self.expected {
            Some(expected) if expected == position || self.ordered == Some(position) => None,
            Some(_) => Some(Cause::ByHand),
            None => self.first_look(position),
        };
        self.know(position);
        if let Some(cause) = cause {
            match cause {
                Cause::ByHand => warn!(%position, "somebody else moved the contactor"),
                _ => info!(%position, "the contactor is not where it was left"),
            }
            self.record(position, cause).await;
        }
        Ok(self.seen(position))
    }

    fn know(&mut self, position: Contactor) {
        self.expected = Some(position);
        self.ordered = self.ordered.filter(|ordered| *ordered != position);
    }

    /// Whether what is found at the start has to count as a move.
    fn first_look(&self, position: Contactor) -> Option<Cause> {
        let unexplained = match self.ownership.switches.last() {
            Some(last) => last.to != position,
            None => false,
        };
        (unexplained || self.ownership.record_is_doubtful).then_some(Cause::Found)
    }

    async fn move_to(&mut self, to: Contactor, priority: Priority) -> Result<Seen, MoveError> {
        let position = self.look().await?.position;
        if position == to {
            return Ok(self.seen(position));
        }
        let now = self.ownership.moments.now();
        let can_wait = priority < Priority::Departure;
        if can_wait && self.ownership.switches.has_a_rival(&now) {
            return Err(MoveError::SecondController { mins: RIVAL_LASTS.as_secs() / 60 });
        }
        self.ownership
            .limits
            .permit(position, priority.urgency(), &self.ownership.switches, &now)
            .map_err(MoveError::Held)?;
        self.drive(to, Cause::Claim(priority)).await?;
        Ok(self.seen(to))
    }

    /// Writes the move down, then makes it.
    async fn drive(&mut self, to: Contactor, cause: Cause) -> Result<(), MoveError> {
        self.record(to, cause).await;
        self.ordered = Some(to);
        for attempt in 1..=TRIES {
            if let Err(error) = self.order(to).await {
                if attempt == TRIES {
                    return Err(error.into());
                }
                continue;
            }
            let mut is = self.read().await?;
            if is != to {
                sleep(SETTLE).await;
                is = self.read().await?;
            }
            self.know(is);
            if is == to {
                return Ok(());
            }
            if attempt == TRIES {
                return Err(MoveError::Disobeyed { told: to, is, tries: TRIES });
            }
        }
        Ok(())
    }

    /// The last move, when nobody is left to ask for another.
    async fn leave(&mut self) {
        let Exit::To(to) = self.ownership.exit else { return };
        let position = match self.look().await {
            Ok(seen) => seen.position,
            Err(error) => {
                error!("the contactor cannot be read on the way out: {}", chain(&error));
                return;
            }
        };
        if position == to {
            return;
        }
        let now = self.ownership.moments.now();
        let switches = &self.ownership.switches;
        let permit = self.ownership.limits.permit(position, Urgency::Insistent, switches, &now);
        if permit.is_err() {
            warn!(
                %position,
                "the contactor stays as it is on the way out: it has been open for less than its minimum"
            );
            return;
        }
        match self.drive(to, Cause::FailState).await {
            Ok(()) => info!(position = %to, "the contactor is left in its exit position"),
            Err(error) => error!("the exit position could not be driven: {}", chain(&error)),
        }
    }

    /// Counts the move, and makes it survive a power cut before it is made. A store that fails does not
    /// keep the car from charging: the record then lives in memory only.
    async fn record(&mut self, to: Contactor, cause: Cause) {
        let switch = Switch { at: self.ownership.moments.now(), to, cause };
        self.ownership.switches.record(switch);
        let lifetime = self.ownership.switches.lifetime();
        let store = self.ownership.store.clone();
        let kept = tokio::task::spawn_blocking(move || {
            store.keep_switch(&switch, lifetime)?;
            store.sync()
        });
        match kept.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!("a move of the contactor could not be kept: {}", chain(&error)),
            Err(panic) => warn!("a move of the contactor could not be kept: {panic}"),
        }
    }

    fn seen(&self, position: Contactor) -> Seen {
        Seen { position, switches: self.ownership.switches.clone() }
    }

    async fn read(&mut self) -> Result<Contactor, ActuatorError> {
        timeout(ANSWER_LIMIT, self.actuator.position()).await.unwrap_or_else(|_| Err(silent()))
    }

    async fn order(&mut self, to: Contactor) -> Result<(), ActuatorError> {
        timeout(ANSWER_LIMIT, self.actuator.set(to)).await.unwrap_or_else(|_| Err(silent()))
    }
}

fn silent() -> ActuatorError {
    ActuatorError::Silent { secs: ANSWER_LIMIT.as_secs() }
}

/// An error with its causes, for a log line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
