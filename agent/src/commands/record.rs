//! What was recorded: of the running agent over its socket, else from the files of a stopped one.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use service::history::SledHistory;

use super::ask::home;
use crate::api;
use crate::config::{Config, File};
use crate::ledger::{HistoryPage, Question};
use crate::lock::Lock;
use crate::run::STORE;
use crate::store::Store;

/// Asks the agent of these settings, running or not.
///
/// # Errors
/// When it does not answer, its files cannot be read, or there are none; the text says what to do.
pub fn look_up(file: &File, config: &Config, question: Question) -> anyhow::Result<HistoryPage> {
    look_up_in(home(file, config), question)
}

/// The same of the agent with this state directory.
pub fn look_up_in(home: &Path, question: Question) -> anyhow::Result<HistoryPage> {
    match api::is_running(home) {
        Ok(true) => api::ask_ledger(home, question),
        Ok(false) => stopped(home, question),
        Err(error) => Err(anyhow::Error::new(error).context(format!(
            "the agent in {} belongs to another user; ask it with sudo",
            home.display()
        ))),
    }
}

fn stopped(state_dir: &Path, question: Question) -> anyhow::Result<HistoryPage> {
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
    // Held until the process ends, and with it whatever still holds the record.
    std::mem::forget(Lock::take_to_read(state_dir)?);
    let (history, report) = SledHistory::open(&history, STORE).with_context(|| {
        format!("cannot open the record in {}; of a service's, try it with sudo", history.display())
    })?;
    if report.is_trouble() {
        eprintln!("ny-power-agent: {report}");
    }
    let store = Store::new(Arc::new(history));
    question.answer(&store).context("the record cannot be read")
}
