//! A second process: this test binary again, running one test that is ignored otherwise.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// No test waits this long; it only keeps a hang from lasting for ever.
const LIMIT: Duration = Duration::from_secs(60);

const DIR: &str = "NY_POWER_TEST_DIR";
const MARK: &str = "@child ";

/// A child at work. Killed when dropped.
pub struct Helper {
    child: Child,
    /// Kept open: a child waits for its end.
    _stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Helper {
    /// Starts `test`, which finds `dir` by [`dir`], as user `uid` if given.
    pub fn start(test: &str, dir: &Path, uid: Option<u32>) -> std::io::Result<Self> {
        let mut command = Command::new(std::env::current_exe().expect("a path"));
        command
            .args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .env(DIR, dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(uid) = uid {
            use std::os::unix::process::CommandExt as _;
            command.uid(uid).gid(uid);
        }
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().expect("piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // The test runner's own words may stand in front.
                if let Some((_, said)) = line.split_once(MARK) {
                    let _ = sender.send(said.to_owned());
                }
            }
        });
        Ok(Self { _stdin: child.stdin.take(), child, lines })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it says next; `None` when it ended.
    pub fn next(&self) -> Option<String> {
        match self.lines.recv_timeout(LIMIT) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the child says nothing for {LIMIT:?}"),
        }
    }

    /// What it says within `time`.
    pub fn said_within(&self, time: Duration) -> Vec<String> {
        let until = std::time::Instant::now() + time;
        let mut said = Vec::new();
        while let Ok(line) =
            self.lines.recv_timeout(until.saturating_duration_since(std::time::Instant::now()))
        {
            said.push(line);
        }
        said
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.id().to_string()]).status();
        assert!(status.expect("the command kill").success());
    }

    /// SIGKILL, at once; gives what it had said and we had not heard yet.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
        self.lines.iter().collect()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the child: what the parent gave; `None` outside of one.
pub fn dir() -> Option<PathBuf> {
    std::env::var_os(DIR).map(PathBuf::from)
}

/// In the child: tells the parent.
pub fn say(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    // The parent may be gone; then nobody cares.
    let _ = writeln!(out, "{MARK}{text}").and_then(|()| out.flush());
}
