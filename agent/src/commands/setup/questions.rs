//! The questions in their order.

use std::path::PathBuf;

use service::clock::{Clock as _, SystemClock};
use toml::Value;

use super::answers::Answers;
use super::place::Unnamed;
use super::talk::{Stop, Talk, Tone};
use crate::commands::probe::{FeedAnswer, ask_feed, wait};

pub(super) const FEED: &str = "feed.url";

const SOURCE: &str = "signal.source";

/// A conversation about settings.
pub(super) struct Interview<'t, 'io> {
    pub talk: &'t mut Talk<'io>,
    /// What is known so far.
    pub answers: Answers,
    /// What an earlier file says: the defaults.
    pub before: Answers,
    /// Feed and switch are asked whether they are there.
    pub tries: bool,
    pub clock: SystemClock,
    /// A secret for the end: its file, where it is until then, and itself.
    pub secret: Option<(PathBuf, Unnamed, String)>,
}

impl Interview<'_, '_> {
    /// Asks everything.
    pub fn ask_all(&mut self) -> Result<(), Stop> {
        self.ask_feed()?;
        let same_switch = self.ask_switch()?;
        self.ask_charge()?;
        self.ask_alarms()?;
        self.carry_over(same_switch)?;
        self.take_the_rest()
    }

    /// Asks for one setting. `read` makes a value of the answer.
    pub fn setting(
        &mut self,
        key: &str,
        name: &str,
        default: &str,
        read: impl Fn(&str) -> Value,
    ) -> Result<(), Stop> {
        let default = self.before.text(key).unwrap_or_else(|| default.to_owned());
        let answers = &mut self.answers;
        self.talk.ask(key, name, &default, |answer| {
            if answer.is_empty() {
                return Err("this needs an answer".to_owned());
            }
            answers.set(key, read(answer));
            match answers.mistake(key) {
                None => Ok(()),
                Some(text) => {
                    answers.forget(key);
                    Err(text)
                }
            }
        })
    }

    /// The same for one that may be left out, by `none`. Whether it was given.
    pub fn optional(
        &mut self,
        key: &str,
        name: &str,
        default: Option<&str>,
        read: impl Fn(&str) -> Value,
    ) -> Result<bool, Stop> {
        let default = self.before.text(key).or_else(|| default.map(str::to_owned));
        let default = default.unwrap_or_else(|| "none".to_owned());
        let answers = &mut self.answers;
        self.talk.ask(key, name, &default, |answer| {
            if is_none(answer) {
                return Ok(false);
            }
            answers.set(key, read(answer));
            match answers.mistake(key) {
                None => Ok(true),
                Some(text) => {
                    answers.forget(key);
                    Err(text)
                }
            }
        })
    }

    fn ask_feed(&mut self) -> Result<(), Stop> {
        self.talk.begin(
            "Where is the stream of the grid?",
            "The default is `ny-power-cloud up` on this machine. Elsewhere: mqtt://host:port, or mqtts://host:port\n\
             with TLS. It can command nothing here. nyiso: no stream, the agent reads NYISO's own files; it then has\n\
             no forecast but its own history.",
        )?;
        let usual = match self.before.text(SOURCE).as_deref() {
            Some("nyiso") => "nyiso".to_owned(),
            _ => self.before.text(FEED).unwrap_or_else(|| "mqtt://127.0.0.1:1884".to_owned()),
        };
        // Answered here, whatever it was.
        self.before.forget(SOURCE);
        let answers = &mut self.answers;
        let by_choice = self.talk.ask(FEED, "Feed", &usual, |answer| {
            if answer.eq_ignore_ascii_case("nyiso") {
                answers.set(SOURCE, "nyiso");
                return Ok(true);
            }
            answers.set(FEED, answer);
            match answers.mistake(FEED) {
                None => Ok(false),
                Some(text) => {
                    answers.forget(FEED);
                    Err(text)
                }
            }
        })?;
        if by_choice {
            return Ok(());
        }
        while self.tries {
            let config = match self.answers.config() {
                Ok(config) => config,
                // State directory and secrets are none of the feed's business; later they are told.
                Err(_) => break,
            };
            let answer = wait(ask_feed(&config.feed))?;
            let (is_good, words) = answer.words(self.clock.now());
            self.talk.say(if is_good { Tone::Good } else { Tone::Doubt }, &words)?;
            // A pipe cannot think again.
            if !matches!(answer, FeedAnswer::Away { .. }) || !self.talk.is_person || self.talk.yes {
                break;
            }
            self.talk.say(
                Tone::Help,
                "Without it the agent reads NYISO itself, and goes by its own history. Enter keeps this address.",
            )?;
            let kept = self.answers.text(FEED).unwrap_or_default();
            self.before.set(FEED, kept.clone());
            self.setting(FEED, "Feed", &kept, text)?;
            if self.answers.text(FEED).as_ref() == Some(&kept) {
                break;
            }
        }
        Ok(())
    }

    fn ask_alarms(&mut self) -> Result<(), Stop> {
        const COMMAND: &str = "notify.command";
        const WEBHOOK: &str = "notify.webhook";
        self.talk.begin(
            "How do you hear that the car will not be ready, or that the switch does not obey?",
            "command: a program of yours is called with the news. webhook: an address gets it as JSON (ntfy, Home\n\
             Assistant, ...). none: only the log has it.",
        )?;
        let usual = match (self.before.get(COMMAND), self.before.get(WEBHOOK)) {
            (Some(_), _) => "command",
            (None, Some(_)) => "webhook",
            (None, None) => "none",
        };
        let kinds = ["none", "command", "webhook"];
        let kind = self.talk.ask("notify", "Alarms", usual, |answer| {
            let known = kinds.into_iter().find(|kind| kind.eq_ignore_ascii_case(answer));
            known.ok_or_else(|| format!("{answer:?} is none of none, command, webhook"))
        })?;
        match kind {
            "command" => self.setting(COMMAND, "Program", "/usr/local/bin/tell-me", words),
            "webhook" => {
                self.setting(WEBHOOK, "Address", "https://ntfy.sh/your-own-secret-name", text)
            }
            _ => Ok(()),
        }
    }

    /// Settings of an earlier file that nobody was asked about.
    fn carry_over(&mut self, same_switch: bool) -> Result<(), Stop> {
        let answered = |key: &str| {
            let ours = ["notify.command", "notify.webhook", "charge.need_kwh", "charge.power_kw"];
            key.starts_with("schedule.")
                || ours.contains(&key)
                || key == "charge.plugged_from"
                || (key.starts_with("actuator.") && !same_switch)
        };
        for (key, value) in self.before.all() {
            if self.answers.get(&key).is_some() || answered(&key) {
                continue;
            }
            self.answers.set(&key, value);
            if let Some(text) = self.answers.mistake(&key) {
                self.answers.forget(&key);
                self.talk.say(Tone::Doubt, &format!("Not taken over: {key}: {text}"))?;
            }
        }
        Ok(())
    }

    /// Settings given beforehand that belong to no question.
    fn take_the_rest(&mut self) -> Result<(), Stop> {
        for (key, answer) in std::mem::take(&mut self.talk.given) {
            self.answers.set(&key, plain(&answer));
            if let Some(text) = self.answers.mistake(&key) {
                return Err(Stop::Wrong { question: key, text });
            }
        }
        Ok(())
    }
}

/// Whether an answer says that there is none.
pub(super) fn is_none(answer: &str) -> bool {
    ["", "-", "none", "no", "never"].iter().any(|none| answer.eq_ignore_ascii_case(none))
}

/// The answer as it is.
pub(super) fn text(answer: &str) -> Value {
    answer.into()
}

/// A number, or what stands in its place and will be refused.
pub(super) fn number(answer: &str) -> Value {
    match (answer.parse::<i64>(), answer.parse::<f64>()) {
        (Ok(whole), _) => whole.into(),
        (_, Ok(number)) => number.into(),
        _ => answer.into(),
    }
}

/// A program and its arguments.
pub(super) fn words(answer: &str) -> Value {
    // As in the file, for arguments with blanks.
    if let Ok(value @ Value::Array(_)) = answer.parse() {
        return value;
    }
    answer.split_whitespace().collect::<Vec<_>>().into()
}

/// A number, yes or no, or a list; else a text. A time of day is a text, too.
fn plain(answer: &str) -> Value {
    match answer.parse() {
        Ok(Value::Datetime(_)) | Err(_) => answer.into(),
        Ok(value) => value,
    }
}
