//! What was published, kept to be held against what came.

use crate::forecast::HORIZON;
use crate::forecast::calendar::Hour;
use crate::forecast::model::Quantiles;
use crate::forecast::skill::{DAYS, Skill};

/// One published forecast, by the hour.
#[derive(Clone, Debug, PartialEq)]
pub struct Issued {
    /// The first hour: the one that began when it was issued.
    pub from: Hour,
    /// [`HORIZON`] hours.
    pub hours: Vec<Quantiles>,
}

/// How published forecasts compare with what came.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Errors and coverage by day ahead.
    pub skill: Skill,
    /// Forecast hours that were scored, by day ahead.
    pub hours: [u32; DAYS],
    /// First and last hour that was forecast and has come.
    pub span: Option<(Hour, Hour)>,
}

impl Score {
    /// Scores `issued` against `truth` (`None` where an hour is not known). Only days that are over at
    /// `now` count: a day of which the morning is known would flatter or slander the whole.
    pub fn of<'a>(
        issued: impl IntoIterator<Item = &'a Issued>,
        truth: impl Fn(Hour) -> Option<f64>,
        now: Hour,
    ) -> Self {
        let mut score = Self::default();
        for issue in issued {
            let days = issue.hours.chunks_exact(24).take(HORIZON / 24);
            for (day, hours) in days.enumerate() {
                let first = issue.from + 24 * day as i64;
                if first + 24 > now {
                    break;
                }
                let came: Vec<(Quantiles, Option<f64>)> = (0i64..)
                    .zip(hours)
                    .map(|(ahead, said)| (*said, truth(first + ahead).filter(|grams| *grams > 0.0)))
                    .collect();
                for (ahead, _) in (0i64..).zip(&came).filter(|(_, (_, came))| came.is_some()) {
                    let hour = first + ahead;
                    score.hours[day] += 1;
                    let (from, to) = score.span.unwrap_or((hour, hour));
                    score.span = Some((from.min(hour), to.max(hour)));
                }
                score.skill.add(day, came);
            }
        }
        score
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn hour(number: i64) -> Hour {
        Hour::of(Timestamp::UNIX_EPOCH) + number
    }

    fn issued(from: i64) -> Issued {
        let said = Quantiles { p10: 180.0, p50: 200.0, p90: 220.0 };
        Issued { from: hour(from), hours: vec![said; HORIZON] }
    }

    #[test]
    fn days_that_are_over_count_and_holes_do_not() {
        let truth = |of: Hour| match of.since(hour(0)) {
            5 => None,
            first if first < 24 => Some(250.0),
            _ => Some(200.0),
        };
        let score = Score::of(&[issued(0), issued(24)], truth, hour(71));
        assert_eq!(score.hours, [23 + 24, 24, 0, 0]);
        assert_eq!(score.span, Some((hour(0), hour(47))));
        assert_eq!(score.skill.mape(), [Some(10.0), Some(0.0), None, None]);
        assert_eq!(score.skill.mae()[0], Some(25.0));
        assert_eq!(score.skill.coverage(), [Some(50.0), Some(100.0), None, None]);
    }

    #[test]
    fn nothing_issued_and_nothing_come_score_nothing() {
        assert_eq!(Score::of(&[], |_| Some(1.0), hour(9)), Score::default());
        assert_eq!(Score::of(&[issued(0)], |_| None, hour(900)).span, None);
        assert_eq!(Score::of(&[issued(0)], |_| Some(1.0), hour(23)).hours, [0; DAYS]);
    }
}
