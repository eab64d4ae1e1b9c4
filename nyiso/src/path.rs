//! Where NYISO keeps its files, below `/public/csv/`: one file a day, named by the Eastern date, and one
//! zip a month of them, named by the month's first day.
//!
//! A wrong stem or zip name is a 404 that looks like an outage, so that names are built and read here
//! and nowhere else. A further feed is one more [`Layout`] and one more [`Feed`].

use chrono::{Datelike, NaiveDate};

/// A feed whose files this crate knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feed {
    /// Real-time fuel mix, P-63.
    FuelMix,
    /// Load forecast, P-7.
    LoadForecast,
    /// Interface flows, P-32.
    InterfaceFlows,
    /// Day-ahead zonal prices, P-2A.
    DayAheadPrice,
    /// Real-time zonal prices, P-24A.
    RealTimePrice,
    /// Day-ahead implied marginal emission rates, P-71.
    DayAheadEmissionRate,
    /// Real-time implied marginal emission rates, P-72.
    RealTimeEmissionRate,
}

/// How the files of one feed are named.
struct Layout {
    /// The folder below `/public/csv/`.
    folder: &'static str,
    /// What follows the date in the name of a day's file.
    day: &'static str,
    /// What follows the date in the name of a month's zip.
    month: &'static str,
}

impl Feed {
    /// All feeds.
    pub const ALL: [Self; 7] = [
        Self::FuelMix,
        Self::LoadForecast,
        Self::InterfaceFlows,
        Self::DayAheadPrice,
        Self::RealTimePrice,
        Self::DayAheadEmissionRate,
        Self::RealTimeEmissionRate,
    ];

    fn layout(self) -> Layout {
        let (folder, day, month) = match self {
            Self::FuelMix => ("rtfuelmix", "rtfuelmix.csv", "rtfuelmix_csv.zip"),
            Self::LoadForecast => ("isolf", "isolf.csv", "isolf_csv.zip"),
            Self::InterfaceFlows => {
                ("ExternalLimitsFlows", "ExternalLimitsFlows.csv", "ExternalLimitsFlows_csv.zip")
            }
            Self::DayAheadPrice => ("damlbmp", "damlbmp_zone.csv", "damlbmp_zone_csv.zip"),
            Self::RealTimePrice => ("realtime", "realtime_zone.csv", "realtime_zone_csv.zip"),
            // The names of the months' zips are NYISO's usual ones; none was seen.
            Self::DayAheadEmissionRate => ("damimer", "dam_imer.csv", "dam_imer_csv.zip"),
            Self::RealTimeEmissionRate => ("rtimer", "rt_imer.csv", "rt_imer_csv.zip"),
        };
        Layout { folder, day, month }
    }

    /// The path of a day's file below `/public/csv/`.
    pub fn day(self, day: NaiveDate) -> String {
        FileKind { feed: self, span: Span::Day, date: day }.path()
    }
}

/// How much a file covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// One Eastern day, CSV.
    Day,
    /// The days of one month, zip.
    Month,
}

/// What a file is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileKind {
    /// Which feed.
    pub feed: Feed,
    /// A day or a month.
    pub span: Span,
    /// The day, or the first of the month.
    pub date: NaiveDate,
}

impl FileKind {
    /// The path below `/public/csv/`.
    pub fn path(self) -> String {
        let layout = self.feed.layout();
        let (date, suffix) = match self.span {
            Span::Day => (self.date, layout.day),
            Span::Month => (first_of_month(self.date), layout.month),
        };
        format!("{}/{}{suffix}", layout.folder, date.format("%Y%m%d"))
    }
}

/// The daily file of the fuel mix of an Eastern day: `rtfuelmix/20260310rtfuelmix.csv`.
pub fn fuel_mix_day(day: NaiveDate) -> String {
    FileKind { feed: Feed::FuelMix, span: Span::Day, date: day }.path()
}

/// The monthly archive that holds an Eastern day: `rtfuelmix/20260301rtfuelmix_csv.zip`.
pub fn fuel_mix_month(day: NaiveDate) -> String {
    FileKind { feed: Feed::FuelMix, span: Span::Month, date: day }.path()
}

/// What the file of this name holds; `None` for a name that NYISO does not give. Folders before the
/// name do not matter.
pub fn kind_of(file_name: &str) -> Option<FileKind> {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
    let (digits, suffix) = name.split_at_checked(8)?;
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| digits[range].parse::<u32>().ok();
    let year = i32::try_from(part(0..4)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, part(4..6)?, part(6..8)?)?;
    Feed::ALL.into_iter().find_map(|feed| {
        let layout = feed.layout();
        if suffix == layout.day {
            Some(FileKind { feed, span: Span::Day, date })
        } else if suffix == layout.month && date.day() == 1 {
            Some(FileKind { feed, span: Span::Month, date })
        } else {
            None
        }
    })
}

fn first_of_month(day: NaiveDate) -> NaiveDate {
    day.with_day(1).expect("every month has a first day")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_nyisos_to_the_letter() {
        assert_eq!(fuel_mix_day(date("2026-03-10")), "rtfuelmix/20260310rtfuelmix.csv");
        assert_eq!(fuel_mix_month(date("2026-03-10")), "rtfuelmix/20260301rtfuelmix_csv.zip");
        assert_eq!(fuel_mix_day(date("2015-12-09")), "rtfuelmix/20151209rtfuelmix.csv");
    }

    #[test]
    fn the_other_feeds_lie_where_nyiso_says() {
        let paths = Feed::ALL.map(|feed| feed.day(date("2026-03-10")));
        assert_eq!(
            paths[1..],
            [
                "isolf/20260310isolf.csv",
                "ExternalLimitsFlows/20260310ExternalLimitsFlows.csv",
                "damlbmp/20260310damlbmp_zone.csv",
                "realtime/20260310realtime_zone.csv",
                "damimer/20260310dam_imer.csv",
                "rtimer/20260310rt_imer.csv",
            ]
        );
    }

    #[track_caller]
    fn check(name: &str, expected: Option<(Span, &str)>) {
        let kind = kind_of(name).map(|kind| (kind.feed, kind.span, kind.date));
        let feed = if name.contains("isolf") { Feed::LoadForecast } else { Feed::FuelMix };
        let expected = expected.map(|(span, day)| (feed, span, date(day)));
        assert_eq!(kind, expected, "{name}");
    }

    #[test]
    fn a_name_tells_what_the_file_is() {
        check("20260310rtfuelmix.csv", Some((Span::Day, "2026-03-10")));
        check("rtfuelmix/20260310rtfuelmix.csv", Some((Span::Day, "2026-03-10")));
        check("20260301rtfuelmix_csv.zip", Some((Span::Month, "2026-03-01")));
        check("20260302rtfuelmix_csv.zip", None);
        check("20260310rtfuelmix.csv.part", None);
        check("20261310rtfuelmix.csv", None);
        check("20260310isolf.csv", Some((Span::Day, "2026-03-10")));
        check("20260310pal.csv", None);
        check("+0260310rtfuelmix.csv", None);
        check("2026031Ørtfuelmix.csv", None);
        check("rtfuelmix.csv", None);
        check("", None);
    }

    #[test]
    fn every_path_reads_back() {
        for feed in Feed::ALL {
            for span in [Span::Day, Span::Month] {
                let kind = FileKind { feed, span, date: date("2024-02-01") };
                assert_eq!(kind_of(&kind.path()), Some(kind));
            }
        }
    }
}
