//! The retained messages of the embedded broker, on disk.
//!
//! One file, replaced as a whole. `mqtt5` has a store of its own; it writes and syncs a file for every
//! retained publication, a payload as a JSON list of numbers, one per line: measured, 14 syncs and
//! 258 kB for the 14 topics and 32 kB of an instant, which is hard on the SD card of a Pi. Here a change is on disk within
//! [`EVERY`], which is enough: the publishers repeat all they retain after every CONNACK.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

const FILE: &str = "retained.jsonl";

/// Shortest time between two writes.
const EVERY: Duration = Duration::from_secs(2);

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    topic: String,
    qos: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// For a payload that is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<Vec<u8>>,
}

/// A retained message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) payload: Bytes,
    pub(super) qos: u8,
}

/// The retained messages in memory, and the file they are written to.
#[derive(Debug)]
pub(super) struct RetainedFile {
    path: PathBuf,
    messages: Mutex<BTreeMap<String, Kept>>,
    changed: Notify,
}

impl RetainedFile {
    /// Reads what is there. A line that cannot be read is reported and left out.
    ///
    /// # Errors
    /// When the directory cannot be made or the file not be read.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let path = dir.join(FILE);
        let mut messages = BTreeMap::new();
        match File::open(&path) {
            Ok(file) => {
                for (index, line) in BufReader::new(file).split(b'\n').enumerate() {
                    match serde_json::from_slice::<Line>(&line?) {
                        Ok(line) => {
                            let payload = line.text.map(String::into_bytes).or(line.bytes);
                            let payload = payload.unwrap_or_default().into();
                            messages.insert(line.topic, Kept { payload, qos: line.qos.min(2) });
                        }
                        Err(reason) => {
                            let line = index + 1;
                            warn!(path = %path.display(), line, %reason, "a retained message is lost");
                        }
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(Self { path, messages: Mutex::new(messages), changed: Notify::new() })
    }

    fn messages(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them, by topic.
    pub(super) fn all(&self) -> BTreeMap<String, Kept> {
        self.messages().clone()
    }

    /// Notes what the broker retains now; `None` where it forgot the topic. Written soon.
    pub(super) fn set(&self, topic: &str, kept: Option<Kept>) {
        let changed = {
            let mut messages = self.messages();
            match kept {
                Some(kept) if messages.get(topic) == Some(&kept) => false,
                Some(kept) => {
                    messages.insert(topic.to_owned(), kept);
                    true
                }
                None => messages.remove(topic).is_some(),
            }
        };
        if changed {
            self.changed.notify_one();
        }
    }

    /// Writes changes until `shutdown`, and once more then.
    pub(super) async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let mut is_failing = false;
        while !shutdown.is_cancelled() {
            tokio::select! {
                () = self.changed.notified() => {}
                () = shutdown.cancelled() => {}
            }
            let file = Arc::clone(&self);
            let written = tokio::task::spawn_blocking(move || file.write()).await;
            match written.unwrap_or_else(|panic| Err(io::Error::other(panic))) {
                Ok(()) => is_failing = false,
                Err(reason) if !is_failing => {
                    is_failing = true;
                    error!(path = %self.path.display(), %reason, "retained messages cannot be saved");
                }
                Err(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = shutdown.cancelled() => {}
            }
        }
        // What changed while the last round slept.
        if let Err(reason) = self.write() {
            error!(path = %self.path.display(), %reason, "retained messages cannot be saved");
        }
    }

    /// Replaces the file; it is either the old or the new one whenever the power goes.
    fn write(&self) -> io::Result<()> {
        let messages = self.all();
        let next = self.path.with_extension("next");
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
        let mut out = BufWriter::new(file);
        for (topic, kept) in messages {
            let (text, bytes) = match String::from_utf8(kept.payload.to_vec()) {
                Ok(text) => (Some(text), None),
                Err(error) => (None, Some(error.into_bytes())),
            };
            serde_json::to_writer(&mut out, &Line { topic, qos: kept.qos, text, bytes })?;
            out.write_all(b"\n")?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&next, &self.path)?;
        // The name is durable with the directory.
        self.path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn kept(payload: &'static [u8]) -> Kept {
        Kept { payload: Bytes::from_static(payload), qos: 1 }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let file = RetainedFile::open(&dir.path().join("broker")).unwrap();
        file.set("ny-power/a", Some(kept(b"{\"ts\":\"2026\"}")));
        file.set("ny-power/fuel-mix/Natural Gas", Some(kept("µ\n".as_bytes())));
        file.set("ny-power/binary", Some(kept(&[0, 255])));
        file.set("ny-power/gone", Some(kept(b"1")));
        file.set("ny-power/gone", None);
        file.write().unwrap();
        let again = RetainedFile::open(&dir.path().join("broker")).unwrap();
        assert_eq!(again.all(), file.all());
        assert_eq!(again.all().len(), 3);
        let mode = fs::metadata(&file.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_line_costs_one_message() {
        let dir = tempfile::tempdir().unwrap();
        let good = r#"{"topic":"a","qos":1,"text":"1"}"#;
        fs::write(dir.path().join(FILE), format!("{good}\n{{\"topic\":\"b\",\"qo\u{0}\n")).unwrap();
        let file = RetainedFile::open(dir.path()).unwrap();
        assert_eq!(file.all().into_keys().collect::<Vec<_>>(), ["a"]);
    }

    #[tokio::test]
    async fn a_change_is_written_soon_and_the_last_one_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let file = Arc::new(RetainedFile::open(dir.path()).unwrap());
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(Arc::clone(&file).run(shutdown.clone()));
        let on_disk = || RetainedFile::open(dir.path()).unwrap().all();
        file.set("a", Some(kept(b"1")));
        testkit::eventually("the first change on disk", || on_disk().len() == 1).await;
        file.set("b", Some(kept(b"2")));
        shutdown.cancel();
        task.await.unwrap();
        assert_eq!(on_disk().len(), 2);
    }
}
