//! What a switch says: a word, alone or somewhere in a JSON document.

use domain::control::Contactor;
use serde_json::Value;

use crate::config::Words;

/// The word in a message: all of it, or what the JSON pointer leads to. `None` where there is none.
pub(super) fn word(payload: &[u8], pointer: Option<&str>) -> Option<String> {
    let Some(pointer) = pointer else {
        let text = std::str::from_utf8(payload).ok()?.trim();
        return (!text.is_empty()).then(|| text.to_owned());
    };
    let document: Value = serde_json::from_slice(payload).ok()?;
    match document.pointer(pointer)? {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
        value => Some(value.to_string()),
    }
}

/// The number in a message.
pub(super) fn number(payload: &[u8], pointer: Option<&str>) -> Option<f64> {
    word(payload, pointer)?.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The position that a word stands for; else the word, shortened.
pub(super) fn position(word: &str, on: &Words, off: &Words) -> Result<Contactor, String> {
    if on.have(word) {
        Ok(Contactor::Closed)
    } else if off.have(word) {
        Ok(Contactor::Open)
    } else {
        Err(word.chars().take(40).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_the_message_or_a_place_in_it() {
        #[track_caller]
        fn check(payload: &str, pointer: Option<&str>, expected: Option<&str>) {
            assert_eq!(word(payload.as_bytes(), pointer).as_deref(), expected);
        }
        check(" ON\n", None, Some("ON"));
        check("", None, None);
        check("{\"state\":\"ON\"}", Some("/state"), Some("ON"));
        check("{\"output\":true,\"apower\":7.5}", Some("/output"), Some("true"));
        check("{\"a\":{\"b\":[0,1]}}", Some("/a/b/1"), Some("1"));
        // Not about what we look for, so nothing: not a position, not an error.
        check("{\"brightness\":3}", Some("/state"), None);
        check("{\"state\":null}", Some("/state"), None);
        check("ON", Some("/state"), None);
    }

    #[test]
    fn a_number_is_finite() {
        assert_eq!(number(b"1320.5", None), Some(1320.5));
        assert_eq!(number(b"{\"apower\":-3}", Some("/apower")), Some(-3.0));
        assert_eq!(number(b"NaN", None), None);
        assert_eq!(number(b"1e999", None), None);
        assert_eq!(number(b"off", None), None);
    }
}
