//! What a charge would have emitted: at once, by a timer, by the forecast, and with perfect foresight.
//!
//! A charge takes `k` whole hours of full power. The intensity of a charge is the mean of its hours.
//!
//! - **night**: plugged in at 18:00 local time, gone at 07:00; the first night that begins at or after
//!   the issue.
//! - **24h**: plugged in at the issue, gone 24 hours later.
//! - **three-nights**: any hours of the next three nights, 18-07.
//!
//! *At once* takes the first `k` hours of the window; *the timer* the `k` hours from the window's first
//! 01:00 on that still fit into its stretch; *the forecast* the `k` hours that the forecast holds for the
//! cleanest; *perfect* those that were. Of equal hours the earlier.

use crate::forecast::calendar::{Calendar, Hour};

/// Hours that a car may charge in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Window {
    /// The next night, 18-07 local time.
    Night,
    /// The 24 hours from the issue.
    Day,
    /// The next three nights.
    ThreeNights,
}

impl Window {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Night, Self::Day, Self::ThreeNights];

    /// Its name in the backtest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Night => "night",
            Self::Day => "24h",
            Self::ThreeNights => "three-nights",
        }
    }

    /// Hours ahead of `from` that belong to it, ascending. Fewer where the calendar ends.
    pub fn hours(self, from: Hour, calendar: &Calendar) -> Vec<usize> {
        let nights = match self {
            Self::Day => return (0..24).collect(),
            Self::Night => 1,
            Self::ThreeNights => 3,
        };
        let (mut hours, mut begun) = (Vec::new(), 0);
        let ahead_end = usize::try_from(calendar.end().since(from)).unwrap_or(0);
        for ahead in 0..ahead_end {
            let clock = calendar.local(from + ahead as i64).1;
            let dusk = clock == 18;
            if dusk {
                begun += 1;
            }
            if begun > nights {
                break;
            }
            if begun > 0 && !(7..18).contains(&clock) {
                hours.push(ahead);
            }
        }
        hours
    }
}

/// Mean intensity of one charge by four rules, g/kWh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Charge {
    /// The first hours of the window.
    pub at_once: f64,
    /// From 01:00 on.
    pub timer: f64,
    /// The cleanest by the forecast.
    pub forecast: f64,
    /// The cleanest.
    pub perfect: f64,
}

/// Compares the rules for one charge of `k` hours. `forecast` and `truth` are by hour ahead of `from`;
/// `None` when the window is shorter than `k` or reaches beyond them.
pub fn compare(
    window: Window,
    k: usize,
    from: Hour,
    calendar: &Calendar,
    forecast: &[f64],
    truth: &[f64],
) -> Option<Charge> {
    let hours = window.hours(from, calendar);
    let last = *hours.last()?;
    if k == 0 || hours.len() < k || last >= forecast.len() || last >= truth.len() {
        return None;
    }
    let mean = |chosen: &[usize]| {
        chosen.iter().map(|ahead| truth[*ahead]).sum::<f64>() / chosen.len() as f64
    };
    let cleanest = |by: &[f64]| {
        let mut sorted = hours.clone();
        sorted.sort_by(|one, other| by[*one].total_cmp(&by[*other]).then(one.cmp(other)));
        sorted.truncate(k);
        sorted
    };
    Some(Charge {
        at_once: mean(&hours[..k]),
        timer: mean(timer(&hours, k, from, calendar)),
        forecast: mean(&cleanest(forecast)),
        perfect: mean(&cleanest(truth)),
    })
}

/// The hours from the first 01:00 after which `k` more hours of the window follow; the last `k` hours
/// where there is none.
fn timer<'a>(hours: &'a [usize], k: usize, from: Hour, calendar: &Calendar) -> &'a [usize] {
    let start = (0..=hours.len() - k)
        .find(|at| {
            let unbroken = hours[at + k - 1] - hours[*at] == k - 1;
            unbroken && calendar.local(from + hours[*at] as i64).1 == 1
        })
        .unwrap_or(hours.len() - k);
    &hours[start..start + k]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use chrono::TimeDelta;

    /// A calendar on UTC-5 whose first hour is 19:00 local, as an issue at 00:00 UTC in winter.
    fn winter() -> (Hour, Calendar) {
        let from = Hour::of(Timestamp::UNIX_EPOCH);
        (from, Calendar::new(from, 200, |ts| (ts - TimeDelta::hours(5)).naive_utc()))
    }

    #[test]
    fn the_first_night_is_the_one_that_can_still_be_planned_whole() {
        let (from, calendar) = winter();
        let night = Window::Night.hours(from, &calendar);
        assert_eq!(night, (23..36).collect::<Vec<usize>>());
        assert_eq!(Window::Day.hours(from, &calendar), (0..24).collect::<Vec<usize>>());
        let three = Window::ThreeNights.hours(from, &calendar);
        assert_eq!(three.len(), 39);
        assert_eq!((three[0], three[13], three[38]), (23, 47, 83));
    }

    #[test]
    fn an_issue_at_dusk_takes_the_night_that_begins() {
        let (from, calendar) = winter();
        assert_eq!(Window::Night.hours(from + 23, &calendar), (0..13).collect::<Vec<usize>>());
    }

    #[test]
    fn each_rule_takes_its_hours() {
        let (from, calendar) = winter();
        let truth: Vec<f64> = (0..96).map(f64::from).map(|ahead| 500.0 - ahead).collect();
        let mut forecast = vec![100.0; 96];
        forecast[25] = 50.0;
        forecast[30] = 40.0;
        let charge = compare(Window::Night, 2, from, &calendar, &forecast, &truth).unwrap();
        assert_eq!(charge.at_once, 500.0 - 23.5);
        assert_eq!(charge.timer, 500.0 - 30.5, "01:00 local is 30 hours ahead");
        assert_eq!(charge.forecast, 500.0 - 27.5);
        assert_eq!(charge.perfect, 500.0 - 34.5);
        let day = compare(Window::Day, 6, from, &calendar, &forecast, &truth).unwrap();
        assert_eq!(day.timer, 500.0 - 8.5, "01:00 local is 6 hours ahead");
        assert_eq!(day.at_once, 500.0 - 2.5);
    }

    #[test]
    fn a_timer_that_would_run_out_of_the_window_takes_its_last_hours() {
        let (from, calendar) = winter();
        let truth: Vec<f64> = (0..96).map(f64::from).collect();
        // From 08:00 local: 01:00 is 17 hours ahead, and six more fit; from 03:00 they do not.
        let at_eight = compare(Window::Day, 6, from + 13, &calendar, &truth, &truth).unwrap();
        assert_eq!(at_eight.timer, 19.5);
        let at_three = compare(Window::Day, 6, from + 8, &calendar, &truth, &truth).unwrap();
        assert_eq!(at_three.timer, 20.5);
    }

    #[test]
    fn no_charge_without_hours() {
        let (from, calendar) = winter();
        let short = [100.0; 30];
        assert_eq!(compare(Window::Night, 2, from, &calendar, &short, &short), None);
        assert_eq!(compare(Window::Day, 25, from, &calendar, &short, &short), None);
        assert_eq!(compare(Window::Day, 0, from, &calendar, &short, &short), None);
    }
}
