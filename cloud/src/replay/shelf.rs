//! What lies on NYISO's shelf at an instant: which files there are, and what is in them so far.
//!
//! * An instant appears `delay` after its stamp, so that the newest one is `delay` to `delay` + 5 min
//!   old, and today's file does not exist until its first instant appears.
//! * A day's file stays for some days; then only the month's zip has it.
//! * The zip of the running month exists, today's part in it, but not on the first of the month.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{Datelike, Days, NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::fuel_mix::FuelMix;
use domain::wire::Origin;
use nyiso::eastern::{day_of, file_day, midnight, wall_clock};
use nyiso::path::{Feed, FileKind, Span};

use super::fault::Copies;
use super::moved::{Line, MovedDay};
use super::noise::Noise;
use super::record::DayError;
use super::shift::{Placed, Shift};
use super::source::Source;
use super::{other_feeds, posting, recorded_feeds, render};

/// Days kept at hand: today's and yesterday's are asked for every minute.
const DAYS_AT_HAND: usize = 3;

/// How NYISO publishes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// From an instant's stamp to its appearance.
    pub delay: TimeDelta,
    /// How many days back a day's file is kept.
    pub daily_days: u32,
}

/// What is wrong with the content of an answer. By default, nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct View {
    /// Nothing with a stamp younger than this is shown.
    pub late: TimeDelta,
    /// The newest instants are there twice.
    pub copies: Option<Copies>,
}

/// A file as it is at an instant.
#[derive(Debug)]
pub(super) struct Found {
    /// Its content.
    pub bytes: Vec<u8>,
    /// When it last changed.
    pub modified: Timestamp,
}

/// An instant that a test put there.
#[derive(Debug)]
struct Pushed {
    at: Timestamp,
    rows: Vec<String>,
}

/// All files, at any time.
#[derive(Debug)]
pub(super) struct Shelf {
    pub source: Source,
    pub shift: Shift,
    pub rules: Rules,
    pushed: Mutex<BTreeMap<Timestamp, Pushed>>,
    at_hand: Mutex<Vec<(NaiveDate, Arc<MovedDay>)>>,
}

impl Shelf {
    /// The files of `source`, moved by `shift`.
    pub fn new(source: Source, shift: Shift, rules: Rules) -> Self {
        let (pushed, at_hand) = (Mutex::default(), Mutex::default());
        Self { source, shift, rules, pushed, at_hand }
    }

    /// Where its content comes from.
    pub fn origin(&self) -> Origin {
        self.source.origin()
    }

    /// Puts `mix` there at `now`, whatever its stamp; it replaces the instant of the same stamp.
    pub fn push(&self, mix: &FuelMix, now: Timestamp) {
        // `{:?}` writes whole numbers as NYISO does: 2282.0.
        let known = mix.fuels().map(|(fuel, power)| format!("{},{:?}", fuel.name(), power.value()));
        let unknown =
            mix.unknown().iter().map(|(name, power)| format!("{name},{:?}", power.value()));
        let rows = known.chain(unknown).collect();
        lock(&self.pushed).insert(mix.ts, Pushed { at: now, rows });
    }

    /// The file of this kind as it is at `now`; `None` when there is none.
    ///
    /// # Errors
    /// [`DayError`] when a recorded day cannot be read.
    pub fn find(
        &self,
        kind: FileKind,
        now: Timestamp,
        view: View,
    ) -> Result<Option<Found>, DayError> {
        let today = day_of(now);
        match kind.span {
            Span::Day => {
                let kept = i64::from(self.rules.daily_days);
                if (today - kind.date).num_days() > kept {
                    Ok(None)
                } else {
                    self.file(kind.feed, kind.date, now, view)
                }
            }
            Span::Month => self.month(kind.feed, kind.date, now, view),
        }
    }

    /// Stamp of the newest instant that can be seen at `now`, looking back two days.
    pub fn newest(&self, now: Timestamp) -> Option<Timestamp> {
        let today = day_of(now);
        [today, today - Days::new(1)].into_iter().find_map(|day| {
            let loaded = self.load(day).ok().flatten();
            let source = loaded.iter().flat_map(|day| day.lines());
            let seen = source.map(|line| line.placed.ts).filter(|ts| *ts <= now - self.rules.delay);
            let pushed = lock(&self.pushed);
            seen.chain(pushed.keys().copied().filter(|ts| file_day(*ts) == day)).max()
        })
    }

    fn file(
        &self,
        feed: Feed,
        day: NaiveDate,
        now: Timestamp,
        view: View,
    ) -> Result<Option<Found>, DayError> {
        if feed == Feed::FuelMix {
            return self.day(day, now, view);
        }
        let seen = now - view.late;
        if !posting::is_there(feed, day, seen) {
            return Ok(None);
        }
        let bytes = match &self.source {
            Source::Generated { generator, seed } => {
                other_feeds::file((generator, *seed), self.shift, feed, day, seen)
            }
            Source::Recorded(recorded) => {
                recorded_feeds::file(recorded, self.shift, feed, day, seen)?
            }
            Source::Scripted => None,
        };
        Ok(bytes.map(|bytes| Found { bytes, modified: now }))
    }

    fn day(&self, day: NaiveDate, now: Timestamp, view: View) -> Result<Option<Found>, DayError> {
        // Every row of a later day is later than this: nothing to load.
        if midnight(day) > now + TimeDelta::days(2) {
            return Ok(None);
        }
        let loaded = self.load(day)?;
        let late = now - view.late;
        let seen = late.min(now - self.rules.delay);
        let mut lines = loaded
            .iter()
            .flat_map(|day| day.lines())
            .filter(|line| line.placed.ts <= seen)
            .collect::<Vec<_>>();
        let mut modified = lines.last().map(|line| line.placed.ts + self.rules.delay);

        let pushed = lock(&self.pushed);
        let pushed = pushed
            .range(midnight(day)..=midnight(day + Days::new(1)))
            .filter(|(ts, _)| file_day(**ts) == day && (view.late.is_zero() || **ts <= late))
            .collect::<Vec<_>>();
        if !pushed.is_empty() {
            lines.retain(|line| {
                pushed.binary_search_by_key(&&line.placed.ts, |(ts, _)| ts).is_err()
            });
            for (ts, instant) in &pushed {
                let (wall, zone) = wall_clock(**ts);
                let placed = Placed { ts: **ts, wall, zone };
                lines.extend(instant.rows.iter().map(|rest| Line { placed, rest }));
            }
            lines.sort_by_key(|line| line.placed.ts);
            modified = modified.max(pushed.iter().map(|(_, instant)| instant.at).max());
        }

        let Some(modified) = modified else { return Ok(None) };
        let copied = view.copies.map(|copies| copies.of_newest(&lines)).unwrap_or_default();
        if !copied.is_empty() {
            lines = copied.iter().map(|(placed, rest)| Line { placed: *placed, rest }).collect();
        }
        let (header, style) = loaded
            .as_ref()
            .map_or((super::generator::HEADER, super::day_file::StampStyle::Seconds), |day| {
                (day.header(), day.style())
            });
        Ok(Some(Found { bytes: render::csv(header, style, lines.into_iter()), modified }))
    }

    fn month(
        &self,
        feed: Feed,
        first: NaiveDate,
        now: Timestamp,
        view: View,
    ) -> Result<Option<Found>, DayError> {
        let today = day_of(now);
        if today <= first {
            return Ok(None);
        }
        let in_month = |day: &NaiveDate| day.month() == first.month() && *day <= today;
        let mut days = Vec::new();
        let mut modified = None;
        for day in first.iter_days().take_while(in_month) {
            if let Some(found) = self.file(feed, day, now, view)? {
                modified = modified.max(Some(found.modified));
                let path = feed.day(day);
                let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
                days.push((day, (name, wall_clock(found.modified).0, found.bytes)));
            }
        }
        // NYISO's entries do not come by date either.
        days.sort_by_key(|(day, _)| Noise::new(0).bits(0, day.num_days_from_ce().into()));
        let days = days.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>();
        Ok(modified.map(|modified| Found { bytes: render::zip(&days), modified }))
    }

    fn load(&self, day: NaiveDate) -> Result<Option<Arc<MovedDay>>, DayError> {
        if let Some((_, at_hand)) = lock(&self.at_hand).iter().find(|(held, _)| *held == day) {
            return Ok(Some(at_hand.clone()));
        }
        let Some(loaded) = MovedDay::load(&self.source, self.shift, day)?.map(Arc::new) else {
            return Ok(None);
        };
        let mut at_hand = lock(&self.at_hand);
        // The newest days stay: a backfill that reads years must not push out today's.
        at_hand.push((day, loaded.clone()));
        at_hand.sort_by_key(|(day, _)| std::cmp::Reverse(*day));
        at_hand.dedup_by_key(|(day, _)| *day);
        at_hand.truncate(DAYS_AT_HAND);
        Ok(Some(loaded))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is one call on a standard collection: a panic elsewhere left it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
