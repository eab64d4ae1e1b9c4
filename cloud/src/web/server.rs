//! The listener. axum's own server takes any number of connections and waits for ever for a request; this
//! one is open to the public.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use super::{WebState, router};

/// Open connections get this long to end when the process stops.
const GRACE: Duration = Duration::from_secs(5);

/// Bytes of the largest request head.
const LARGEST_HEAD: usize = 16 * 1024;

/// Serves until `shutdown` is cancelled; then lets open requests end, and readers know.
///
/// # Errors
/// When the listener has no address: it is no listening socket.
pub async fn run(
    listener: TcpListener,
    state: WebState,
    shutdown: CancellationToken,
) -> io::Result<()> {
    info!(address = %listener.local_addr()?, "serving the dashboard");
    let places = Arc::new(Semaphore::new(state.config().max_connections));
    let connections = TaskTracker::new();
    let router = router(state.clone());
    loop {
        // A place first: what does not fit waits in the kernel's queue rather than in our memory.
        let place = Arc::clone(&places).acquire_owned();
        let accepted = async {
            let place = place.await.expect("nobody closes the semaphore");
            listener.accept().await.map(|(stream, _)| (stream, place))
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accepted => match accepted {
                Ok((stream, place)) => {
                    let connection = Connection {
                        router: router.clone(),
                        header_timeout: state.config().header_timeout,
                        shutdown: shutdown.clone(),
                    };
                    connections.spawn(connection.serve(stream, place));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: others must end first.
                    warn!(%error, "could not take a connection");
                    sleep(Duration::from_millis(200)).await;
                }
            },
        }
    }
    drop(listener);
    state.close_bridges();
    connections.close();
    let ended = async {
        connections.wait().await;
        state.bridges_ended().await;
    };
    if timeout(GRACE, ended).await.is_err() {
        warn!(
            grace_s = GRACE.as_secs(),
            "connections still open after the grace period are dropped"
        );
    }
    Ok(())
}

struct Connection {
    router: Router,
    header_timeout: Duration,
    shutdown: CancellationToken,
}

impl Connection {
    async fn serve(self, stream: TcpStream, _place: OwnedSemaphorePermit) {
        // Nagle's algorithm would add up to 40 ms to each message of the bridge.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "a connection without TCP_NODELAY");
        }
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_buf_size(LARGEST_HEAD)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(self.router))
            .with_upgrades();
        let mut connection = pin!(connection);
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = outcome {
            debug!(%error, "a connection ended badly");
        }
    }
}
