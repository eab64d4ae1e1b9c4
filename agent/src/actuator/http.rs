//! A switch behind HTTP: an entity of Home Assistant, or anything that takes an order at one address and says
//! what it is at another. An order that was taken is followed up until the switch says that it followed.

use std::time::Duration;

use anyhow::Context as _;
use domain::control::Contactor;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, RequestBuilder, Response, StatusCode, Url};
use tokio::time::{Instant, sleep, timeout_at};

use super::word::{position, word};
use super::{Actuator, ActuatorError};
use crate::config::{HttpSwitchConfig, Method};

/// More than any state is long.
const MOST_BYTES: usize = 256 * 1024;

/// How soon the switch is asked again whether it has followed; longer each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// A switch that takes orders over HTTP.
#[derive(Debug)]
pub struct HttpSwitch {
    config: HttpSwitchConfig,
    client: Client,
}

impl HttpSwitch {
    /// With these addresses. Nothing is sent yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(config: HttpSwitchConfig) -> anyhow::Result<Self> {
        nyiso::client::install_crypto();
        let mut headers = HeaderMap::new();
        for (name, value) in &config.headers {
            headers.append(name, value.clone());
        }
        let mut client = Client::builder()
            .user_agent(concat!("ny-power-agent/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .timeout(config.limit)
            // An order that was sent elsewhere would come as a GET, if at all.
            .redirect(Policy::none())
            // It is in the house.
            .no_proxy();
        if let Some(path) = &config.ca_file {
            let pem = std::fs::read(path)
                .with_context(|| format!("ca_file {} cannot be read", path.display()))?;
            let trusted = Certificate::from_pem_bundle(&pem)
                .with_context(|| format!("ca_file {} holds no certificates", path.display()))?;
            client = client.tls_certs_only(trusted);
        }
        let client = client.build().context("HTTP cannot be set up")?;
        Ok(Self { config, client })
    }

    fn allowed(&self, request: RequestBuilder) -> RequestBuilder {
        let request = match &self.config.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        };
        match &self.config.login {
            Some((user, password)) => request.basic_auth(user, Some(password.expose())),
            None => request,
        }
    }

    async fn send(&self, url: &Url, request: RequestBuilder) -> Result<Response, ActuatorError> {
        let sent = self.allowed(request).send().await;
        let response = sent.map_err(|error| self.failed(url, error))?;
        match response.status() {
            status if status.is_success() => Ok(response),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(trouble(url, format!("answers {status}: look at token_file or username")))
            }
            status => Err(trouble(url, format!("answers {status}"))),
        }
    }

    fn failed(&self, url: &Url, error: reqwest::Error) -> ActuatorError {
        if error.is_timeout() {
            return trouble(
                url,
                format!("does not answer within {} s", self.config.limit.as_secs()),
            );
        }
        // Without the address in it: a query may hold a secret.
        trouble(url, super::chain(&error.without_url()))
    }

    /// What the switch says that it is.
    async fn read(&self) -> Result<Contactor, ActuatorError> {
        let url = &self.config.state_url;
        let mut response = self.send(url, self.client.get(url.clone())).await?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(url, error))? {
            if MOST_BYTES < body.len() + chunk.len() {
                return Err(trouble(url, format!("answers with more than {MOST_BYTES} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        let Some(word) = word(&body, self.config.state_pointer.as_deref()) else {
            let place = self.config.state_pointer.as_deref().unwrap_or("the answer");
            return Err(trouble(url, format!("says nothing at {place}")));
        };
        position(&word, &self.config.state_on, &self.config.state_off)
            .map_err(|text| ActuatorError::NoPosition { from: shown(url), text })
    }

    async fn order(&self, to: Contactor) -> Result<(), ActuatorError> {
        let (url, body) = match to {
            Contactor::Closed => &self.config.on,
            Contactor::Open => &self.config.off,
        };
        let mut request = match self.config.method {
            Method::Post => self.client.post(url.clone()),
            Method::Put => self.client.put(url.clone()),
            Method::Get => self.client.get(url.clone()),
        };
        if let Some(body) = body {
            let is_json = serde_json::from_str::<serde_json::Value>(body).is_ok();
            let has_type = self.config.headers.iter().any(|(name, _)| name == CONTENT_TYPE);
            if is_json && !has_type {
                request = request.header(CONTENT_TYPE, "application/json");
            }
            request = request.body(body.clone());
        }
        self.send(url, request).await.map(drop)
    }

    /// Asks until the switch says that it is at `to`.
    async fn follow(&self, to: Contactor) {
        let mut pause = FIRST_PAUSE;
        while !matches!(self.read().await, Ok(is) if is == to) {
            sleep(pause).await;
            pause *= 2;
        }
    }
}

impl Actuator for HttpSwitch {
    fn name(&self) -> String {
        format!("switch {}", shown(&self.config.state_url))
    }

    async fn set(&mut self, to: Contactor) -> Result<(), ActuatorError> {
        let deadline = Instant::now() + self.config.limit;
        match timeout_at(deadline, self.order(to)).await {
            Ok(taken) => taken?,
            Err(_) => return Err(ActuatorError::Silent { secs: self.config.limit.as_secs() }),
        }
        // If it does not follow, the position tells.
        let _ = timeout_at(deadline, self.follow(to)).await;
        Ok(())
    }

    async fn position(&mut self) -> Result<Contactor, ActuatorError> {
        self.read().await
    }
}

/// An address as it may be shown: without the query, where a password may stand.
fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    shown.into()
}

fn trouble(url: &Url, trouble: impl Into<String>) -> ActuatorError {
    ActuatorError::Http { url: shown(url), trouble: trouble.into() }
}
