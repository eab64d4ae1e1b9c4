//! Ridge regression from [`Moments`]: least squares with a prior on each standardized weight.

use crate::forecast::moments::Moments;

/// y = intercept + Σ weight · x, for raw inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// In units of y.
    pub intercept: f64,
    /// One an input, in units of y per unit of x.
    pub weights: Vec<f64>,
    /// Mean of each input over the rows: what stands in for one that is not known.
    pub means: Vec<f64>,
}

/// Minimizes Σ w (y - ŷ)² / mean(w) + λ Σ (βᵢ / scaleᵢ)², β being the weights of inputs with mean 0 and
/// standard deviation 1. An input that never varies gets no weight. `None` without rows, or when the
/// sums are not finite.
pub fn solve(moments: &Moments, lambda: f64, scale: impl Fn(usize) -> f64) -> Option<Linear> {
    let columns = moments.columns();
    let (one, outcome) = (columns, columns + 1);
    let weight = moments.sum(one, one);
    let rows = f64::from(moments.rows());
    if moments.rows() == 0 || !(weight > 0.0 && weight.is_finite()) {
        return None;
    }
    let means: Vec<f64> = (0..columns).map(|at| moments.sum(at, one) / weight).collect();
    let mean_y = moments.sum(one, outcome) / weight;
    let covariance = |i: usize, j: usize| moments.sum(i, j) / weight - means[i] * means[j];
    let deviations: Vec<f64> = (0..columns)
        .map(|at| {
            let variance = covariance(at, at);
            // Below this a column is constant but for rounding.
            let least = 1e-6 * (moments.sum(at, at) / weight).max(1e-12);
            if variance > least { variance.sqrt() } else { f64::INFINITY }
        })
        .collect();
    let mut matrix = vec![0.0; columns * columns];
    let mut right = vec![0.0; columns];
    for i in 0..columns {
        for j in i..columns {
            let value = rows * covariance(i, j) / (deviations[i] * deviations[j]);
            matrix[j * columns + i] = value;
        }
        matrix[i * columns + i] += lambda / scale(i).powi(2);
        right[i] = rows * (moments.sum(i, outcome) / weight - means[i] * mean_y) / deviations[i];
    }
    cholesky(&mut matrix, columns)?;
    substitute(&matrix, &mut right);
    let weights: Vec<f64> = right.iter().zip(&deviations).map(|(beta, sd)| beta / sd).collect();
    let intercept = mean_y - weights.iter().zip(&means).map(|(w, mean)| w * mean).sum::<f64>();
    let sound = intercept.is_finite() && weights.iter().all(|weight| weight.is_finite());
    sound.then_some(Linear { intercept, weights, means })
}

/// Factors a symmetric matrix into L Lᵀ in place; reads and writes the lower triangle, by rows. `None`
/// when it is not positive definite.
fn cholesky(matrix: &mut [f64], size: usize) -> Option<()> {
    for row in 0..size {
        let (above, below) = matrix.split_at_mut(row * size);
        let current = &mut below[..size];
        for column in 0..row {
            let other = &above[column * size..column * size + column + 1];
            let dot = product(&current[..column], &other[..column]);
            current[column] = (current[column] - dot) / other[column];
        }
        let rest = current[row] - product(&current[..row], &current[..row]);
        if !(rest > 0.0 && rest.is_finite()) {
            return None;
        }
        current[row] = rest.sqrt();
    }
    Some(())
}

/// Solves L Lᵀ x = b in place.
fn substitute(lower: &[f64], b: &mut [f64]) {
    let size = b.len();
    for row in 0..size {
        let line = &lower[row * size..row * size + row + 1];
        b[row] = (b[row] - product(&line[..row], &b[..row])) / line[row];
    }
    for row in (0..size).rev() {
        b[row] /= lower[row * size + row];
        let value = b[row];
        for column in 0..row {
            b[column] -= value * lower[row * size + column];
        }
    }
}

fn product(one: &[f64], other: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let ((ones, rest), (others, other_rest)) = (one.as_chunks::<4>(), other.as_chunks::<4>());
    let rest: f64 = rest.iter().zip(other_rest).map(|(a, b)| a * b).sum();
    for (one, other) in ones.iter().zip(others) {
        for lane in 0..4 {
            lanes[lane] += one[lane] * other[lane];
        }
    }
    rest + (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// y = 3 + 2 a - 5 b exactly; c is a constant, d is noise that has nothing to do with y.
    fn moments() -> Moments {
        let mut moments = Moments::new(4);
        for number in 0..200u32 {
            let a = f32::from(u8::try_from(number * 37 % 101).unwrap());
            let b = (number as f32 * 0.9).sin();
            let d = (number as f32 * 7.7).cos();
            moments.add(&[a, b, 4.0, d], 3.0 + 2.0 * a - 5.0 * b, 1.0 + (number % 3) as f32);
        }
        moments.settle();
        moments
    }

    #[track_caller]
    fn close(is: f64, should: f64) {
        assert!((is - should).abs() < 2e-3, "{is} is not {should}");
    }

    #[test]
    fn finds_the_law_behind_the_rows() {
        let law = solve(&moments(), 1e-6, |_| 1.0).unwrap();
        close(law.weights[0], 2.0);
        close(law.weights[1], -5.0);
        assert_eq!(law.weights[2], 0.0, "a constant explains nothing");
        close(law.weights[3], 0.0);
        close(law.intercept, 3.0);
    }

    #[test]
    fn a_tight_prior_shrinks_a_weight_and_the_mean_stays() {
        let free = solve(&moments(), 20.0, |_| 1.0).unwrap();
        let tight = solve(&moments(), 20.0, |at| if at == 0 { 0.05 } else { 1.0 }).unwrap();
        assert!(
            tight.weights[0] < 0.2 * free.weights[0],
            "{} {}",
            tight.weights[0],
            free.weights[0]
        );
        let at_means = |law: &Linear| {
            law.intercept
                + law
                    .weights
                    .iter()
                    .zip(&law.means)
                    .map(|(weight, mean)| weight * mean)
                    .sum::<f64>()
        };
        close(at_means(&free), at_means(&tight));
    }

    #[test]
    fn nothing_comes_of_nothing() {
        assert_eq!(solve(&Moments::new(2), 1.0, |_| 1.0), None);
        let mut broken = Moments::new(1);
        broken.add(&[f32::NAN], 1.0, 1.0);
        broken.settle();
        assert_eq!(solve(&broken, 1.0, |_| 1.0), None);
    }
}
