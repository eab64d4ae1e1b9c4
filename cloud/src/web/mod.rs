//! The web service: the dashboard, the MQTT console, the HTTP API, and the read-only WebSocket bridge.
//!
//! Data come in through [`Retained::accept`], from whoever holds the MQTT session; pages go out with the
//! newest of them already written in. The browser then subscribes through [`bridge`] and needs this
//! process no more. Nothing here can change anything: every route is GET, there are no cookies, and the
//! bridge lets no publication through.

mod api;
mod assets;
mod bridge;
mod eastern;
mod outlook;
mod page;
mod respond;
mod retained;
mod schemas;
mod server;
mod sparse;
mod template;
mod view;
mod words;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use domain::Timestamp;

pub use assets::{ASSETS, Asset, Assets};
pub use page::content_security_policy;
pub use retained::{Accepted, Refused, Retained, Snapshot};
pub use server::run;

use assets::Compressed;
use bridge::Bridge;
use page::{Name, Pages};
use respond::{Cache, HTML};
use schemas::{OPENAPI, SCHEMA_JSON, SCHEMAS};
use sparse::Sparse;

/// Tells the time. The one that runs asks `service::clock`; tests bring their own.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Writes the metrics in the text format of Prometheus.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Strangers cause at most one log line in this time; the metrics count them all.
const REFUSAL_LOG_EVERY: Duration = Duration::from_secs(1);

/// What the web service needs to know.
#[derive(Clone, Debug)]
pub struct WebConfig {
    /// `host:port` of the broker's MQTT listener, for the bridge. Readers come in anonymously.
    pub broker: String,
    /// `host:port` that the console shows for `mosquitto_sub`; `None` where the broker is not for readers.
    pub broker_hint: Option<String>,
    /// Which build this is: open pages offer a reload when `status/web` names another.
    pub build: String,
    /// HTTP connections at most; more wait.
    pub max_connections: usize,
    /// WebSocket connections at most; more are told to come back.
    pub max_viewers: usize,
    /// A client sends the head of a request by then; also how long an idle connection is kept.
    pub header_timeout: Duration,
    /// A client that opens the bridge says CONNECT by then.
    pub connect_within: Duration,
}

impl WebConfig {
    /// The defaults, with the broker at `broker`.
    pub fn new(broker: impl Into<String>) -> Self {
        Self {
            broker: broker.into(),
            broker_hint: None,
            build: String::new(),
            max_connections: 1024,
            max_viewers: 1000,
            header_timeout: Duration::from_secs(30),
            connect_within: Duration::from_secs(10),
        }
    }
}

/// What every route shares.
#[derive(Clone)]
pub struct WebState(Arc<Shared>);

struct Shared {
    config: WebConfig,
    retained: Arc<Retained>,
    now: Now,
    metrics: Option<Metrics>,
    pages: Pages,
    schema_index: Compressed,
    viewers: Arc<Semaphore>,
    refusal_log: Arc<Sparse>,
    bridges: TaskTracker,
    closing: CancellationToken,
}

impl fmt::Debug for WebState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebState").field("config", &self.0.config).finish_non_exhaustive()
    }
}

impl WebState {
    /// Serves what `retained` holds. Without `metrics` there is no `/metrics`.
    pub fn new(
        config: WebConfig,
        retained: Arc<Retained>,
        now: Now,
        metrics: Option<Metrics>,
    ) -> Self {
        Self(Arc::new(Shared {
            pages: Pages::new(&config.build, config.broker_hint.as_deref()),
            schema_index: schemas::index(retained.root()),
            viewers: Arc::new(Semaphore::new(config.max_viewers)),
            refusal_log: Arc::new(Sparse::new(REFUSAL_LOG_EVERY)),
            bridges: TaskTracker::new(),
            closing: CancellationToken::new(),
            config,
            retained,
            now,
            metrics,
        }))
    }

    /// The configuration.
    pub fn config(&self) -> &WebConfig {
        &self.0.config
    }

    fn page(&self, name: Name) -> Arc<page::Page> {
        self.0.pages.page(name, &self.0.retained, (self.0.now)())
    }

    fn snapshot(&self) -> Snapshot {
        self.0.retained.snapshot()
    }

    fn close_bridges(&self) {
        self.0.closing.cancel();
        self.0.bridges.close();
    }

    async fn bridges_ended(&self) {
        self.0.bridges.wait().await;
    }
}

/// Every route. `openapi.json` describes them; a test holds the two together.
pub fn router(state: WebState) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/console", get(console))
        .route("/about", get(about))
        .route("/mqtt", get(mqtt))
        .route("/current/co2", get(current))
        .route("/range/co2", get(range))
        .route("/forecast/co2", get(forecast))
        .route("/forecast/skill", get(skill))
        .route("/evcc/co2", get(evcc))
        .route("/schemas", get(schema_index))
        .route("/schemas/{name}", get(schema))
        .route("/openapi.json", get(openapi))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/a/{hash}/{name}", get(asset))
        .fallback(not_found)
        .method_not_allowed_fallback(read_only)
        .layer(map_response(protect))
        .with_state(state)
}

async fn index(State(state): State<WebState>, headers: HeaderMap) -> Response {
    html(&state, Name::Index, &headers)
}

async fn about(State(state): State<WebState>, headers: HeaderMap) -> Response {
    html(&state, Name::About, &headers)
}

async fn console(State(state): State<WebState>, headers: HeaderMap) -> Response {
    html(&state, Name::Console, &headers)
}

fn html(state: &WebState, name: Name, headers: &HeaderMap) -> Response {
    with_page_policy(respond::with(headers, &state.page(name).document, HTML, Cache::Revalidate))
}

/// IBM/ny-power's address of the console page; with an upgrade, the bridge.
async fn mqtt(
    State(state): State<WebState>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let wants_upgrade = headers
        .get(header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) if wants_upgrade => return rejection.into_response(),
        Err(_) => return console(State(state), headers).await,
    };
    let Ok(place) = Arc::clone(&state.0.viewers).try_acquire_owned() else {
        metrics::counter!("ny_power_web_bridge_full_total").increment(1);
        let reason = "all places at the bridge are taken: try again later";
        return api::error(StatusCode::SERVICE_UNAVAILABLE, reason);
    };
    let bridge = Bridge {
        broker: state.0.config.broker.clone(),
        root: state.0.retained.root().clone(),
        connect_within: state.0.config.connect_within,
        log: Arc::clone(&state.0.refusal_log),
    };
    let closing = state.0.closing.clone();
    let served = state.0.bridges.token();
    upgrade
        .protocols(bridge::SUBPROTOCOLS)
        .max_frame_size(bridge::LARGEST_MESSAGE)
        .max_message_size(bridge::LARGEST_MESSAGE)
        // Messages go out at once, and what a slow client does not take stays in one frame.
        .write_buffer_size(0)
        .on_upgrade(move |socket| async move {
            bridge.serve(socket, closing).await;
            drop((place, served));
        })
}

async fn current(State(state): State<WebState>, headers: HeaderMap) -> Response {
    api::current(&state.snapshot(), &headers)
}

async fn range(
    State(state): State<WebState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    api::range(&state.snapshot(), query.as_deref(), &headers)
}

async fn forecast(
    State(state): State<WebState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    outlook::forecast(&state.0.retained, query.as_deref(), &headers, (state.0.now)())
}

async fn skill(State(state): State<WebState>, headers: HeaderMap) -> Response {
    outlook::skill(&state.0.retained, &headers)
}

async fn evcc(
    State(state): State<WebState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    outlook::evcc(&state.0.retained, query.as_deref(), &headers, (state.0.now)())
}

async fn schema_index(State(state): State<WebState>, headers: HeaderMap) -> Response {
    api::fixed(&headers, &state.0.schema_index, respond::JSON)
}

async fn schema(
    State(state): State<WebState>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let schema = name.ok().and_then(|Path(name)| SCHEMAS.iter().find(|schema| schema.name == name));
    match schema {
        Some(schema) => api::fixed(&headers, &schema.file, SCHEMA_JSON),
        None => not_found(State(state)).await,
    }
}

async fn openapi(headers: HeaderMap) -> Response {
    api::fixed(&headers, &OPENAPI, respond::JSON)
}

/// The process answers. It never depends on the broker: a restart would not bring that back.
async fn healthz() -> Response {
    api::text(StatusCode::OK, "ok\n")
}

/// There is something to show: the session to the broker is up and a reading is known.
async fn readyz(State(state): State<WebState>) -> Response {
    let snapshot = state.snapshot();
    let mut reasons = Vec::new();
    if !snapshot.broker_up {
        reasons.push("the session to the broker is down");
    }
    if snapshot.now.is_none() {
        reasons.push("no reading has arrived yet");
    }
    if reasons.is_empty() {
        api::text(StatusCode::OK, "ready\n")
    } else {
        api::error(StatusCode::SERVICE_UNAVAILABLE, &reasons.join("; "))
    }
}

async fn metrics(State(state): State<WebState>) -> Response {
    match &state.0.metrics {
        Some(render) => {
            let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            let headers = [
                (header::CONTENT_TYPE, content_type),
                (header::CACHE_CONTROL, Cache::Never.value()),
            ];
            (headers, render()).into_response()
        }
        None => not_found(State(state)).await,
    }
}

async fn asset(
    State(state): State<WebState>,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let found = path.ok().and_then(|Path((hash, name))| Some((hash, ASSETS.get(&name)?)));
    let Some((hash, asset)) = found else { return not_found(State(state)).await };
    // While a new build rolls out, a page of one build may ask the other: ours is a better answer than
    // none, but not one to keep under that name.
    let cache = if hash == ASSETS.hash { Cache::Immutable } else { Cache::Revalidate };
    respond::with(&headers, &asset.file, asset.content_type, cache)
}

async fn not_found(State(state): State<WebState>) -> Response {
    let page = state.page(Name::NotFound);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(HTML)),
        (header::CACHE_CONTROL, Cache::Never.value()),
    ];
    let response = (StatusCode::NOT_FOUND, headers, page.document.plain.clone()).into_response();
    with_page_policy(response)
}

async fn read_only() -> Response {
    let body = format!("{}\n", json!({ "error": "this side is read-only: use GET or HEAD" }));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(respond::JSON)),
        (header::ALLOW, HeaderValue::from_static("GET, HEAD")),
    ];
    (StatusCode::METHOD_NOT_ALLOWED, headers, body).into_response()
}

fn with_page_policy(mut response: Response) -> Response {
    let policy = HeaderValue::from_str(&content_security_policy()).expect("the policy is ASCII");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// Headers of every answer.
async fn protect(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    response
}
