//! The feed: from messages to readings that can be believed to be what they say.

use domain::wire::{
    CarbonForecast, CarbonNow, CarbonSeries, Root, Signal, Topic, WireError, ZoneSeries,
};
use domain::zone::LoadZone;
use service::mqtt::{Event, Message, MqttConfig, connect};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What the feed has to say.
#[derive(Clone, Debug, PartialEq)]
pub enum FeedEvent {
    /// The broker is there.
    Connected,
    /// The broker is gone.
    Lost {
        /// Why, in a few words.
        reason: String,
    },
    /// The intensity of an instant.
    Reading {
        /// Checked against the bounds of the contract.
        reading: Box<CarbonNow>,
        /// The broker had kept it.
        retained: bool,
    },
    /// The intensity of the last days.
    Series(CarbonSeries),
    /// The intensity of the next days: average, or marginal of a zone.
    Forecast(Box<CarbonForecast>),
    /// NYISO's prices of a zone.
    Prices(Box<ZoneSeries>),
    /// Not the feed: what this agent found in NYISO's own files.
    Nyiso(Box<crate::nyiso_source::Look>),
    /// A message that was not what its topic promises.
    Refused {
        /// Its topic.
        topic: String,
        /// What is wrong.
        trouble: String,
    },
}

/// Topics that the agent listens to; those of the driver's zone where there is one.
fn topics(zone: Option<LoadZone>) -> Vec<Topic> {
    let all =
        [Topic::CarbonNow, Topic::Carbon7d, Topic::Carbon24h, Topic::Forecast(Signal::Production)];
    let of_zone = zone.map(|zone| [Topic::Forecast(Signal::Marginal(zone)), Topic::Prices(zone)]);
    all.into_iter().chain(of_zone.into_iter().flatten()).collect()
}

/// Listens to the feed until `shutdown`, and passes on what it says.
///
/// # Errors
/// When the settings of the session cannot work.
pub async fn run(
    config: MqttConfig,
    zone: Option<LoadZone>,
    events: mpsc::Sender<FeedEvent>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let root = config.root.clone();
    let filters = topics(zone).iter().map(|topic| root.topic(topic)).collect();
    let (_publisher, mut inbox, session) = connect(config, filters)?;
    let listen = async {
        while let Some(event) = inbox.recv().await {
            if let Some(event) = understand(&root, event)
                && events.send(event).await.is_err()
            {
                break;
            }
        }
    };
    tokio::select! {
        ended = session.run(shutdown.clone()) => Ok(ended?),
        () = listen => Ok(()),
    }
}

/// What an event of the session means; `None` for what is none of our business.
fn understand(root: &Root, event: Event) -> Option<FeedEvent> {
    match event {
        Event::Connected { .. } => Some(FeedEvent::Connected),
        Event::Disconnected { reason } => Some(FeedEvent::Lost { reason: reason.to_string() }),
        Event::Message(message) => {
            Some(read(root, &message)?.unwrap_or_else(|error| FeedEvent::Refused {
                topic: message.topic.clone(),
                trouble: crate::actuator::chain(&error),
            }))
        }
    }
}

fn read(root: &Root, message: &Message) -> Option<Result<FeedEvent, WireError>> {
    Some(match root.parse(&message.topic)? {
        Topic::CarbonNow => CarbonNow::from_json(&message.payload).map(|reading| {
            FeedEvent::Reading { reading: Box::new(reading), retained: message.retain }
        }),
        Topic::Carbon24h | Topic::Carbon7d => {
            CarbonSeries::from_json(&message.payload).map(FeedEvent::Series)
        }
        Topic::Forecast(Signal::Production) => CarbonForecast::from_json(&message.payload)
            .and_then(|forecast| match &forecast.zone {
                None => Ok(FeedEvent::Forecast(Box::new(forecast))),
                Some(zone) => {
                    Err(WireError::Shape(format!("zone {zone:?} in the average forecast")))
                }
            }),
        Topic::Forecast(Signal::Marginal(zone)) => CarbonForecast::from_json(&message.payload)
            .and_then(|forecast| match forecast.zone.as_deref() {
                Some(slug) if slug == zone.slug() => Ok(FeedEvent::Forecast(Box::new(forecast))),
                other => Err(WireError::Shape(format!("zone is {other:?}, not {zone}"))),
            }),
        Topic::Prices(_) => ZoneSeries::from_json(&message.payload)
            .map(|prices| FeedEvent::Prices(Box::new(prices))),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(topic: &str, payload: &str, expected: &str) {
        let message = Message {
            topic: topic.to_owned(),
            payload: payload.as_bytes().to_vec().into(),
            retain: true,
        };
        let heard = understand(&Root::default(), Event::Message(message));
        let drawn = match &heard {
            None => "nothing".to_owned(),
            Some(FeedEvent::Reading { reading, retained }) => {
                format!("reading {} {retained}", reading.value)
            }
            Some(FeedEvent::Series(series)) => format!("series {}", series.values.len()),
            Some(FeedEvent::Refused { trouble, .. }) => format!("refused: {trouble}"),
            Some(other) => format!("{other:?}"),
        };
        assert!(drawn.starts_with(expected), "{drawn}");
    }

    fn reading(value: &str) -> String {
        format!(
            "{{\"ts\":\"2026-03-10T12:05:00Z\",\"value\":{value},\"units\":\"g / kWh\",\
             \"factor_set\":\"ny-2026.1\",\"complete\":true,\"new_field\":1}}"
        )
    }

    #[test]
    fn readings_and_series_are_understood() {
        check("ny-power/computed/co2", &reading("212.5"), "reading 212.5 true");
        let series = "{\"units\":\"g / kWh\",\"ts\":[\"2026-03-10T12:05:00Z\"],\"values\":[200]}";
        check("ny-power/archive/co2/24h", series, "series 1");
        check("ny-power/archive/co2/7d", series, "series 1");
    }

    #[test]
    fn what_cannot_be_true_is_refused_with_its_reason() {
        check(
            "ny-power/computed/co2",
            &reading("1501"),
            "refused: value is 1501, outside 0 to 1500",
        );
        check("ny-power/computed/co2", &reading("-1"), "refused: value is -1");
        check("ny-power/computed/co2", &reading("null"), "refused: payload is not");
        check("ny-power/computed/co2", "", "refused: payload is not");
        check("ny-power/archive/co2/24h", "{\"ts\":[]}", "refused: payload is not");
    }

    #[test]
    fn the_zone_has_topics_of_its_own_and_they_must_speak_of_it() {
        assert_eq!(topics(None).len(), 4);
        assert_eq!(topics(Some(LoadZone::Nyc)).len(), 6);
        let forecast = |zone: &str| {
            format!(
                "{{\"issued\":\"2026-03-10T12:00:00Z\",\"model\":\"nyiso-day-ahead\",\"units\":\"g / kWh\",\
                 \"basis\":\"marginal, direct\"{zone},\"start\":\"2026-03-10T12:00:00Z\",\"step_s\":900,\
                 \"values\":[400],\"p10\":[300],\"p90\":[500]}}"
            )
        };
        let nyc = forecast(",\"zone\":\"nyc\"");
        check("ny-power/forecast/co2/marginal/nyc", &nyc, "Forecast(");
        check(
            "ny-power/forecast/co2/marginal/west",
            &nyc,
            "refused: zone is Some(\"nyc\"), not west",
        );
        check(
            "ny-power/forecast/co2/marginal/nyc",
            &forecast(""),
            "refused: zone is None, not nyc",
        );
        // A marginal forecast under the name of the average would plan by the wrong numbers.
        check("ny-power/forecast/co2", &nyc, "refused: zone \"nyc\" in the average forecast");
        check("ny-power/forecast/co2", &forecast(""), "Forecast(");
        let prices = "{\"issued\":\"2026-03-10T15:00:00Z\",\"zone\":\"nyc\",\"units\":\"$ / MWh\",\
                      \"basis\":\"day-ahead\",\"start\":\"2026-03-10T04:00:00Z\",\"step_s\":3600,\"values\":[40]}";
        check("ny-power/upstream/price/nyc", prices, "Prices(");
    }

    #[test]
    fn what_is_not_for_us_is_nothing() {
        check("ny-power/upstream/mix", "{}", "nothing");
        check("other/computed/co2", &reading("1"), "nothing");
        check("ny-power/agent/command", "{\"relay\":\"open\"}", "nothing");
    }
}
