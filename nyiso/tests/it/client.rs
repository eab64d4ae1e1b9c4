//! The client against a server that misbehaves: a real socket, bytes written by hand.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::wire::Origin;
use nyiso::client::{Client, ClientConfig, FetchError, Fetched, Validators};
use nyiso::fuel_mix::{FuelMixError, parse};
use nyiso::path::fuel_mix_day;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::formats::{TODAY, file, seven};

/// For what must not depend on how busy the machine is.
const PATIENT: Duration = Duration::from_secs(10);

/// What the server does with a connection, once it has read the request.
#[derive(Clone)]
enum Answer {
    /// Writes this and closes.
    Bytes(Vec<u8>),
    /// Writes this and falls silent, with the connection open.
    Stall(Vec<u8>),
    /// Writes a head, and then a byte each time this has passed, for ever.
    Drip(Vec<u8>, Duration),
    /// Writes a head, and then megabytes for ever.
    Flood(Vec<u8>),
}

struct Server {
    base: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Gives one answer after the other, the last one again and again.
    async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/public/csv/", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => request.push(byte),
                        Err(_) => break,
                    }
                }
                let number = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(String::from_utf8(request).unwrap().to_ascii_lowercase());
                    seen.len() - 1
                };
                let answer = answers[number.min(answers.len() - 1)].clone();
                // Errors are the client hanging up, which is what some tests wait for.
                tokio::spawn(async move { drop(give(&mut stream, answer).await) });
            }
        });
        Self { base, requests }
    }

    /// A client that waits for a silent server this long, and four times as long for a whole answer.
    fn client(&self, patience: Duration) -> Client {
        Client::new(ClientConfig {
            read_timeout: patience,
            total_timeout: 4 * patience,
            min_interval: Duration::ZERO,
            ..ClientConfig::new(&self.base).unwrap()
        })
        .unwrap()
    }

    fn request(&self, number: usize) -> String {
        self.requests.lock().unwrap()[number].clone()
    }
}

async fn give(stream: &mut TcpStream, answer: Answer) -> std::io::Result<()> {
    match answer {
        Answer::Bytes(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await
        }
        Answer::Stall(bytes) => {
            stream.write_all(&bytes).await?;
            // Until the client hangs up.
            stream.read_u8().await.map(drop)
        }
        Answer::Drip(head, pause) => {
            stream.write_all(&head).await?;
            loop {
                stream.write_all(b"x").await?;
                tokio::time::sleep(pause).await;
            }
        }
        Answer::Flood(head) => {
            stream.write_all(&head).await?;
            loop {
                stream.write_all(&[b'x'; 1 << 16]).await?;
            }
        }
    }
}

fn day() -> String {
    fuel_mix_day("2026-03-10".parse().unwrap())
}

fn csv() -> Vec<u8> {
    file(TODAY, &seven("03/10/2026 00:05:00", "EDT", 2000))
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An answer with these headers, its length, and this body.
fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Fetches the day once from a server that answers like this. Whatever it does, it does not hang.
async fn fetch(from: Answer) -> Result<Fetched, FetchError> {
    let server = Server::start(vec![from]).await;
    tokio::time::timeout(Duration::from_secs(60), server.client(PATIENT).fetch(&day()))
        .await
        .unwrap()
}

/// The same with little patience.
async fn fetch_soon(from: Answer) -> Result<Fetched, FetchError> {
    let server = Server::start(vec![from]).await;
    let client = server.client(Duration::from_millis(200));
    tokio::time::timeout(Duration::from_secs(60), client.fetch(&day())).await.unwrap()
}

/// Is refused as this kind, with one line that names the address and says this.
#[track_caller]
fn check(fetched: Result<Fetched, FetchError>, kind: &str, says: &str) {
    let error = fetched.unwrap_err();
    assert_eq!(error.kind(), kind, "{error:?}");
    let line = error.to_string();
    assert!(line.starts_with("http://127.0.0.1:"), "{line}");
    assert!(line.contains("/public/csv/rtfuelmix/20260310rtfuelmix.csv: "), "{line}");
    assert!(line.contains(says) && !line.contains('\n'), "{line}");
}

#[tokio::test]
async fn a_file_comes_whole_with_its_hash_and_origin() {
    let server = Server::start(vec![
        Answer::Bytes(answer("200 OK", "", &csv())),
        Answer::Bytes(answer("200 OK", "x-ny-power-origin: recorded\r\n", &csv())),
        Answer::Bytes(answer("200 OK", "", TODAY.as_bytes())),
    ])
    .await;
    let client = server.client(PATIENT);
    let live = client.fetch(&day()).await.unwrap();
    assert_eq!((&live.body, live.origin), (&csv(), Origin::Nyiso));
    assert_eq!(parse(&live.body).unwrap().mixes.len(), 1);
    let recorded = client.fetch(&day()).await.unwrap();
    assert_eq!((recorded.hash, recorded.origin), (live.hash, Origin::Recorded));
    let other = client.fetch(&day()).await.unwrap();
    assert_ne!(other.hash, live.hash);

    let request = server.request(0);
    assert!(request.starts_with("get /public/csv/rtfuelmix/20260310rtfuelmix.csv http/1.1"));
    for header in ["user-agent: ny-power/", "(+https://", "accept-encoding: gzip"] {
        assert!(request.contains(header), "{header} in {request}");
    }
    assert!(!request.contains("if-"), "nothing is known yet: {request}");
}

#[tokio::test]
async fn gzip_is_unpacked_whether_it_was_announced_or_not() {
    for headers in ["Content-Encoding: gzip\r\n", "", "Content-Encoding: identity\r\n"] {
        let bytes = answer("200 OK", headers, &gzipped(&csv()));
        let fetched = fetch(Answer::Bytes(bytes)).await.unwrap();
        assert_eq!(fetched.body, csv(), "{headers}");
    }
    let half = &gzipped(&csv())[..40];
    check(
        fetch(Answer::Bytes(answer("200 OK", "", half))).await,
        "encoding",
        "gzip that cannot be unpacked",
    );
    check(
        fetch(Answer::Bytes(answer("200 OK", "Content-Encoding: gzip\r\n", half))).await,
        "truncated",
        "damaged",
    );
    check(
        fetch(Answer::Bytes(answer("200 OK", "Content-Encoding: br\r\n", b"?"))).await,
        "encoding",
        "content encoding \"br\"",
    );
}

#[tokio::test]
async fn what_is_not_there_is_told_from_what_is_broken() {
    check(fetch(Answer::Bytes(answer("404 Not Found", "", b""))).await, "not-found", "not found");
    check(fetch(Answer::Bytes(answer("500 Oops", "", b"oops"))).await, "status", "status 500");
    check(fetch(Answer::Bytes(answer("403 Blocked", "", b""))).await, "status", "status 403");
    check(fetch(Answer::Bytes(answer("204 No", "", b""))).await, "status", "status 204");
    check(fetch(Answer::Bytes(answer("304 Same", "", b""))).await, "status", "status 304");
    let busy = fetch(Answer::Bytes(answer("503 Busy", "Retry-After: 90\r\n", b""))).await;
    assert_eq!(busy.as_ref().unwrap_err().retry_after(), Some(Duration::from_secs(90)));
    check(busy, "status", "status 503; asks to wait 90 s");
}

#[tokio::test]
async fn a_web_page_with_status_200_comes_and_is_refused_by_the_parser() {
    let fetched = fetch(Answer::Bytes(answer(
        "200 OK",
        "Content-Type: text/html\r\n",
        b"<html>sorry</html>",
    )));
    let body = fetched.await.unwrap().body;
    assert!(matches!(parse(&body), Err(FuelMixError::Html { .. })));
}

#[tokio::test]
async fn a_body_that_ends_early_is_never_half_a_file() {
    let whole = answer("200 OK", "", &csv());
    let cut = Answer::Bytes(whole[..whole.len() - 100].to_vec());
    let expected = format!("after {} bytes of {}", csv().len() - 100, csv().len());
    check(fetch(cut).await, "truncated", &expected);
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nTime Stamp,Time \r\n";
    check(fetch(Answer::Bytes(chunked.to_vec())).await, "truncated", "after 16 bytes");
}

/// Without a length and without chunks the end of the connection is the end of the file. The parser then
/// sees what is left.
#[tokio::test]
async fn without_a_length_the_parser_notices_the_cut() {
    let whole = [b"HTTP/1.0 200 OK\r\n\r\n".as_slice(), &csv()].concat();
    let cut = fetch(Answer::Bytes(whole[..whole.len() - 4].to_vec())).await.unwrap();
    let file = parse(&cut.body).unwrap();
    assert!(!file.mixes[0].is_complete());
    assert_eq!(file.oddities.len(), 1);
}

#[tokio::test]
async fn a_silent_or_endless_server_is_left_in_time() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n".to_vec();
    check(fetch_soon(Answer::Stall(Vec::new())).await, "timeout", "stalled");
    check(fetch_soon(Answer::Stall(head.clone())).await, "timeout", "stalled");
    check(
        fetch_soon(Answer::Stall(answer("200 OK", "", &csv())[..200].to_vec())).await,
        "timeout",
        "stalled",
    );
    // Lively enough for the read timeout; the total ends it.
    check(fetch_soon(Answer::Drip(head, Duration::from_millis(30))).await, "timeout", "stalled");
}

#[tokio::test]
async fn an_oversized_body_is_refused_by_its_length_or_at_the_cap() {
    let announced = b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n".to_vec();
    check(fetch(Answer::Stall(announced)).await, "too-large", "more than 8388608 bytes");
    let endless = b"HTTP/1.0 200 OK\r\n\r\n".to_vec();
    check(fetch(Answer::Flood(endless)).await, "too-large", "more than 8388608 bytes");
    let bomb = gzipped(&vec![0; 50_000_000]);
    check(
        fetch(Answer::Bytes(answer("200 OK", "Content-Encoding: gzip\r\n", &bomb))).await,
        "too-large",
        "more than 8388608 bytes",
    );
    check(
        fetch(Answer::Bytes(answer("200 OK", "", &bomb))).await,
        "encoding",
        "gzip that cannot be unpacked",
    );
}

#[tokio::test]
async fn an_archive_may_be_larger_than_a_day() {
    let body = vec![b'x'; 9 << 20];
    let server = Server::start(vec![Answer::Bytes(answer("200 OK", "", &body))]).await;
    let client = Client::new(ClientConfig {
        min_interval: Duration::ZERO,
        ..ClientConfig::new(&server.base).unwrap()
    })
    .unwrap();
    assert_eq!(client.fetch(&day()).await.unwrap_err().kind(), "too-large");
    let month = nyiso::path::fuel_mix_month("2026-03-10".parse().unwrap());
    assert_eq!(client.fetch(&month).await.unwrap().body.len(), body.len());
}

#[tokio::test]
async fn no_server_and_no_http_are_told_apart() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let config = ClientConfig::new(&format!("http://{free}/public/csv")).unwrap();
    let client = Client::new(config).unwrap();
    check(client.fetch(&day()).await, "connect", "cannot connect");
    check(
        fetch(Answer::Bytes(b"220 mail.example.org ESMTP\r\n".to_vec())).await,
        "http",
        "no proper",
    );
    check(fetch(Answer::Bytes(Vec::new())).await, "http", "no proper answer");
}

#[tokio::test]
async fn tls_is_set_up_and_a_plain_server_is_not_talked_to() {
    Client::new(ClientConfig::default()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
    });
    let client = Client::new(ClientConfig::new(&base).unwrap()).unwrap();
    assert_eq!(client.fetch(&day()).await.unwrap_err().kind(), "connect");
}

#[tokio::test]
async fn only_a_newer_file_is_sent_again() {
    let known = "ETag: \"v1\"\r\nLast-Modified: Tue, 10 Mar 2026 04:10:12 GMT\r\n";
    let server = Server::start(vec![
        Answer::Bytes(answer("200 OK", known, &csv())),
        Answer::Bytes(b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec()),
        Answer::Bytes(answer("200 OK", "", TODAY.as_bytes())),
    ])
    .await;
    let client = server.client(PATIENT);
    let first = client.fetch_newer(&day(), &Validators::default()).await.unwrap().unwrap();
    assert!(!server.request(0).contains("if-"));
    assert_eq!(client.fetch_newer(&day(), &first.validators).await.unwrap(), None);
    let request = server.request(1);
    assert!(request.contains("if-none-match: \"v1\""), "{request}");
    assert!(request.contains("if-modified-since: tue, 10 mar 2026 04:10:12 gmt"), "{request}");
    let newer = client.fetch_newer(&day(), &first.validators).await.unwrap().unwrap();
    assert_ne!(newer.hash, first.hash);
    assert_eq!(newer.validators, Validators::default());
}

#[tokio::test]
async fn a_few_redirects_are_followed_and_no_circle() {
    let to =
        |place: &str| Answer::Bytes(answer("302 Found", &format!("Location: {place}\r\n"), b""));
    let there = Answer::Bytes(answer("200 OK", "", &csv()));
    let server = Server::start(vec![to("/a"), to("/b"), there]).await;
    assert_eq!(server.client(PATIENT).fetch(&day()).await.unwrap().body, csv());
    assert!(server.request(2).starts_with("get /b "));
    check(fetch(to("/public/csv/circle")).await, "redirect", "redirects");
}
