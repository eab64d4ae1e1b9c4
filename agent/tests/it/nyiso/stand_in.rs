//! A server below NYISO's paths, and files in the real format.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::{NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::fuel_mix::Fuel;
use futures_util::{StreamExt as _, stream};
use nyiso::path::Feed;
use tokio::task::JoinHandle;

/// What stands where a file should be.
#[derive(Clone, Debug)]
pub enum Answer {
    File(String),
    /// A file that says of itself that it is played back.
    Recorded(String),
    Status(u16),
    /// The connection ends after this.
    BreaksOff(String),
    /// Nothing more comes after this.
    Stalls(String),
}

#[derive(Default)]
struct Bench {
    answers: BTreeMap<String, Answer>,
    asked: Vec<String>,
    user_agent: String,
}

type Shared = Arc<Mutex<Bench>>;

pub struct Nyiso {
    addr: SocketAddr,
    bench: Shared,
    task: JoinHandle<()>,
}

impl Nyiso {
    pub async fn start() -> Self {
        let bench = Shared::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let router = Router::new().fallback(get(serve)).with_state(Arc::clone(&bench));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { addr, bench, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}/csv/", self.addr)
    }

    /// Of a day of the fuel mix.
    pub fn set(&self, day: NaiveDate, answer: Answer) {
        self.set_feed(Feed::FuelMix, day, answer);
    }

    pub fn set_feed(&self, feed: Feed, day: NaiveDate, answer: Answer) {
        self.bench().answers.insert(format!("/csv/{}", feed.day(day)), answer);
    }

    /// The paths that were asked for.
    pub fn asked(&self) -> Vec<String> {
        self.bench().asked.clone()
    }

    pub fn user_agent(&self) -> String {
        self.bench().user_agent.clone()
    }

    fn bench(&self) -> MutexGuard<'_, Bench> {
        self.bench.lock().unwrap()
    }
}

impl Drop for Nyiso {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(State(bench): State<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    let answer = {
        let mut bench = bench.lock().unwrap();
        bench.asked.push(uri.path().to_owned());
        let user_agent = headers.get("user-agent").map(|value| value.to_str().unwrap().to_owned());
        bench.user_agent = user_agent.unwrap_or_default();
        bench.answers.get(uri.path()).cloned().unwrap_or(Answer::Status(404))
    };
    let begun = |text: String| stream::once(async { Ok(Bytes::from(text)) });
    match answer {
        Answer::File(text) => text.into_response(),
        Answer::Recorded(text) => ([("x-ny-power-origin", "recorded")], text).into_response(),
        Answer::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Answer::BreaksOff(text) => {
            let end = stream::once(async {
                // What was written before is to arrive.
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(std::io::Error::other("the connection ends"))
            });
            Body::from_stream(begun(text).chain(end)).into_response()
        }
        Answer::Stalls(text) => {
            let end = stream::pending::<Result<Bytes, std::io::Error>>();
            Body::from_stream(begun(text).chain(end)).into_response()
        }
    }
}

/// The stamps of a day's file up to `end`, which is one of them.
pub fn every_five_minutes(day: NaiveDate, end: Timestamp) -> Vec<Timestamp> {
    let first = nyiso::eastern::midnight(day) + TimeDelta::minutes(5);
    let mut stamps: Vec<Timestamp> =
        (0..).map(|n| end - TimeDelta::minutes(5 * n)).take_while(|ts| first <= *ts).collect();
    if stamps.is_empty() {
        stamps.push(end);
    }
    stamps.reverse();
    stamps
}

/// A file of NYISO's, to the byte: CRLF, and no line end after the last row.
pub fn file(
    stamps: Vec<Timestamp>,
    gas: impl Fn(Timestamp) -> f64,
    wind: impl Fn(Timestamp) -> f64,
) -> String {
    let mut rows = vec!["Time Stamp,Time Zone,Fuel Category,Gen MW".to_owned()];
    for ts in stamps {
        let (wall, zone) = nyiso::eastern::wall_clock(ts);
        let stamp = wall.format("%m/%d/%Y %H:%M:%S");
        for fuel in Fuel::ALL {
            let power = match fuel {
                Fuel::NaturalGas => gas(ts),
                Fuel::Wind => wind(ts),
                _ => 0.0,
            };
            rows.push(format!("{stamp},{zone},{},{:.1}", fuel.name(), power));
        }
    }
    rows.join("\r\n")
}

/// Day-ahead prices of New York City, $/MWh by the hour of the wall clock.
pub fn prices(day: NaiveDate, price: impl Fn(u32) -> f64) -> String {
    let mut rows = vec!["\"Time Stamp\",\"Name\",\"PTID\",\"LBMP ($/MWHr)\"".to_owned()];
    rows.extend((0..24).map(|hour| {
        format!("\"{} {hour:02}:00\",\"N.Y.C.\",61761,{:.2}", day.format("%m/%d/%Y"), price(hour))
    }));
    rows.join("\r\n")
}

/// Day-ahead marginal rates of New York City, metric tonnes a MWh by the hour of the wall clock.
pub fn rates(day: NaiveDate, rate: impl Fn(u32) -> f64) -> String {
    let mut rows =
        vec!["Timestamp, Zone, Tons of Carbon per mmBTU, IMER - CO2 (tons/MWh)".to_owned()];
    rows.extend((0..24).map(|hour| {
        format!("{} {hour:02}:00,N.Y.C.,0.0531,{:.3}", day.format("%m/%d/%Y"), rate(hour))
    }));
    rows.join("\r\n")
}
