//! What the agent knows about the grid: the newest reading, the last week, the usual course of a week.

use std::fmt;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::control::{Bounds, Implausible, Live, Moment, Plausibility, Signal, Threshold};
use domain::profile::Profile;
use domain::series::{Sample, Window};
use domain::units::CarbonIntensity;
use domain::week::WEEK;
use domain::wire::{CarbonNow, CarbonSeries, Origin};
use tracing::{info, warn};

use crate::eastern::hour_of_week;
use crate::store::{LEARNED, Store};

/// A stamp so far ahead of a trusted clock is no stamp: it would shut out every true one after it.
const AHEAD: TimeDelta = TimeDelta::minutes(10);

/// A series fills a hole of our own history that is at least this long: twice the slowest regular cadence.
const HOLE: TimeDelta = TimeDelta::minutes(30);

/// A feed that has just started sends today and yesterday in one go.
const LONGEST_CATCH_UP: TimeDelta = TimeDelta::days(3);

/// Played-back data whose time is further from ours than this are looked up by their own time.
const PLAYED_BACK: TimeDelta = TimeDelta::hours(1);

/// The grid as the agent knows it.
pub struct Grid {
    store: Store,
    threshold: Threshold,
    accept_demo: bool,
    stale_after: TimeDelta,
    origin: Origin,
    newest: Option<Newest>,
    /// The newest that is believed.
    believed: Option<Newest>,
    /// Of the feed, and of NYISO itself: each is one stream.
    plausibility: Plausibility,
    own_plausibility: Plausibility,
    /// The newest of NYISO itself that was judged.
    own_judged: Option<Timestamp>,
    week: Window,
    bounds: Option<Bounds>,
    profile: Profile,
    learned: Option<Timestamp>,
}

/// Which way a reading came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The feed.
    Feed,
    /// NYISO's own files, read by this agent.
    Nyiso,
    /// From before the restart, out of the store.
    Memory,
}

impl Via {
    /// Its word in the status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Feed => "feed",
            Self::Nyiso => "nyiso",
            Self::Memory => "memory",
        }
    }
}

/// The newest reading, and when it came.
#[derive(Clone, Copy, Debug)]
pub struct Newest {
    /// End of its interval.
    pub ts: Timestamp,
    /// Which way it came.
    pub via: Via,
    /// Average, production, direct; `None` when it cannot be true.
    pub believed: Option<CarbonIntensity>,
    /// Marginal, direct, state-wide, g/kWh; `None` where the reading does not tell.
    pub marginal: Option<f64>,
    /// When it came.
    pub arrived: Moment,
    /// It was news when it came, not what the broker had kept.
    pub fresh_off_the_wire: bool,
}

/// What became of a reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Taken {
    /// It is the newest now.
    Newest,
    /// It corrects history.
    Revised,
}

/// Why a reading was not taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Refused {
    /// It is the newest already: the retained snapshot came again.
    Known,
    /// Older than the newest, and no correction.
    Older,
    /// From a time that has not been yet.
    Ahead,
    /// Played back or made up, and a real contactor is not moved for that.
    Demo(Origin),
    /// Some fuels are missing from it.
    Incomplete,
    /// It cannot be true.
    Implausible(Implausible),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known => f.write_str("it is known already"),
            Self::Older => f.write_str("it is older than the newest"),
            Self::Ahead => f.write_str("its time has not been yet"),
            Self::Demo(origin) => write!(f, "it is {origin} data (see feed.accept_demo)"),
            Self::Incomplete => f.write_str("some fuels are missing from it"),
            Self::Implausible(why) => why.fmt(f),
        }
    }
}

impl Grid {
    /// What `store` remembers; of the live series, until something else is heard.
    pub fn new(
        store: Store,
        threshold: Threshold,
        accept_demo: bool,
        stale_after: TimeDelta,
        now: Moment,
    ) -> Self {
        let mut grid = Self {
            store,
            threshold,
            accept_demo,
            stale_after,
            origin: Origin::Nyiso,
            newest: None,
            believed: None,
            plausibility: Plausibility::default(),
            own_plausibility: Plausibility::default(),
            own_judged: None,
            week: Window::new(WEEK),
            bounds: None,
            profile: Profile::of([], hour_of_week),
            learned: None,
        };
        grid.remember(Origin::Nyiso);
        // The last reading before a restart is as good as it was.
        grid.newest = grid.week.newest().and_then(|sample| {
            let believed = Some(CarbonIntensity::from_grams_per_kwh(sample.grams_per_kwh)?);
            let fresh_off_the_wire = false;
            Some(Newest {
                ts: sample.ts,
                via: Via::Memory,
                believed,
                marginal: None,
                arrived: now,
                fresh_off_the_wire,
            })
        });
        grid.believed = grid.newest;
        grid
    }

    /// Where the data come from that are decided by.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Whether recorded and generated data may move the contactor.
    pub fn accepts_demo(&self) -> bool {
        self.accept_demo
    }

    /// The newest reading.
    pub fn newest(&self) -> Option<&Newest> {
        self.newest.as_ref()
    }

    /// The readings of the last week, of the origin that is decided by.
    pub fn week(&self) -> &Window {
        &self.week
    }

    /// Hours of history behind the usual course.
    pub fn hours_learned(&self) -> f64 {
        self.profile.hours()
    }

    /// The latest moment that live data prove to have been.
    pub fn proven(&self) -> Option<Timestamp> {
        match self.origin {
            Origin::Nyiso => self.week.newest().map(|sample| sample.ts),
            Origin::Recorded | Origin::Generated => None,
        }
    }

    /// A reading that has just been sent has a stamp that fits the clock: two who do not know each other
    /// agree on the time.
    pub fn vouches_for(&self, now: Timestamp) -> bool {
        self.origin == Origin::Nyiso
            && self.newest.is_some_and(|newest| {
                newest.fresh_off_the_wire
                    && (-AHEAD..=self.stale_after).contains(&(now - newest.ts))
            })
    }

    /// Takes a reading of the feed in, or says why not. `retained`: the broker had kept it. `trusted`: the
    /// clock is.
    ///
    /// # Errors
    /// [`Refused`] says why.
    pub fn take(
        &mut self,
        reading: &CarbonNow,
        retained: bool,
        now: Moment,
        trusted: bool,
    ) -> Result<Taken, Refused> {
        self.take_via(Via::Feed, reading, !retained, now, trusted)
    }

    /// The same with a reading out of NYISO's own files. It says nothing about the clock: whoever asks for
    /// yesterday's file gets one that fits yesterday.
    ///
    /// # Errors
    /// [`Refused`] says why.
    pub fn take_own(
        &mut self,
        reading: &CarbonNow,
        now: Moment,
        trusted: bool,
    ) -> Result<Taken, Refused> {
        self.take_via(Via::Nyiso, reading, false, now, trusted)
    }

    fn take_via(
        &mut self,
        via: Via,
        reading: &CarbonNow,
        fresh_off_the_wire: bool,
        now: Moment,
        trusted: bool,
    ) -> Result<Taken, Refused> {
        let ahead = |ts: Timestamp| trusted && now.wall + AHEAD < ts;
        if reading.origin == Origin::Nyiso && ahead(reading.ts) {
            return Err(Refused::Ahead);
        }
        self.admit(reading.origin, now.wall)?;
        if !reading.complete {
            return Err(Refused::Incomplete);
        }
        let intensity = CarbonIntensity::from_grams_per_kwh(reading.value)
            .expect("bounds were checked at the door");
        let sample = Sample { ts: reading.ts, grams_per_kwh: reading.value };
        let marginal = reading.marginal.filter(|grams| grams.is_finite());
        let arrived = now;
        let ts = reading.ts;
        // Of NYISO itself also what the feed has told: a day that stands still shows at the first look.
        let own = (via == Via::Nyiso && self.own_judged < Some(ts)).then(|| {
            self.own_judged = Some(ts);
            self.own_plausibility.judge(sample)
        });
        // What one source says and nobody believes does not shut out the other.
        let is_rival = |newest: &Newest| newest.believed.is_none() && newest.via != via;
        let newest =
            if self.newest.as_ref().is_some_and(is_rival) { self.believed } else { self.newest };
        // A stamp that was taken while the clock was wrong must not shut out the true ones.
        let newest = newest.filter(|newest| self.origin != Origin::Nyiso || !ahead(newest.ts));
        if let Some(newest) = newest
            && ts <= newest.ts
        {
            return match (reading.revised, ts == newest.ts) {
                (true, is_newest) => {
                    self.keep(sample);
                    self.keep_marginal(ts, marginal);
                    if is_newest {
                        self.set_newest(Newest { believed: Some(intensity), marginal, ..newest });
                    }
                    self.compare();
                    Ok(Taken::Revised)
                }
                (false, true) => Err(Refused::Known),
                (false, false) => Err(Refused::Older),
            };
        }
        let judged = match via {
            // Judged before, and not believed then.
            Via::Nyiso => own.ok_or(Refused::Known)?,
            Via::Feed | Via::Memory => self.plausibility.judge(sample),
        };
        let believed = judged.is_ok().then_some(intensity);
        // What is not believed takes nothing away from the other source either.
        if believed.is_some() || newest.is_none_or(|newest| newest.via == via) {
            self.set_newest(Newest { ts, via, believed, marginal, arrived, fresh_off_the_wire });
        }
        judged.map_err(Refused::Implausible)?;
        self.keep(sample);
        self.keep_marginal(ts, marginal);
        self.compare();
        self.learn_hourly();
        Ok(Taken::Newest)
    }

    fn set_newest(&mut self, newest: Newest) {
        self.newest = Some(newest);
        if newest.believed.is_some() {
            self.believed = Some(newest);
        }
    }

    /// Fills holes of our own history with a series of the feed. Gives the number of readings taken.
    pub fn fill(&mut self, series: &CarbonSeries, now: Moment, trusted: bool) -> usize {
        if self.admit(series.origin, now.wall).is_err() {
            return 0;
        }
        let (Some(first), Some(last)) = (series.ts.first(), series.ts.last()) else { return 0 };
        let known = self.store.readings(self.origin, *last + HOLE);
        let known = &known[known.partition_point(|sample| sample.ts < *first - HOLE)..];
        let is_in_hole = |ts: Timestamp| {
            let next = known.partition_point(|sample| sample.ts < ts);
            let before = next.checked_sub(1).map(|before| known[before].ts);
            let after = known.get(next).map(|sample| sample.ts);
            after != Some(ts)
                && before.zip(after).is_none_or(|(before, after)| HOLE <= after - before)
        };
        let ahead =
            |ts: Timestamp| series.origin == Origin::Nyiso && trusted && now.wall + AHEAD < ts;
        let holes: Vec<Sample> = series
            .ts
            .iter()
            .zip(&series.values)
            .filter(|(ts, _)| !ahead(**ts) && is_in_hole(**ts))
            .map(|(ts, value)| Sample { ts: *ts, grams_per_kwh: *value })
            .collect();
        for sample in &holes {
            self.keep(*sample);
        }
        if !holes.is_empty() {
            self.compare();
            self.learn();
            info!(
                readings = holes.len(),
                hours_known = self.hours_learned().round(),
                "filled history"
            );
        }
        holes.len()
    }

    /// What is known at `now`, for a decision; `usual` must come from [`Grid::usual`].
    pub fn signal<'a>(
        &self,
        now: Moment,
        usual: &'a dyn Fn(Timestamp) -> Option<CarbonIntensity>,
    ) -> Signal<'a> {
        let live = self.newest.and_then(|newest| {
            // A stand-in stamps by our clock, and what is hours old is a catch-up; unless it plays faster than
            // time or of another year: such a reading is as old as its arrival.
            let by_stamp = (-AHEAD..=LONGEST_CATCH_UP).contains(&(now.wall - newest.ts));
            let played_back = self.origin != Origin::Nyiso && !by_stamp;
            let age = if played_back {
                now.at_least_since(&newest.arrived)
            } else {
                (now.wall - newest.ts).to_std().unwrap_or_default()
            };
            Some(Live { ts: newest.ts, age, intensity: newest.believed? })
        });
        Signal { live, bounds: self.bounds, forecast: None, usual }
    }

    /// The usual intensity at a time, by the agent's own history.
    pub fn usual(&self) -> impl Fn(Timestamp) -> Option<CarbonIntensity> + '_ {
        let shift = match (self.origin, self.newest) {
            (Origin::Recorded | Origin::Generated, Some(newest)) => {
                let shift = newest.ts - newest.arrived.wall;
                if PLAYED_BACK < shift.abs() { shift } else { TimeDelta::zero() }
            }
            _ => TimeDelta::zero(),
        };
        move |ts| {
            let ts = ts.checked_add_signed(shift)?;
            self.profile.usual(hour_of_week(ts)).map(|(usual, _)| usual)
        }
    }

    /// Lets data of `origin` in, and turns to its history when it is another than before.
    fn admit(&mut self, origin: Origin, now: Timestamp) -> Result<(), Refused> {
        if origin == self.origin {
            return Ok(());
        }
        let live_is_fresh = self.origin == Origin::Nyiso
            && self.newest.is_some_and(|newest| now - newest.ts <= self.stale_after);
        if origin != Origin::Nyiso && (!self.accept_demo || live_is_fresh) {
            return Err(Refused::Demo(origin));
        }
        match origin {
            Origin::Nyiso => info!("the feed is live"),
            Origin::Recorded => warn!("the feed plays back recorded data: what follows is a demo"),
            Origin::Generated => warn!("the feed is made up: what follows is a demo"),
        }
        self.remember(origin);
        Ok(())
    }

    fn remember(&mut self, origin: Origin) {
        self.origin = origin;
        self.newest = None;
        self.believed = None;
        self.plausibility = Plausibility::default();
        self.own_plausibility = Plausibility::default();
        self.own_judged = None;
        self.week = Window::new(WEEK);
        self.profile = Profile::of([], hour_of_week);
        self.learned = None;
        if let Some(newest) = self.store.newest(origin) {
            for sample in self.store.readings(origin, newest) {
                self.week.insert(sample);
            }
        }
        self.compare();
        self.learn();
    }

    fn keep(&mut self, sample: Sample) {
        self.week.insert(sample);
        if let Err(error) = self.store.keep_reading(self.origin, sample) {
            warn!("a reading could not be kept: {error}");
        }
    }

    /// For the ledger's sake; nothing is decided by it.
    fn keep_marginal(&self, ts: Timestamp, marginal: Option<f64>) {
        let Some(grams_per_kwh) = marginal else { return };
        let kept = self.store.keep_marginal(self.origin, Sample { ts, grams_per_kwh });
        if let Err(error) = kept {
            warn!("a marginal rate could not be kept: {error}");
        }
    }

    fn compare(&mut self) {
        self.bounds = self.threshold.bounds(&self.week);
    }

    fn learn_hourly(&mut self) {
        let newest = self.week.newest().map(|sample| sample.ts);
        if newest.zip(self.learned).is_none_or(|(newest, at)| TimeDelta::hours(1) <= newest - at) {
            self.learn();
        }
    }

    fn learn(&mut self) {
        let Some(newest) = self.week.newest() else { return };
        debug_assert!(WEEK <= LEARNED, "the week is part of what is learned");
        self.profile = Profile::of(self.store.readings(self.origin, newest.ts), hour_of_week);
        self.learned = Some(newest.ts);
    }
}
