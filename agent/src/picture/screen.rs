//! What can be drawn on: the width, and whether there are colors and characters beyond ASCII.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

/// Pictures are drawn for at least this many columns: below it nothing would be seen.
const NARROWEST: usize = 30;

/// And for at most this many: wider ones are harder to read, not easier.
const WIDEST: usize = 200;

/// A terminal that does not tell.
const USUAL: usize = 80;

/// A terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Characters in a line.
    pub columns: usize,
    /// Whether there may be colors.
    pub colors: bool,
    /// Whether there are characters beyond ASCII.
    pub unicode: bool,
}

/// What a color stands for. Nothing is said by color alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ink {
    /// Nothing in particular.
    #[default]
    Plain,
    /// A clean grid; all is well.
    Clean,
    /// Neither clean nor dirty.
    Between,
    /// A dirty grid; something is wrong.
    Dirty,
    /// What the eye should find first.
    Strong,
    /// What matters less.
    Faint,
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Clean => "\x1b[32m",
            Self::Between => "\x1b[33m",
            Self::Dirty => "\x1b[31m",
            Self::Strong => "\x1b[1m",
            Self::Faint => "\x1b[90m",
        }
    }
}

const RESET: &str = "\x1b[0m";

impl Screen {
    /// The terminal on standard output; `None` where the output goes elsewhere.
    pub fn of_stdout() -> Option<Self> {
        if !std::io::stdout().is_terminal() {
            return None;
        }
        let told = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Some(Self::new(told, |name| std::env::var(name).ok()))
    }

    /// A terminal that tells `columns` of itself, with these variables of the environment: `COLUMNS`,
    /// `NO_COLOR` (no-color.org: any text in it means no), `TERM`, and the locale in the order of POSIX.
    pub fn new(columns: Option<usize>, var: impl Fn(&str) -> Option<String>) -> Self {
        let var = |name: &str| var(name).filter(|text| !text.is_empty());
        let by_hand = var("COLUMNS").and_then(|text| text.parse().ok()).filter(|n| *n != 0);
        let told = columns.filter(|columns| *columns != 0);
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(var);
        let unicode = locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        let dumb = var("TERM").is_none_or(|term| term == "dumb");
        Self {
            columns: by_hand.or(told).unwrap_or(USUAL).clamp(NARROWEST, WIDEST),
            colors: var("NO_COLOR").is_none() && !dumb,
            unicode,
        }
    }

    /// `text` in this ink.
    pub fn paint(&self, ink: Ink, text: &str) -> String {
        if self.colors && ink != Ink::Plain && !text.trim().is_empty() {
            format!("{}{text}{RESET}", ink.code())
        } else {
            text.to_owned()
        }
    }

    /// Neighbors of one ink painted in one go; without blanks at the end.
    pub fn paint_run(&self, cells: impl IntoIterator<Item = (Ink, char)>) -> String {
        let mut cells: Vec<(Ink, char)> = cells.into_iter().collect();
        let used = cells.iter().rposition(|(_, c)| *c != ' ').map_or(0, |last| last + 1);
        cells.truncate(used);
        let mut line = String::new();
        for run in cells.chunk_by(|a, b| a.0 == b.0) {
            let text: String = run.iter().map(|(_, c)| *c).collect();
            line.push_str(&self.paint(run[0].0, &text));
        }
        line
    }

    /// The first where there is more than ASCII, else the second.
    pub fn char(&self, unicode: char, ascii: char) -> char {
        if self.unicode { unicode } else { ascii }
    }

    /// `text` in lines of this width, all but the first of them indented; a word that is longer than a line
    /// keeps its own.
    pub fn wrap(&self, text: &str, indent: usize) -> String {
        let mut wrapped = String::new();
        let mut width = 0;
        for word in text.split_whitespace() {
            let length = word.chars().count();
            if width == 0 {
                width = length;
            } else if self.columns < width + 1 + length {
                let _ = write!(wrapped, "\n{:indent$}", "");
                width = indent + length;
            } else {
                wrapped.push(' ');
                width += 1 + length;
            }
            wrapped.push_str(word);
        }
        wrapped
    }

    /// A line of a table: a name in `indent` columns, and text that goes on below itself.
    pub fn row(&self, name: &str, indent: usize, text: &str) -> String {
        let line = format!("{name:<indent$}");
        let narrower = Self { columns: self.columns.saturating_sub(indent), ..*self };
        let text = narrower.wrap(text, 0).replace('\n', &format!("\n{:indent$}", ""));
        format!("{line}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(columns: Option<usize>, variables: &[(&str, &str)], expected: (usize, bool, bool)) {
        let var = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let screen = Screen::new(columns, var);
        assert_eq!((screen.columns, screen.colors, screen.unicode), expected, "{variables:?}");
    }

    #[test]
    fn the_environment_decides() {
        let term = ("TERM", "xterm");
        check(Some(120), &[term, ("LANG", "en_US.UTF-8")], (120, true, true));
        check(Some(120), &[term, ("LANG", "C.utf8"), ("COLUMNS", "60")], (60, true, true));
        check(Some(120), &[term, ("COLUMNS", "0")], (120, true, false));
        check(None, &[term, ("COLUMNS", "wide")], (80, true, false));
        check(Some(0), &[term], (80, true, false));
        check(Some(500), &[term], (200, true, false));
        check(Some(10), &[term], (30, true, false));
        check(None, &[term, ("NO_COLOR", "1")], (80, false, false));
        check(None, &[term, ("NO_COLOR", "")], (80, true, false));
        check(None, &[("TERM", "dumb")], (80, false, false));
        check(None, &[], (80, false, false));
        // The first that says anything decides.
        check(None, &[term, ("LC_ALL", "C"), ("LANG", "en_US.UTF-8")], (80, true, false));
        check(None, &[term, ("LC_CTYPE", "C.UTF-8"), ("LANG", "C")], (80, true, true));
    }

    #[test]
    fn text_stays_within_the_screen() {
        let screen = Screen { columns: 20, colors: false, unicode: false };
        assert_eq!(screen.wrap("", 2), "");
        assert_eq!(screen.wrap("twenty columns, just", 2), "twenty columns, just");
        assert_eq!(screen.wrap("a line that goes on below", 2), "a line that goes on\n  below");
        assert_eq!(
            screen.row("why", 6, "because of the weather"),
            "why   because of the\n      weather"
        );
    }

    #[test]
    fn color_is_only_where_there_is_something() {
        let screen = Screen { columns: 20, colors: true, unicode: false };
        let cells = [(Ink::Clean, 'a'), (Ink::Clean, 'b'), (Ink::Plain, ' '), (Ink::Dirty, ' ')];
        assert_eq!(screen.paint_run(cells), "\x1b[32mab\x1b[0m");
    }
}
