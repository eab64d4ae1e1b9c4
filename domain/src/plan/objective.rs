//! What the plan is to keep low, worked out slot by slot before planning.

use chrono::TimeDelta;

use super::request::Window;
use super::slot::Slot;
use crate::Timestamp;

/// A slot of a forecast with its spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
    /// The expected value.
    pub value: f64,
    /// Nine times out of ten it is not above this; `None` where the forecast does not say.
    pub p90: Option<f64>,
}

/// Which value of a band counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Caution {
    /// The expected one.
    #[default]
    Expected,
    /// P90: hours that may turn out bad are avoided. Where there is none, the expected one.
    P90,
}

/// What to keep low.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Objective {
    /// Average carbon intensity.
    #[default]
    AverageCarbon,
    /// Marginal carbon intensity of the zone.
    MarginalCarbon,
    /// Price; of equal prices, the lower average carbon intensity.
    Price,
    /// Average carbon intensity while the price is at most `cap`; dearer hours only for the departure.
    PriceCappedCarbon {
        /// In the unit of the prices.
        cap: f64,
    },
}

/// Everything that an objective may look at. Each list ascending and disjoint; any may be empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signals<'a> {
    /// Average carbon intensity, g/kWh.
    pub average: &'a [Band],
    /// Marginal carbon intensity of the zone, g/kWh.
    pub marginal: &'a [Band],
    /// The household's tariff, or NYISO's price.
    pub price: &'a [Slot],
}

/// What a plan looks for, in a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Aim {
    /// Clean hours.
    #[default]
    Clean,
    /// Cheap hours.
    Cheap,
}

impl Objective {
    /// What it looks for.
    pub fn aim(self) -> Aim {
        match self {
            Self::AverageCarbon | Self::MarginalCarbon | Self::PriceCappedCarbon { .. } => {
                Aim::Clean
            }
            Self::Price => Aim::Cheap,
        }
    }

    /// The word in settings and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AverageCarbon => "average",
            Self::MarginalCarbon => "marginal",
            Self::Price => "price",
            Self::PriceCappedCarbon { .. } => "price-capped",
        }
    }

    /// The slots to plan with, and the windows that the objective adds (empty: none). Give the windows to
    /// [`super::ChargeRequest::windows`]; with windows of the request's own, see [`intersect`].
    pub fn slots(self, signals: Signals<'_>, caution: Caution) -> (Vec<Slot>, Vec<Window>) {
        match self {
            Self::AverageCarbon => (pick(signals.average, caution), Vec::new()),
            Self::MarginalCarbon => (pick(signals.marginal, caution), Vec::new()),
            Self::Price => {
                (with_tie_break(signals.price, &pick(signals.average, caution)), Vec::new())
            }
            Self::PriceCappedCarbon { cap } => {
                let mut windows: Vec<Window> = signals
                    .price
                    .iter()
                    .filter(|slot| slot.value <= cap)
                    .map(|slot| Window { start: slot.start, end: slot.end })
                    .collect();
                if windows.is_empty() {
                    // No hour under the cap: a window that never opens, so that the cap is not lost.
                    windows
                        .push(Window { start: Timestamp::UNIX_EPOCH, end: Timestamp::UNIX_EPOCH });
                }
                (pick(signals.average, caution), windows)
            }
        }
    }
}

fn pick(bands: &[Band], caution: Caution) -> Vec<Slot> {
    let value = |band: &Band| match caution {
        Caution::Expected => band.value,
        Caution::P90 => band.p90.unwrap_or(band.value),
    };
    bands.iter().map(|b| Slot { start: b.start, end: b.end, value: value(b) }).collect()
}

/// Prices, cut along `carbon`, each raised by so little for its carbon that only equal prices change
/// places.
fn with_tie_break(prices: &[Slot], carbon: &[Slot]) -> Vec<Slot> {
    let mut levels: Vec<f64> = prices.iter().map(|slot| slot.value).collect();
    levels.sort_by(f64::total_cmp);
    let gap = levels
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .filter(|gap| 0.0 < *gap)
        .fold(1.0, f64::min);
    let spread = carbon.iter().map(|slot| slot.value.abs()).fold(0.0, f64::max);
    // A ten-thousandth of the gap: even days of it do not outweigh a step in price.
    let weight = if 0.0 < spread { gap / spread / 10_000.0 } else { 0.0 };

    let mut slots = Vec::with_capacity(prices.len() + carbon.len());
    for price in prices {
        let mut reached = price.start;
        let from = carbon.partition_point(|slot| slot.end <= price.start);
        for slot in carbon[from..].iter().take_while(|slot| slot.start < price.end) {
            let (start, end) = (slot.start.max(price.start), slot.end.min(price.end));
            if reached < start {
                slots.push(Slot {
                    start: reached,
                    end: start,
                    value: price.value + weight * spread,
                });
            }
            slots.push(Slot { start, end, value: price.value + weight * slot.value });
            reached = end;
        }
        if reached < price.end {
            slots.push(Slot {
                start: reached,
                end: price.end,
                value: price.value + weight * spread,
            });
        }
    }
    slots
}

/// Time that lies in a window of `a` and in one of `b`; an empty list means always.
pub fn intersect(a: &[Window], b: &[Window]) -> Vec<Window> {
    if a.is_empty() || b.is_empty() {
        return a.iter().chain(b).copied().collect();
    }
    let mut both: Vec<Window> = a
        .iter()
        .flat_map(|a| {
            b.iter().map(|b| Window { start: a.start.max(b.start), end: a.end.min(b.end) })
        })
        .filter(|window| TimeDelta::zero() < window.end - window.start)
        .collect();
    if both.is_empty() {
        both.push(Window { start: Timestamp::UNIX_EPOCH, end: Timestamp::UNIX_EPOCH });
    }
    both
}
