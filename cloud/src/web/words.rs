//! The sentences of the pages: the server's side of `assets/words.js`.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

static SCRIPT: &str = include_str!("assets/words.js");

/// English, as the browser has it.
static ENGLISH: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    let (_, object) = SCRIPT.split_once("export const EN = ").expect("words.js has EN");
    let mut json = serde_json::Deserializer::from_str(object);
    HashMap::deserialize(&mut json).expect("EN in words.js is JSON")
});

/// The sentence of this name; the name itself where there is none, as for a fuel that is new.
pub fn word(name: &str) -> &str {
    ENGLISH.get(name).map_or(name, String::as_str)
}

/// The sentence of this name, with values put into it.
pub fn fill(name: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::new();
    let mut rest = word(name);
    while let Some((before, after)) = rest.split_once('{') {
        let Some((field, after)) = after.split_once('}') else { break };
        text.push_str(before);
        text.push_str(
            values.iter().find(|(name, _)| *name == field).map_or("", |(_, value)| value),
        );
        rest = after;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_where_the_sentence_wants_them() {
        let values = [("value", "208"), ("verdict", "clean")];
        assert_eq!(fill("title_verdict", &values), "208 g/kWh, clean: New York grid now");
        assert_eq!(fill("live", &[]), "Live");
        // A value is never read as a sentence.
        assert_eq!(fill("grams", &[("value", "{value}")]), "{value} g");
    }

    #[test]
    fn the_browsers_words_are_here_too() {
        assert_eq!(word("waiting_title"), "Waiting for the first reading");
        assert_eq!(word("Dual Fuel"), "Gas or oil");
        assert_eq!(word("Tidal"), "Tidal");
    }
}
