//! Answers on their way to be settings: each is checked by the checks that read the file, in their words.

use std::path::PathBuf;

use toml::{Table, Value};

use crate::config::Config;

/// Settings by dotted key.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    table: Table,
    /// A secret that is not in its file yet: the key that names the file, and where it is for now.
    stand_in: Option<(String, PathBuf)>,
}

impl Answers {
    /// Those of a settings file; `None` when it is no TOML.
    pub fn of_file(text: &str) -> Option<Self> {
        Some(Self { table: text.parse().ok()?, stand_in: None })
    }

    /// Takes an answer, in place of an earlier one.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        put(&mut self.table, key, value.into());
    }

    /// What was answered.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let mut path = key.split('.');
        let first = self.table.get(path.next()?)?;
        path.try_fold(first, |value, name| value.get(name))
    }

    /// The same as text, without quotes.
    pub fn text(&self, key: &str) -> Option<String> {
        self.get(key).map(|value| match value {
            Value::String(text) => text.clone(),
            Value::Array(words) => words
                .iter()
                .map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned))
                .collect::<Vec<_>>()
                .join(" "),
            other => other.to_string(),
        })
    }

    /// Takes an answer back, or a whole section.
    pub fn forget(&mut self, key: &str) {
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        let table = section
            .split('.')
            .filter(|name| !name.is_empty())
            .try_fold(&mut self.table, |table, name| table.get_mut(name)?.as_table_mut());
        if let Some(table) = table {
            table.remove(name);
        }
    }

    /// Until the end the secret of the file at `key` is read from `path`.
    pub fn stand_in(&mut self, key: &str, path: PathBuf) {
        self.stand_in = Some((key.to_owned(), path));
    }

    /// Every key with its value.
    pub fn all(&self) -> Vec<(String, Value)> {
        fn walk(table: &Table, prefix: &str, found: &mut Vec<(String, Value)>) {
            for (name, value) in table {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                match value {
                    Value::Table(table) => walk(table, &key, found),
                    value => found.push((key, value.clone())),
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.table, "", &mut found);
        found
    }

    /// What is wrong with the answer to `key`, by what is known so far.
    pub fn mistake(&self, key: &str) -> Option<String> {
        let mistakes = Config::of_text(&self.toml()).err()?.mistakes;
        let is_of = |told: &str| told == key || key.starts_with(&format!("{told}."));
        mistakes.into_iter().find(|mistake| is_of(&mistake.key)).map(|mistake| mistake.text)
    }

    /// The settings that they make.
    ///
    /// # Errors
    /// Every mistake.
    pub fn config(&self) -> Result<Config, service::settings::Mistakes> {
        Config::of_text(&self.toml()).map(|(_, config)| config)
    }

    fn toml(&self) -> String {
        let mut table = self.table.clone();
        if let Some((key, path)) = &self.stand_in {
            put(&mut table, key, path.display().to_string().into());
        }
        table.to_string()
    }
}

fn put(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            let section = table.entry(section).or_insert_with(|| Table::new().into());
            // What is no section is a mistake of an old file, and the new answer counts.
            if !section.is_table() {
                *section = Table::new().into();
            }
            if let Value::Table(section) = section {
                put(section, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(given: &[(&str, &str)]) -> Answers {
        let mut answers = Answers::default();
        answers.set("state_dir", "/nowhere");
        for (key, value) in given {
            answers.set(key, *value);
        }
        answers
    }

    #[test]
    fn an_answer_is_told_its_own_mistake_only() {
        #[track_caller]
        fn check(given: &[(&str, &str)], key: &str, expected: Option<&str>) {
            assert_eq!(answers(given).mistake(key).as_deref(), expected);
        }
        check(&[("feed.url", "mqtt://grid.local")], "feed.url", None);
        check(
            &[("feed.url", "grid.local")],
            "feed.url",
            Some("broker address \"grid.local\" does not start with mqtt:// or mqtts://"),
        );
        // What is not answered yet is not this answer's mistake.
        check(
            &[("actuator.kind", "gpio"), ("actuator.gpio.line", "GPIO17")],
            "actuator.gpio.line",
            None,
        );
        check(
            &[("schedule.mon", "half past")],
            "schedule.mon",
            Some("\"half past\" is no time of day such as \"07:30\" (24 hours, Eastern)"),
        );
        check(
            &[("control.mod", "now")],
            "control.mod",
            Some("no such setting; did you mean control.mode?"),
        );
    }

    #[test]
    fn answers_are_taken_back_and_listed() {
        let mut answers = answers(&[
            ("actuator.kind", "gpio"),
            ("actuator.gpio.line", "GPIO17"),
            ("feed.url", "x"),
        ]);
        assert_eq!(answers.text("actuator.gpio.line").as_deref(), Some("GPIO17"));
        answers.forget("actuator");
        answers.forget("home.url");
        let keys: Vec<_> = answers.all().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["feed.url", "state_dir"]);
    }
}
