//! NYISO's load forecasts of the last weeks, for a store that lacks them: the model learns from past ones,
//! and would otherwise need three weeks to gather them.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context;
use chrono::{NaiveDate, TimeDelta};
use domain::forecast::{Hour, LoadForecast};
use nyiso::client::Client;
use nyiso::{eastern, load_forecast};
use service::backoff::Backoff;
use service::clock::Clock;
use service::history::History;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::memory::Memory;
use super::{News, Teller};
use crate::feeds;
use crate::origin::OriginLock;

/// Until the first data have come, whose origin the files must share.
const LOOK: Duration = Duration::from_secs(2);

/// After so many tries the rest is left: files that NYISO does not have.
const TRIES: usize = 6;

/// Fetches what lacks of the last `days` days, and tells the forecast. Ends when nothing lacks, or nothing
/// more can be had.
///
/// # Errors
/// When the store cannot be read.
pub async fn run(
    client: Client,
    store: Arc<dyn History>,
    days: u32,
    clock: Arc<dyn Clock>,
    mut retry: Backoff,
    forecast: Teller,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    if days == 0 {
        return Ok(());
    }
    let origin = loop {
        let held = OriginLock::open(Arc::clone(&store))?.held();
        if let Some(origin) = held {
            break origin;
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK) => {}
        }
    };
    let memory = Memory::new(store);
    let known = tokio::task::spawn_blocking(move || memory.loads()).await?;
    let known: BTreeSet<Hour> =
        known.context("read the load forecasts")?.iter().map(LoadForecast::first).collect();
    let today = eastern::day_of(clock.now());
    let mut lacking: BTreeSet<NaiveDate> = (0..=i64::from(days))
        .map(|ago| today - TimeDelta::days(ago))
        .filter(|day| !known.contains(&Hour::of(eastern::midnight(*day))))
        .collect();
    let (wanted, mut read) = (lacking.len(), 0);
    for _ in 0..TRIES {
        for (from, to) in spans(&lacking) {
            let files = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                files = feeds::past_load_forecasts(&client, from, to) => files,
            };
            let mut past = Vec::new();
            for (file, came) in files {
                if came != origin || !lacking.remove(&file.day) {
                    continue;
                }
                past.extend(file.known_from(load_forecast::posted_by(file.day)));
            }
            read += past.len();
            if !past.is_empty() {
                forecast.tell(News::PastLoads(past));
            }
        }
        if lacking.is_empty() {
            break;
        }
        debug!(lacking = lacking.len(), "load forecasts of past days stay unread for now");
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(retry.next().unwrap_or(LOOK)) => {}
        }
    }
    if wanted > 0 {
        info!(read, lacking = lacking.len(), "load forecasts of past days");
    }
    Ok(())
}

/// Days in a row, so that an archive is asked for once.
fn spans(days: &BTreeSet<NaiveDate>) -> Vec<(NaiveDate, NaiveDate)> {
    let mut spans: Vec<(NaiveDate, NaiveDate)> = Vec::new();
    for day in days {
        match spans.last_mut() {
            Some((_, last)) if last.succ_opt() == Some(*day) => *last = *day,
            _ => spans.push((*day, *day)),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_in_a_row_are_one_span() {
        let day = |day| NaiveDate::from_ymd_opt(2026, 3, day).unwrap();
        assert_eq!(
            spans(&[3, 4, 5, 9, 11, 12].map(day).into()),
            [(day(3), day(5)), (day(9), day(9)), (day(11), day(12))]
        );
        assert!(spans(&BTreeSet::new()).is_empty());
    }
}
