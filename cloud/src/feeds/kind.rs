//! The feeds by name, which can be switched off, and the files in which each may say something new.

use chrono::{NaiveDate, TimeDelta, Timelike};
use domain::Timestamp;
use nyiso::eastern;
use nyiso::path::Feed as Files;
use serde::{Deserialize, Serialize};

/// For so long after midnight the day before can still gain rows.
const LAST_ROWS: TimeDelta = TimeDelta::minutes(60);

/// Which of these feeds are read. All are, unless the settings say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switches {
    /// Interface flows (P-32): without them there is no consumption-based intensity.
    pub flows: bool,
    /// Load forecast (P-7): without it the forecast is a third worse.
    pub load_forecast: bool,
    /// Implied marginal emission rates (P-71, P-72): without them marginal is an estimate.
    pub marginal: bool,
    /// Zonal prices (P-2A, P-24A).
    pub price: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self { flows: true, load_forecast: true, marginal: true, price: true }
    }
}

/// One of the feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `upstream/flows`.
    Flows,
    /// `upstream/load-forecast`.
    LoadForecast,
    /// `upstream/marginal/<zone>`.
    Marginal,
    /// `upstream/price/<zone>`.
    Price,
}

impl Kind {
    /// Its name in topics, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flows => "flows",
            Self::LoadForecast => "load-forecast",
            Self::Marginal => "marginal",
            Self::Price => "price",
        }
    }

    /// Those that are switched on.
    pub fn on(switches: Switches) -> Vec<Self> {
        [
            (Self::Flows, switches.flows),
            (Self::LoadForecast, switches.load_forecast),
            (Self::Marginal, switches.marginal),
            (Self::Price, switches.price),
        ]
        .into_iter()
        .filter_map(|(kind, on)| on.then_some(kind))
        .collect()
    }

    /// Looks at a feed are this many intervals of the fuel mix apart: every five minutes, the load forecast
    /// every fifteen.
    pub(super) fn intervals(self) -> u32 {
        if self == Self::LoadForecast { 15 } else { 5 }
    }

    /// NYISO's feeds behind it. Each fails by itself: prices of tomorrow do not suffer from those of now.
    pub(super) fn upstream(self) -> &'static [Files] {
        match self {
            Self::Flows => &[Files::InterfaceFlows],
            Self::LoadForecast => &[Files::LoadForecast],
            Self::Marginal => &[Files::DayAheadEmissionRate, Files::RealTimeEmissionRate],
            Self::Price => &[Files::DayAheadPrice, Files::RealTimePrice],
        }
    }
}

/// How a feed runs against the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Term {
    /// Hours ahead, posted once, on the day before.
    Ahead,
    /// A row every five minutes, all day.
    Live,
}

impl Term {
    pub(super) fn of(feed: Files) -> Self {
        match feed {
            Files::LoadForecast | Files::DayAheadPrice | Files::DayAheadEmissionRate => Self::Ahead,
            Files::FuelMix
            | Files::InterfaceFlows
            | Files::RealTimePrice
            | Files::RealTimeEmissionRate => Self::Live,
        }
    }
}

/// From when on, in minutes of the Eastern day, the file of tomorrow is asked for: the load forecast is
/// posted at about 07:05, the day-ahead market at about 11:00.
fn asked_from(feed: Files) -> u32 {
    if feed == Files::LoadForecast { 7 * 60 } else { 10 * 60 + 30 }
}

/// The days whose files of `feed` can hold something new at `now`, in order.
pub(super) fn days(feed: Files, now: Timestamp) -> impl Iterator<Item = NaiveDate> {
    let today = eastern::day_of(now);
    let (before, after) = match Term::of(feed) {
        Term::Ahead => (false, asked_from(feed) <= minutes_of_day(now)),
        Term::Live => (now - eastern::midnight(today) < LAST_ROWS, false),
    };
    let yesterday = today.pred_opt().filter(|_| before);
    let tomorrow = today.succ_opt().filter(|_| after);
    yesterday.into_iter().chain([today]).chain(tomorrow)
}

pub(super) fn minutes_of_day(now: Timestamp) -> u32 {
    eastern::wall_clock(now).0.time().num_seconds_from_midnight() / 60
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: Kind, now: &str, expected: &[&str]) {
        let now = now.parse().unwrap();
        let files: Vec<String> = kind
            .upstream()
            .iter()
            .flat_map(|feed| days(*feed, now).map(|day| feed.day(day)))
            .collect();
        assert_eq!(files, expected);
    }

    #[test]
    fn tomorrow_is_asked_for_once_it_can_be_there() {
        let today = "isolf/20260310isolf.csv";
        check(Kind::LoadForecast, "2026-03-10T10:59:00Z", &[today]);
        check(Kind::LoadForecast, "2026-03-10T11:00:00Z", &[today, "isolf/20260311isolf.csv"]);
        check(
            Kind::Price,
            "2026-03-10T14:00:00Z",
            &["damlbmp/20260310damlbmp_zone.csv", "realtime/20260310realtime_zone.csv"],
        );
        check(
            Kind::Marginal,
            "2026-03-10T14:30:00Z",
            &[
                "damimer/20260310dam_imer.csv",
                "damimer/20260311dam_imer.csv",
                "rtimer/20260310rt_imer.csv",
            ],
        );
    }

    #[test]
    fn just_after_midnight_yesterday_still_gains_rows() {
        let of = |day: u32| format!("ExternalLimitsFlows/202603{day:02}ExternalLimitsFlows.csv");
        check(Kind::Flows, "2026-03-10T03:59:00Z", &[&of(9)]);
        check(Kind::Flows, "2026-03-10T04:59:00Z", &[&of(9), &of(10)]);
        check(Kind::Flows, "2026-03-10T05:00:00Z", &[&of(10)]);
    }

    #[test]
    fn each_has_a_switch() {
        assert_eq!(Kind::on(Switches::default()).len(), 4);
        let off = Switches { flows: false, price: false, ..Switches::default() };
        assert_eq!(Kind::on(off), [Kind::LoadForecast, Kind::Marginal]);
    }
}
