//! Why there is no file: one line each, with the address and what to make of it.

use std::time::Duration;

use crate::gzip::GzipError;

/// Why a client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address in the configuration.
    #[error("{base:?} is no address to fetch from: {reason}")]
    Base {
        /// What stands there.
        base: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No certificates of authorities, usually.
    #[error(
        "TLS cannot be set up; are the certificates of authorities installed (ca-certificates)?"
    )]
    Tls {
        /// What reqwest says.
        source: reqwest::Error,
    },
}

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// 404: not published yet, gone, or a wrong name. Usual just after Eastern midnight.
    #[error("{url}: not found; not published yet, no longer kept, or a wrong name")]
    NotFound {
        /// What was asked for.
        url: String,
    },
    /// Any other status but 200.
    #[error("{url}: status {status}{}", wait(*retry_after))]
    Status {
        /// What was asked for.
        url: String,
        /// The status code.
        status: u16,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// More than the cap; the rest was not read.
    #[error("{url}: more than {cap} bytes; not the file that belongs there")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The most that is taken.
        cap: usize,
    },
    /// The server fell silent, or took too long over the whole.
    #[error("{url}: stalled; no complete answer in time")]
    Timeout {
        /// What was asked for.
        url: String,
        /// What reqwest says.
        source: reqwest::Error,
    },
    /// No connection: network, name, port, TLS.
    #[error("{url}: cannot connect; is the network up and the address right?")]
    Connect {
        /// What was asked for.
        url: String,
        /// What reqwest says.
        source: reqwest::Error,
    },
    /// The connection ended before the body did, or chunks or gzip data are damaged.
    #[error("{url}: truncated or damaged after {received} bytes{}", of(*expected))]
    Truncated {
        /// What was asked for.
        url: String,
        /// Bytes that came.
        received: usize,
        /// Bytes that were promised, where they were.
        expected: Option<u64>,
        /// What reqwest says.
        source: reqwest::Error,
    },
    /// Compressed in a way that was not asked for.
    #[error("{url}: content encoding {encoding:?}, which was not asked for")]
    Encoding {
        /// What was asked for.
        url: String,
        /// What the server says.
        encoding: String,
    },
    /// Gzip data that cannot be unpacked.
    #[error("{url}: gzip that cannot be unpacked")]
    Gzip {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        source: GzipError,
    },
    /// Too many redirects, or one that gives up TLS.
    #[error("{url}: redirects that are not followed")]
    Redirect {
        /// What was asked for.
        url: String,
        /// What reqwest says.
        source: reqwest::Error,
    },
    /// Anything else: not HTTP, usually.
    #[error("{url}: no proper answer")]
    Http {
        /// What was asked for.
        url: String,
        /// What reqwest says.
        source: reqwest::Error,
    },
}

impl FetchError {
    pub(super) fn of(url: String, source: reqwest::Error) -> Self {
        // The address stands in our own text already.
        let source = source.without_url();
        if source.is_connect() {
            Self::Connect { url, source }
        } else if source.is_timeout() {
            Self::Timeout { url, source }
        } else if source.is_redirect() {
            Self::Redirect { url, source }
        } else {
            Self::Http { url, source }
        }
    }

    pub(super) fn of_body(
        url: String,
        source: reqwest::Error,
        received: usize,
        expected: Option<u64>,
    ) -> Self {
        let source = source.without_url();
        if source.is_timeout() {
            Self::Timeout { url, source }
        } else {
            Self::Truncated { url, received, expected, source }
        }
    }

    /// A word for counting failures by.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not-found",
            Self::Status { .. } => "status",
            Self::TooLarge { .. } => "too-large",
            Self::Timeout { .. } => "timeout",
            Self::Connect { .. } => "connect",
            Self::Truncated { .. } => "truncated",
            Self::Encoding { .. } | Self::Gzip { .. } => "encoding",
            Self::Redirect { .. } => "redirect",
            Self::Http { .. } => "http",
        }
    }

    /// How long the server asks to wait before the next request.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

fn wait(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| format!("; asks to wait {} s", wait.as_secs()))
}

fn of(expected: Option<u64>) -> String {
    expected.map_or_else(String::new, |expected| format!(" of {expected}"))
}
