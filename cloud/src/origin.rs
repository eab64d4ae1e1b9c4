//! One store holds data of one origin: what is made up is never mixed into a live history.

use std::sync::Arc;

use domain::wire::Origin;
use service::history::{History, HistoryError, Retention, Series};

/// The origin of everything in a store, fixed by the first data that come in.
pub struct OriginLock {
    store: Arc<dyn History>,
    held: Option<Origin>,
}

/// Data of another origin than the store holds.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// The store is of another origin.
    #[error(
        "the data are {came} but this store holds {held} data; use another data_dir for {came} data"
    )]
    Foreign {
        /// What came.
        came: Origin,
        /// What the store holds.
        held: Origin,
    },
    /// The store cannot be written.
    #[error("note the origin of the data")]
    Store(#[from] HistoryError),
}

const ORIGIN: Series = Series::new("origin", Retention::days(36_500, 1));

impl OriginLock {
    /// Reads which origin the store holds, if it holds any data.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(store: Arc<dyn History>) -> Result<Self, HistoryError> {
        let word = store.last(&ORIGIN)?.and_then(|record| String::from_utf8(record.value).ok());
        Ok(Self { store, held: word.as_deref().and_then(Origin::from_word) })
    }

    /// The origin of the store; live where it holds nothing yet.
    pub fn get(&self) -> Origin {
        self.held.unwrap_or_default()
    }

    /// The origin of the store, if it holds any data.
    pub fn held(&self) -> Option<Origin> {
        self.held
    }

    /// Lets data of the store's origin pass; the first data fix it.
    ///
    /// # Errors
    /// [`OriginError`] for data of another origin.
    pub fn check(&mut self, came: Origin) -> Result<(), OriginError> {
        match self.held {
            Some(held) if held == came => Ok(()),
            Some(held) => Err(OriginError::Foreign { came, held }),
            None => {
                self.store.put(&ORIGIN, domain::Timestamp::UNIX_EPOCH, came.as_str().as_bytes())?;
                self.held = Some(came);
                Ok(())
            }
        }
    }
}
