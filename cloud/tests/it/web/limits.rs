//! What a public listener must bear.

use std::time::Duration;

use cloud::web::WebConfig;
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Site;

fn quick() -> WebConfig {
    WebConfig { header_timeout: Duration::from_millis(100), ..WebConfig::new("127.0.0.1:1") }
}

/// Reads until the server closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end too.
    let _ = timeout(testkit::PATIENCE, stream.read_to_end(&mut bytes)).await.expect("it closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_off() {
    let site = Site::with(quick()).await;
    let mut slow = TcpStream::connect(site.addr).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    rest(&mut slow).await;
    assert_eq!(site.get("/healthz").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_idle_connection_is_not_kept_for_ever() {
    let site = Site::with(quick()).await;
    let mut idle = TcpStream::connect(site.addr).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let said = rest(&mut idle).await;
    assert!(said.starts_with("HTTP/1.1 200 OK"), "{said}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let site = Site::with(WebConfig { max_connections: 1, ..quick() }).await;
    let mut first = TcpStream::connect(site.addr).await.unwrap();
    first.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    let mut second = TcpStream::connect(site.addr).await.unwrap();
    second
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    // The first is cut off for its slowness; only then is there a place for the second.
    let said = rest(&mut second).await;
    assert!(said.starts_with("HTTP/1.1 200 OK"), "{said}");
    rest(&mut first).await;
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let site = Site::start().await;
    let mut greedy = TcpStream::connect(site.addr).await.unwrap();
    greedy.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX: ").await.unwrap();
    for _ in 0..64 {
        if greedy.write_all(&[b'x'; 1024]).await.is_err() {
            break;
        }
    }
    rest(&mut greedy).await;
    assert_eq!(site.get("/healthz").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn stopping_ends_open_connections_and_frees_the_port() {
    let site = Site::start().await;
    let addr = site.addr;
    let idle = TcpStream::connect(addr).await.unwrap();
    assert_eq!(site.get("/healthz").await.status(), StatusCode::OK);
    site.stop().await;
    drop(idle);
    assert!(TcpStream::connect(addr).await.is_err());
}
