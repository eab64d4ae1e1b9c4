//! `--month`, `--year`, `--from`, `--to`: days of New York.

use std::process::ExitCode;

use chrono::{Datelike, Days, Months, NaiveDate, NaiveTime};
use clap::Args;
use domain::Timestamp;

use crate::eastern;
use crate::eastern::NEW_YORK;
use crate::ledger::Period;

/// Which time. Days, months and years are New York's; both ends count.
#[derive(Clone, Debug, Default, Args)]
pub struct PeriodArgs {
    /// A month.
    #[arg(long, value_name = "YYYY-MM", value_parser = month, conflicts_with_all = ["year", "from", "to"])]
    month: Option<NaiveDate>,
    /// A year.
    #[arg(long, value_name = "YYYY", value_parser = year, conflicts_with_all = ["from", "to"])]
    year: Option<NaiveDate>,
    /// First day; alone: until today.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    from: Option<NaiveDate>,
    /// Last day.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day, requires = "from")]
    to: Option<NaiveDate>,
}

/// A period, and what to call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// When.
    pub period: Period,
    /// `March 2026`, `2026`, `Mar 3 to Mar 9, 2026`.
    pub name: String,
}

impl PeriodArgs {
    /// What was asked for; `None` where nothing was.
    ///
    /// # Errors
    /// One line for whoever asked.
    pub fn named(&self, now: Timestamp) -> Result<Option<Named>, String> {
        let months = |first: NaiveDate, months| {
            let next = first.checked_add_months(Months::new(months));
            next.and_then(|next| next.checked_sub_days(Days::new(1)))
        };
        let (first, last, name) = match (self.month, self.year, self.from) {
            (Some(first), ..) => (first, months(first, 1), first.format("%B %Y").to_string()),
            (None, Some(first), _) => (first, months(first, 12), first.format("%Y").to_string()),
            (None, None, Some(first)) => {
                let last = self.to.unwrap_or_else(|| eastern::local(now).date().max(first));
                if last < first {
                    return Err(format!("--from {first} comes after --to {last}: no day is both"));
                }
                (first, Some(last), days_name(first, last))
            }
            (None, None, None) => return Ok(None),
        };
        let last = last.ok_or_else(|| format!("{first} is beyond the calendar"))?;
        Ok(Some(Named { period: days(first, last)?, name }))
    }

    /// What was asked for, else the month of `now`.
    ///
    /// # Errors
    /// One line for whoever asked.
    pub fn or_this_month(&self, now: Timestamp) -> Result<Named, String> {
        match self.named(now)? {
            Some(named) => Ok(named),
            None => {
                let month = eastern::local(now).date().with_day(1);
                let of_now = Self { month, ..Self::default() };
                of_now.named(now)?.ok_or_else(|| "this month is beyond the calendar".to_owned())
            }
        }
    }
}

/// From the beginning of `first` to the end of `last`.
pub fn days(first: NaiveDate, last: NaiveDate) -> Result<Period, String> {
    let next = last.checked_add_days(Days::new(1)).filter(|next| next.year() < 10_000);
    let next = next.ok_or_else(|| format!("{last} is beyond the calendar"))?;
    let midnight = |date: NaiveDate| (NEW_YORK.instant)(date.and_time(NaiveTime::MIN));
    Ok(Period { from: midnight(first), to: midnight(next) })
}

/// A wrong command line: one line, and its exit code.
pub fn misuse(mistake: &str) -> ExitCode {
    eprintln!("ny-power-agent: {mistake}");
    ExitCode::from(2)
}

fn days_name(first: NaiveDate, last: NaiveDate) -> String {
    if first == last {
        return first.format("%b %-d, %Y").to_string();
    }
    let format = if first.year() == last.year() { "%b %-d" } else { "%b %-d, %Y" };
    format!("{} to {}", first.format(format), last.format("%b %-d, %Y"))
}

fn month(text: &str) -> Result<NaiveDate, String> {
    let first = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d");
    first.ok().filter(|_| text.len() == 7).ok_or_else(|| "not a month such as 2026-03".to_owned())
}

fn year(text: &str) -> Result<NaiveDate, String> {
    let first = NaiveDate::parse_from_str(&format!("{text}-01-01"), "%Y-%m-%d");
    first.ok().filter(|_| text.len() == 4).ok_or_else(|| "not a year such as 2026".to_owned())
}

/// A day, `2026-03-10`.
pub fn day(text: &str) -> Result<NaiveDate, String> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d");
    day.ok().filter(|_| text.len() == 10).ok_or_else(|| "not a day such as 2026-03-10".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check(arguments: PeriodArgs, from: &str, to: &str, name: &str) {
        // 11 PM of 31 March in New York; already April in UTC.
        let named = arguments.or_this_month(ts("2026-04-01T03:00:00Z")).unwrap();
        assert_eq!(named.period, Period { from: ts(from), to: ts(to) });
        assert_eq!(named.name, name);
    }

    #[test]
    fn days_are_new_yorks_and_both_ends_count() {
        let none = PeriodArgs::default;
        let (early, late) = ("2026-03-01T05:00:00Z", "2026-04-01T04:00:00Z");
        check(none(), early, late, "March 2026");
        check(PeriodArgs { month: month("2026-03").ok(), ..none() }, early, late, "March 2026");
        check(
            PeriodArgs { year: year("2025").ok(), ..none() },
            "2025-01-01T05:00:00Z",
            "2026-01-01T05:00:00Z",
            "2025",
        );
        // The day of the clock change has 23 hours.
        let change = day("2026-03-08").ok();
        check(
            PeriodArgs { from: change, to: change, ..none() },
            "2026-03-08T05:00:00Z",
            "2026-03-09T04:00:00Z",
            "Mar 8, 2026",
        );
        check(
            PeriodArgs { from: day("2025-12-31").ok(), ..none() },
            "2025-12-31T05:00:00Z",
            late,
            "Dec 31, 2025 to Mar 31, 2026",
        );
    }

    #[test]
    fn what_is_no_day_is_refused() {
        let backward = PeriodArgs {
            from: day("2026-03-10").ok(),
            to: day("2026-03-09").ok(),
            ..PeriodArgs::default()
        };
        let error = backward.named(ts("2026-04-01T03:00:00Z")).unwrap_err();
        assert_eq!(error, "--from 2026-03-10 comes after --to 2026-03-09: no day is both");
        for text in ["2026-13", "2026-3", "march", "", "2026-03-01"] {
            assert!(month(text).is_err(), "{text}");
        }
        for text in ["26", "20260", "year"] {
            assert!(year(text).is_err(), "{text}");
        }
        for text in ["2026-02-29", "10.3.2026", "2026-3-1"] {
            assert!(day(text).is_err(), "{text}");
        }
    }
}
