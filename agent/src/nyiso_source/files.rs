//! Which of NYISO's files a look needs, and what became of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{Days, NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::fuel_mix::FuelMix;
use domain::wire::Origin;
use domain::zone::LoadZone;
use nyiso::client::{Client, ClientConfig, FetchError, Fetched, Validators};
use nyiso::{eastern, fuel_mix, path};
use tracing::{debug, warn};

use super::day_ahead::{Ahead, DayAhead, Kind};
use super::intensities::{Found, Intensities};
use crate::actuator::chain;

/// So much own history makes a week of files needless, hours.
const ENOUGH_HOURS: f64 = 144.0;

/// NYISO keeps daily files for 7 to 14 days.
const OLDEST: Days = Days::new(7);

/// Yesterday's file gains its last row after midnight.
const YESTERDAY_GROWS: TimeDelta = TimeDelta::minutes(60);

/// The new day's file appears 10 to 20 minutes after Eastern midnight.
const TODAY_IS_LATE: TimeDelta = TimeDelta::minutes(30);

/// Instants further ahead of the clock than this say that the clock is wrong.
const AHEAD: TimeDelta = TimeDelta::minutes(10);

/// What the agent knows already.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Known {
    /// The newest reading that is believed.
    pub newest: Option<Timestamp>,
    /// Hours of own history.
    pub hours: f64,
}

/// Why a look brought nothing, or not all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// Tells one outage from the next.
    pub(super) kind: &'static str,
    /// In one sentence.
    pub(super) text: String,
    /// How long the server asks to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl Trouble {
    fn new(kind: &'static str, text: String) -> Self {
        Self { kind, text, retry_after: None }
    }
}

/// NYISO's daily files, from the first look of a spell of reading to the last.
pub(super) struct Files {
    config: ClientConfig,
    /// Built at the first look: certificates take memory that an agent with a feed can do without.
    client: Option<Client>,
    intensities: Intensities,
    day_ahead: Option<DayAhead>,
    /// Day-ahead files that are in trouble: said once.
    day_ahead_said: BTreeSet<(Kind, &'static str)>,
    /// Past days that are still to be read; `None` before the first look.
    owed: Option<Vec<NaiveDate>>,
    validators: BTreeMap<NaiveDate, Validators>,
    hashes: BTreeMap<NaiveDate, [u8; 32]>,
    /// How far the present of a stand-in is ahead of our clock; it may play faster than time.
    ahead: TimeDelta,
}

impl Files {
    /// Prices and marginal rates are read of `zone`, where one is given.
    pub(super) fn new(config: ClientConfig, zone: Option<LoadZone>) -> Self {
        Self {
            config,
            client: None,
            intensities: Intensities::new(Origin::Nyiso),
            day_ahead: zone.map(DayAhead::new),
            day_ahead_said: BTreeSet::new(),
            owed: None,
            validators: BTreeMap::new(),
            hashes: BTreeMap::new(),
            ahead: TimeDelta::zero(),
        }
    }

    /// One look at every file that can tell something new at `now`, by a clock that is trusted. What is
    /// wrong with one file does not hold back the others.
    pub(super) async fn look(
        &mut self,
        clock: Timestamp,
        known: Known,
    ) -> (Found, Option<Trouble>) {
        let now = clock + self.ahead;
        let today = eastern::day_of(now);
        let owed = self.owed.get_or_insert_with(|| past_days(today, known)).clone();
        let yesterday =
            today.pred_opt().filter(|_| now - eastern::midnight(today) < YESTERDAY_GROWS);
        // Today first: it is what is decided by.
        let mut days: Vec<NaiveDate> = owed.into_iter().chain(yesterday).chain([today]).collect();
        days.sort_by_key(|day| std::cmp::Reverse(*day));
        days.dedup();
        let mut mixes: BTreeMap<Timestamp, FuelMix> = BTreeMap::new();
        let mut read = Vec::new();
        let mut trouble: Option<Trouble> = None;
        for day in days {
            match self.fetch(day, clock).await {
                Ok(Some((file, fetched))) => {
                    mixes.extend(file.into_iter().map(|mix| (mix.ts, mix)));
                    read.push((day, fetched));
                    self.pay(day);
                }
                Ok(None) => self.pay(day),
                Err(Failure::NotThere(_)) if day < today => {
                    debug!(%day, "NYISO has no file of this day");
                    self.pay(day);
                }
                Err(Failure::NotThere(_)) if now - eastern::midnight(today) < TODAY_IS_LATE => {
                    debug!(%day, "the file of the new day is not there yet");
                }
                Err(Failure::NotThere(failed) | Failure::Other(failed)) => {
                    // Only a file of its own fault says nothing about the others. Who cannot be reached
                    // or wants to be left alone is not asked for more.
                    let is_of_the_file =
                        ["unreadable", "truncated", "too-large", "encoding"].contains(&failed.kind);
                    trouble = trouble.or(Some(failed));
                    if !is_of_the_file {
                        break;
                    }
                }
            }
        }
        let mixes: Vec<FuelMix> = mixes.into_values().collect();
        let last = mixes.iter().rev().find(|mix| mix.is_complete()).map(|mix| mix.ts);
        if let Some(last) = last.filter(|last| now + AHEAD < *last) {
            // Yesterday's file would look live to a clock that is a day behind.
            let text = format!("NYISO's file tells of {last}, so this clock ({now}) is wrong");
            self.owed = None;
            return (Found::default(), Some(Trouble::new("clock", text)));
        }
        let found = self.intensities.take(&mixes, now);
        if !found.held_back {
            for (day, fetched) in read {
                self.validators.insert(day, fetched.validators);
                self.hashes.insert(day, fetched.hash);
            }
        }
        self.validators.retain(|day, _| today <= *day + Days::new(1));
        self.hashes.retain(|day, _| today <= *day + Days::new(1));
        (found, trouble)
    }

    /// Asks for what NYISO says of the days ahead, after a look at the fuel mix that went well. Trouble here
    /// is said once and holds up nothing.
    pub(super) async fn look_ahead(&mut self, clock: Timestamp) -> Ahead {
        let now = clock + self.ahead;
        let Some(mut day_ahead) = self.day_ahead.take() else { return Ahead::default() };
        for file in day_ahead.due(now) {
            let (kind, day) = file;
            let path = kind.path(day);
            let trouble = match self.client() {
                Err(trouble) => Some(trouble),
                Ok(client) => match client.fetch(&path).await {
                    Ok(fetched) if fetched.origin != self.intensities.origin() => Some(
                        Trouble::new("foreign", format!("{path}: it is {} data", fetched.origin)),
                    ),
                    Ok(fetched) => day_ahead
                        .take(file, &fetched.body)
                        .err()
                        .map(|error| Trouble::new("unreadable", format!("{path}: {error:#}"))),
                    Err(FetchError::NotFound { url }) => {
                        debug!(url, "not there yet");
                        continue;
                    }
                    Err(error) => Some(Trouble::new(error.kind(), chain(&error))),
                },
            };
            match trouble {
                None => self.day_ahead_said.retain(|(said, _)| *said != kind),
                Some(trouble) if self.day_ahead_said.insert((kind, trouble.kind)) => {
                    warn!("a day-ahead file of NYISO's cannot be read: {}", trouble.text);
                }
                Some(_) => {}
            }
        }
        let ahead = day_ahead.say(now, self.intensities.origin());
        self.day_ahead = Some(day_ahead);
        ahead
    }

    fn client(&mut self) -> Result<&Client, Trouble> {
        if self.client.is_none() {
            let client = Client::new(self.config.clone());
            self.client = Some(client.map_err(|error| Trouble::new("tls", chain(&error)))?);
        }
        Ok(self.client.as_ref().expect("it was built"))
    }

    fn pay(&mut self, day: NaiveDate) {
        if let Some(owed) = &mut self.owed {
            owed.retain(|owed| *owed != day);
        }
    }

    /// The instants of a day's file; `None` when it is the one that was read before.
    async fn fetch(
        &mut self,
        day: NaiveDate,
        clock: Timestamp,
    ) -> Result<Option<(Vec<FuelMix>, Fetched)>, Failure> {
        let validators = self.validators.get(&day).cloned().unwrap_or_default();
        let client = self.client()?;
        let url = client.url(&path::fuel_mix_day(day));
        let mut fetched = match client.fetch_newer(&path::fuel_mix_day(day), &validators).await {
            Ok(Some(fetched)) => fetched,
            Ok(None) => return Ok(None),
            Err(error) => return Err(Failure::of(&error)),
        };
        if let Some(present) = fetched.now.filter(|_| fetched.origin != Origin::Nyiso) {
            self.ahead = present - clock;
        }
        if fetched.origin != self.intensities.origin() {
            // Another stand-in, or none: what was seen before is of another world.
            self.intensities = Intensities::new(fetched.origin);
            self.hashes.clear();
        }
        if self.hashes.get(&day) == Some(&fetched.hash) {
            return Ok(None);
        }
        let file = fuel_mix::parse(&fetched.body)
            .map_err(|error| Trouble::new("unreadable", format!("{url}: {}", chain(&error))))?;
        for oddity in &file.oddities {
            debug!(%day, %oddity, "odd row");
        }
        fetched.body = Vec::new();
        Ok(Some((file.mixes, fetched)))
    }
}

/// The past days that the first look reads, oldest first: a week where there is little history, else from the
/// newest reading on, and yesterday in any case.
fn past_days(today: NaiveDate, known: Known) -> Vec<NaiveDate> {
    let oldest = today - OLDEST;
    let yesterday = today - Days::new(1);
    let first = match known.newest {
        Some(newest) if ENOUGH_HOURS <= known.hours => {
            eastern::day_of(newest).clamp(oldest, yesterday)
        }
        _ => oldest,
    };
    first.iter_days().take_while(|day| *day <= yesterday).collect()
}

enum Failure {
    NotThere(Trouble),
    Other(Trouble),
}

impl Failure {
    fn of(error: &FetchError) -> Self {
        let (kind, retry_after) = (error.kind(), error.retry_after());
        let trouble = Trouble { kind, text: chain(error), retry_after };
        match error {
            FetchError::NotFound { .. } => Self::NotThere(trouble),
            _ => Self::Other(trouble),
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Other(trouble)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(newest: Option<&str>, hours: f64, expected: &[&str]) {
        let newest = newest.map(|ts| ts.parse().unwrap());
        let days = past_days("2026-03-10".parse().unwrap(), Known { newest, hours });
        let days: Vec<String> = days.iter().map(NaiveDate::to_string).collect();
        assert_eq!(days, expected);
    }

    #[test]
    fn a_new_agent_reads_a_week_and_one_with_history_what_it_lacks() {
        let week = [
            "2026-03-03",
            "2026-03-04",
            "2026-03-05",
            "2026-03-06",
            "2026-03-07",
            "2026-03-08",
            "2026-03-09",
        ];
        check(None, 0.0, &week);
        check(Some("2026-03-10T12:00:00Z"), 20.0, &week);
        check(Some("2026-03-10T12:00:00Z"), 168.0, &week[6..]);
        check(Some("2026-03-08T12:00:00Z"), 168.0, &week[5..]);
        check(Some("2026-01-01T12:00:00Z"), 1000.0, &week);
        // A clock that was wrong once.
        check(Some("2027-01-01T12:00:00Z"), 1000.0, &week[6..]);
    }
}
