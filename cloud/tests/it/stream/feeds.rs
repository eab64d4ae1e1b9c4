//! The feeds beside the fuel mix, through a real broker.

use std::sync::Arc;
use std::time::Duration;

use cloud::feeds::{self, FeedsConfig, Kind};
use cloud::replay::{Fault, Standin};
use domain::wire::{Flows, LoadSeries, Root, ZoneSeries};
use nyiso::client::{Client, ClientConfig};
use service::clock::ManualClock;
use service::mqtt::connect;
use testkit::{PATIENCE, Subscriber};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::rig::{NOON, Rig, Service, at, json, with_both_brokers};
use crate::broker::Bench;

pub(super) const FLOWS: &str = "ExternalLimitsFlows/20260310ExternalLimitsFlows.csv";
const RATES: &str = "damimer/20260310dam_imer.csv";
const RATES_NOW: &str = "rtimer/20260310rt_imer.csv";

pub(super) fn flows(rows: &[(&str, u32, f64)]) -> Option<Vec<u8>> {
    let mut file =
        "Timestamp,Interface Name,Point ID,Flow (MWH),Positive Limit (MWH),Negative Limit (MWH)"
            .to_owned();
    for (time, point, flow) in rows {
        file += &format!("\r\n03/10/2026 {time},SCH - X,{point},{flow},9999,-9999");
    }
    Some(file.into_bytes())
}

/// By hand, after the documented header: no file of these rates was ever at hand.
pub(super) fn rates(rows: &[(&str, &str, f64)]) -> Option<Vec<u8>> {
    let mut file = "Timestamp, Zone, LBMP - ($/MWh), VOM - ($/MWh), Tons of Carbon per mmBTU, \
        Tons of NOx per mmBTU, Implied Heat Rate - IHRi (mmBTU/MWh), IMER - CO2 (tons/MWh), \
        IMER - NOx (tons/MWh)"
        .to_owned();
    for (time, zone, rate) in rows {
        file += &format!("\r\n03/10/2026 {time}, {zone}, 40, 2, 0.0531, 0.0001, 8, {rate}, 0.0008");
    }
    Some(file.into_bytes())
}

impl Rig {
    pub(super) fn feed(&self, kind: Kind) -> Service {
        let mut client = ClientConfig::new(self.base()).unwrap();
        client.min_interval = Duration::ZERO;
        client.read_timeout = Duration::from_millis(400);
        client.total_timeout = Duration::from_millis(1500);
        let client = Arc::new(Client::new(client).unwrap());
        let (publisher, events, session) = connect(self.session("pump"), vec![]).unwrap();
        let config =
            FeedsConfig { poll_interval: Duration::from_millis(10), root: Root::default() };
        let stop = CancellationToken::new();
        let clock = self.clock.clone();
        let run =
            feeds::run(kind, config, client, publisher, self.store("pump"), clock, stop.clone());
        let token = stop.clone();
        let session = async move {
            let _events = events;
            Ok(session.run(token).await?)
        };
        Service::of(stop, vec![tokio::spawn(run), tokio::spawn(session)])
    }
}

pub(super) async fn next_flows(subscriber: &mut Subscriber) -> Flows {
    let received = subscriber.next("ny-power/upstream/flows", PATIENCE).await;
    Flows::from_json(received.text().as_bytes()).unwrap()
}

pub(super) async fn next_status(
    subscriber: &mut Subscriber,
    feed: &str,
    state: &str,
) -> serde_json::Value {
    loop {
        let topic = format!("ny-power/status/feed/{feed}");
        let status = json(&subscriber.next(&topic, PATIENCE).await);
        if status["state"] == state {
            return status;
        }
    }
}

/// The next status of the feed with this word in its reason.
pub(super) async fn next_reason(
    subscriber: &mut Subscriber,
    feed: &str,
    word: &str,
) -> serde_json::Value {
    loop {
        let topic = format!("ny-power/status/feed/{feed}");
        let status = json(&subscriber.next(&topic, PATIENCE).await);
        if status["reason"].as_str().unwrap().contains(word) {
            return status;
        }
    }
}

async fn flows_are_published_as_they_come(bench: Bench) {
    let rig = Rig::new(bench, NOON).await;
    let mut subscriber = rig.subscriber("ny-power/#").await;
    // 12:05 is within the slack of clocks, 12:10 is of the future; 700001 is a tie nobody knows.
    rig.standin.put(
        FLOWS,
        flows(&[
            ("11:55", 23_324, 900.0),
            ("12:00", 23_324, 1000.0),
            ("12:00", 325_376, 1000.0),
            ("12:00", 625_211, 250.0),
            ("12:00", 700_001, 77.0),
            ("12:10", 23_324, 1.0),
        ]),
    );
    let service = rig.feed(Kind::Flows);
    let earlier = next_flows(&mut subscriber).await;
    assert_eq!((earlier.ts, earlier.net["HQ"]), (at("2026-03-10T15:55:00Z"), 900.0));
    let first = next_flows(&mut subscriber).await;
    assert_eq!(first.ts, at(NOON));
    assert_eq!(first.net, [("HQ".to_owned(), 1250.0)].into());
    assert_eq!(first.points.len(), 2, "{first:?}");
    next_status(&mut subscriber, "flows", "fresh").await;

    // Garbage says nothing, and takes nothing back; the status says what failed.
    rig.standin.put(FLOWS, Some(b"<html>Service unavailable</html>".to_vec()));
    let status = next_status(&mut subscriber, "flows", "late").await;
    assert!(status["reason"].as_str().unwrap().contains("HTML page"), "{status}");

    rig.advance(5);
    rig.standin.put(FLOWS, flows(&[("12:05", 23_324, -40.0)]));
    let second = next_flows(&mut subscriber).await;
    assert_eq!((second.ts, second.net["HQ"]), (at("2026-03-10T16:05:00Z"), -40.0));
    service.stop().await;
    let mut late = rig.subscriber("ny-power/upstream/flows").await;
    assert_eq!(next_flows(&mut late).await, second, "the newest is retained");

    // A restart says nothing of what was said, but for the newest, and goes on with what comes.
    rig.advance(5);
    rig.standin.put(
        FLOWS,
        flows(&[("12:00", 23_324, 7.0), ("12:05", 23_324, -40.0), ("12:10", 23_324, 5.0)]),
    );
    let service = rig.feed(Kind::Flows);
    let mut said = Vec::new();
    while said.last() != Some(&5.0) {
        said.push(next_flows(&mut late).await.net["HQ"]);
    }
    assert!(!said.contains(&7.0), "said twice: {said:?}");
    service.stop().await;
}

async fn rates_are_refused_when_their_unit_is_unknown(bench: Bench) {
    let rig = Rig::new(bench, NOON).await;
    let mut subscriber = rig.subscriber("ny-power/#").await;
    rig.standin.put(RATES, rates(&[("12:00", "N.Y.C.", 0.4), ("14:00", "N.Y.C.", 0.5)]));
    rig.standin.put(
        RATES_NOW,
        rates(&[
            ("11:55:00", "N.Y.C.", 0.45),
            ("12:00:00", "N.Y.C.", 9.0),
            ("12:15:00", "N.Y.C.", 0.1),
        ]),
    );
    let service = rig.feed(Kind::Marginal);
    let received = subscriber.next("ny-power/upstream/marginal/nyc", PATIENCE).await;
    let series = ZoneSeries::from_json(received.text().as_bytes()).unwrap();
    assert_eq!(series.start, at("2026-03-10T16:00:00Z"));
    assert_eq!(series.values, [Some(400.0), None, Some(500.0)]);
    let now = series.real_time.unwrap();
    assert_eq!((now.ts, now.value), (at("2026-03-10T15:55:00Z"), 450.0), "9,000 g is not believed");

    let pounds = String::from_utf8(rates(&[("11:00", "N.Y.C.", 0.4)]).unwrap()).unwrap();
    rig.standin.put(RATES, Some(pounds.replace("0.0531", "117").into_bytes()));
    // A file of the hours ahead is compared once an hour.
    rig.advance(61);
    let status = next_reason(&mut subscriber, "marginal", "unit of the emission rates").await;
    assert_eq!(status["state"], "late");
    service.stop().await;
}

async fn the_load_forecast_of_tomorrow_is_retained(bench: Bench) {
    let rig = Rig::new(bench, NOON).await;
    let header = "\"Time Stamp\",\"Capitl\",\"Centrl\",\"Dunwod\",\"Genese\",\"Hud Vl\",\"Longil\",\
        \"Mhk Vl\",\"Millwd\",\"N.Y.C.\",\"North\",\"West\",\"NYISO\"";
    let file = |day: &str, load: u32| {
        let rows: String = (0..24)
            .map(|hour| format!("\n\"03/{day}/2026 {hour:02}:00\",1,2,3,4,5,6,7,8,9,10,11,{load}"))
            .collect();
        Some(format!("{header}{rows}\n").into_bytes())
    };
    rig.standin.put("isolf/20260310isolf.csv", file("10", 15_000));
    let mut subscriber = rig.subscriber("ny-power/upstream/#").await;
    let service = rig.feed(Kind::LoadForecast);
    let mut next = async || {
        let received = subscriber.next("ny-power/upstream/load-forecast", PATIENCE).await;
        LoadSeries::from_json(received.text().as_bytes()).unwrap()
    };
    assert_eq!(next().await.values, [Some(15_000.0); 24]);
    rig.standin.put("isolf/20260311isolf.csv", file("11", 16_000));
    let tomorrow = next().await;
    assert_eq!(tomorrow.basis, "NYISO load forecast of 2026-03-11");
    assert_eq!(tomorrow.start, at("2026-03-11T04:00:00Z"));
    assert_eq!(tomorrow.zones["nyc"][0], Some(9.0));
    service.stop().await;
    let mut late = rig.subscriber("ny-power/upstream/#").await;
    let kept = late.next("ny-power/upstream/load-forecast", PATIENCE).await;
    assert_eq!(LoadSeries::from_json(kept.text().as_bytes()).unwrap().values[0], Some(16_000.0));
}

async fn a_feed_that_stalls_holds_nothing_up(bench: Bench) {
    let rig = Rig::new(bench, NOON).await;
    let mut subscriber = rig.subscriber("ny-power/#").await;
    rig.standin.put("damlbmp/20260310damlbmp_zone.csv", Some(b"never seen".to_vec()));
    rig.standin.set_faults(vec!["stall".parse::<Fault>().unwrap()], 1);
    let service = rig.feed(Kind::Price);
    let status = next_status(&mut subscriber, "price", "gone").await;
    assert!(status["reason"].as_str().unwrap().contains("stalled"), "{status}");
    rig.standin.set_faults(vec![], 1);
    service.stop().await;
}

with_both_brokers!(
    flows_are_published_as_they_come,
    rates_are_refused_when_their_unit_is_unknown,
    the_load_forecast_of_tomorrow_is_retained,
    a_feed_that_stalls_holds_nothing_up,
);

/// What is made up has all feeds, and they pass through our own parsers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_generated_year_has_every_feed() {
    let clock = Arc::new(ManualClock::new(at(NOON)));
    let standin = Standin::generated(2018, clock);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/public/csv/", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let _guard = stop.clone().drop_guard();
    tokio::spawn(standin.serve(listener, stop));
    let client = Client::new(ClientConfig::new(&base).unwrap()).unwrap();
    for path in
        [FLOWS, RATES, RATES_NOW, "isolf/20260310isolf.csv", "damlbmp/20260310damlbmp_zone.csv"]
    {
        assert!(client.fetch(path).await.unwrap().body.len() > 1000, "{path}");
    }
    // The older ones out of February's archive.
    let days = ("2026-02-20".parse().unwrap(), "2026-03-11".parse().unwrap());
    let files = feeds::past_load_forecasts(&client, days.0, days.1).await;
    assert_eq!(files.len(), 20, "from 20 February, and tomorrow's");
}
