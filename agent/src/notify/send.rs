//! One try to tell one alarm.

use std::process::Stdio;

use nyiso::client::Url;
use serde_json::json;
use tokio::process::Command;
use tokio::time::timeout;

use super::Message;
use crate::config::NotifyConfig;

/// Why a try failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Another try may do.
    ForNow(String),
    /// None will.
    ForGood(String),
}

/// Tells by what the user configured.
pub(super) struct Sender {
    config: NotifyConfig,
    http: Option<reqwest::Client>,
    // What went through already, so that a second try of the other way does not repeat it.
    commanded: Option<String>,
}

impl Sender {
    pub(super) fn new(config: NotifyConfig) -> Self {
        Self { config, http: None, commanded: None }
    }

    /// Both ways, if there are two.
    pub(super) async fn send(&mut self, message: &Message) -> Result<(), Failure> {
        let key = format!("{} {}", message.alarm.as_str(), message.raised);
        if let Some(words) = self.config.command.clone()
            && self.commanded.as_ref() != Some(&key)
        {
            self.command(&words, message).await?;
            self.commanded = Some(key);
        }
        match self.config.webhook.clone() {
            Some(url) => self.post(url, message).await,
            None => Ok(()),
        }
    }

    /// The program gets word and text as its last arguments, and as variables.
    async fn command(&self, words: &[String], message: &Message) -> Result<(), Failure> {
        let Some((program, arguments)) = words.split_first() else { return Ok(()) };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .args([message.alarm.as_str(), &message.text])
            .env("NY_POWER_ALARM", message.alarm.as_str())
            .env("NY_POWER_TEXT", &message.text)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // Not piped: a grandchild that holds it would look like a hanging program.
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let limit = self.config.limit;
        match timeout(limit, command.status()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(Failure::ForNow(format!("{program:?} failed ({status})"))),
            Ok(Err(error)) => Err(Failure::ForNow(format!("{program:?} cannot be run: {error}"))),
            Err(_) => {
                let secs = limit.as_secs_f32();
                Err(Failure::ForNow(format!(
                    "{program:?} was killed: it took longer than {secs} s"
                )))
            }
        }
    }

    async fn post(&mut self, url: Url, message: &Message) -> Result<(), Failure> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let body = json!({
            "alarm": message.alarm.as_str(),
            "text": message.text,
            "raised": message.raised.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            "agent": concat!("ny-power-agent ", env!("CARGO_PKG_VERSION")),
        });
        let client = match &self.http {
            Some(client) => client.clone(),
            None => {
                nyiso::client::install_crypto();
                let client = reqwest::Client::builder()
                    .user_agent(concat!("ny-power-agent/", env!("CARGO_PKG_VERSION")))
                    .timeout(self.config.limit)
                    // A POST that is redirected would arrive as a GET.
                    .redirect(reqwest::redirect::Policy::none())
                    .build()
                    .map_err(|error| Failure::ForGood(describe(&error)))?;
                self.http.insert(client).clone()
            }
        };
        let sent = client
            .post(url)
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await;
        match sent {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => {
                let status = answer.status();
                let trouble = format!("the webhook at {host} answered {status}");
                let may_pass = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
                Err(if may_pass { Failure::ForNow(trouble) } else { Failure::ForGood(trouble) })
            }
            Err(error) => {
                // Without its address: that may hold a secret.
                let trouble = describe(&error.without_url());
                Err(Failure::ForNow(format!("the webhook at {host}: {trouble}")))
            }
        }
    }
}

fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
