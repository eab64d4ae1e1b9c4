//! Answers with the right caching, encoding and protection.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::assets::Compressed;

/// `Content-Type` of JSON.
pub const JSON: &str = "application/json";

/// `Content-Type` of a page.
pub const HTML: &str = "text/html; charset=utf-8";

/// How long an answer may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// For good: its address changes with its content.
    Immutable,
    /// For a minute, by caches between us too: what changes each quarter hour.
    Minute,
    /// Kept, but asked about each time.
    Revalidate,
    /// Not at all.
    Never,
}

impl Cache {
    /// The value of `Cache-Control`.
    pub fn value(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Immutable => "public, max-age=31536000, immutable",
            Self::Minute => "public, max-age=60",
            Self::Revalidate => "no-cache",
            Self::Never => "no-store",
        })
    }
}

/// Answers with `document`, or that the client has it already.
pub fn with(
    headers: &HeaderMap,
    document: &Compressed,
    content_type: &'static str,
    cache: Cache,
) -> Response {
    let etag = HeaderValue::from_str(&document.etag).expect("a tag is hexadecimal");
    let common = [
        (header::CACHE_CONTROL, cache.value()),
        (header::ETAG, etag),
        (header::VARY, HeaderValue::from_static("Accept-Encoding")),
    ];
    if has_it_already(headers, &document.etag) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
    if accepts_gzip(headers) && document.gzip.len() < document.plain.len() {
        let encoding = [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
        (common, content_type, encoding, document.gzip.clone()).into_response()
    } else {
        (common, content_type, document.plain.clone()).into_response()
    }
}

/// `If-None-Match` names the tag. Tags are compared weakly (RFC 9110, section 13.1.2).
fn has_it_already(headers: &HeaderMap, etag: &str) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| tag.trim() == "*" || strong(tag) == strong(etag))
}

/// `Accept-Encoding` names gzip, or `*`, with a weight above 0 (RFC 9110, section 12.5.3).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut any = false;
    let values = headers.get_all(header::ACCEPT_ENCODING);
    for coding in values.iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(',')) {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).unwrap_or("1");
        let wanted = weight.parse().unwrap_or(0.0_f32) > 0.0;
        if name.eq_ignore_ascii_case("gzip") {
            return wanted;
        }
        any |= name == "*" && wanted;
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_only_for_those_who_take_it() {
        #[track_caller]
        fn check(accept: Option<&'static str>, expected: bool) {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accept));
            }
            assert_eq!(accepts_gzip(&headers), expected, "{accept:?}");
        }
        check(None, false);
        check(Some(""), false);
        check(Some("gzip"), true);
        check(Some("br, GZIP;q=0.5"), true);
        check(Some("gzip;q=0"), false);
        check(Some("gzip; q=0.000, *"), false);
        check(Some("*"), true);
        check(Some("identity"), false);
    }

    #[test]
    fn tags_match_weakly_and_in_lists() {
        #[track_caller]
        fn check(tags: &'static str, expected: bool) {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(tags));
            assert_eq!(has_it_already(&headers, "W/\"ab\""), expected, "{tags}");
        }
        check("W/\"ab\"", true);
        check("\"ab\"", true);
        check("\"x\", W/\"ab\"", true);
        check("*", true);
        check("\"a\"", false);
        check("ab", false);
    }
}
