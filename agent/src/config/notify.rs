//! `[notify]`: how alarms reach the person.

use std::path::PathBuf;
use std::time::Duration;

use nyiso::client::Url;
use serde::{Deserialize, Serialize};
use service::mqtt::Password;

use super::parse::Check;

/// The section as written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Notify {
    pub command: Option<Vec<String>>,
    pub webhook: Option<String>,
    pub webhook_file: Option<PathBuf>,
    pub timeout_secs: u64,
}

impl Default for Notify {
    fn default() -> Self {
        Self { command: None, webhook: None, webhook_file: None, timeout_secs: 20 }
    }
}

/// How alarms reach the person. Neither: only the log has them.
#[derive(Clone, Default)]
pub struct NotifyConfig {
    /// A program of theirs and its arguments; no shell is involved.
    pub command: Option<Vec<String>>,
    /// An address that takes JSON by POST. It may hold a secret.
    pub webhook: Option<Url>,
    /// How long one try of each may take.
    pub limit: Duration,
}

impl std::fmt::Debug for NotifyConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NotifyConfig")
            .field("command", &self.command.as_ref().and_then(|words| words.first()))
            .field("webhook", &self.webhook.as_ref().map(|url| url.host_str().unwrap_or_default()))
            .field("limit", &self.limit)
            .finish()
    }
}

impl Notify {
    pub(super) fn parse(&self, check: &mut Check) -> Option<NotifyConfig> {
        if self.command.as_ref().is_some_and(|words| words.first().is_none_or(String::is_empty)) {
            check.say(
                "notify.command",
                "must be a program and its arguments, [\"/usr/local/bin/tell\"]",
            );
        }
        let webhook = match (&self.webhook, &self.webhook_file) {
            (Some(_), Some(_)) => {
                check.say("notify.webhook_file", "cannot be given with webhook");
                None
            }
            (Some(text), None) => address(check, "notify.webhook", text),
            (None, Some(path)) => check
                .ok("notify.webhook_file", Password::from_file(path))
                .and_then(|text| address(check, "notify.webhook_file", text.expose())),
            (None, None) => None,
        };
        let secs = check.range("notify.timeout_secs", self.timeout_secs, (1, 120))?;
        Some(NotifyConfig {
            command: self.command.clone(),
            webhook,
            limit: Duration::from_secs(secs),
        })
    }
}

/// The address is not repeated in what is said about it: it may hold a secret.
fn address(check: &mut Check, key: &str, text: &str) -> Option<Url> {
    match text.trim().parse::<Url>() {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(url),
        Ok(_) => {
            check.say(key, "must start with https:// or http://");
            None
        }
        Err(error) => {
            check.say(key, format!("is no address: {error}"));
            None
        }
    }
}
