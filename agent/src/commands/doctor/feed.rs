//! The stream of the grid, and on request NYISO behind it.

use std::time::Duration;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::control::Mode;
use domain::wire::Origin;
use nyiso::client::{Client, ClientConfig};
use nyiso::{eastern, fuel_mix, path};

use super::{Finding, Patient};
use crate::commands::probe::{FeedAnswer, ask_feed};
use crate::config::{SignalConfig, SignalSource};

const CHECK: &str = "feed";

/// Asks it, if it is used; gives the newest reading too, which speaks about the clock.
pub async fn look(patient: &Patient<'_>) -> (Finding, Option<Timestamp>) {
    let feed = &patient.config.feed;
    if patient.config.signal.source == SignalSource::Nyiso {
        return (Finding::ok(CHECK, "not used: signal.source is \"nyiso\""), None);
    }
    let answer = ask_feed(feed).await;
    let newest = match &answer {
        FeedAnswer::Reading { ts, origin: Origin::Nyiso, .. } => Some(*ts),
        _ => None,
    };
    (judge(patient, &answer), newest)
}

fn judge(patient: &Patient<'_>, answer: &FeedAnswer) -> Finding {
    let (feed, now) = (&patient.config.feed, patient.now);
    let url = &feed.url;
    let words = answer.words(now).1;
    let FeedAnswer::Reading { ts, origin, forecast, .. } = answer else {
        let advice = match answer {
            FeedAnswer::Away { .. } if patient.config.signal.fallback => {
                "start `ny-power-cloud up` there, or correct feed.url; until then the agent reads NYISO itself, and \
                 plans by its own history"
            }
            FeedAnswer::Away { .. } => {
                "start `ny-power-cloud up` there, or correct feed.url; until then the agent goes by its own history"
            }
            FeedAnswer::Garbled { .. } => "is feed.root right, and is the feed of this version?",
            _ => "look at the pump and co2 of that feed: `ny-power-cloud check-feed`",
        };
        return Finding::failure(CHECK, format!("{url}: {words}"), advice);
    };
    let text = format!("{url}: {words}");
    let stale = TimeDelta::from_std(patient.config.control.stale_after).unwrap_or(TimeDelta::MAX);
    let plans = patient.config.charge.is_some() && patient.config.control.mode == Mode::Clean;
    if *origin != Origin::Nyiso && !feed.accept_demo {
        Finding::failure(CHECK, text, "name the live feed as feed.url")
    } else if stale < now - *ts && *origin == Origin::Nyiso {
        let advice = "the feed's pump gets nothing new from NYISO, or is not running: `ny-power-cloud check-feed`";
        Finding::warning(CHECK, text, advice)
    } else if forecast.is_none() && plans {
        let advice =
            "a feed that has just started needs some minutes for it; until then own history plans";
        Finding::warning(CHECK, text, advice)
    } else {
        Finding::ok(CHECK, text)
    }
}

/// Asks NYISO itself for one file, as the settings name it.
pub async fn look_online(now: Timestamp, signal: &SignalConfig) -> Finding {
    const ONLINE: &str = "nyiso";
    const ADVICE: &str =
        "look at the network, and at the names it resolves; NYISO refuses some clouds' addresses";
    let fetch = async {
        let limit = Duration::from_secs(20);
        let client = Client::new(ClientConfig { total_timeout: limit, ..signal.nyiso.clone() })?;
        // Yesterday's is there at any time of day.
        let yesterday = eastern::day_of(now) - TimeDelta::days(1);
        let fetched = client.fetch(&path::fuel_mix_day(yesterday)).await?;
        anyhow::Ok(fuel_mix::parse(&fetched.body)?.mixes.len())
    };
    match fetch.await {
        Ok(instants) => Finding::ok(
            ONLINE,
            format!("{} answers: {instants} instants of yesterday", signal.nyiso.base),
        ),
        Err(error) => Finding::failure(ONLINE, format!("{error:#}"), ADVICE),
    }
}
