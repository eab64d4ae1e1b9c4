//! The stand-in over HTTP: NYISO's paths, and every way in which an answer can go wrong.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, LAST_MODIFIED};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use chrono::SecondsFormat;
use domain::Timestamp;
use futures_util::stream::{self, Stream};
use nyiso::client::{NOW_HEADER, ORIGIN_HEADER};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::fault::{Cut, FaultKind};
use super::page;
use super::shelf::Found;
use super::standin::Standin;

/// Time between two pieces of an answer that drips in.
const DRIP: Duration = Duration::from_millis(250);

#[derive(Clone)]
struct Serving {
    standin: Standin,
    shutdown: CancellationToken,
}

/// See [`Standin::serve`].
pub(super) async fn serve(
    standin: Standin,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let serving = Serving { standin, shutdown: shutdown.clone() };
    let router = Router::new()
        .route("/", get(index))
        .route("/public/csv/{*path}", get(file))
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(middleware::map_response_with_state(serving.clone(), label))
        .with_state(serving);
    let listener = listener.tap_io(|connection| {
        // Without it the last packet of a file may wait for an acknowledgment.
        if let Err(error) = connection.set_nodelay(true) {
            debug!(%error, "cannot set TCP_NODELAY");
        }
    });
    axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

async fn label(State(serving): State<Serving>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    let origin = serving.standin.origin().as_str();
    headers.insert(ORIGIN_HEADER, HeaderValue::from_static(origin));
    let now = serving.standin.now().to_rfc3339_opts(SecondsFormat::Secs, true);
    headers.insert(NOW_HEADER, HeaderValue::try_from(now).expect("RFC 3339 is ASCII"));
    response
}

async fn index(State(serving): State<Serving>) -> Response {
    let page = blocking(move || page::render(&serving.standin)).await;
    page.map_or_else(IntoResponse::into_response, |page| Html(page).into_response())
}

async fn file(State(serving): State<Serving>, Path(path): Path<String>) -> Response {
    let struck = serving.standin.strike();
    let (standin, wanted) = (serving.standin.clone(), path.clone());
    let found = match struck.instead {
        Some(FaultKind::NotFound) => Ok(None),
        Some(FaultKind::ServerError) => Err(server_error()),
        Some(FaultKind::Garbage) => {
            let garbage = Found { bytes: GARBAGE.into(), modified: standin.now() };
            Ok(Some((garbage, "text/html; charset=utf-8")))
        }
        _ => match blocking(move || standin.find(&wanted, struck.view)).await {
            Ok(Ok(found)) => Ok(found.map(|found| (found, media_of(&path)))),
            Ok(Err(error)) => {
                let error = anyhow::Error::from(error);
                warn!(path, "cannot serve a recorded day: {error:#}");
                Err(server_error())
            }
            Err(broken) => Err(broken.into_response()),
        },
    };
    let response = match found {
        Err(response) => response,
        // NYISO's own have no body either.
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Ok(Some((found, media))) => {
            let promised = found.bytes.len();
            let bytes = Bytes::from(found.bytes);
            let delivery = match struck.instead {
                Some(FaultKind::Truncate(cut)) => {
                    let half = bytes.slice(..cut_place(&bytes, struck.draw));
                    match cut {
                        Cut::Short => {
                            Delivery { promised: half.len(), bytes: half, end: End::Done }
                        }
                        Cut::Closed => Delivery { promised, bytes: half, end: End::Closed },
                    }
                }
                Some(FaultKind::Stall(silence)) => {
                    Delivery { promised, bytes: Bytes::new(), end: End::Silence(silence) }
                }
                _ => Delivery { promised, bytes, end: End::Done },
            };
            (
                [
                    (CONTENT_TYPE, media.to_owned()),
                    (CONTENT_LENGTH, delivery.promised.to_string()),
                    (LAST_MODIFIED, http_date(found.modified)),
                ],
                delivery.body(struck.slow, serving.shutdown),
            )
                .into_response()
        }
    };
    debug!(path, status = response.status().as_u16(), "answered");
    response
}

/// Runs what reads the disk or renders a month where it holds up nothing else.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StatusCode> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        warn!(%error, "cannot answer");
        StatusCode::INTERNAL_SERVER_ERROR
    })
}

fn media_of(path: &str) -> &'static str {
    if path.ends_with(".zip") { "application/zip" } else { "text/csv" }
}

fn server_error() -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, Html(SERVER_ERROR)).into_response()
}

const SERVER_ERROR: &str = "<html><head><title>500 Internal Server Error</title></head>\
    <body><h1>Internal Server Error</h1></body></html>\n";

const GARBAGE: &str = "<!DOCTYPE html>\r\n<html><head><title>Scheduled maintenance</title></head>\r\n\
    <body><h1>We will be back soon</h1><p>This page stands in for a file, with status 200: a fault \
    that was asked for.</p></body></html>\r\n";

/// `Tue, 24 Nov 2026 10:46:24 GMT`.
fn http_date(ts: Timestamp) -> String {
    ts.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A place in the second half of the file, in the middle of a row.
fn cut_place(bytes: &[u8], draw: u64) -> usize {
    let half = bytes.len() / 2;
    let drawn = half + usize::try_from(draw % (half.max(1) as u64)).unwrap_or(0);
    let in_row = |at: &usize| {
        let beside = [bytes.get(at - 1), bytes.get(*at)];
        beside.into_iter().all(|byte| byte.is_some_and(|byte| !matches!(byte, b'\r' | b'\n')))
    };
    (1..=drawn).rev().find(in_row).unwrap_or(half)
}

/// What becomes of the body of an answer.
struct Delivery {
    /// The `Content-Length`.
    promised: usize,
    bytes: Bytes,
    end: End,
}

/// What follows the last byte.
#[derive(Clone, Copy)]
enum End {
    Done,
    /// The connection is closed, whatever was promised.
    Closed,
    /// Nothing for so long, or for ever; then the connection is closed.
    Silence(Option<Duration>),
}

impl Delivery {
    fn body(self, slow: Option<Duration>, shutdown: CancellationToken) -> Body {
        match (self.end, slow) {
            (End::Done, None) => Body::from(self.bytes),
            (end, slow) => {
                Body::from_stream(drip(self.bytes, slow.unwrap_or_default(), end, shutdown))
            }
        }
    }
}

/// `bytes` in even pieces over a time, then the end.
fn drip(
    bytes: Bytes,
    over: Duration,
    end: End,
    shutdown: CancellationToken,
) -> impl Stream<Item = io::Result<Bytes>> {
    let pieces = usize::try_from(over.as_millis() / DRIP.as_millis()).unwrap_or(usize::MAX).max(1);
    let piece = bytes.len().div_ceil(pieces).max(1);
    let closed = || io::Error::new(io::ErrorKind::ConnectionAborted, "closed as a fault asks");
    stream::unfold((bytes, end, true), move |(mut left, end, first)| {
        let shutdown = shutdown.clone();
        async move {
            if left.is_empty() {
                return match end {
                    End::Done => None,
                    // The pause lets what was written go out before the connection closes.
                    End::Closed => {
                        pause(Some(DRIP), &shutdown).await;
                        Some((Err(closed()), (left, End::Done, false)))
                    }
                    End::Silence(silence) => {
                        pause(silence, &shutdown).await;
                        Some((Err(closed()), (left, End::Done, false)))
                    }
                };
            }
            if !first {
                pause(Some(DRIP), &shutdown).await;
                if shutdown.is_cancelled() {
                    return Some((Err(closed()), (Bytes::new(), End::Done, false)));
                }
            }
            let next = left.split_to(piece.min(left.len()));
            Some((Ok(next), (left, end, false)))
        }
    })
}

/// Waits for so long, or for ever, but no longer than until the end of the process is asked for.
async fn pause(length: Option<Duration>, shutdown: &CancellationToken) {
    let waited = async {
        match length {
            Some(length) => tokio::time::sleep(length).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = waited => {}
        () = shutdown.cancelled() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_in_the_second_half_and_inside_a_row() {
        let file = "Time Stamp,Time Zone,Fuel Category,Gen MW\r\n".repeat(20);
        for draw in 0..2000 {
            let place = cut_place(file.as_bytes(), draw);
            let (kept, lost) = file.split_at(place);
            assert!(file.len() / 2 - 3 <= place && place < file.len(), "{place}");
            assert!(!kept.ends_with(['\r', '\n']) && !lost.starts_with(['\r', '\n']), "{place}");
        }
    }

    #[test]
    fn even_an_empty_file_can_be_cut() {
        assert_eq!(cut_place(b"", 7), 0);
        assert_eq!(cut_place(b"\r\n", 7), 1);
    }

    #[test]
    fn dates_are_written_as_http_wants_them() {
        let ts = "2026-03-08T06:05:09Z".parse().unwrap();
        assert_eq!(http_date(ts), "Sun, 08 Mar 2026 06:05:09 GMT");
    }
}
