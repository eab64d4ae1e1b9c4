//! Where the days come from: NYISO's daily files while they last, then its monthly archives.

use chrono::{Datelike, NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::wire::Origin;
use nyiso::archive::{self, ArchiveError};
use nyiso::client::{Client, FetchError};
use nyiso::path;

/// Reads fuel-mix days from NYISO or a stand-in.
pub struct Source {
    client: Client,
    /// The archive read last: after a pause its days are asked for one after the other.
    month: Option<Month>,
    /// How far the source's present is ahead of our clock: a stand-in may play faster than time.
    ahead: TimeDelta,
}

/// A day's file.
#[derive(Clone, Debug)]
pub struct Day {
    /// The CSV file.
    pub file: Vec<u8>,
    /// Where it comes from.
    pub origin: Origin,
    /// The same hash, the same file; `None` for a day out of an archive.
    pub hash: Option<[u8; 32]>,
}

/// The days of one monthly archive.
#[derive(Clone, Debug)]
pub struct Month {
    first: NaiveDate,
    /// Where it comes from.
    pub origin: Origin,
    /// File name and CSV file of each day, by name.
    pub days: Vec<(String, Vec<u8>)>,
}

/// Why a day cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Neither a file nor an archive.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What came as an archive is none.
    #[error("{url}: not an archive of NYISO's")]
    Archive {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        source: ArchiveError,
    },
    /// The daily file is gone, and the archive lacks the day.
    #[error("{day}: the daily file is no longer kept and the monthly archive lacks the day")]
    NoSuchDay {
        /// Which day.
        day: NaiveDate,
    },
}

impl SourceError {
    /// A word for counting failures by.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Fetch(error) => error.kind(),
            Self::Archive { .. } => "archive",
            Self::NoSuchDay { .. } => "no-such-day",
        }
    }

    /// The file is not there: not yet, or no longer.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Fetch(FetchError::NotFound { .. }) | Self::NoSuchDay { .. })
    }

    /// How long the server asks to be left alone.
    pub fn retry_after(&self) -> Option<std::time::Duration> {
        match self {
            Self::Fetch(error) => error.retry_after(),
            _ => None,
        }
    }
}

impl Source {
    /// A source behind `client`.
    pub fn new(client: Client) -> Self {
        Self { client, month: None, ahead: TimeDelta::zero() }
    }

    /// The present as the source has it, given our clock.
    pub fn now(&self, clock: Timestamp) -> Timestamp {
        clock + self.ahead
    }

    /// The file of an Eastern day. With `closed` (the day is over) also from the monthly archive, where the
    /// daily file is gone.
    ///
    /// # Errors
    /// [`SourceError`] says what failed and where.
    pub async fn day(
        &mut self,
        day: NaiveDate,
        closed: bool,
        clock: Timestamp,
    ) -> Result<Day, SourceError> {
        let fetched = match self.client.fetch(&path::fuel_mix_day(day)).await {
            Err(FetchError::NotFound { .. }) if closed => return self.archived(day).await,
            answer => answer?,
        };
        if let Some(now) = fetched.now.filter(|_| fetched.origin != Origin::Nyiso) {
            self.ahead = now - clock;
        }
        Ok(Day { file: fetched.body, origin: fetched.origin, hash: Some(fetched.hash) })
    }

    async fn archived(&mut self, day: NaiveDate) -> Result<Day, SourceError> {
        let path = path::fuel_mix_day(day);
        let month = self.month(day).await?;
        let found = month.days.iter().find(|(name, _)| path.ends_with(name.as_str()));
        let file = found.map(|(_, file)| file.clone()).ok_or(SourceError::NoSuchDay { day })?;
        Ok(Day { file, origin: month.origin, hash: None })
    }

    /// The archive of the month that `day` is in.
    ///
    /// # Errors
    /// [`SourceError`] says what failed and where.
    pub async fn month(&mut self, day: NaiveDate) -> Result<&Month, SourceError> {
        let first = day.with_day(1).unwrap_or(day);
        let held = self.month.take().filter(|month| month.first == first);
        let month = match held {
            Some(month) => month,
            None => {
                let path = path::fuel_mix_month(first);
                let fetched = self.client.fetch(&path).await?;
                let days = archive::days(&fetched.body).map_err(|source| SourceError::Archive {
                    url: self.client.url(&path),
                    source,
                })?;
                Month { first, origin: fetched.origin, days }
            }
        };
        Ok(self.month.insert(month))
    }

    /// Lets go of the archive read last: half a megabyte a day that nobody needs for weeks.
    pub fn forget_archive(&mut self) {
        self.month = None;
    }
}
