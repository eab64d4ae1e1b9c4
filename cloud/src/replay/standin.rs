//! The stand-in itself: a handle that serves, and that a test can steer.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use axum::body::Bytes;
use chrono::{NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::fuel_mix::FuelMix;
use domain::wire::Origin;
use nyiso::eastern::day_of;
use nyiso::path::kind_of;
use service::clock::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::at::At;
use super::fault::{Fault, Faults, Struck};
use super::generator::{FIRST_DAY, Generator};
use super::http;
use super::pace::{Pace, Speed};
use super::record::{DayError, Record, RecordError};
use super::shelf::{Found, Rules, Shelf, View};
use super::shift::Shift;
use super::source::{Loop, Source};

/// What is played.
#[derive(Clone, Debug)]
pub enum Material {
    /// Recorded files, anywhere below this folder.
    Folder(PathBuf),
    /// A plausible New York, made up from [`Settings::seed`].
    Generated,
    /// Nothing but what [`Standin::push`] and [`Standin::put`] bring: for tests.
    Scripted,
}

/// How it is played. The default is as NYISO does it, as fast as life, without faults.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The moment of the record that is now. `None`: of a folder, its latest day that has the weekday
    /// of today; of what is generated, now itself.
    pub at: Option<At>,
    /// How many seconds of the record pass in a second.
    pub speed: Speed,
    /// From an instant's stamp to its appearance; by default 10 min, so that the newest one is 10 to 15
    /// min old, as at NYISO.
    pub delay: Duration,
    /// How many days back a day's file can be had; older days only stand in their month's zip.
    pub daily_days: u32,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Seed of what is generated and of the faults.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            at: None,
            speed: Speed::LIFE,
            delay: Duration::from_secs(600),
            daily_days: 14,
            faults: Vec::new(),
            seed: 1,
        }
    }
}

/// Why there is nothing to serve.
#[derive(Debug, thiserror::Error)]
pub enum StandinError {
    /// The folder of recorded files.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A time that the record does not hold.
    #[error(
        "{at} is not in the record, which holds {days} days from {first} to {last}; the nearest is {nearest}"
    )]
    NotRecorded {
        /// The time asked for.
        at: At,
        /// How many days there are.
        days: usize,
        /// The first day.
        first: NaiveDate,
        /// The last day.
        last: NaiveDate,
        /// The day nearest to the one asked for.
        nearest: NaiveDate,
    },
    /// A time for which nothing is made up.
    #[error("{0} is out of range: days can be generated from {FIRST_DAY} to {LAST_DAY}")]
    NotGenerated(At),
}

/// Far enough, and far from where dates end.
const LAST_DAY: NaiveDate = NaiveDate::from_ymd_opt(2199, 12, 31).expect("a date of the calendar");

/// A NYISO stand-in. Clones are the same stand-in: keep one to steer it while it serves.
#[derive(Clone)]
pub struct Standin {
    inner: Arc<Inner>,
}

struct Inner {
    shelf: Shelf,
    pace: Pace,
    speed: Speed,
    faults: RwLock<Faults>,
    /// Path below `/public/csv/` to what a test put there; `None` for a file that it took away.
    put: Mutex<HashMap<String, Option<Bytes>>>,
    requests: AtomicU64,
}

impl Standin {
    /// Made-up data under default settings, labelled as such.
    pub fn generated(seed: u64, clock: Arc<dyn Clock>) -> Self {
        let settings = Settings { seed, ..Settings::default() };
        let source = Source::Generated { generator: Generator::new(seed), seed };
        Self::of(source, Shift(TimeDelta::zero()), settings, clock)
    }

    /// An empty shelf under default settings.
    pub fn scripted(clock: Arc<dyn Clock>) -> Self {
        Self::of(Source::Scripted, Shift(TimeDelta::zero()), Settings::default(), clock)
    }

    /// The recorded files below `dir` under default settings.
    ///
    /// # Errors
    /// [`StandinError`] when there is nothing to serve.
    pub fn recorded(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, StandinError> {
        Self::new(Material::Folder(dir.to_owned()), Settings::default(), clock)
    }

    /// A stand-in whose present begins at the clock's now.
    ///
    /// # Errors
    /// [`StandinError`] when there is nothing to serve, or not at the time asked for.
    pub fn new(
        material: Material,
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StandinError> {
        let now = clock.now();
        let (source, at) = match material {
            Material::Folder(dir) => {
                let record = Record::open(&dir)?;
                let at = settings.at.unwrap_or_else(|| At::Day(record.best_today(day_of(now))));
                if !record.holds(at.date()) {
                    let (first, last) = record.span().into_inner();
                    let (days, nearest) = (record.count(), record.nearest(at.date()));
                    return Err(StandinError::NotRecorded { at, days, first, last, nearest });
                }
                let stretch = record.stretch(at.date());
                (Source::Recorded(Loop { record, stretch }), Some(at))
            }
            Material::Generated => {
                if let Some(at) = settings.at
                    && !(FIRST_DAY..=LAST_DAY).contains(&at.date())
                {
                    return Err(StandinError::NotGenerated(at));
                }
                let seed = settings.seed;
                (Source::Generated { generator: Generator::new(seed), seed }, settings.at)
            }
            Material::Scripted => (Source::Scripted, None),
        };
        let shift = at.map_or(Shift(TimeDelta::zero()), |at| at.shift(now));
        Ok(Self::of(source, shift, settings, clock))
    }

    fn of(source: Source, shift: Shift, settings: Settings, clock: Arc<dyn Clock>) -> Self {
        let delay = TimeDelta::from_std(settings.delay).unwrap_or(TimeDelta::days(366));
        let rules = Rules { delay, daily_days: settings.daily_days };
        let inner = Inner {
            shelf: Shelf::new(source, shift, rules),
            pace: Pace::new(clock, settings.speed),
            speed: settings.speed,
            faults: RwLock::new(Faults::new(settings.faults, settings.seed)),
            put: Mutex::default(),
            requests: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Serves on `listener` until `shutdown`, which also ends answers that stall or drip.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> std::io::Result<()> {
        http::serve(self, listener, shutdown).await
    }

    /// The stand-in's present: the wall clock's, unless it runs at another speed or was stopped.
    pub fn now(&self) -> Timestamp {
        self.inner.pace.now()
    }

    /// What its data are, as in the `x-ny-power-origin` of every answer.
    pub fn origin(&self) -> Origin {
        self.inner.shelf.origin()
    }

    /// Stamp of the newest instant that can be seen now, if there is one of today or yesterday.
    pub fn newest(&self) -> Option<Timestamp> {
        self.inner.shelf.newest(self.now())
    }

    /// How many files were asked for so far, found or not.
    pub fn requests(&self) -> u64 {
        self.inner.requests.load(Ordering::Relaxed)
    }

    /// Stops its clock at `at`, so that a test decides what time it is.
    pub fn stop_clock_at(&self, at: Timestamp) {
        self.inner.pace.stop_at(at);
    }

    /// Publishes `mix` at once, whatever its stamp and the delay. An instant of the same stamp is
    /// replaced, as by a correction.
    pub fn push(&self, mix: &FuelMix) {
        self.inner.shelf.push(mix, self.now());
    }

    /// From now on serves these bytes at `path` below `/public/csv/`, or no file there.
    pub fn put(&self, path: &str, bytes: Option<Vec<u8>>) {
        let mut put = self.inner.put.lock().unwrap_or_else(PoisonError::into_inner);
        put.insert(path.to_owned(), bytes.map(Bytes::from));
    }

    /// From the next answer on has these faults and no others.
    pub fn set_faults(&self, faults: Vec<Fault>, seed: u64) {
        *self.inner.faults.write().unwrap_or_else(PoisonError::into_inner) =
            Faults::new(faults, seed);
    }

    pub(super) fn faults(&self) -> Vec<Fault> {
        self.inner.faults.read().unwrap_or_else(PoisonError::into_inner).list().collect()
    }

    /// Counts a request, and decides what goes wrong with it.
    pub(super) fn strike(&self) -> Struck {
        self.inner.requests.fetch_add(1, Ordering::Relaxed);
        self.inner.faults.read().unwrap_or_else(PoisonError::into_inner).strike()
    }

    /// The file at `path` below `/public/csv/`, if there is one now. Reads the disk.
    pub(super) fn find(&self, path: &str, view: View) -> Result<Option<Found>, DayError> {
        let now = self.now();
        let put = self.inner.put.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        match (put, kind_of(path)) {
            (Some(put), _) => Ok(put.map(|bytes| Found { bytes: bytes.into(), modified: now })),
            // Not every path with NYISO's file name in it is NYISO's.
            (None, Some(kind)) if kind.path() == path => self.inner.shelf.find(kind, now, view),
            (None, _) => Ok(None),
        }
    }

    pub(super) fn shelf(&self) -> &Shelf {
        &self.inner.shelf
    }

    pub(super) fn speed(&self) -> Speed {
        self.inner.speed
    }
}
