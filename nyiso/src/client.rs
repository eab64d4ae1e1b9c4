//! A polite HTTP client for NYISO's files: bytes, and where they come from.
//!
//! No rate limit is documented, but cloud address ranges have been blocked: requests keep a distance,
//! name their sender and ask only for what is newer. ETag, `If-Modified-Since` and gzip are asked for and
//! not relied on: the hash of the body says what is new.

mod error;
mod pacer;

use std::time::Duration;

use domain::Timestamp;
use domain::wire::Origin;
use reqwest::header::{
    CONTENT_ENCODING, DATE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER,
};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Response, StatusCode};
use sha2::{Digest, Sha256};

use crate::gzip;
pub use error::{ClientError, FetchError};
use pacer::Pacer;
pub use reqwest::Url;

/// Where NYISO publishes.
pub const NYISO: &str = "https://mis.nyiso.com/public/csv/";

/// Header by which a stand-in says that its files are `recorded` or `generated`.
pub const ORIGIN_HEADER: HeaderName = HeaderName::from_static("x-ny-power-origin");

/// Header by which a stand-in tells its present, RFC 3339.
pub const NOW_HEADER: HeaderName = HeaderName::from_static("x-ny-power-now");

/// Most redirects that are followed.
const MOST_REDIRECTS: usize = 3;

/// Longest wait that a server can ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// How the client behaves. The defaults suit NYISO.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The folder that paths are below, [`NYISO`] or a stand-in.
    pub base: Url,
    /// Longest time to reach the server.
    pub connect_timeout: Duration,
    /// Longest silence in the middle of an answer.
    pub read_timeout: Duration,
    /// Longest time for a whole answer, however lively.
    pub total_timeout: Duration,
    /// Largest file that is taken, unpacked. A day of the fuel mix has 86 KB.
    pub csv_cap_bytes: usize,
    /// Largest archive that is taken. A month of the fuel mix has 300 KB.
    pub zip_cap_bytes: usize,
    /// Least time between the starts of two requests.
    pub min_interval: Duration,
}

impl ClientConfig {
    /// The defaults with another server; a missing slash at the end is added.
    ///
    /// # Errors
    /// When `base` is no HTTP address.
    pub fn new(base: &str) -> Result<Self, ClientError> {
        let bad = |reason: String| ClientError::Base { base: base.to_owned(), reason };
        let mut url = Url::parse(base).map_err(|error| bad(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(bad("it must begin with http:// or https://".to_owned()));
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(Self { base: url, ..Self::default() })
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            base: Url::parse(NYISO).expect("a constant address"),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(15),
            total_timeout: Duration::from_secs(60),
            csv_cap_bytes: 8 << 20,
            zip_cap_bytes: 16 << 20,
            min_interval: Duration::from_millis(250),
        }
    }
}

/// Fetches files below one address. Cheap to share behind an `Arc`; all requests keep one distance.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    config: ClientConfig,
    pacer: Pacer,
}

/// A file as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The whole body, unpacked if it was gzip.
    pub body: Vec<u8>,
    /// SHA-256 of `body`: the same hash, the same file.
    pub hash: [u8; 32],
    /// Live, or from a stand-in.
    pub origin: Origin,
    /// What to ask with the next time.
    pub validators: Validators,
    /// The present of a stand-in, which may play faster than time; NYISO gives none.
    pub now: Option<Timestamp>,
}

/// What a server gave to recognize a version of a file by. Keep it only of a body that was taken: asked
/// with the validators of a garbled one, the server would never send another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

/// Makes `ring` the TLS provider of the process, unless there is one. [`Client::new`] does it too.
pub fn install_crypto() {
    // It fails where another thread was faster, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
}

impl Client {
    /// Builds a client; nothing is sent yet.
    ///
    /// # Errors
    /// When TLS cannot be set up: no certificates of authorities on this machine, usually.
    pub fn new(config: ClientConfig) -> Result<Self, ClientError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            install_crypto();
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!(
                "ny-power/",
                env!("CARGO_PKG_VERSION"),
                " (+",
                env!("CARGO_PKG_REPOSITORY"),
                ")"
            ))
            .connect_timeout(config.connect_timeout)
            .read_timeout(config.read_timeout)
            .timeout(config.total_timeout)
            .redirect(Policy::custom(follow))
            .gzip(true)
            .build()
            .map_err(|source| ClientError::Tls { source })?;
        let pacer = Pacer::new(config.min_interval);
        Ok(Self { http, config, pacer })
    }

    /// The address of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.config.base)
    }

    /// Fetches the file at `path`, such as [`crate::path::fuel_mix_day`] gives.
    ///
    /// # Errors
    /// [`FetchError`]: never a part of the file.
    pub async fn fetch(&self, path: &str) -> Result<Fetched, FetchError> {
        let response = self.get(path, HeaderMap::new()).await?;
        self.take(path, response).await
    }

    /// Fetches the file at `path` unless the server says that it is the one of `known`; `None` then.
    ///
    /// # Errors
    /// As [`Client::fetch`].
    pub async fn fetch_newer(
        &self,
        path: &str,
        known: &Validators,
    ) -> Result<Option<Fetched>, FetchError> {
        let response = self.get(path, known.headers()).await?;
        if response.status() == StatusCode::NOT_MODIFIED && known != &Validators::default() {
            return Ok(None);
        }
        self.take(path, response).await.map(Some)
    }

    async fn get(&self, path: &str, headers: HeaderMap) -> Result<Response, FetchError> {
        self.pacer.wait().await;
        let url = self.url(path);
        let sent = self.http.get(&url).headers(headers).send().await;
        sent.map_err(|source| FetchError::of(url, source))
    }

    async fn take(&self, path: &str, mut response: Response) -> Result<Fetched, FetchError> {
        let url = self.url(path);
        let status = response.status();
        if status == StatusCode::NOT_FOUND {
            return Err(FetchError::NotFound { url });
        }
        if status != StatusCode::OK {
            let retry_after = retry_after(response.headers());
            return Err(FetchError::Status { url, status: status.as_u16(), retry_after });
        }
        let cap = if path.ends_with(".zip") {
            self.config.zip_cap_bytes
        } else {
            self.config.csv_cap_bytes
        };
        let origin = origin(response.headers());
        let validators = Validators::of(response.headers());
        let now = present(response.headers());
        // reqwest unpacks gzip and takes the header away; what is left was not asked for.
        let encoding = response.headers().get(CONTENT_ENCODING).filter(|name| *name != "identity");
        if let Some(encoding) = encoding {
            let encoding = String::from_utf8_lossy(encoding.as_bytes()).into_owned();
            return Err(FetchError::Encoding { url, encoding });
        }
        let expected = response.content_length();
        if expected.is_some_and(|length| length > cap as u64) {
            return Err(FetchError::TooLarge { url, cap });
        }
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > cap => {
                    return Err(FetchError::TooLarge { url, cap });
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(source) => {
                    return Err(FetchError::of_body(url, source, body.len(), expected));
                }
            }
        }
        if gzip::is_gzip(&body) {
            body = gzip::inflate(&body, cap)
                .map_err(|source| FetchError::Gzip { url: url.clone(), source })?;
        }
        tracing::debug!(%url, bytes = body.len(), %origin, "fetched");
        let hash = Sha256::digest(&body).into();
        Ok(Fetched { body, hash, origin, validators, now })
    }
}

impl Validators {
    fn of(headers: &HeaderMap) -> Self {
        Self {
            etag: headers.get(ETAG).cloned(),
            last_modified: headers.get(LAST_MODIFIED).cloned(),
        }
    }

    fn headers(&self) -> HeaderMap {
        let known = [(IF_NONE_MATCH, &self.etag), (IF_MODIFIED_SINCE, &self.last_modified)];
        known.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
    }
}

/// Where the file comes from. A word that we do not know is not NYISO's either.
fn origin(headers: &HeaderMap) -> Origin {
    headers.get(ORIGIN_HEADER).map_or(Origin::Nyiso, |value| {
        value.to_str().ok().and_then(Origin::from_word).unwrap_or(Origin::Generated)
    })
}

fn present(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(NOW_HEADER)?.to_str().ok()?;
    Some(chrono::DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&chrono::Utc))
}

/// How long the server asks to wait: seconds, or a date, which is measured by the server's own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    let wait = match asked.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = |text: &str| chrono::DateTime::parse_from_rfc2822(text).ok();
            (date(asked)? - date(text(DATE)?)?).to_std().unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

/// Follows a few redirects, and none from https to http.
fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let was_secure = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    if attempt.previous().len() > MOST_REDIRECTS {
        attempt.error("too many redirects")
    } else if was_secure && attempt.url().scheme() != "https" {
        attempt.error("a redirect from https to http")
    } else {
        attempt.follow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_an_http_address_and_ends_with_a_slash() {
        let base = |text: &str| ClientConfig::new(text).map(|config| config.base.to_string());
        assert_eq!(base("http://[::1]:8485/public/csv").unwrap(), "http://[::1]:8485/public/csv/");
        assert_eq!(base(NYISO).unwrap(), NYISO);
        for bad in ["", "mis.nyiso.com", "ftp://mis.nyiso.com/", "file:///tmp/"] {
            let error = base(bad).unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_by_the_servers_clock() {
        let check = |retry: &str, date: Option<&str>, expected: Option<u64>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, retry.parse().unwrap());
            if let Some(date) = date {
                headers.insert(DATE, date.parse().unwrap());
            }
            assert_eq!(retry_after(&headers), expected.map(Duration::from_secs), "{retry}");
        };
        check("120", None, Some(120));
        check(" 5 ", None, Some(5));
        check("999999999", None, Some(86_400));
        let now = Some("Tue, 10 Mar 2026 12:00:00 GMT");
        check("Tue, 10 Mar 2026 12:01:30 GMT", now, Some(90));
        check("Tue, 10 Mar 2026 11:00:00 GMT", now, Some(0));
        check("Tue, 10 Mar 2026 12:01:30 GMT", None, None);
        check("soon", now, None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn what_is_not_live_is_never_taken_for_it() {
        let check = |header: Option<&str>, expected: Origin| {
            let mut headers = HeaderMap::new();
            if let Some(word) = header {
                headers.insert(ORIGIN_HEADER, word.parse().unwrap());
            }
            assert_eq!(origin(&headers), expected, "{header:?}");
        };
        check(None, Origin::Nyiso);
        check(Some("recorded"), Origin::Recorded);
        check(Some("generated"), Origin::Generated);
        check(Some("dreamt"), Origin::Generated);
    }
}
