//! Megawatts as NYISO writes them: `2282.0`.

/// What stands in a value field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    /// Nothing: the row is there before its value is.
    Empty,
    /// Digits without a decimal point. A number, but in the last row also what is left of a longer one.
    Whole(f64),
    /// Digits on both sides of a decimal point: it is all there.
    Fraction(f64),
    /// Anything else: words, `NaN`, `1e5`, `2,282.0`.
    Bad,
}

impl Number {
    pub(super) fn read(text: &[u8]) -> Self {
        match tenths_of_nothing(text) {
            Some(value) => Self::Fraction(value),
            None => Self::read_any(text.trim_ascii()),
        }
    }

    /// Stricter than `f64::from_str`, which takes `inf`, `nan`, `+5`, `1e5` and `.5`.
    #[cold]
    fn read_any(text: &[u8]) -> Self {
        if text.is_empty() {
            return Self::Empty;
        }
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        let point = digits.iter().position(|byte| *byte == b'.');
        let (whole, fraction) = digits.split_at(point.unwrap_or(digits.len()));
        let all_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
        if !all_digits(whole) || point.is_some() && !all_digits(&fraction[1..]) {
            return Self::Bad;
        }
        match std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()) {
            Some(value) if point.is_some() => Self::Fraction(value),
            Some(value) => Self::Whole(value),
            None => Self::Bad,
        }
    }
}

/// `<1 to 7 digits>.0`, which is every value of the archive.
fn tenths_of_nothing(text: &[u8]) -> Option<f64> {
    let digits = text.strip_suffix(b".0").filter(|digits| (1..=7).contains(&digits.len()))?;
    let mut value: u32 = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = 10 * value + u32::from(digit);
    }
    Some(f64::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Number) {
        assert_eq!(Number::read(text.as_bytes()), expected, "{text:?}");
    }

    #[test]
    fn reads_what_nyiso_writes() {
        check("2282.0", Number::Fraction(2282.0));
        check("0.0", Number::Fraction(0.0));
        check("12182.0", Number::Fraction(12182.0));
        check("9999999.0", Number::Fraction(9_999_999.0));
    }

    #[test]
    fn reads_what_nyiso_might_write() {
        check("2282.5", Number::Fraction(2282.5));
        check("-12.0", Number::Fraction(-12.0));
        check("2282", Number::Whole(2282.0));
        check(" 2282.0 ", Number::Fraction(2282.0));
        check("12345678.0", Number::Fraction(12_345_678.0));
        check("", Number::Empty);
        check("  ", Number::Empty);
    }

    #[test]
    fn refuses_what_a_lenient_reader_takes() {
        for text in [
            "NaN", "inf", "1e5", "+5.0", ".5", "5.", "-", ".", "2,282.0", "2282.0.0", "0x10",
            "22 82", "N/A", "--5", "٣.0",
        ] {
            check(text, Number::Bad);
        }
    }
}
