//! What was recorded: of the running agent over its socket, else from the files of a stopped one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use service::history::SledHistory;

use super::ask::home;
use crate::api;
use crate::config::{Config, File};
use crate::ledger::{HistoryPage, Question};
use crate::lock::Lock;
use crate::run::STORE;
use crate::store::Store;

/// An agent starts and ends within this time, as a rule.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the agent of these settings, running or not.
///
/// # Errors
/// When it does not answer, its files cannot be read, or there are none; the text says what to do.
pub fn look_up(file: &File, config: &Config, question: Question) -> anyhow::Result<HistoryPage> {
    look_up_in(home(file, config), question)
}

/// The same of the agent with this state directory. One that is just starting or ending is waited for.
pub fn look_up_in(home: &Path, question: Question) -> anyhow::Result<HistoryPage> {
    let began = Instant::now();
    loop {
        match api::is_running(home) {
            Ok(true) => return api::ask_ledger(home, question),
            Ok(false) => {}
            Err(error) => {
                return Err(anyhow::Error::new(error).context(format!(
                    "the agent in {} belongs to another user; ask it with sudo",
                    home.display()
                )));
            }
        }
        let history = history_of(home)?;
        match Lock::take_to_read(home) {
            Ok(lock) => return stopped(lock, &history, question),
            // What is not about who holds it does not pass.
            Err(error) if error.is::<std::io::Error>() || PATIENCE < began.elapsed() => {
                return Err(error);
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn history_of(state_dir: &Path) -> anyhow::Result<PathBuf> {
    let history = state_dir.join("history");
    let is_there = history
        .try_exists()
        .with_context(|| format!("cannot look into {}; try it with sudo", state_dir.display()))?;
    if !is_there {
        bail!(
            "nothing was recorded in {} yet; start the agent with `ny-power-agent run`",
            state_dir.display()
        );
    }
    Ok(history)
}

fn stopped(lock: Lock, history: &Path, question: Question) -> anyhow::Result<HistoryPage> {
    // Held until the process ends, and with it whatever still holds the record.
    std::mem::forget(lock);
    let (history, report) = SledHistory::open(history, STORE).with_context(|| {
        format!("cannot open the record in {}; of a service's, try it with sudo", history.display())
    })?;
    if report.is_trouble() {
        eprintln!("ny-power-agent: {report}");
    }
    let store = Store::new(Arc::new(history));
    question.answer(&store).context("the record cannot be read")
}
