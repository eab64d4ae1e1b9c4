//! The agent's ear: a Unix socket in the state directory, for the command line on the same machine. Nothing
//! listens on the network.
//!
//! One line in, one line of JSON out: `status` gives a [`Status`], `plan` a [`Prospect`], `overrides` and a
//! [`Request`] as JSON an [`Answer`], a [`Question`] a [`HistoryPage`]; anything else, and whatever fails,
//! `{"error": ..., "refused": ...}`, where `refused` tells a request that makes no sense from trouble of the
//! agent.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::foresight::Foresight;
use crate::ledger::{HistoryPage, Question};
use crate::overrides::{Answer, Desk, DeskError, Request};
use crate::status::Status;
use crate::store::Store;

/// Name of the socket in the state directory.
const SOCKET: &str = "agent.sock";

/// A question is a word, or a request with a time or two.
const LONGEST_QUESTION: u64 = 256;

const JUST_STARTED: &str = "the agent has just started and not decided anything yet";

/// What an agent has before it: its status, and what it plans with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prospect {
    /// How things are, with the charge that is asked for and its plan.
    pub status: Status,
    /// What is expected of the grid; `None` while the clock cannot be trusted.
    pub foresight: Option<Foresight>,
}

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
        known: (watch::Receiver<Option<Status>>, watch::Receiver<Option<Arc<Foresight>>>),
        desk: Arc<Desk>,
        store: Store,
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
                        answered = timeout(PATIENCE, answer(stream, &known, &desk, &store)) => answered,
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
    (status, foresight): &(
        watch::Receiver<Option<Status>>,
        watch::Receiver<Option<Arc<Foresight>>>,
    ),
    desk: &Arc<Desk>,
    store: &Store,
) -> io::Result<()> {
    let (read, mut write) = stream.split();
    let mut question = String::new();
    tokio::io::BufReader::new(read.take(LONGEST_QUESTION)).read_line(&mut question).await?;
    let mut line = match question.trim() {
        "status" => match status.borrow().as_ref() {
            Some(status) => serde_json::to_string(status)?,
            None => error(JUST_STARTED, false),
        },
        "plan" => match status.borrow().as_ref() {
            Some(status) => {
                let foresight = foresight.borrow().as_deref().cloned();
                serde_json::to_string(&Prospect { status: status.clone(), foresight })?
            }
            None => error(JUST_STARTED, false),
        },
        "overrides" => serde_json::to_string(&desk.show())?,
        request if request.starts_with('{') => match serde_json::from_str::<Request>(request) {
            Ok(request) => take(request, Arc::clone(desk)).await?,
            Err(trouble) => error(&format!("{request:?} is no request: {trouble}"), true),
        },
        other => match Question::parse(other) {
            Some(question) => look_up(question, store.clone()).await?,
            None => error(&format!("{other:?} is no question; \"status\" is"), true),
        },
    };
    line.push('\n');
    write.write_all(line.as_bytes()).await?;
    write.shutdown().await
}

async fn take(request: Request, desk: Arc<Desk>) -> io::Result<String> {
    // It waits for the disk.
    let taken = tokio::task::spawn_blocking(move || desk.take(request)).await?;
    Ok(match taken {
        Ok(answer) => serde_json::to_string(&answer)?,
        Err(trouble) => error(&trouble.to_string(), matches!(trouble, DeskError::Refused(_))),
    })
}

async fn look_up(question: Question, store: Store) -> io::Result<String> {
    let page = tokio::task::spawn_blocking(move || question.answer(&store)).await?;
    Ok(match page {
        Ok(page) => serde_json::to_string(&page)?,
        Err(trouble) => error(&format!("the record cannot be read: {trouble}"), false),
    })
}

fn error(text: &str, refused: bool) -> String {
    serde_json::json!({ "error": text, "refused": refused }).to_string()
}

/// What the agent answers an override.
#[derive(Debug)]
pub enum Outcome {
    /// It holds.
    Taken(Answer),
    /// It makes no sense; the sentence says why.
    Refused(String),
}

/// Asks the running agent for its status.
///
/// # Errors
/// When no agent runs there, or it does not answer; the text says what to do.
pub fn ask(state_dir: &Path) -> anyhow::Result<Status> {
    let answer = exchange(state_dir, "status")?;
    if let Some(error) = answer.get("error").and_then(|error| error.as_str()) {
        anyhow::bail!("{error}");
    }
    serde_json::from_value(answer).context("the agent's answer is of another version")
}

/// Asks the running agent for its plan and what it plans with.
///
/// # Errors
/// When no agent runs there, or it does not answer; the text says what to do.
pub fn ask_plan(state_dir: &Path) -> anyhow::Result<Prospect> {
    let answer = exchange(state_dir, "plan")?;
    if let Some(error) = answer.get("error").and_then(|error| error.as_str()) {
        anyhow::bail!("{error}");
    }
    serde_json::from_value(answer).context("the agent's answer is of another version")
}

/// Asks the running agent for what it has recorded.
///
/// # Errors
/// When no agent runs there, or it does not answer; the text says what to do.
pub fn ask_ledger(state_dir: &Path, question: Question) -> anyhow::Result<HistoryPage> {
    let answer = exchange(state_dir, &question.to_string())?;
    if let Some(error) = answer.get("error").and_then(|error| error.as_str()) {
        anyhow::bail!("{error}");
    }
    serde_json::from_value(answer).context("the agent's answer is of another version")
}

/// Whether an agent answers there.
///
/// # Errors
/// When one may, and does not let us ask.
pub fn is_running(state_dir: &Path) -> io::Result<bool> {
    match BlockingStream::connect(socket_path(state_dir)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        Err(_) => Ok(false),
    }
}

/// Hands an override to the running agent; `None` asks what holds.
///
/// # Errors
/// When no agent runs there, it does not answer, or cannot keep it; the text says what to do.
pub fn ask_override(state_dir: &Path, request: Option<&Request>) -> anyhow::Result<Outcome> {
    let question = match request {
        Some(request) => serde_json::to_string(request)?,
        None => "overrides".to_owned(),
    };
    let answer = exchange(state_dir, &question)?;
    if let Some(error) = answer.get("error").and_then(|error| error.as_str()) {
        if answer["refused"] == true {
            return Ok(Outcome::Refused(error.to_owned()));
        }
        anyhow::bail!("{error}");
    }
    let answer =
        serde_json::from_value(answer).context("the agent's answer is of another version")?;
    Ok(Outcome::Taken(answer))
}

fn exchange(state_dir: &Path, question: &str) -> anyhow::Result<serde_json::Value> {
    let path = socket_path(state_dir);
    let stream = BlockingStream::connect(&path).map_err(|error| {
        let path = path.display();
        let what = if error.kind() == io::ErrorKind::PermissionDenied {
            format!("the agent at {path} belongs to another user; ask it with sudo")
        } else {
            format!("no agent answers at {path}; start it with `ny-power-agent run`")
        };
        anyhow::Error::new(error).context(what)
    })?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    (&stream).write_all(format!("{question}\n").as_bytes()).context("the agent hung up")?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).context("the agent does not answer")?;
    serde_json::from_str(&line).context("the agent's answer is no JSON")
}
