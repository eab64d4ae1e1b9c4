//! Times as a person in New York types them.

use chrono::{Datelike as _, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use chrono::{TimeZone as _, Weekday};
use chrono_tz::America::New_York;
use domain::Timestamp;

use crate::eastern::{local, say};

/// What a typed time comes to, and what is worth saying about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The instant.
    pub at: Timestamp,
    /// One sentence, where the clock change left a choice.
    pub note: Option<String>,
}

/// What cannot be read as a time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no time: write 07:00, \"tomorrow 07:00\", \"fri 07:00\", \"2026-03-08 07:00\" \
     (New York) or 2026-03-08T12:00:00Z"
)]
pub struct TimeError {
    text: String,
}

/// How the clock change touches a wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It does not.
    None,
    /// The clock skips it.
    Skipped,
    /// It comes twice.
    Repeated,
}

/// The instant at which New York's wall clock shows `wall`. Of a time that comes twice the first; for one
/// that is skipped the moment of the change. So a car is ready in time, whichever was meant.
pub fn eastern_instant(wall: NaiveDateTime) -> (Timestamp, Change) {
    match New_York.from_local_datetime(&wall) {
        LocalResult::Single(at) => (at.to_utc(), Change::None),
        LocalResult::Ambiguous(first, _) => (first.to_utc(), Change::Repeated),
        LocalResult::None => {
            // Up to the first minute that exists again: the change is on a full minute, the gap an hour.
            let minute = wall - TimeDelta::seconds(i64::from(chrono::Timelike::second(&wall)));
            let after = (1..=180)
                .map(|minutes| minute + TimeDelta::minutes(minutes))
                .find_map(|wall| New_York.from_local_datetime(&wall).earliest())
                .expect("the clock skips an hour, not three");
            (after.to_utc(), Change::Skipped)
        }
    }
}

/// Reads a time typed at `now`: RFC 3339, or New York's wall clock as `07:00` (the next one),
/// `today 07:00`, `tomorrow 07:00`, `fri 07:00` (the next one), `2026-03-08 07:00`.
///
/// # Errors
/// When it is none of these.
pub fn time_of(text: &str, now: Timestamp) -> Result<Said, TimeError> {
    let fail = || TimeError { text: text.to_owned() };
    let trimmed = text.trim();
    if let Ok(at) = chrono::DateTime::parse_from_rfc3339(trimmed) {
        return Ok(Said { at: at.to_utc(), note: None });
    }
    let today = local(now).date();
    let (day, clock) = match trimmed.split_once(' ').or_else(|| trimmed.split_once('T')) {
        None => (Day::Next, trimmed),
        Some((day, clock)) => (Day::from_word(day, today).ok_or_else(fail)?, clock.trim()),
    };
    let clock = clock_of(clock).ok_or_else(fail)?;
    let on = |days: u64| (today + Days::new(days)).and_time(clock);
    let wall = match day {
        Day::Date(date) => date.and_time(clock),
        Day::Next => {
            (0..=1).map(on).find(|wall| now < eastern_instant(*wall).0).unwrap_or_else(|| on(1))
        }
        Day::Weekday(weekday) => (0..=7)
            .map(on)
            .find(|wall| wall.weekday() == weekday && now < eastern_instant(*wall).0)
            .ok_or_else(fail)?,
    };
    let (at, change) = eastern_instant(wall);
    let written = wall.format("%Y-%m-%d %H:%M");
    let note = match change {
        Change::None => None,
        Change::Skipped => Some(format!(
            "The clock change skips {written} in New York; {} is meant, when it happens.",
            say(at, now)
        )),
        Change::Repeated => Some(format!(
            "The clock change makes {written} come twice in New York; the first, {}, is meant.",
            say(at, now)
        )),
    };
    Ok(Said { at, note })
}

enum Day {
    Next,
    Date(NaiveDate),
    Weekday(Weekday),
}

impl Day {
    fn from_word(word: &str, today: NaiveDate) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "today" => Some(Self::Date(today)),
            "tomorrow" => Some(Self::Date(today + Days::new(1))),
            word => match word.parse() {
                Ok(weekday) => Some(Self::Weekday(weekday)),
                Err(_) => word.parse().ok().map(Self::Date),
            },
        }
    }
}

fn clock_of(text: &str) -> Option<NaiveTime> {
    ["%H:%M", "%H:%M:%S"].iter().find_map(|format| {
        // chrono takes 23:59:60 for a leap second.
        NaiveTime::parse_from_str(text, format)
            .ok()
            .filter(|time| chrono::Timelike::nanosecond(time) < 1_000_000_000)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Typed on Saturday, March 7, 2026 at 6:30 PM in New York, the eve of the change in spring.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let said = time_of(text, ts("2026-03-07T23:30:00Z")).unwrap();
        assert_eq!((said.at, said.note), (ts(expected), None), "{text}");
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        check("2026-03-08T12:00:00Z", "2026-03-08T12:00:00Z");
        check("2026-03-08T07:00:00-04:00", "2026-03-08T11:00:00Z");
        check("07:00", "2026-03-08T11:00:00Z");
        check("7:00", "2026-03-08T11:00:00Z");
        check("19:00", "2026-03-08T00:00:00Z");
        check("18:30", "2026-03-08T22:30:00Z");
        check("today 19:00", "2026-03-08T00:00:00Z");
        check("Tomorrow 07:00", "2026-03-08T11:00:00Z");
        check("fri 07:00", "2026-03-13T11:00:00Z");
        check("saturday 07:00", "2026-03-14T11:00:00Z");
        check("sat 20:00", "2026-03-08T01:00:00Z");
        check("2026-03-20 07:00", "2026-03-20T11:00:00Z");
        check("2026-03-20T07:00", "2026-03-20T11:00:00Z");
        check(" 2026-03-20 07:00:30 ", "2026-03-20T11:00:30Z");
    }

    #[test]
    fn a_wall_time_that_spring_skips_is_the_moment_of_the_change() {
        for text in ["2026-03-08 02:30", "tomorrow 02:00", "02:59"] {
            let said = time_of(text, ts("2026-03-07T23:30:00Z")).unwrap();
            assert_eq!(said.at, ts("2026-03-08T07:00:00Z"), "{text}");
            let note = said.note.unwrap();
            assert!(note.contains("tomorrow 3 AM EDT is meant"), "{note}");
        }
    }

    #[test]
    fn of_a_wall_time_that_autumn_repeats_the_first_is_meant() {
        let said = time_of("2026-11-01 01:30", ts("2026-10-31T20:00:00Z")).unwrap();
        assert_eq!(said.at, ts("2026-11-01T05:30:00Z"));
        assert_eq!(
            said.note.unwrap(),
            "The clock change makes 2026-11-01 01:30 come twice in New York; the first, tomorrow 1:30 AM \
             EDT, is meant."
        );
    }

    #[test]
    fn what_is_no_time_is_told_with_what_would_be_one() {
        for text in [
            "",
            "soon",
            "25:00",
            "07:60",
            "7",
            "tomorrow",
            "2026-02-30 07:00",
            "2026-03-08",
            "23:59:60",
        ] {
            let error = time_of(text, ts("2026-03-07T23:30:00Z")).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?} is no time: write 07:00")), "{error}");
        }
    }
}
