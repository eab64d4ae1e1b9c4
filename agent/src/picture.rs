//! Pictures for the terminal: what is known in, lines of text out. Everything but [`Screen::of_stdout`] is
//! pure.
//!
//! A picture stays within the width of the screen, says nothing by color alone, and is made of ASCII where
//! the locale is not UTF-8. Where nobody draws (a pipe, a file) there is no screen, and the commands print
//! plain lines.

mod axis;
mod chart;
mod plan;
mod screen;
mod spark;
mod status;

use chrono::TimeDelta;

pub use axis::axis;
pub use chart::{Chart, Column, MARGIN, step};
pub use plan::{Reckoned, machine, page as plan_page, thirds};
pub use screen::{Ink, Screen};
pub use spark::{progress, spark, thinned};
pub use status::page as status_page;

/// A length of time in a picture: `8 h`, `1 h 45 min`, `20 s`.
pub fn span(span: TimeDelta) -> String {
    if span < TimeDelta::minutes(1) {
        return format!("{} s", span.num_seconds());
    }
    let minutes = (span + TimeDelta::seconds(30)).num_minutes();
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        assert_eq!(span(TimeDelta::seconds(20)), "20 s");
        assert_eq!(span(TimeDelta::minutes(45)), "45 min");
        assert_eq!(span(TimeDelta::minutes(480)), "8 h");
        assert_eq!(span(TimeDelta::seconds(6299)), "1 h 45 min");
    }
}
