//! What was found, and how it is told.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use crate::picture::Screen;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, and may not go on to.
    Warning,
    /// It does not work.
    Failure,
}

/// One look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: one word, which does not change between versions.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub text: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, text: text.into(), advice: None }
    }

    /// It works, and may not go on to.
    pub fn warning(
        check: &'static str,
        text: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { check, level: Level::Warning, text: text.into(), advice: Some(advice.into()) }
    }

    /// It does not work.
    pub fn failure(
        check: &'static str,
        text: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { check, level: Level::Failure, text: text.into(), advice: Some(advice.into()) }
    }

    /// One line, and one with the advice; in a terminal wrapped.
    fn draw(&self, width: Option<usize>, colors: bool) -> String {
        let (word, color) = match self.level {
            Level::Ok => ("ok", "32"),
            Level::Warning => ("warning", "33"),
            Level::Failure => ("FAILURE", "31"),
        };
        let word = format!("{word:<9}");
        let word = if colors { format!("\x1b[{color}m{word}\x1b[0m") } else { word };
        let mut page = format!("{word}{:<10}", self.check);
        page.push_str(&wrap(&self.text, width));
        page.push('\n');
        if let Some(advice) = &self.advice {
            page.push_str(&format!("{}-> {}\n", " ".repeat(INDENT), wrap(advice, width)));
        }
        page
    }
}

/// Longer lines are harder to read.
const WIDEST: usize = 110;

/// Where texts begin.
const INDENT: usize = 19;

/// Breaks a text at blanks; the rest is indented.
fn wrap(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    let room = width.saturating_sub(INDENT + 3).max(30);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is one");
        if !line.is_empty() && room < line.chars().count() + 1 + word.chars().count() {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join(&format!("\n{}", " ".repeat(INDENT)))
}

/// Tells each finding as it comes, or all at the end as JSON.
pub struct Report<'a> {
    out: &'a mut dyn Write,
    json: bool,
    width: Option<usize>,
    colors: bool,
    findings: Vec<Finding>,
}

impl<'a> Report<'a> {
    /// On `out`.
    pub fn new(out: &'a mut dyn Write, json: bool, screen: Option<Screen>) -> Self {
        let width = screen.map(|screen| screen.columns.min(WIDEST));
        let colors = screen.is_some_and(|screen| screen.colors);
        Self { out, json, width, colors, findings: Vec::new() }
    }

    /// Tells one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn tell(&mut self, finding: Finding) -> anyhow::Result<()> {
        if !self.json {
            write!(self.out, "{}", finding.draw(self.width, self.colors))?;
            self.out.flush()?;
        }
        self.findings.push(finding);
        Ok(())
    }

    /// Tells several.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn tell_all(&mut self, findings: Vec<Finding>) -> anyhow::Result<()> {
        findings.into_iter().try_for_each(|finding| self.tell(finding))
    }

    /// The sum of it, and the exit status.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end(self, settings: Option<&Path>) -> anyhow::Result<ExitCode> {
        let count = |level| self.findings.iter().filter(|finding| finding.level == level).count();
        let (warnings, failures) = (count(Level::Warning), count(Level::Failure));
        if self.json {
            let answer = serde_json::json!({
                "ok": failures == 0,
                "version": env!("CARGO_PKG_VERSION"),
                "settings": settings,
                "checks": self.findings,
            });
            writeln!(self.out, "{}", serde_json::to_string_pretty(&answer)?)?;
        } else {
            let several = |count: usize, word: &str| match count {
                1 => format!("1 {word}"),
                count => format!("{count} {word}s"),
            };
            let sum = match (failures, warnings) {
                (0, 0) => "All is well.".to_owned(),
                (0, warnings) => format!("It works; {}.", several(warnings, "warning")),
                (failures, warnings) => {
                    format!("{}, {}.", several(failures, "failure"), several(warnings, "warning"))
                }
            };
            writeln!(self.out, "\n{sum}")?;
        }
        Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_and_its_advice_another() {
        let finding = Finding::warning("clock", "it is not set", "set it");
        let expected = "warning  clock     it is not set\n                   -> set it\n";
        assert_eq!(finding.draw(None, false), expected);
        let colored = Finding::ok("clock", "8 AM").draw(None, true);
        assert_eq!(colored, "\x1b[32mok       \x1b[0mclock     8 AM\n");
    }

    #[test]
    fn a_terminal_gets_lines_that_fit() {
        let text = ["word"; 30].join(" ");
        let drawn = Finding::ok("clock", &text).draw(Some(60), false);
        assert!(drawn.lines().all(|line| line.len() <= 60), "{drawn}");
        assert_eq!(drawn.split_whitespace().skip(2).collect::<Vec<_>>().join(" "), text);
        // What has no blanks is not torn.
        let long = "x".repeat(100);
        assert!(Finding::ok("clock", &long).draw(Some(60), false).contains(&long));
    }
}
