//! The program as a process: started, asked, killed, started again.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use agent::status::Status;

/// Longer than anything here takes, on a busy machine too.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The program, with its settings and without those of this machine.
pub fn command(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ny-power-agent"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("NY_POWER_") {
            command.env_remove(name);
        }
    }
    // A machine that has just booted would wait for a time of its own.
    command.env("NY_POWER_AGENT__CHARGE__OFFSET_SECS", "0");
    command.arg("--config").arg(config).stdin(Stdio::null());
    command
}

/// What `command` printed.
pub fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

/// A home for one agent: settings, state, log.
pub struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    /// `settings` beyond the state directory.
    pub fn new(settings: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let state = dir.path().join("state");
        let text = format!("state_dir = {state:?}\n{settings}");
        std::fs::write(dir.path().join("agent.toml"), text).expect("writable");
        Self { dir }
    }

    pub fn config(&self) -> PathBuf {
        self.dir.path().join("agent.toml")
    }

    pub fn relay(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("state/relay")).unwrap_or_default()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Starts the agent.
    pub fn run(&self) -> Program {
        self.run_with(&[])
    }

    /// The same with these variables.
    pub fn run_with(&self, environment: &[(&str, &std::ffi::OsStr)]) -> Program {
        let log = std::fs::File::options()
            .append(true)
            .create(true)
            .open(self.dir.path().join("log"))
            .expect("writable");
        let child = command(&self.config())
            .arg("run")
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        Program { child }
    }

    /// The status, once there is one.
    pub fn status(&self) -> Option<Status> {
        let (code, stdout, _) = output(command(&self.config()).args(["status", "--json"]));
        (code == Some(0)).then(|| serde_json::from_str(&stdout).expect("a status"))
    }

    /// Asks until the status is as expected.
    #[track_caller]
    pub fn until(&self, what: &str, expected: impl Fn(&Status) -> bool) -> Status {
        let started = Instant::now();
        let mut last = None;
        while started.elapsed() < PATIENCE {
            if let Some(status) = self.status() {
                if expected(&status) {
                    return status;
                }
                last = Some(status);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("waited in vain for: {what}\n{last:#?}\n{}", self.log());
    }
}

/// A running agent; killed when dropped.
pub struct Program {
    child: Child,
}

impl Program {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("it ran");
        self.child.wait().expect("it ran");
    }

    /// SIGTERM; gives the exit code.
    pub fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(sent.success());
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().expect("it ran") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not stop");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
