//! Stamps of feeds without a zone column. In the autumn hour that comes twice only the order of the rows
//! tells which is meant: per series everything after the first step back is EST. "The first time is
//! EDT, the second EST" would be wrong: a stamp off the grid can come in one of the two hours only.

use chrono::NaiveDateTime;
use domain::Timestamp;

use crate::eastern::{self, Zone};

/// How the stamps of a series follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// On the hour: a stamp that comes again is a step back.
    Hourly,
    /// Every few minutes, two in the same minute at times: only an earlier stamp is a step back.
    Minutes,
}

/// Turns the wall clock of one series (a zone, an interface) into instants, in the order of the file.
#[derive(Clone, Copy, Debug)]
pub struct SeriesClock {
    step: Step,
    /// The last stamp within an hour that comes twice.
    ambiguous: Option<NaiveDateTime>,
    stepped_back: bool,
}

impl SeriesClock {
    /// Before the first row.
    pub fn new(step: Step) -> Self {
        Self { step, ambiguous: None, stepped_back: false }
    }

    /// The instant of the next row's stamp; `None` for a time that New York's clocks leave out in spring.
    pub fn read(&mut self, wall: NaiveDateTime) -> Option<Timestamp> {
        let real = |zone| {
            let ts = eastern::to_utc(wall, zone);
            (eastern::wall_clock(ts) == (wall, zone)).then_some(ts)
        };
        let (Some(summer), Some(winter)) = (real(Zone::Edt), real(Zone::Est)) else {
            return real(Zone::Edt).or(real(Zone::Est));
        };
        if let Some(last) = self.ambiguous {
            if last.date() != wall.date() {
                self.stepped_back = false;
            } else if wall < last || (wall == last && self.step == Step::Hourly) {
                self.stepped_back = true;
            }
        }
        self.ambiguous = Some(wall);
        Some(if self.stepped_back { winter } else { summer })
    }
}

/// `MM/DD/YYYY HH:MM`, with seconds or without.
pub(crate) fn wall_clock(stamp: &str) -> Result<NaiveDateTime, String> {
    let stamp = stamp.trim();
    NaiveDateTime::parse_from_str(stamp, "%m/%d/%Y %H:%M:%S")
        .or_else(|_| NaiveDateTime::parse_from_str(stamp, "%m/%d/%Y %H:%M"))
        .map_err(|_| format!("{stamp:?} is no time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(step: Step, stamps: &[&str], utc: &[&str]) {
        let mut clock = SeriesClock::new(step);
        let read: Vec<String> = stamps
            .iter()
            .map(|stamp| match clock.read(wall_clock(stamp).unwrap()) {
                Some(ts) => ts.format("%H:%M").to_string(),
                None => "none".to_owned(),
            })
            .collect();
        assert_eq!(read, utc);
    }

    #[test]
    fn after_the_first_step_back_it_is_winter() {
        check(
            Step::Minutes,
            &[
                "11/02/2025 00:55",
                "11/02/2025 01:00",
                "11/02/2025 01:55",
                "11/02/2025 01:00",
                "11/02/2025 01:07:34",
                "11/02/2025 02:00",
            ],
            &["04:55", "05:00", "05:55", "06:00", "06:07", "07:00"],
        );
    }

    #[test]
    fn a_stamp_that_comes_again_is_a_step_back_of_an_hourly_series_only() {
        let twice = ["11/02/2025 01:00", "11/02/2025 01:00"];
        check(Step::Hourly, &twice, &["05:00", "06:00"]);
        check(Step::Minutes, &twice, &["05:00", "05:00"]);
    }

    #[test]
    fn spring_leaves_an_hour_out() {
        let stamps = ["03/13/2022 01:55", "03/13/2022 02:30", "03/13/2022 03:00"];
        check(Step::Minutes, &stamps, &["06:55", "none", "07:00"]);
    }

    #[test]
    fn the_next_autumn_begins_anew() {
        let mut clock = SeriesClock::new(Step::Hourly);
        for stamp in ["11/03/2024 01:00", "11/03/2024 01:00"] {
            clock.read(wall_clock(stamp).unwrap());
        }
        let next = clock.read(wall_clock("11/02/2025 01:00").unwrap()).unwrap();
        assert_eq!(next.to_rfc3339(), "2025-11-02T05:00:00+00:00");
    }
}
