//! Programs of the user: one that switches on, one that switches off, one that says which it is.

use std::process::{Output, Stdio};

use domain::control::Contactor;
use tokio::process::Command as Process;
use tokio::time::timeout;

use super::{Actuator, ActuatorError};
use crate::config::CommandConfig;

/// A charger that programs of the user switch.
#[derive(Debug)]
pub struct Command(CommandConfig);

impl Command {
    /// With these programs.
    pub fn new(config: CommandConfig) -> Self {
        Self(config)
    }

    /// Runs a program to its end; it is killed when it takes too long, or when nobody waits any more.
    async fn run(&self, words: &[String]) -> Result<Output, ActuatorError> {
        let Some((program, arguments)) = words.split_first() else {
            return Err(trouble("", "names no program"));
        };
        let mut process = Process::new(program);
        process.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        match timeout(self.0.limit, process.output()).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(error)) => Err(trouble(program, format!("cannot be run: {error}"))),
            Err(_) => {
                let secs = self.0.limit.as_secs();
                Err(trouble(program, format!("was killed: it took longer than {secs} s")))
            }
        }
    }
}

impl Actuator for Command {
    fn name(&self) -> String {
        // Without arguments: one of them may be a secret.
        format!("program {}", self.0.on.first().map_or("", String::as_str))
    }

    async fn set(&mut self, to: Contactor) -> Result<(), ActuatorError> {
        let words = match to {
            Contactor::Closed => &self.0.on,
            Contactor::Open => &self.0.off,
        };
        let output = self.run(words).await?;
        if output.status.success() {
            return Ok(());
        }
        Err(trouble(&words[0], failure(&output)))
    }

    async fn position(&mut self) -> Result<Contactor, ActuatorError> {
        let output = self.run(&self.0.state).await?;
        if !output.status.success() {
            return Err(trouble(&self.0.state[0], failure(&output)));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        match text.trim().to_ascii_lowercase().as_str() {
            "on" | "closed" => Ok(Contactor::Closed),
            "off" | "open" => Ok(Contactor::Open),
            other => Err(trouble(
                &self.0.state[0],
                format!("says {:?}, which is neither on nor off", start(other)),
            )),
        }
    }
}

fn trouble(program: &str, trouble: impl Into<String>) -> ActuatorError {
    ActuatorError::Program { program: program.to_owned(), trouble: trouble.into() }
}

/// How it ended, and the first it says about it.
fn failure(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    match said.trim() {
        "" => format!("failed ({})", output.status),
        said => format!("failed ({}): {:?}", output.status, start(said)),
    }
}

fn start(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use Contactor::{Closed, Open};

    fn sh(script: &str) -> Vec<String> {
        ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
    }

    fn programs(on: &str, off: &str, state: &str) -> Command {
        let limit = Duration::from_secs(4);
        Command::new(CommandConfig { on: sh(on), off: sh(off), state: sh(state), limit })
    }

    #[tokio::test]
    async fn switches_and_says_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("charger").display().to_string();
        let mut charger = programs(
            &format!("echo on > '{file}'"),
            &format!("echo off > '{file}'"),
            &format!("cat '{file}'"),
        );
        assert!(charger.position().await.is_err());
        for to in [Closed, Open, Open, Closed] {
            charger.set(to).await.unwrap();
            assert_eq!(charger.position().await.unwrap(), to);
        }
    }

    #[tokio::test]
    async fn what_goes_wrong_is_said() {
        #[track_caller]
        fn check<T: std::fmt::Debug>(outcome: Result<T, ActuatorError>, expected: &str) {
            let error = outcome.expect_err("it fails").to_string();
            assert!(error.contains(expected), "{error}");
        }
        let mut charger = programs("echo no fuse >&2; exit 3", "exec sleep 60", "echo perhaps");
        check(charger.set(Closed).await, "failed (exit status: 3): \"no fuse\"");
        check(charger.set(Open).await, "was killed: it took longer than 4 s");
        check(charger.position().await, "says \"perhaps\", which is neither on nor off");
        charger.0.state = vec!["/no/such/program".to_owned()];
        check(charger.position().await, "\"/no/such/program\" cannot be run");
    }
}
