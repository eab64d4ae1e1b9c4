//! The agent's ear: a Unix socket in the state directory, for the command line on the same machine. Nothing
//! listens on the network.
//!
//! One line in, one line of JSON out: `status` gives a [`Status`], anything else `{"error": ...}`.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::status::Status;

/// Name of the socket in the state directory.
const SOCKET: &str = "agent.sock";

/// A question is one word.
const LONGEST_QUESTION: u64 = 256;

/// The longest that a caller may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the socket of an agent with this state directory is.
pub fn socket_path(state_dir: &Path) -> PathBuf {
    state_dir.join(SOCKET)
}

/// The open socket; it is removed when dropped.
pub struct Ear {
    listener: UnixListener,
    path: PathBuf,
}

impl Ear {
    /// Opens the socket, in place of one that a dead agent left. The caller holds the lock of the state
    /// directory, so whatever is there belongs to nobody.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn open(state_dir: &Path) -> anyhow::Result<Self> {
        let path = socket_path(state_dir);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot replace {}", path.display()));
            }
            _ => {}
        }
        let listener = UnixListener::bind(&path)
            .with_context(|| format!("cannot open the socket {}", path.display()))?;
        Ok(Self { listener, path })
    }

    /// Answers until `shutdown`.
    ///
    /// # Errors
    /// Never by itself: a caller that fails is that caller's trouble.
    pub async fn listen(
        self,
        status: watch::Receiver<Option<Status>>,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = shutdown.cancelled() => return Ok(()),
            };
            // One after the other: an answer takes microseconds, and a silent caller has its limit.
            match accepted {
                Ok((stream, _)) => {
                    let answered = tokio::select! {
                        answered = timeout(PATIENCE, answer(stream, &status)) => answered,
                        () = shutdown.cancelled() => return Ok(()),
                    };
                    if !matches!(answered, Ok(Ok(()))) {
                        tracing::debug!(?answered, "a question on the socket was not finished");
                    }
                }
                // Out of descriptors, for example: that passes.
                Err(error) => {
                    tracing::warn!("the socket could not take a question: {error}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        // A socket left behind does no harm: the next start replaces it.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn answer(
    mut stream: UnixStream,
    status: &watch::Receiver<Option<Status>>,
) -> io::Result<()> {
    let (read, mut write) = stream.split();
    let mut question = String::new();
    tokio::io::BufReader::new(read.take(LONGEST_QUESTION)).read_line(&mut question).await?;
    let mut line = match (question.trim(), status.borrow().as_ref()) {
        ("status", Some(status)) => serde_json::to_string(status)?,
        ("status", None) => error("the agent has just started and not decided anything yet"),
        (other, _) => error(&format!("{other:?} is no question; \"status\" is")),
    };
    line.push('\n');
    write.write_all(line.as_bytes()).await?;
    write.shutdown().await
}

fn error(text: &str) -> String {
    serde_json::json!({ "error": text }).to_string()
}

/// Asks the running agent for its status.
///
/// # Errors
/// When no agent runs there, or it does not answer; the text says what to do.
pub fn ask(state_dir: &Path) -> anyhow::Result<Status> {
    let path = socket_path(state_dir);
    let stream = BlockingStream::connect(&path).with_context(|| {
        format!("no agent answers at {}; start it with `ny-power-agent run`", path.display())
    })?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    (&stream).write_all(b"status\n").context("the agent hung up")?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).context("the agent does not answer")?;
    let answer: serde_json::Value =
        serde_json::from_str(&line).context("the agent's answer is no JSON")?;
    if let Some(error) = answer.get("error").and_then(|error| error.as_str()) {
        anyhow::bail!("{error}");
    }
    serde_json::from_value(answer).context("the agent's answer is of another version")
}
