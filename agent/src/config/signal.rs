//! `[signal]`: where the readings come from.

use std::fmt;
use std::time::Duration;

use nyiso::client::{ClientConfig, NYISO};
use serde::{Deserialize, Serialize};

use super::parse::Check;

/// Where the readings come from in the first place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignalSource {
    /// The stream of `[feed]`.
    #[default]
    Feed,
    /// NYISO's own files.
    Nyiso,
}

impl fmt::Display for SignalSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Feed => "feed",
            Self::Nyiso => "nyiso",
        })
    }
}

/// The section as written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalSection {
    pub(super) source: SignalSource,
    pub(super) fallback: bool,
    pub(super) nyiso_url: String,
}

impl Default for SignalSection {
    fn default() -> Self {
        Self { source: SignalSource::default(), fallback: true, nyiso_url: NYISO.to_owned() }
    }
}

/// Where the readings come from.
#[derive(Clone, Debug)]
pub struct SignalConfig {
    /// In the first place.
    pub source: SignalSource,
    /// Whether NYISO's own files are read while the feed is silent.
    pub fallback: bool,
    /// How NYISO is asked.
    pub nyiso: ClientConfig,
}

impl SignalSection {
    pub(super) fn parse(&self, check: &mut Check) -> Option<SignalConfig> {
        let mut nyiso = check.ok("signal.nyiso_url", ClientConfig::new(&self.nyiso_url))?;
        // The first look may ask for a week of files; nobody waits for them.
        nyiso.min_interval = Duration::from_secs(1);
        let url = &nyiso.base;
        // Paths are put behind it, and it stands in the log.
        if url.query().is_some() || url.fragment().is_some() {
            check.say("signal.nyiso_url", "must end with a folder, without ? and #");
            return None;
        }
        if !url.username().is_empty() || url.password().is_some() {
            check.say("signal.nyiso_url", "must not hold a name or a password");
            return None;
        }
        Some(SignalConfig { source: self.source, fallback: self.fallback, nyiso })
    }
}
