//! Words that mean something, and places where they are found.

use serde::{Deserialize, Serialize};

use super::parse::Check;

/// One word or several that mean the same. Upper and lower case are the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a word such as \"ON\", or several: [\"ON\", \"1\"]")]
pub enum Words {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Words {
    /// These.
    pub fn of(words: &[&str]) -> Self {
        match words {
            [word] => Self::One((*word).to_owned()),
            words => Self::Several(words.iter().map(|word| (*word).to_owned()).collect()),
        }
    }

    /// Whether `word` is one of them.
    pub fn have(&self, word: &str) -> bool {
        self.all().iter().any(|own| own.trim().eq_ignore_ascii_case(word))
    }

    fn all(&self) -> &[String] {
        match self {
            Self::One(word) => std::slice::from_ref(word),
            Self::Several(words) => words,
        }
    }
}

/// Two sets of words that mean opposite things.
pub(super) fn opposites(
    check: &mut Check,
    (yes_key, yes): (&str, Option<Words>),
    (no_key, no): (&str, Option<Words>),
) -> Option<(Words, Words)> {
    for (key, words) in [(yes_key, &yes), (no_key, &no)] {
        match words {
            None => check.say(key, "must be given: the word that means it, or several"),
            Some(words) if words.all().iter().all(|word| word.trim().is_empty()) => {
                check.say(key, "is empty: give the word that means it");
            }
            Some(_) => {}
        }
    }
    let (yes, no) = (yes?, no?);
    if let Some(both) = yes.all().iter().find(|word| no.have(word.trim())) {
        check.say(no_key, format!("{both:?} stands in {yes_key}, too"));
        return None;
    }
    Some((yes, no))
}

/// A topic of its own: no wildcards.
pub(super) fn topic(check: &mut Check, key: &str, given: Option<String>) -> Option<String> {
    let topic = given?;
    if topic.trim().is_empty() || topic.contains(['+', '#', '\0']) {
        check.say(key, format!("{topic:?} is not the topic of one thing: + and # are not allowed"));
        return None;
    }
    Some(topic)
}

/// A JSON pointer (RFC 6901), such as `/ENERGY/Power`.
pub(super) fn pointer(check: &mut Check, key: &str, given: Option<String>) -> Option<String> {
    let pointer = given?;
    if !pointer.starts_with('/') {
        check.say(key, format!("{pointer:?} does not start with /: write \"/state\" or \"/a/b\""));
        return None;
    }
    Some(pointer)
}
