//! Where the days come from, before they are moved in time.

use std::ops::RangeInclusive;
use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use domain::wire::Origin;

use super::day_file::DayFile;
use super::generator::Generator;
use super::record::{DayError, Record};

/// Days by their own date.
#[derive(Debug)]
pub(super) enum Source {
    /// Files of NYISO, of other days than they are shown for.
    Recorded(Loop),
    /// Made up.
    Generated { generator: Generator, seed: u64 },
    /// Nothing but what a test puts there.
    Scripted,
}

/// A record that begins again where it ends, so that a replay does not run dry.
#[derive(Debug)]
pub(super) struct Loop {
    pub record: Record,
    /// The stretch that goes round: the one that is shown as today.
    pub stretch: RangeInclusive<NaiveDate>,
}

impl Source {
    /// What every answer is labelled with.
    pub fn origin(&self) -> Origin {
        match self {
            Self::Recorded(_) => Origin::Recorded,
            Self::Generated { .. } | Self::Scripted => Origin::Generated,
        }
    }

    /// The file of `day`, and by how much its stamps must be moved to be that day's; `None` where
    /// there is none.
    ///
    /// # Errors
    /// [`DayError`] when a recorded day cannot be read.
    pub fn day(&self, day: NaiveDate) -> Result<Option<(Arc<DayFile>, TimeDelta)>, DayError> {
        let (file, moved) = match self {
            Self::Recorded(recorded) => {
                let back = recorded.rounds_back(day);
                (recorded.record.read(day - back)?, back)
            }
            Self::Generated { generator, .. } => (generator.day(day), TimeDelta::zero()),
            Self::Scripted => (None, TimeDelta::zero()),
        };
        Ok(file.map(|file| (Arc::new(file), moved)))
    }
}

impl Loop {
    /// How far before `day` the day lies that stands in for it: whole weeks where the stretch has
    /// one, so that Sundays stay Sundays. Zero inside the stretch and before it.
    pub(super) fn rounds_back(&self, day: NaiveDate) -> TimeDelta {
        let (first, last) = (*self.stretch.start(), *self.stretch.end());
        let length = (last - first).num_days() + 1;
        let round = if length < 7 { length } else { length / 7 * 7 };
        let over = (day - last).num_days().max(0);
        TimeDelta::days((over + round - 1) / round * round)
    }
}
