//! The last seven days of a signal: where the current reading stands among them, and the verdict.

use chrono::TimeDelta;

use crate::series::Window;

/// The span that a reading is compared with.
pub const WEEK: TimeDelta = TimeDelta::days(7);

/// Less history than this gives no verdict.
pub const SHORTEST_HISTORY: TimeDelta = TimeDelta::hours(48);

/// A verdict is left only this many points of percentile beyond its border, so that it does not flicker.
const HYSTERESIS: f64 = 3.0;

/// How clean the grid is now, compared with its own last week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Cleaner than two thirds of the week.
    Clean,
    /// In between.
    Average,
    /// Dirtier than two thirds of the week.
    Dirty,
    /// The week hardly varied: P90 - P10 under 10 % of its median.
    Flat,
}

/// Where a reading stands among the last seven days of its signal. All weighted by duration.
// A fixed scale in g/kWh would call New York "average" nearly always: its mean daily swing is 34 g.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeekStanding {
    /// Share of the week that was cleaner, percent.
    pub percentile: f64,
    /// Hours of data behind it, at most 168.
    pub hours: f64,
    /// A third of the week was cleaner than this, g/kWh.
    pub p33: f64,
    /// Two thirds of the week were cleaner than this, g/kWh.
    pub p67: f64,
    /// Cleanest of the week, g/kWh.
    pub min: f64,
    /// Dirtiest of the week, g/kWh.
    pub max: f64,
    flat: bool,
}

impl WeekStanding {
    /// Compares `grams_per_kwh` with the readings in `window`; `None` when there are none.
    pub fn of(grams_per_kwh: f64, window: &Window) -> Option<Self> {
        let mut week: Vec<(f64, f64)> = window
            .intervals()
            .map(|(start, sample)| (sample.grams_per_kwh, (sample.ts - start).num_seconds() as f64))
            .collect();
        week.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (first, last) = (*week.first()?, *week.last()?);
        let seconds: f64 = week.iter().map(|(_, weight)| weight).sum();
        let below: f64 = week
            .iter()
            .take_while(|(grams, _)| *grams < grams_per_kwh)
            .map(|(_, weight)| weight)
            .sum();
        let equal: f64 = week
            .iter()
            .filter(|(grams, _)| *grams == grams_per_kwh)
            .map(|(_, weight)| weight)
            .sum();
        let quantile = |share: f64| {
            let mut rest = share * seconds;
            for (grams, weight) in &week {
                rest -= weight;
                if rest <= 0.0 {
                    return *grams;
                }
            }
            last.0
        };
        Some(Self {
            percentile: 100.0 * (below + equal / 2.0) / seconds,
            // The first reading's interval may begin before the week does.
            hours: (seconds / 3600.0).min(WEEK.num_hours() as f64),
            p33: quantile(1.0 / 3.0),
            p67: quantile(2.0 / 3.0),
            min: first.0,
            max: last.0,
            flat: quantile(0.9) - quantile(0.1) < 0.1 * quantile(0.5),
        })
    }

    /// The verdict, given the one held until now; `None` with less than two days of data.
    ///
    /// ```text
    /// Clean   --at 36 or more--> Average --over 70--> Dirty
    /// Average --under 30--> Clean,   Dirty --at 64 or less--> Average;   without one held: 33 and 67
    /// ```
    pub fn verdict(&self, held: Option<Verdict>) -> Option<Verdict> {
        if self.hours < SHORTEST_HISTORY.num_hours() as f64 {
            return None;
        }
        if self.flat {
            return Some(Verdict::Flat);
        }
        let (clean_below, dirty_above) = match held {
            Some(Verdict::Clean) => (33.0 + HYSTERESIS, 67.0 + HYSTERESIS),
            Some(Verdict::Dirty) => (33.0 - HYSTERESIS, 67.0 - HYSTERESIS),
            Some(Verdict::Average) => (33.0 - HYSTERESIS, 67.0 + HYSTERESIS),
            Some(Verdict::Flat) | None => (33.0, 67.0),
        };
        Some(if self.percentile < clean_below {
            Verdict::Clean
        } else if self.percentile > dirty_above {
            Verdict::Dirty
        } else {
            Verdict::Average
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Sample;
    use chrono::DateTime;

    /// One reading every five minutes for `hours`.
    fn week(hours: i64, grams: impl Fn(i64) -> f64) -> Window {
        let mut window = Window::new(WEEK);
        for index in 0..hours * 12 {
            let ts = DateTime::from_timestamp(1_700_000_000 + index * 300, 0).unwrap();
            window.insert(Sample { ts, grams_per_kwh: grams(index) });
        }
        window
    }

    #[test]
    fn percentile_and_bounds_of_an_even_week() {
        let standing =
            WeekStanding::of(150.0, &week(168, |index| 100.0 + (index % 100) as f64)).unwrap();
        assert!((standing.percentile - 50.5).abs() < 0.5, "{standing:?}");
        assert_eq!((standing.min, standing.max, standing.hours.round()), (100.0, 199.0, 168.0));
        assert!(
            (standing.p33 - 133.0).abs() <= 1.0 && (standing.p67 - 166.0).abs() <= 1.0,
            "{standing:?}"
        );
    }

    #[test]
    fn long_intervals_weigh_more() {
        let mut window = Window::new(WEEK);
        for (minutes, grams_per_kwh) in [(0, 100.0), (5, 100.0), (20, 300.0)] {
            let ts = DateTime::from_timestamp(1_700_000_000 + minutes * 60, 0).unwrap();
            window.insert(Sample { ts, grams_per_kwh });
        }
        let standing = WeekStanding::of(200.0, &window).unwrap();
        assert_eq!(standing.percentile, 40.0, "10 of 25 minutes were cleaner");
        assert_eq!(standing.p67, 300.0);
    }

    #[test]
    fn a_week_has_168_hours_on_any_grid() {
        let mut window = week(169, |_| 100.0);
        // The newest moves the window's edge to just before the oldest reading's stamp.
        let newest = window.newest().unwrap().ts + TimeDelta::seconds(298);
        window.insert(Sample { ts: newest, grams_per_kwh: 100.0 });
        assert_eq!(WeekStanding::of(100.0, &window).unwrap().hours, 168.0);
    }

    #[test]
    fn too_little_history_says_how_much_and_gives_no_verdict() {
        let standing =
            WeekStanding::of(150.0, &week(47, |index| 100.0 + (index % 100) as f64)).unwrap();
        assert_eq!(standing.hours.round(), 47.0);
        assert_eq!(standing.verdict(None), None);
        assert_eq!(WeekStanding::of(150.0, &Window::new(WEEK)), None);
    }

    #[test]
    fn a_week_that_hardly_varies_is_flat() {
        let standing =
            WeekStanding::of(205.0, &week(168, |index| 200.0 + (index % 19) as f64)).unwrap();
        assert_eq!(standing.verdict(Some(Verdict::Clean)), Some(Verdict::Flat));
    }

    #[test]
    fn the_verdict_is_left_three_points_late() {
        let window = week(168, |index| 100.0 + (index % 100) as f64);
        let check = |grams: f64, held, expected| {
            let standing = WeekStanding::of(grams, &window).unwrap();
            assert_eq!(standing.verdict(held), Some(expected), "{}", standing.percentile);
        };
        check(131.0, None, Verdict::Clean);
        check(134.0, None, Verdict::Average);
        check(134.0, Some(Verdict::Clean), Verdict::Clean);
        check(137.0, Some(Verdict::Clean), Verdict::Average);
        check(131.0, Some(Verdict::Average), Verdict::Average);
        check(128.0, Some(Verdict::Average), Verdict::Clean);
        check(165.0, Some(Verdict::Dirty), Verdict::Dirty);
        check(162.0, Some(Verdict::Dirty), Verdict::Average);
        check(168.0, None, Verdict::Dirty);
        check(168.0, Some(Verdict::Average), Verdict::Average);
    }
}
