//! A course and a progress in one line.

use super::screen::{Ink, Screen};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = ['_', '.', '-', ':', '=', '+', '*', '#'];

/// The values as one line between the lowest and the highest; a hole is a blank.
pub fn spark(screen: &Screen, values: &[Option<f64>], ink: impl Fn(f64) -> Ink) -> String {
    let known = || values.iter().flatten().copied();
    let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::MIN, f64::max));
    let bar = |value: f64| {
        let share = if low < high { (value - low) / (high - low) } else { 0.0 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the bars there are"
        )]
        let bar = (share * 7.0).round().clamp(0.0, 7.0) as usize;
        if screen.unicode { BARS[bar] } else { ASCII[bar] }
    };
    screen.paint_run(values.iter().map(|value| match value {
        Some(value) => (ink(*value), bar(*value)),
        None => (Ink::Plain, ' '),
    }))
}

/// Means of neighbors, so that at most `columns` are left. A mean is of what is known.
pub fn thinned(values: &[Option<f64>], columns: usize) -> Vec<Option<f64>> {
    let size = values.len().div_ceil(columns.max(1)).max(1);
    values
        .chunks(size)
        .map(|chunk| {
            let known: Vec<f64> = chunk.iter().flatten().copied().collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        })
        .collect()
}

/// `[████▌     ]`: a share of 1, in `width` columns with the brackets.
pub fn progress(screen: &Screen, share: f64, width: usize) -> String {
    let inside = width.saturating_sub(2);
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "of 0 to the width"
    )]
    let full = (share * inside as f64).floor() as usize;
    // All of the bar means all of the charge.
    let full = if share < 1.0 { full.min(inside.saturating_sub(1)) } else { inside };
    let filled: String = std::iter::repeat_n(screen.char('█', '#'), full).collect();
    let rest: String = std::iter::repeat_n(screen.char('░', '.'), inside - full).collect();
    format!("[{}{}]", screen.paint(Ink::Clean, &filled), screen.paint(Ink::Faint, &rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: Screen = Screen { columns: 80, colors: false, unicode: true };
    const ASCII_SCREEN: Screen = Screen { unicode: false, ..SCREEN };

    #[test]
    fn a_spark_shows_the_course_and_holes() {
        let values = [Some(100.0), Some(200.0), None, Some(300.0), Some(150.0)];
        assert_eq!(spark(&SCREEN, &values, |_| Ink::Plain), "▁▅ █▃");
        assert_eq!(spark(&ASCII_SCREEN, &values, |_| Ink::Plain), "_= #-");
        assert_eq!(spark(&SCREEN, &[Some(5.0), Some(5.0)], |_| Ink::Plain), "▁▁");
        assert_eq!(spark(&SCREEN, &[None, None], |_| Ink::Plain), "");
    }

    #[test]
    fn thinning_takes_means_of_what_is_known() {
        let values = [Some(1.0), Some(3.0), None, Some(4.0), None, None, Some(9.0)];
        assert_eq!(thinned(&values, 4), [Some(2.0), Some(4.0), None, Some(9.0)]);
        assert_eq!(thinned(&values, 7), values);
        assert_eq!(thinned(&[], 7), []);
    }

    #[test]
    fn a_progress_is_full_only_at_the_end() {
        assert_eq!(progress(&SCREEN, 0.0, 12), "[░░░░░░░░░░]");
        assert_eq!(progress(&SCREEN, 0.45, 12), "[████░░░░░░]");
        assert_eq!(progress(&ASCII_SCREEN, 0.999, 12), "[#########.]");
        assert_eq!(progress(&ASCII_SCREEN, 1.0, 12), "[##########]");
        assert_eq!(progress(&ASCII_SCREEN, f64::NAN, 6), "[....]");
    }
}
