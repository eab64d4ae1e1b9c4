//! A stand-in on a free port, its clock in the test's hand, and a client that never waits for ever.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cloud::replay::{Material, NOW_HEADER, ORIGIN_HEADER, Settings, Standin};
use domain::Timestamp;
use service::clock::ManualClock;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// No test waits this long; it only keeps a hang from lasting for ever.
pub const LIMIT: Duration = Duration::from_secs(30);

pub fn ts(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// A stand-in that serves until it is dropped.
pub struct Served {
    pub standin: Standin,
    pub clock: Arc<ManualClock>,
    pub base: String,
    pub client: reqwest::Client,
    shutdown: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

/// An answer, whole.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }
}

/// Serves `material` with the wall clock at `now`.
pub async fn serve(material: Material, now: &str, settings: Settings) -> Served {
    let clock = Arc::new(ManualClock::new(ts(now)));
    let standin = Standin::new(material, settings, clock.clone()).expect("something to serve");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(standin.clone().serve(listener, shutdown.clone()));
    // Another test may have been first; the provider is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(LIMIT).no_proxy().build().expect("a client");
    Served { standin, clock, base, client, shutdown, task }
}

impl Served {
    /// Asks for a file below `/public/csv/`.
    pub async fn file(&self, path: &str) -> Answer {
        self.get(&format!("/public/csv/{path}")).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        let response = self.ask(path).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        assert!(headers.contains_key(ORIGIN_HEADER), "every answer is labelled: {path}");
        assert!(headers.contains_key(NOW_HEADER), "every answer tells the time: {path}");
        let body = response.bytes().await.expect("a whole body").to_vec();
        Answer { status, headers, body }
    }

    /// The head of an answer.
    pub async fn ask(&self, path: &str) -> reqwest::Response {
        self.client.get(format!("{}{path}", self.base)).send().await.expect("an answer")
    }

    /// Stops it, and says whether it went cleanly.
    pub async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(LIMIT, self.task)
            .await
            .expect("stops although answers are open")
            .expect("no panic")
            .expect("a clean end");
    }
}

/// The recorded files, where they are at hand.
pub fn recorded() -> Option<PathBuf> {
    let folder = std::env::var_os("NY_POWER_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/nyiso"),
        PathBuf::from,
    );
    if folder.join("rtfuelmix").is_dir() {
        Some(folder)
    } else {
        println!("skipped: no recorded data in {} (set NY_POWER_DATA)", folder.display());
        None
    }
}

/// Rows as stamp, zone and the rest.
pub fn rows(text: &str) -> Vec<(&str, &str, &str)> {
    let row = |line| {
        let mut parts = str::splitn(line, 3, ',');
        let mut part = || parts.next().unwrap_or_else(|| panic!("three parts: {line:?}"));
        (part(), part(), part())
    };
    text.split("\r\n").skip(1).map(row).collect()
}
