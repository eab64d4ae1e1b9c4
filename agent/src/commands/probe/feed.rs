//! What the stream says of the grid now.

use std::time::Duration;

use domain::Timestamp;
use domain::wire::Origin;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::broker::log_in;
use crate::config::FeedConfig;
use crate::eastern::say;
use crate::explain;
use crate::subscriber::{self, FeedEvent};

/// What is retained comes at once.
const READING_TAKES: Duration = Duration::from_secs(4);

/// What a broker has kept comes together.
const REST_TAKES: Duration = Duration::from_millis(500);

/// What the feed answers.
#[derive(Clone, Debug, PartialEq)]
pub enum FeedAnswer {
    /// Nobody is there, or nobody who lets us in.
    Away {
        /// Why.
        reason: String,
    },
    /// The broker is there and has kept no reading.
    Silent,
    /// What came was not what its topic promises.
    Garbled {
        /// Topic, and what is wrong.
        trouble: String,
    },
    /// A reading of the grid.
    Reading {
        /// Its interval end.
        ts: Timestamp,
        /// Average, production, direct.
        grams_per_kwh: f64,
        /// Live, recorded or generated.
        origin: Origin,
        /// When the forecast beside it was made, if there is one.
        forecast: Option<Timestamp>,
    },
}

impl FeedAnswer {
    /// Whether it is as it should be, and a sentence.
    pub fn words(&self, now: Timestamp) -> (bool, String) {
        match self {
            Self::Away { reason } => (false, format!("Not reached: {reason}.")),
            Self::Silent => (
                false,
                "The broker is there, and has no reading of the grid: is it the right one, and is its pump \
                 running?"
                    .to_owned(),
            ),
            Self::Garbled { trouble } => (false, format!("What it says is not understood: {trouble}.")),
            Self::Reading { ts, grams_per_kwh, origin, forecast } => {
                let age = (now - *ts).to_std().unwrap_or_default();
                let mut text = format!(
                    "{grams_per_kwh:.0} g/kWh at {}, {} old",
                    say(*ts, now),
                    explain::length(age)
                );
                text.push_str(match forecast {
                    Some(_) => "; it has a forecast.",
                    None => "; it has no forecast yet.",
                });
                if *origin != Origin::Nyiso {
                    text.push_str(&format!(" These are {origin} data, which move no real switch."));
                }
                (*origin == Origin::Nyiso && forecast.is_some(), text)
            }
        }
    }
}

/// Asks the feed for the newest reading.
pub async fn ask_feed(feed: &FeedConfig) -> FeedAnswer {
    // First alone: only this way the reason of a refusal comes to light.
    if let Err(error) = log_in(feed.mqtt()).await {
        return FeedAnswer::Away { reason: format!("{error:#}") };
    }
    let (events, mut inbox) = mpsc::channel(64);
    let shutdown = CancellationToken::new();
    let session = subscriber::run(feed.mqtt(), None, events, shutdown.clone());
    let listen = async {
        let mut deadline = Instant::now() + READING_TAKES;
        let (mut reading, mut issued, mut trouble) = (None, None, None);
        while let Ok(Some(event)) = timeout_at(deadline, inbox.recv()).await {
            match event {
                FeedEvent::Reading { reading: found, .. } => {
                    reading = Some((found.ts, found.value, found.origin));
                    deadline = deadline.min(Instant::now() + REST_TAKES);
                }
                FeedEvent::Forecast(forecast) => issued = Some(forecast.issued),
                FeedEvent::Refused { topic, trouble: why } => {
                    trouble = Some(format!("{topic}: {why}"));
                }
                FeedEvent::Lost { reason } => return FeedAnswer::Away { reason },
                // Whatever else it has says nothing about whether it works.
                _ => {}
            }
            if reading.is_some() && issued.is_some() {
                break;
            }
        }
        match (reading, trouble) {
            (Some((ts, grams_per_kwh, origin)), _) => {
                FeedAnswer::Reading { ts, grams_per_kwh, origin, forecast: issued }
            }
            (None, Some(trouble)) => FeedAnswer::Garbled { trouble },
            (None, None) => FeedAnswer::Silent,
        }
    };
    tokio::select! {
        answer = listen => answer,
        ended = session => FeedAnswer::Away {
            reason: ended.err().map_or("the session ended".to_owned(), |error| format!("{error:#}")),
        },
    }
}
