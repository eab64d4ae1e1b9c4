//! A switch behind HTTP: a server of this test that answers as Home Assistant's REST API does, and others
//! that misbehave. The real Home Assistant is asked by `scripts/check-home-assistant.sh`.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent::actuator::{Actuator, HttpSwitch};
use agent::config::ActuatorConfig;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use domain::control::Contactor;
use tokio::task::JoinHandle;

use crate::household::settings;
use Contactor::{Closed, Open};

/// What the server does, and what was asked of it: method, path, body.
#[derive(Default)]
struct Bench {
    word: String,
    /// Each request is answered with this instead.
    answer: Option<(StatusCode, String)>,
    is_stuck: bool,
    is_slow: bool,
    asked: Vec<String>,
    authorization: Option<String>,
    content_type: Option<String>,
}

type Shared = Arc<Mutex<Bench>>;

struct Server {
    addr: SocketAddr,
    bench: Shared,
    task: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        let bench = Shared::default();
        bench.lock().unwrap().word = "off".to_owned();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let router = Router::new().fallback(any(serve)).with_state(Arc::clone(&bench));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { addr, bench, task }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    State(bench): State<Shared>,
    method: axum::http::Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let is_slow = bench.lock().unwrap().is_slow;
    if is_slow {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let mut bench = bench.lock().unwrap();
    let text = |name: &str| Some(headers.get(name)?.to_str().unwrap().to_owned());
    bench.authorization = text("authorization");
    let is_order = uri.path().contains("turn") || uri.query().is_some_and(|q| q.contains("turn"));
    if is_order {
        bench.content_type = text("content-type");
        bench.asked.push(format!("{method} {uri} {body}"));
    }
    if let Some((status, text)) = &bench.answer {
        return (*status, [("location", "/elsewhere")], text.clone()).into_response();
    }
    if is_order && !bench.is_stuck {
        bench.word = if uri.to_string().ends_with("on") { "on" } else { "off" }.to_owned();
    }
    format!("{{\"entity_id\":\"switch.garage\",\"state\":\"{}\"}}", bench.word).into_response()
}

fn switch(text: &str) -> HttpSwitch {
    let config = settings(&format!(
        "[actuator]\nkind = \"http\"\n[actuator.http]\ntimeout_secs = 1\n{text}"
    ));
    let ActuatorConfig::Http(http) = config.actuator else { panic!("kind is http") };
    HttpSwitch::new(*http).expect("it can be set up")
}

fn home_assistant(addr: SocketAddr, token: &tempfile::NamedTempFile) -> HttpSwitch {
    switch(&format!(
        "preset = \"home-assistant\"\nurl = \"http://{addr}/\"\nentity = \"switch.garage\"\n\
         token_file = {:?}",
        token.path()
    ))
}

fn secret(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{text}\n")).unwrap();
    file
}

#[tokio::test]
async fn an_entity_of_home_assistant_is_found_moved_and_read_back() {
    let server = Server::start().await;
    let token = secret("ey.J0");
    let mut switch = home_assistant(server.addr, &token);
    assert_eq!(switch.position().await.unwrap(), Open);
    for to in [Closed, Open, Closed] {
        switch.set(to).await.unwrap();
        assert_eq!(switch.position().await.unwrap(), to);
    }
    let bench = server.bench.lock().unwrap();
    assert_eq!(
        bench.asked[..2],
        [
            "POST /api/services/switch/turn_on {\"entity_id\":\"switch.garage\"}",
            "POST /api/services/switch/turn_off {\"entity_id\":\"switch.garage\"}",
        ]
    );
    assert_eq!(bench.asked.len(), 3, "an order is given once");
    assert_eq!(bench.authorization.as_deref(), Some("Bearer ey.J0"));
    assert_eq!(bench.content_type.as_deref(), Some("application/json"));
    assert!(!format!("{switch:?}").contains("ey.J0"));
}

#[tokio::test]
async fn orders_by_get_and_a_login_are_sent_as_given() {
    let server = Server::start().await;
    let password = secret("pass:word");
    let addr = server.addr;
    let mut switch = switch(&format!(
        "method = \"GET\"\non_url = \"http://{addr}/cm?turn=on\"\noff_url = \"http://{addr}/cm?turn=off\"\n\
         state_url = \"http://{addr}/state?key=hidden\"\nstate_pointer = \"/state\"\n\
         state_on = [\"ON\", \"1\"]\nstate_off = \"off\"\nusername = \"ada\"\npassword_file = {:?}",
        password.path()
    ));
    switch.set(Closed).await.unwrap();
    assert_eq!(switch.position().await.unwrap(), Closed);
    assert!(!switch.name().contains("hidden"), "{}", switch.name());
    let bench = server.bench.lock().unwrap();
    assert_eq!(bench.asked, ["GET /cm?turn=on "]);
    assert_eq!(bench.authorization.as_deref(), Some("Basic YWRhOnBhc3M6d29yZA=="));
}

#[tokio::test]
async fn what_goes_wrong_is_said() {
    let server = Server::start().await;
    let token = secret("t");
    let mut switch = home_assistant(server.addr, &token);
    let state = format!("http://{}/api/states/switch.garage", server.addr);
    let order = format!("http://{}/api/services/switch/turn_on", server.addr);
    for (status, text, of_position, of_order) in [
        (401, "", "answers 401 Unauthorized: look at token_file", "answers 401 Unauthorized: look"),
        (404, "", "answers 404 Not Found", "answers 404 Not Found"),
        (500, "", "answers 500 Internal Server Error", "answers 500"),
        // An order is not sent elsewhere.
        (307, "", "answers 307 Temporary Redirect", "answers 307 Temporary Redirect"),
        (200, "<html>", "says nothing at /state", ""),
        (200, "{\"state\":null}", "says nothing at /state", ""),
        (200, "{\"state\":\"unavailable\"}", "says \"unavailable\", which is neither open nor", ""),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        server.bench.lock().unwrap().answer = Some((status, text.to_owned()));
        let error = switch.position().await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("{state} {of_position}")), "{error}");
        match switch.set(Closed).await {
            Ok(()) => assert!(of_order.is_empty(), "{text}"),
            Err(error) => {
                let error = error.to_string();
                assert!(!of_order.is_empty(), "{error}");
                assert!(error.starts_with(&format!("{order} {of_order}")), "{error}");
            }
        }
    }
    let long = "x".repeat(300 * 1024);
    server.bench.lock().unwrap().answer = Some((StatusCode::OK, long));
    let error = switch.position().await.unwrap_err().to_string();
    assert!(error.contains("answers with more than 262144 bytes"), "{error}");
}

#[tokio::test]
async fn a_switch_that_is_slow_gone_or_stuck() {
    let server = Server::start().await;
    let token = secret("t");
    let mut switch = home_assistant(server.addr, &token);
    server.bench.lock().unwrap().is_stuck = true;
    // It took the order; that it did not follow is for the position to say.
    switch.set(Closed).await.unwrap();
    assert_eq!(switch.position().await.unwrap(), Open);
    server.bench.lock().unwrap().is_slow = true;
    let error = switch.position().await.unwrap_err().to_string();
    assert!(error.ends_with("does not answer within 1 s"), "{error}");
    assert!(switch.set(Closed).await.is_err());
    drop(server);
    let gone = Server::start().await.addr;
    let mut switch = home_assistant(gone, &token);
    let error = switch.position().await.unwrap_err().to_string();
    assert!(error.contains("/api/states/switch.garage ") && error.contains("onnect"), "{error}");
}
