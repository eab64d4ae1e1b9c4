//! How far off a forecast may be: P10 and P90 as multiples of P50, from what it got wrong of late.

use crate::forecast::HORIZON;

/// Hours beside an hour whose errors count for it too.
const NEIGHBORS: usize = 3;

/// Fewer errors than this say nothing of a tenth of them.
const FEWEST: usize = 60;

/// Share of the last errors that is left out on either side, in the first hour and in the last. Errors
/// of neighboring days hang together, those four days ahead the most, so that the next ones stray
/// further than a tenth and nine tenths of the last: these covered 74-79 % of what came, where 80 % is
/// promised.
const TAILS: (f32, f32) = (0.095, 0.075);

/// P10 and P90 of outcome / forecast, by hour ahead.
#[derive(Clone, Debug, PartialEq)]
pub struct Bands {
    ratios: Vec<(f32, f32)>,
}

impl Bands {
    /// Before there are errors to learn from: ±`first` (a share) in the first hour to ±`last` in the
    /// last.
    pub fn assumed(first: f32, last: f32) -> Self {
        let ratios = (0..HORIZON)
            .map(|ahead| {
                let width = first + (last - first) * (ahead as f32 / (HORIZON - 1) as f32).sqrt();
                (1.0 - width, 1.0 + width)
            })
            .collect();
        Self { ratios }
    }

    /// From outcome / forecast by hour ahead; an hour with too few takes what is in `otherwise`.
    pub fn learnt(errors: &[Vec<f32>], otherwise: &Self) -> Self {
        let ratios = (0..HORIZON)
            .map(|ahead| {
                let around = ahead.saturating_sub(NEIGHBORS)..=(ahead + NEIGHBORS).min(HORIZON - 1);
                let mut ratios: Vec<f32> = around
                    .filter_map(|at| errors.get(at))
                    .flatten()
                    .copied()
                    .filter(|ratio| ratio.is_finite() && *ratio > 0.0)
                    .collect();
                if ratios.len() < FEWEST {
                    return otherwise.ratios[ahead];
                }
                ratios.sort_by(f32::total_cmp);
                let share = ahead as f32 / (HORIZON - 1) as f32;
                let tail = TAILS.0 + (TAILS.1 - TAILS.0) * share;
                // The band encloses the forecast, whatever the last weeks' bias.
                (quantile(&ratios, tail).min(0.995), quantile(&ratios, 1.0 - tail).max(1.005))
            })
            .collect();
        Self { ratios }
    }

    /// P10 and P90 as multiples of the forecast `ahead` hours from now; beyond the last hour as in it.
    pub fn at(&self, ahead: usize) -> (f32, f32) {
        self.ratios[ahead.min(HORIZON - 1)]
    }
}

/// Linear between the order statistics, as numpy's default.
fn quantile(sorted: &[f32], share: f32) -> f32 {
    let place = share * (sorted.len() - 1) as f32;
    let below = place as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f32) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_holds_most_of_the_last_errors() {
        let errors: Vec<f32> = (0..=100).map(|percent| 0.9 + percent as f32 * 0.003).collect();
        let bands = Bands::learnt(&vec![errors; HORIZON], &Bands::assumed(0.1, 0.2));
        let check = |ahead: usize, low: f32, high: f32| {
            let band = bands.at(ahead);
            assert!((band.0 - low).abs() < 2e-3 && (band.1 - high).abs() < 2e-3, "{band:?}");
        };
        check(0, 0.9285, 1.1715);
        check(95, 0.9225, 1.1775);
        assert_eq!(bands.at(500), bands.at(HORIZON - 1));
    }

    #[test]
    fn few_errors_and_broken_ones_say_nothing() {
        let assumed = Bands::assumed(0.1, 0.2);
        let mut errors = vec![vec![f32::NAN; 500]; HORIZON];
        errors[50] = vec![1.5; FEWEST - 1];
        assert_eq!(Bands::learnt(&errors, &assumed), assumed);
        assert_eq!(Bands::learnt(&[], &assumed), assumed);
        assert_eq!((assumed.at(0), assumed.at(95)), ((0.9, 1.1), (0.8, 1.2)));
    }

    #[test]
    fn the_band_encloses_the_forecast_after_weeks_of_bias() {
        let errors = vec![vec![1.2; 60]; HORIZON];
        let (low, high) = Bands::learnt(&errors, &Bands::assumed(0.1, 0.2)).at(0);
        assert!(low < 1.0 && (high - 1.2).abs() < 1e-6);
    }
}
