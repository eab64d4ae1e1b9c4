//! Older days from NYISO's monthly archives into co2's history: 45 days at a first start, years on demand.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{Datelike, Months, NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::changes::Published;
use domain::wire::{Mix, Origin};
use indicatif::{ProgressBar, ProgressStyle};
use nyiso::{eastern, fuel_mix};
use service::backoff::Backoff;
use service::clock::Clock;
use service::history::{History, Retention, Series};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::mix_history::MixHistory;
use crate::origin::OriginLock;
use crate::source::{Month, Source, SourceError};

/// The first day of the feed.
pub const FIRST_DAY: NaiveDate = NaiveDate::from_ymd_opt(2015, 12, 9).expect("a date");

/// Between two months, out of courtesy.
const PAUSE: Duration = Duration::from_secs(1);

/// Months that were read whole, so that an interrupted backfill goes on where it was.
const DONE: Series = Series::new("backfilled-months", Retention::days(36_500, 1_200));

/// The first days of the months from `from` to `to`.
fn months(from: NaiveDate, to: NaiveDate) -> Vec<NaiveDate> {
    let first = |day: NaiveDate| day.with_day(1).unwrap_or(day);
    std::iter::successors(Some(first(from)), |month| month.checked_add_months(Months::new(1)))
        .take_while(|month| *month <= to)
        .collect()
}

/// The error with its causes, on one line.
fn in_full(error: SourceError) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

/// The instants of one month's archive, from the day `from` on.
async fn month(
    source: &mut Source,
    month: NaiveDate,
    from: Timestamp,
    until: Timestamp,
) -> Result<(Origin, Vec<Mix>), SourceError> {
    let Month { origin, days, .. } = source.month(month).await?;
    let origin = *origin;
    let mut mixes = Vec::new();
    for (name, file) in days {
        match fuel_mix::parse(file) {
            Ok(file) => mixes.extend(file.mixes),
            Err(error) => warn!(name, %error, "a day of the archive cannot be read"),
        }
    }
    mixes.sort_by_key(|mix| mix.ts);
    mixes.retain(|mix| from <= mix.ts && mix.ts <= until);
    let found = Published::default().changes(&mixes, until);
    Ok((
        origin,
        found
            .changes
            .iter()
            .map(|change| Mix::new(&change.mix, change.interval_s, false, origin))
            .collect(),
    ))
}

/// At a first start: the days before what the store holds, newest month first so that the week's
/// percentile stands at once. Ends when all are sent; what cannot be had is tried again after `retry`, since a
/// first start may well be one without a network.
///
/// # Errors
/// Only when the store cannot be read.
pub async fn at_first_start(
    mut source: Source,
    store: Arc<dyn History>,
    days: u32,
    clock: Arc<dyn Clock>,
    mut retry: Backoff,
    older: mpsc::Sender<Vec<Mix>>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let span = |source: &Source| {
        let now = source.now(clock.now());
        (eastern::midnight(eastern::day_of(now) - TimeDelta::days(i64::from(days))), now)
    };
    let (from, _) = span(&source);
    let history = MixHistory::new(store, days + 1);
    let oldest = history.ends().context("read the ends of the history")?.map(|(oldest, _)| oldest);
    // A day of slack, for a first day whose first rows are missing in the archive.
    if days == 0 || oldest.is_some_and(|oldest| oldest <= from + TimeDelta::days(1)) {
        return Ok(());
    }
    info!(days, "first start: reading older days from the archive");
    let mut read = 0;
    let mut done = BTreeSet::new();
    let mut troubled = false;
    loop {
        let mut failed = 0;
        let (from, now) = span(&source);
        for first in months(eastern::day_of(from), eastern::day_of(now)).into_iter().rev() {
            if done.contains(&first) {
                continue;
            }
            let fetched = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                fetched = month(&mut source, first, from, now) => fetched,
            };
            match fetched {
                Ok((_, mixes)) => {
                    done.insert(first);
                    read += mixes.len();
                    if older.send(mixes).await.is_err() {
                        return Ok(());
                    }
                }
                // The archive of a month appears a day or two into it.
                Err(error) if error.is_not_found() => {
                    done.insert(first);
                    if first.month() != eastern::day_of(now).month() {
                        warn!(month = %first.format("%Y-%m"), error = in_full(error), "older days stay unread");
                    }
                }
                Err(error) => {
                    failed += 1;
                    let (month, error) = (first.format("%Y-%m"), in_full(error));
                    if troubled {
                        debug!(%month, error, "older days stay unread for now");
                    } else {
                        warn!(%month, error, "older days stay unread for now; trying again");
                    }
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        source.forget_archive();
        if failed == 0 {
            break;
        }
        troubled = true;
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(retry.next().unwrap_or(PAUSE)) => {}
        }
    }
    info!(instants = read, "older days read");
    Ok(())
}

/// `backfill --from … --to …`: fills the store of a co2 that does not run, with a progress bar. Months
/// read whole are not asked for again.
///
/// # Errors
/// A bad span, a store that cannot be written, or months that could not be read: the rest is done first,
/// unless three in a row fail.
pub async fn command(
    mut source: Source,
    store: Arc<dyn History>,
    retention_days: u32,
    from: NaiveDate,
    to: NaiveDate,
    now: Timestamp,
) -> anyhow::Result<()> {
    if to < from {
        bail!("--to {to} is before --from {from}");
    }
    let from = from.max(FIRST_DAY);
    let keeps_from = eastern::day_of(now - TimeDelta::days(i64::from(retention_days)));
    if from < keeps_from {
        bail!(
            "--from {from} is older than what is kept (retention_days reaches back to {keeps_from}); raise co2.retention_days first"
        );
    }
    let mut lock = OriginLock::open(Arc::clone(&store))?;
    let history = MixHistory::new(Arc::clone(&store), retention_days);
    let months = months(from, to);
    let bar = progress(months.len());
    let (mut read, mut skipped, mut failures, mut unread) = (0, 0, 0, 0);
    for first in months {
        bar.set_message(format!("{}: {read} instants", first.format("%Y-%m")));
        let key = eastern::midnight(first);
        let next = first.checked_add_months(Months::new(1)).unwrap_or(first);
        // A month is settled some days after its end; corrections of years back are rare and free to ignore.
        let settled = eastern::midnight(next) + TimeDelta::days(3) < now;
        let whole = eastern::midnight(from) <= key && next <= to + TimeDelta::days(1);
        if store.get(&DONE, key)?.is_some() {
            skipped += 1;
            bar.inc(1);
            continue;
        }
        let until = (eastern::midnight(to + TimeDelta::days(1))).min(now);
        match month(&mut source, first, eastern::midnight(from), until).await {
            Ok((came, mixes)) => {
                lock.check(came)?;
                for mix in &mixes {
                    history.put(mix)?;
                }
                read += mixes.len();
                failures = 0;
                if settled && whole {
                    store.put(&DONE, key, b"done")?;
                }
                history.sync()?;
                if bar.is_hidden() {
                    eprintln!("{}: {} instants", first.format("%Y-%m"), mixes.len());
                }
            }
            // NYISO answers, and has no such archive: of the running month in its first days, say.
            Err(error) if error.is_not_found() => {
                failures = 0;
                bar.suspend(|| {
                    eprintln!("{}: no archive: {}", first.format("%Y-%m"), in_full(error));
                });
            }
            Err(error) => {
                failures += 1;
                unread += 1;
                bar.suspend(|| eprintln!("{}: {}", first.format("%Y-%m"), in_full(error)));
                if failures == 3 {
                    bail!(
                        "three months in a row could not be read; run the same command again, it goes on from here"
                    );
                }
            }
        }
        bar.inc(1);
        tokio::time::sleep(PAUSE).await;
    }
    bar.finish_and_clear();
    let span = history
        .ends()?
        .map_or_else(String::new, |(oldest, newest)| format!(", {oldest} to {newest}"));
    println!(
        "{read} instants read, {skipped} months were there already; the store holds {}{span}",
        history.count()?
    );
    anyhow::ensure!(
        unread == 0,
        "{unread} of these months could not be read; run the same command again, it asks for those alone"
    );
    Ok(())
}

fn progress(months: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} months, {eta} left  {msg}")
        .expect("a fixed template");
    ProgressBar::new(months as u64).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_from_within_to_within() {
        let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap();
        assert_eq!(
            months(day(2025, 11, 20), day(2026, 1, 1)),
            [day(2025, 11, 1), day(2025, 12, 1), day(2026, 1, 1)]
        );
        assert_eq!(months(day(2026, 1, 5), day(2026, 1, 5)).len(), 1);
    }
}
