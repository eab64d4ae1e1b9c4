//! How fresh a feed is, and why it is not. Pure.
//!
//! What comes every five minutes is told by its age; what is posted for days ahead, by the days that it covers.

use chrono::{NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::wire::FeedState;
use nyiso::eastern;
use nyiso::interface_flows::FUTURE_SLACK;

use super::content::Content;
use super::kind::{Kind, minutes_of_day};

/// What comes every five minutes is late when its newest is older than this.
const FRESH: TimeDelta = TimeDelta::minutes(20);

/// Just after Eastern midnight the file of the new day comes late, at 00:10 to 00:20.
const FRESH_AT_MIDNIGHT: TimeDelta = TimeDelta::minutes(30);

/// And no news any more when it is older than this.
const STALE: TimeDelta = TimeDelta::minutes(60);

/// By then, in minutes of the Eastern day, tomorrow's file is overdue: the load forecast is posted at about
/// 07:05, the day-ahead market at about 11:00.
const LOAD_FORECAST_DUE: u32 = 12 * 60;
const DAY_AHEAD_DUE: u32 = 14 * 60;

/// What is held of a feed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Facts {
    /// The newest instant of what comes every five minutes.
    live: Option<Timestamp>,
    /// Start of the last hour that is known ahead.
    until: Option<Timestamp>,
    /// Start of the newest such hour that has begun.
    begun: Option<Timestamp>,
    /// The date of the newest load forecast, and its first hour.
    forecast: Option<(NaiveDate, Timestamp)>,
}

impl Facts {
    /// What `contents` come to at `now`.
    pub fn of(contents: &[&Content], now: Timestamp) -> Self {
        let mut facts = Self::default();
        for content in contents {
            match content {
                Content::Flows(file) => {
                    let seen = file.instants.iter().map(|instant| instant.ts);
                    facts.live = facts.live.max(seen.filter(|ts| *ts <= now + FUTURE_SLACK).max());
                }
                Content::Load(file) => {
                    let first = file.hours.first().map(|(hour, _)| (file.day, *hour));
                    facts.forecast = facts.forecast.max(first);
                }
                Content::RealTime(zones) => {
                    let seen = zones.values().filter_map(|values| values.range(..=now).next_back());
                    facts.live = facts.live.max(seen.map(|(ts, _)| *ts).max());
                }
                Content::DayAhead(zones) => {
                    for values in zones.values() {
                        let last = values.keys().next_back().copied();
                        let begun = values.range(..=now).next_back().map(|(ts, _)| *ts);
                        facts.until = facts.until.max(last);
                        facts.begun = facts.begun.max(begun);
                    }
                }
            }
        }
        facts
    }

    /// The newest instant that is known of: never one to come.
    pub fn newest(&self, now: Timestamp) -> Option<Timestamp> {
        let live = self.live.filter(|ts| now - *ts <= STALE);
        let ahead = self.begun.map(|hour| (hour + TimeDelta::hours(1)).min(now));
        let forecast = self.forecast.map(|(_, first)| first.min(now));
        live.or(ahead.max(forecast).max(self.live)).map(|newest| newest.min(now))
    }

    /// The state of the feed and the reason for it, in one or two sentences; empty when it is fresh.
    /// `trouble` is why the last try failed, if it did.
    pub fn state(&self, kind: Kind, now: Timestamp, trouble: Option<&str>) -> (FeedState, String) {
        let (state, reason) = match kind {
            Kind::Flows => self.live(now),
            Kind::LoadForecast => self.load_forecast(now),
            Kind::Marginal | Kind::Price => self.zones(now),
        };
        let tried = trouble.map(|reason| format!("The last try failed: {reason}."));
        match (state, tried) {
            (FeedState::Fresh, Some(tried)) => (FeedState::Late, tried),
            (state, Some(tried)) => (state, format!("{reason} {tried}")),
            (FeedState::Gone, None) if self == &Self::default() => {
                (FeedState::Gone, "NYISO has published nothing yet.".to_owned())
            }
            (state, None) => (state, reason),
        }
    }

    fn live(&self, now: Timestamp) -> (FeedState, String) {
        let Some(newest) = self.live else {
            return (FeedState::Gone, "Nothing has arrived yet.".to_owned());
        };
        let age = now - newest;
        let fresh = if minutes_of_day(now) < 30 { FRESH_AT_MIDNIGHT } else { FRESH };
        let state = match () {
            () if age > STALE => FeedState::Gone,
            () if age > fresh => FeedState::Late,
            () => return (FeedState::Fresh, String::new()),
        };
        (state, format!("The newest value is {} minutes old.", age.num_minutes()))
    }

    fn load_forecast(&self, now: Timestamp) -> (FeedState, String) {
        let Some((newest, _)) = self.forecast else {
            return (FeedState::Gone, "Nothing has arrived yet.".to_owned());
        };
        let today = eastern::day_of(now);
        let overdue = newest == today && LOAD_FORECAST_DUE <= minutes_of_day(now);
        if newest < today || overdue {
            return (FeedState::Late, format!("The newest load forecast is that of {newest}."));
        }
        (FeedState::Fresh, String::new())
    }

    fn zones(&self, now: Timestamp) -> (FeedState, String) {
        let (live, reason) = self.live(now);
        let covered = self.begun.is_some_and(|hour| now < hour + TimeDelta::hours(1));
        if !covered {
            let ahead = match self.until {
                None => "No day-ahead hours have arrived yet.".to_owned(),
                Some(_) => "No day-ahead value covers this hour.".to_owned(),
            };
            return match live {
                FeedState::Fresh => (FeedState::Late, ahead),
                state => (state, reason),
            };
        }
        if live != FeedState::Fresh {
            let now_is =
                if self.live.is_some() { reason } else { "Nothing in real time.".to_owned() };
            return (FeedState::Late, format!("{now_is} Day-ahead hours go on."));
        }
        let tomorrow = eastern::day_of(now).succ_opt().map(eastern::midnight);
        if DAY_AHEAD_DUE <= minutes_of_day(now) && self.until < tomorrow {
            return (FeedState::Late, "The day-ahead hours of tomorrow are overdue.".to_owned());
        }
        (FeedState::Fresh, String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 12:00 in New York.
    const NOON: &str = "2026-03-10T16:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn ago(minutes: i64) -> Option<Timestamp> {
        Some(at(NOON) - TimeDelta::minutes(minutes))
    }

    #[track_caller]
    fn check(kind: Kind, facts: &Facts, now: &str, state: FeedState, reason: &str) {
        assert_eq!(facts.state(kind, at(now), None), (state, reason.to_owned()));
    }

    #[test]
    fn flows_go_by_their_age_with_more_patience_at_midnight() {
        let aged = |live| Facts { live, ..Facts::default() };
        let none = "NYISO has published nothing yet.";
        check(Kind::Flows, &Facts::default(), NOON, FeedState::Gone, none);
        check(Kind::Flows, &aged(ago(20)), NOON, FeedState::Fresh, "");
        check(
            Kind::Flows,
            &aged(ago(21)),
            NOON,
            FeedState::Late,
            "The newest value is 21 minutes old.",
        );
        check(
            Kind::Flows,
            &aged(ago(61)),
            NOON,
            FeedState::Gone,
            "The newest value is 61 minutes old.",
        );
        let before_midnight = Some(at("2026-03-11T03:55:00Z"));
        check(Kind::Flows, &aged(before_midnight), "2026-03-11T04:20:00Z", FeedState::Fresh, "");
    }

    #[test]
    fn a_load_forecast_goes_by_its_date() {
        let dated = |day: &str| {
            let day: NaiveDate = day.parse().unwrap();
            Facts { forecast: Some((day, eastern::midnight(day))), ..Facts::default() }
        };
        let check = |day, now, state, reason| {
            check(Kind::LoadForecast, &dated(day), now, state, reason);
        };
        check("2026-03-10", "2026-03-10T15:59:00Z", FeedState::Fresh, "");
        let today = "The newest load forecast is that of 2026-03-10.";
        check("2026-03-10", NOON, FeedState::Late, today);
        check("2026-03-11", NOON, FeedState::Fresh, "");
        let old = "The newest load forecast is that of 2026-03-09.";
        check("2026-03-09", "2026-03-10T04:01:00Z", FeedState::Late, old);
        assert_eq!(dated("2026-03-11").newest(at(NOON)), ago(0), "never of the future");
    }

    #[test]
    fn each_half_of_a_zones_feed_is_told_of() {
        let facts = |live, begun, until: &str| Facts {
            live,
            begun,
            until: Some(at(until)),
            ..Facts::default()
        };
        let (today, tomorrow) = ("2026-03-11T03:00:00Z", "2026-03-12T03:00:00Z");
        let check = |facts: &Facts, now, state, reason| {
            check(Kind::Marginal, facts, now, state, reason);
        };
        check(&facts(ago(5), ago(0), today), NOON, FeedState::Fresh, "");
        let silent = "Nothing in real time. Day-ahead hours go on.";
        check(&facts(None, ago(0), today), NOON, FeedState::Late, silent);
        let old = "The newest value is 90 minutes old. Day-ahead hours go on.";
        check(&facts(ago(90), ago(0), today), NOON, FeedState::Late, old);
        let uncovered = "No day-ahead value covers this hour.";
        check(&facts(ago(5), ago(60), today), NOON, FeedState::Late, uncovered);
        let alone = Facts { live: ago(5), ..Facts::default() };
        check(&alone, NOON, FeedState::Late, "No day-ahead hours have arrived yet.");
        let afternoon = "2026-03-10T18:00:00Z";
        let live = Some(at("2026-03-10T17:55:00Z"));
        let overdue = "The day-ahead hours of tomorrow are overdue.";
        check(&facts(live, Some(at(afternoon)), today), afternoon, FeedState::Late, overdue);
        check(&facts(live, Some(at(afternoon)), tomorrow), afternoon, FeedState::Fresh, "");
    }

    #[test]
    fn a_failure_is_told_beside_what_still_holds() {
        let facts = Facts { live: ago(5), ..Facts::default() };
        let failed = Some("status 500");
        let reason = |facts: &Facts| facts.state(Kind::Flows, at(NOON), failed);
        assert_eq!(
            reason(&facts),
            (FeedState::Late, "The last try failed: status 500.".to_owned())
        );
        assert_eq!(
            reason(&Facts::default()),
            (
                FeedState::Gone,
                "Nothing has arrived yet. The last try failed: status 500.".to_owned()
            )
        );
    }

    #[test]
    fn the_newest_is_what_tells_best_that_the_feed_lives() {
        let facts = Facts { live: ago(10), begun: ago(30), ..Facts::default() };
        assert_eq!(facts.newest(at(NOON)), ago(10));
        let facts = Facts { live: ago(90), begun: ago(30), ..Facts::default() };
        assert_eq!(facts.newest(at(NOON)), ago(0), "the hour that runs");
        let facts = Facts { live: ago(90), begun: ago(300), ..Facts::default() };
        assert_eq!(facts.newest(at(NOON)), ago(90));
    }
}
