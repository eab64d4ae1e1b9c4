//! Load forecasts of past days: what a forecast learns from, for a start that knows none yet.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use domain::wire::Origin;
use nyiso::archive;
use nyiso::client::{Client, FetchError};
use nyiso::load_forecast::{self, LoadForecastFile};
use nyiso::path::{Feed, FileKind, Span};
use tracing::{debug, warn};

/// What an archive holds, by the month's first day: file names and files.
type Archives = BTreeMap<NaiveDate, (Origin, Vec<(String, Vec<u8>)>)>;

/// NYISO's load forecasts dated `from` to `to` (inclusive), by date, as far as they are there: daily files
/// while they last, then monthly archives. What cannot be had is left out and said in the log; one call asks
/// for each file once.
pub async fn past_load_forecasts(
    client: &Client,
    from: NaiveDate,
    to: NaiveDate,
) -> Vec<(LoadForecastFile, Origin)> {
    let mut found = Vec::new();
    let mut archives = Archives::new();
    for date in from.iter_days().take_while(|date| *date <= to) {
        match day(client, date, &mut archives).await {
            Ok(Some((file, origin))) => match load_forecast::parse(&file) {
                Ok(parsed) => found.push((parsed, origin)),
                Err(error) => warn!(%date, %error, "a past load forecast cannot be read"),
            },
            Ok(None) => debug!(%date, "no load forecast of this day"),
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                warn!(%date, error, "past load forecasts from this day on cannot be had");
                break;
            }
        }
    }
    found
}

/// The file of `date`. Once its month's archive was read, from there; else by itself, and where it is no longer
/// kept, out of the archive.
async fn day(
    client: &Client,
    date: NaiveDate,
    archives: &mut Archives,
) -> Result<Option<(Vec<u8>, Origin)>, FetchError> {
    let file = FileKind { feed: Feed::LoadForecast, span: Span::Day, date };
    let path = file.path();
    let first = date.with_day(1).unwrap_or(date);
    let archived = |archives: &Archives| {
        let (origin, days) = archives.get(&first)?;
        let (_, bytes) = days.iter().find(|(name, _)| path.ends_with(name.as_str()))?;
        Some((bytes.clone(), *origin))
    };
    if let Some(found) = archived(archives) {
        return Ok(Some(found));
    }
    match client.fetch(&path).await {
        Ok(fetched) => return Ok(Some((fetched.body, fetched.origin))),
        Err(FetchError::NotFound { .. }) if archives.contains_key(&first) => return Ok(None),
        Err(FetchError::NotFound { .. }) => {}
        Err(error) => return Err(error),
    }
    let month = FileKind { span: Span::Month, ..file }.path();
    let held = match client.fetch(&month).await {
        Ok(fetched) => {
            let days = archive::days(&fetched.body).unwrap_or_else(|error| {
                let error = format!("{:#}", anyhow::Error::from(error));
                warn!(month, error, "an archive of load forecasts cannot be read");
                Vec::new()
            });
            (fetched.origin, days)
        }
        Err(FetchError::NotFound { .. }) => {
            debug!(month, "no archive of load forecasts");
            (Origin::default(), Vec::new())
        }
        Err(error) => return Err(error),
    };
    archives.insert(first, held);
    Ok(archived(archives))
}
