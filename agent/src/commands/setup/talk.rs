//! The conversation: a line asked, a line answered. In a terminal a mistaken answer is asked for again; of a
//! pipe, which cannot think twice, it is the end.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

/// Why the conversation ended before its end. Nothing was written then.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// Nobody answers, not even the first question.
    #[error(
        "there is nobody to ask: run it in a terminal, pipe one answer a line into it, or give --yes; \
         nothing was written"
    )]
    Nobody,
    /// The person left, or the answers of a pipe were too few.
    #[error("the answers ended at {question:?}; nothing was written")]
    Ended {
        /// The first one without an answer.
        question: String,
    },
    /// An answer that was given beforehand does not do.
    #[error("{question}: {text}; nothing was written")]
    Wrong {
        /// What it answers.
        question: String,
        /// What is wrong with it.
        text: String,
    },
    /// It was decided against.
    #[error("nothing was written")]
    Declined,
    /// The terminal.
    #[error("the terminal cannot be used")]
    Terminal(#[from] io::Error),
}

/// How a line is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// A question.
    Title,
    /// What helps to answer it.
    Help,
    /// What there is to choose from.
    List,
    /// It works.
    Good,
    /// It does not, which need not matter now.
    Doubt,
    /// An answer that does not do.
    Bad,
}

/// Who is asked, and how.
pub struct Talk<'a> {
    /// Where answers come from.
    pub input: &'a mut dyn BufRead,
    /// Where questions go.
    pub out: &'a mut dyn Write,
    /// A person sits there.
    pub is_person: bool,
    /// In colors.
    pub colors: bool,
    /// Defaults are taken without asking.
    pub yes: bool,
    /// Answers given beforehand, by key.
    pub given: BTreeMap<String, String>,
}

impl Talk<'_> {
    /// Whether anybody answers at all; waits for the first answer of a pipe.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_somebody_there(&mut self) -> Result<bool, Stop> {
        Ok(self.is_person || self.yes || !self.input.fill_buf()?.is_empty())
    }

    /// Says a line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn say(&mut self, tone: Tone, text: &str) -> Result<(), Stop> {
        let (color, indent) = match tone {
            Tone::Title => ("1", ""),
            Tone::Help => ("2", "  "),
            Tone::List => ("0", "  "),
            Tone::Good => ("32", "  "),
            Tone::Doubt => ("33", "  "),
            Tone::Bad => ("31", "  "),
        };
        for line in text.lines() {
            match self.colors {
                true => writeln!(self.out, "{indent}\x1b[{color}m{line}\x1b[0m")?,
                false => writeln!(self.out, "{indent}{line}")?,
            }
        }
        Ok(())
    }

    /// Begins a question: an empty line, what it is about, what helps.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(&mut self, title: &str, help: &str) -> Result<(), Stop> {
        writeln!(self.out)?;
        self.say(Tone::Title, title)?;
        self.say(Tone::Help, help)
    }

    /// Asks until the answer does: `take` makes something of it, or says what is wrong. The key is for answers
    /// that were given beforehand.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn ask<T>(
        &mut self,
        key: &str,
        name: &str,
        default: &str,
        mut take: impl FnMut(&str) -> Result<T, String>,
    ) -> Result<T, Stop> {
        let wrong = |text| Stop::Wrong { question: name.to_owned(), text };
        if let Some(given) = self.given.remove(key) {
            writeln!(self.out, "{name}: {given}")?;
            return take(given.trim()).map_err(wrong);
        }
        loop {
            match default {
                "" => write!(self.out, "{name}: ")?,
                default => write!(self.out, "{name} [{default}]: ")?,
            }
            self.out.flush()?;
            if self.yes {
                writeln!(self.out, "{default}")?;
                return take(default).map_err(wrong);
            }
            let line = self.read_line(name)?;
            let answer = if line.is_empty() { default } else { &line };
            if !self.is_person {
                // Without the Enter of a person the answer would be missing in what is on the screen.
                writeln!(self.out, "{line}")?;
            }
            match take(answer) {
                Ok(taken) => return Ok(taken),
                Err(text) if self.is_person => self.say(Tone::Bad, &format!("No: {text}"))?,
                Err(text) => return Err(wrong(text)),
            }
        }
    }

    /// Asks for yes or no.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn confirm(&mut self, key: &str, name: &str, default: bool) -> Result<bool, Stop> {
        let default = if default { "yes" } else { "no" };
        self.ask(key, name, default, |answer| match answer.to_ascii_lowercase().as_str() {
            "y" | "yes" | "true" => Ok(true),
            "n" | "no" | "false" => Ok(false),
            _ => Err("answer yes or no".to_owned()),
        })
    }

    /// Asks for something that is not shown.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn ask_secret(&mut self, name: &str) -> Result<String, Stop> {
        write!(self.out, "{name}: ")?;
        self.out.flush()?;
        let hush = self.is_person.then(Hush::new);
        let line = self.read_line(name);
        drop(hush);
        writeln!(self.out)?;
        line
    }

    fn read_line(&mut self, question: &str) -> Result<String, Stop> {
        let mut line = String::new();
        let ended = || Stop::Ended { question: question.trim().to_owned() };
        if self.input.read_line(&mut line)? == 0 {
            writeln!(self.out)?;
            return Err(ended());
        }
        // Ctrl-C, where it is no signal.
        if line.contains('\u{3}') {
            return Err(ended());
        }
        Ok(line.trim().to_owned())
    }
}

/// The terminal does not show what is typed while this lives.
// Without signals, since Ctrl-C would leave the terminal so; it then comes as a character.
struct Hush;

impl Hush {
    fn new() -> Self {
        stty(&["-echo", "-isig"]);
        Self
    }
}

impl Drop for Hush {
    fn drop(&mut self) {
        stty(&["echo", "isig"]);
    }
}

/// Where there is no such program, what is typed is seen.
fn stty(arguments: &[&str]) {
    let _ = std::process::Command::new("stty").args(arguments).status();
}
