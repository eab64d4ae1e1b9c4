//! Settings from defaults, one TOML file and the environment, with every mistake reported at once.

use std::fmt;
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Something wrong with the settings: which key, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Dotted key, or the file where no key is to blame.
    pub key: String,
    /// What is wrong with which value.
    pub text: String,
}

impl Mistake {
    /// A mistake at `key`.
    pub fn new(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { key: key.into(), text: text.into() }
    }
}

/// Settings that cannot be used. Lists all mistakes, one a line.
#[derive(Debug)]
pub struct Mistakes {
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// All of them.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.mistakes.len();
        write!(f, "{count} mistake{} in the settings", if count == 1 { "" } else { "s" })?;
        if let Some(file) = &self.file {
            write!(f, " ({})", file.display())?;
        }
        for mistake in &self.mistakes {
            write!(f, "\n  {}: {}", mistake.key, mistake.text)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// Settings of one process: serde gives the shape, the default every known key, `validate` the rest.
pub trait Settings: Serialize + DeserializeOwned + Default {
    /// What the types cannot say. Empty when all is well.
    fn validate(&self) -> Vec<Mistake>;
}

/// Reads settings: the defaults, then `file`, then variables `PREFIX__SECTION__KEY` of the environment.
///
/// # Errors
/// [`Mistakes`]: unknown keys, values of the wrong type and what [`Settings::validate`] finds, all at once.
pub fn load<T: Settings>(file: Option<&Path>, prefix: &str) -> Result<T, Mistakes> {
    let fail = |text| {
        let name = file.map(|file| file.display().to_string()).unwrap_or_default();
        Mistakes { file: file.map(Path::to_owned), mistakes: vec![Mistake::new(name, text)] }
    };
    let text = match file {
        Some(path) => Some(
            std::fs::read_to_string(path)
                .map_err(|error| fail(format!("cannot be read: {error}")))?,
        ),
        None => None,
    };
    let environment =
        Environment::with_prefix(prefix).prefix_separator("__").separator("__").try_parsing(true);
    load_from(text.as_deref(), file, Some(environment))
}

/// The same of the text of a file that need not be there yet, whatever the environment says.
///
/// # Errors
/// [`Mistakes`], as [`load`] has them.
pub fn load_text<T: Settings>(text: &str) -> Result<T, Mistakes> {
    load_from(Some(text), None, None)
}

fn load_from<T: Settings>(
    text: Option<&str>,
    file: Option<&Path>,
    environment: Option<Environment>,
) -> Result<T, Mistakes> {
    let fail = |mistakes| Mistakes { file: file.map(Path::to_owned), mistakes };
    let blame_file = |error: config::ConfigError| {
        let key = match (file, &environment) {
            (Some(file), _) => file.display().to_string(),
            (None, Some(_)) => "environment".to_owned(),
            (None, None) => "text".to_owned(),
        };
        fail(vec![Mistake::new(key, error.to_string())])
    };
    let mut builder = Config::builder();
    if let Some(text) = text {
        builder = builder.add_source(File::from_str(text, FileFormat::Toml));
    }
    if let Some(environment) = &environment {
        builder = builder.add_source(environment.clone());
    }
    let given: Value = builder.build().and_then(Config::try_deserialize).map_err(blame_file)?;

    let known =
        serde_json::to_value(T::default()).expect("settings have string keys and plain values");
    let mut mistakes = Vec::new();
    let mut settings = known.clone();
    for (path, value) in leaves(&given, &known) {
        let key = path.join(".");
        if lookup(&known, &path).is_none() {
            let hint = nearest(&known, &path)
                .map(|key| format!("; did you mean {key}?"))
                .unwrap_or_default();
            mistakes.push(Mistake::new(key, format!("no such setting{hint}")));
            continue;
        }
        // TOML has no null; this is what its `nan` and `inf` become.
        if value.is_null() {
            mistakes.push(Mistake::new(key, "not a finite number"));
            continue;
        }
        // Alone on top of the defaults, so that one bad value does not hide another.
        let mut alone = known.clone();
        place(&mut alone, &path, value.clone());
        match serde_json::from_value::<T>(alone) {
            Ok(_) => place(&mut settings, &path, value.clone()),
            Err(error) => mistakes.push(Mistake::new(key, error.to_string())),
        }
    }
    // Validated even with mistakes, a mistaken value standing at its default, so that all are told.
    match serde_json::from_value::<T>(settings) {
        Ok(settings) => {
            mistakes.extend(settings.validate());
            if mistakes.is_empty() { Ok(settings) } else { Err(fail(mistakes)) }
        }
        Err(error) => {
            mistakes.push(Mistake::new("settings", error.to_string()));
            Err(fail(mistakes))
        }
    }
}

/// Every value that is not a section, with its path.
fn leaves<'a>(given: &'a Value, known: &Value) -> Vec<(Vec<String>, &'a Value)> {
    let Value::Object(table) = given else { return Vec::new() };
    let mut found = Vec::new();
    for (name, value) in table {
        match (value, known.get(name)) {
            (Value::Object(_), Some(section @ Value::Object(_))) => {
                found.extend(leaves(value, section).into_iter().map(|(mut path, leaf)| {
                    path.insert(0, name.clone());
                    (path, leaf)
                }));
            }
            _ => found.push((vec![name.clone()], value)),
        }
    }
    found
}

fn lookup<'a>(tree: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(tree, |tree, name| tree.get(name))
}

fn place(tree: &mut Value, path: &[String], value: Value) {
    let slot = path.iter().try_fold(tree, |tree, name| tree.get_mut(name));
    if let Some(slot) = slot {
        *slot = value;
    }
}

/// The known key most like the last of `path`, anywhere; `None` when none is much like it.
fn nearest(known: &Value, path: &[String]) -> Option<String> {
    fn all(tree: &Value, prefix: &str, found: &mut Vec<String>) {
        if let Value::Object(table) = tree {
            for (name, value) in table {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                all(value, &key, found);
                found.push(key);
            }
        }
    }
    let mut keys = Vec::new();
    all(known, "", &mut keys);
    let (wanted, section) = path.split_last()?;
    let section = section.join(".");
    keys.into_iter()
        .map(|key| {
            let (place, name) = key.rsplit_once('.').unwrap_or(("", &key));
            // One of the same section is meant more likely than its namesake of another.
            (place == section, strsim::jaro_winkler(name, wanted), key)
        })
        .filter(|(_, likeness, _)| *likeness > 0.85)
        .max_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)))
        .map(|(_, _, key)| key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::HashMap;

    #[derive(Debug, Serialize, Deserialize)]
    struct Example {
        name: Option<String>,
        poll: Poll,
    }

    #[derive(Debug, Serialize, Deserialize)]
    struct Poll {
        interval_secs: u64,
        enabled: bool,
    }

    impl Default for Example {
        fn default() -> Self {
            Self { name: None, poll: Poll { interval_secs: 60, enabled: true } }
        }
    }

    impl Settings for Example {
        fn validate(&self) -> Vec<Mistake> {
            match self.poll.interval_secs {
                10.. => vec![],
                secs => vec![Mistake::new("poll.interval_secs", format!("{secs} is under 10 s"))],
            }
        }
    }

    fn read(toml: &str, environment: &[(&str, &str)]) -> Result<Example, Mistakes> {
        let environment: HashMap<String, String> = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let source =
            Environment::with_prefix("NY").prefix_separator("__").separator("__").try_parsing(true);
        load_from(Some(toml), Some(Path::new("x.toml")), Some(source.source(Some(environment))))
    }

    #[test]
    fn the_environment_beats_the_file_and_the_file_the_default() {
        let example = read(
            "name = \"a\"\n[poll]\ninterval_secs = 30\n",
            &[("NY__POLL__INTERVAL_SECS", "20")],
        )
        .unwrap();
        assert_eq!(
            (example.name.as_deref(), example.poll.interval_secs, example.poll.enabled),
            (Some("a"), 20, true)
        );
    }

    #[test]
    fn a_text_is_settings_without_a_file_and_without_the_environment() {
        let example: Example = load_text("[poll]\ninterval_secs = 30\n").unwrap();
        assert_eq!(example.poll.interval_secs, 30);
        let told = |text: &str| load_text::<Example>(text).unwrap_err().to_string();
        assert!(told("[poll]\ninterval_secs = 5\n").contains("poll.interval_secs: 5 is under"));
        assert!(told("[poll\n").contains("text: TOML parse error"), "{}", told("[poll\n"));
    }

    #[test]
    fn every_mistake_is_reported_with_its_key_and_value() {
        let text = read(
            "nmae = \"a\"\n[poll]\ninterval = 30\ninterval_secs = \"soon\"\nenabled = 7\n",
            &[],
        )
        .unwrap_err()
        .to_string();
        for expected in [
            "4 mistakes",
            "nmae: no such setting; did you mean name?",
            "poll.interval: no such setting; did you mean poll.interval_secs?",
            "poll.interval_secs: invalid type: string \"soon\"",
            "poll.enabled: invalid type: integer `7`",
        ] {
            assert!(text.contains(expected), "{expected:?} is not in {text}");
        }
    }

    #[test]
    fn the_key_that_is_meant_is_sought_in_its_own_section_first() {
        let known = serde_json::json!({"a": {"password_file": null}, "b": {"password_file": null}});
        for section in ["a", "b"] {
            let path = [section.to_owned(), "password".to_owned()];
            assert_eq!(nearest(&known, &path), Some(format!("{section}.password_file")));
        }
        let elsewhere = ["c".to_owned(), "password_file".to_owned()];
        assert!(nearest(&known, &elsewhere).is_some());
    }

    #[test]
    fn what_types_cannot_say_is_said_too() {
        let text = read("[poll]\ninterval_secs = 5\n", &[]).unwrap_err().to_string();
        assert!(text.contains("poll.interval_secs: 5 is under 10 s"), "{text}");
    }

    #[test]
    fn mistakes_of_type_and_of_value_are_told_together() {
        let text = read("name = 7\n[poll]\ninterval_secs = 5\n", &[]).unwrap_err().to_string();
        assert!(text.contains("2 mistakes"), "{text}");
        assert!(text.contains("poll.interval_secs: 5 is under 10 s"), "{text}");
    }

    #[test]
    fn a_number_that_is_none_is_no_silent_default() {
        let text = read("name = nan\n", &[]).unwrap_err().to_string();
        assert!(text.contains("name: not a finite number"), "{text}");
    }

    #[test]
    fn a_file_that_is_no_toml_or_not_there_says_so() {
        assert!(read("[poll\n", &[]).unwrap_err().to_string().contains("line 1, column"));
        let absent = load::<Example>(Some(Path::new("/nonexistent/x.toml")), "NY_NOTHING");
        assert!(absent.unwrap_err().to_string().contains("/nonexistent/x.toml: cannot be read"));
    }
}
