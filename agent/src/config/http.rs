//! What is said about a switch behind HTTP.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use service::mqtt::Password;

use super::parse::Check;
use super::words::{Words, opposites, pointer};

/// `[actuator.http]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSection {
    pub(super) preset: HttpPreset,
    pub(super) url: Option<String>,
    pub(super) entity: Option<String>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) username: Option<String>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) headers: Option<Vec<String>>,
    pub(super) method: Option<Method>,
    pub(super) on_url: Option<String>,
    pub(super) on_body: Option<String>,
    pub(super) off_url: Option<String>,
    pub(super) off_body: Option<String>,
    pub(super) state_url: Option<String>,
    pub(super) state_pointer: Option<String>,
    pub(super) state_on: Option<Words>,
    pub(super) state_off: Option<Words>,
    pub(super) timeout_secs: u64,
}

impl Default for HttpSection {
    fn default() -> Self {
        Self {
            preset: HttpPreset::default(),
            url: None,
            entity: None,
            token_file: None,
            username: None,
            password_file: None,
            ca_file: None,
            headers: None,
            method: None,
            on_url: None,
            on_body: None,
            off_url: None,
            off_body: None,
            state_url: None,
            state_pointer: None,
            state_on: None,
            state_off: None,
            timeout_secs: 4,
        }
    }
}

/// Whose addresses and words a switch uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HttpPreset {
    /// All of them are given.
    #[default]
    Custom,
    /// An entity of Home Assistant that can be turned on and off, over its REST API.
    HomeAssistant,
}

/// How an order is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// With a body, or without.
    #[default]
    Post,
    /// Replaces what is there.
    Put,
    /// Some devices take orders this way.
    Get,
}

/// A switch behind HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSwitchConfig {
    /// How an order is sent.
    pub method: Method,
    /// Where, and what, lets the car charge.
    pub on: (Url, Option<String>),
    /// Where, and what, does not.
    pub off: (Url, Option<String>),
    /// Where it says what it is.
    pub state_url: Url,
    /// Where in the JSON of that; `None`: the whole answer is the word.
    pub state_pointer: Option<String>,
    /// Words for on.
    pub state_on: Words,
    /// Words for off.
    pub state_off: Words,
    /// Sent with each request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// A bearer token.
    pub token: Option<Password>,
    /// Name and password (basic authentication).
    pub login: Option<(String, Password)>,
    /// Certificates to trust with `https://`, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long it may take to follow an order, or to answer.
    pub limit: Duration,
}

impl HttpSection {
    /// The keys of the preset.
    fn of_preset(&self) -> Self {
        let (HttpPreset::HomeAssistant, Some(url), Some(entity)) =
            (self.preset, &self.url, &self.entity)
        else {
            return Self::default();
        };
        let base = url.trim_end_matches('/');
        let domain = entity.split('.').next().unwrap_or_default();
        let body = Some(format!("{{\"entity_id\":\"{entity}\"}}"));
        Self {
            method: Some(Method::Post),
            on_url: Some(format!("{base}/api/services/{domain}/turn_on")),
            on_body: body.clone(),
            off_url: Some(format!("{base}/api/services/{domain}/turn_off")),
            off_body: body,
            state_url: Some(format!("{base}/api/states/{entity}")),
            state_pointer: Some("/state".to_owned()),
            state_on: Some(Words::of(&["on"])),
            state_off: Some(Words::of(&["off"])),
            ..Self::default()
        }
    }

    /// All keys, those of the preset where none is given.
    pub(super) fn filled(&self) -> Self {
        let preset = self.of_preset();
        let own = self.clone();
        Self {
            method: own.method.or(preset.method),
            on_url: own.on_url.or(preset.on_url),
            on_body: own.on_body.or(preset.on_body),
            off_url: own.off_url.or(preset.off_url),
            off_body: own.off_body.or(preset.off_body),
            state_url: own.state_url.or(preset.state_url),
            state_pointer: own.state_pointer.or(preset.state_pointer),
            state_on: own.state_on.or(preset.state_on),
            state_off: own.state_off.or(preset.state_off),
            ..own
        }
    }

    pub(super) fn parse(&self, check: &mut Check) -> Option<HttpSwitchConfig> {
        if self.preset == HttpPreset::HomeAssistant && !self.home_assistant_is_known(check) {
            return None;
        }
        let all = self.filled();
        let on_url = url(check, "actuator.http.on_url", all.on_url);
        let off_url = url(check, "actuator.http.off_url", all.off_url);
        let state_url = url(check, "actuator.http.state_url", all.state_url);
        if on_url.is_some() && on_url == off_url && all.on_body == all.off_body {
            check.say("actuator.http.off_url", "is the same as on_url, and so are the bodies");
        }
        let state_pointer = pointer(check, "actuator.http.state_pointer", all.state_pointer);
        let states = opposites(
            check,
            ("actuator.http.state_on", all.state_on),
            ("actuator.http.state_off", all.state_off),
        );
        let headers = self.headers.iter().flatten().filter_map(|line| header(check, line));
        let headers = headers.collect();
        let token = match &self.token_file {
            Some(path) => check.ok("actuator.http.token_file", Password::from_file(path)),
            None => None,
        };
        if let Some(token) = &token
            && HeaderValue::from_str(token.expose()).is_err()
        {
            check.say(
                "actuator.http.token_file",
                "holds no token: its first line has odd characters",
            );
        }
        let password = match &self.password_file {
            Some(path) => check.ok("actuator.http.password_file", Password::from_file(path)),
            None => None,
        };
        if self.username.is_some() != self.password_file.is_some() {
            check.say("actuator.http.username", "and password_file must be given together");
        }
        if self.username.is_some() && self.token_file.is_some() {
            check.say("actuator.http.token_file", "is not for a switch that asks for username");
        }
        if let Some(path) = &self.ca_file
            && let Err(error) = std::fs::File::open(path)
        {
            check.say(
                "actuator.http.ca_file",
                format!("{} cannot be read: {error}", path.display()),
            );
        }
        // The owner itself gives an actuator 5 s.
        let secs = check.range("actuator.http.timeout_secs", self.timeout_secs, (1, 4));
        let (state_on, state_off) = states?;
        Some(HttpSwitchConfig {
            method: all.method.unwrap_or_default(),
            on: (on_url?, all.on_body),
            off: (off_url?, all.off_body),
            state_url: state_url?,
            state_pointer,
            state_on,
            state_off,
            headers,
            token,
            login: self.username.clone().zip(password),
            ca_file: self.ca_file.clone(),
            limit: Duration::from_secs(secs?),
        })
    }

    fn home_assistant_is_known(&self, check: &mut Check) -> bool {
        let before = check.count();
        if self.url.is_none() {
            check.say("actuator.http.url", "must be given: \"http://homeassistant.local:8123\"");
        }
        if self.token_file.is_none() {
            check.say(
                "actuator.http.token_file",
                "must be given: a file with a long-lived access token of Home Assistant",
            );
        }
        let is_entity = |entity: &String| {
            entity.split_once('.').is_some_and(|(domain, name)| {
                let is_plain = |text: &str| {
                    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                };
                is_plain(domain) && is_plain(name)
            })
        };
        match &self.entity {
            Some(entity) if is_entity(entity) => {}
            Some(entity) => check.say(
                "actuator.http.entity",
                format!("{entity:?} is no entity id such as \"switch.garage\""),
            ),
            None => check.say("actuator.http.entity", "must be given: \"switch.garage\""),
        }
        before == check.count()
    }
}

fn url(check: &mut Check, key: &str, given: Option<String>) -> Option<Url> {
    let Some(given) = given else {
        check.say(key, "must be given with kind = \"http\", or a preset that knows it");
        return None;
    };
    let url = match given.parse::<Url>() {
        Ok(url) => url,
        Err(error) => {
            check.say(key, format!("{given:?} is no address: {error}"));
            return None;
        }
    };
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        check.say(key, format!("{given:?} starts with neither http:// nor https://"));
        return None;
    }
    if !url.username().is_empty() || url.password().is_some() {
        // What is in the address is printed; a password is not to be.
        check.say(key, "holds a login: give it as username and password_file");
        return None;
    }
    Some(url)
}

fn header(check: &mut Check, line: &str) -> Option<(HeaderName, HeaderValue)> {
    let parsed = line.split_once(':').and_then(|(name, value)| {
        let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value.trim()).ok()?))
    });
    match parsed {
        None => check.say("actuator.http.headers", format!("{line:?} is not \"Name: value\"")),
        Some((ref name, _)) if name == reqwest::header::AUTHORIZATION => {
            check
                .say("actuator.http.headers", "may not hold a secret: give token_file or username");
            return None;
        }
        Some(_) => {}
    }
    parsed
}
