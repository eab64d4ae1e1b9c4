//! The web service over real sockets.

mod api;
mod assets;
mod bridge;
mod limits;
mod outlook;
mod pages;
mod schemas;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, Method, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use cloud::web::{Retained, WebConfig, WebState};
use domain::Timestamp;
use domain::wire::Root;
use domain::zone::LoadZone;

/// 6:12 PM Eastern, a Tuesday.
const NOW: &str = "2026-03-10T22:12:00Z";

pub const CARBON_NOW: &str = concat!(
    r#"{"ts":"2026-03-10T22:00:00Z","value":208.4,"units":"g / kWh","life_cycle":271.0,"#,
    r#""verdict":"clean","percentile_7d":24.0,"percentile_hours":168.0,"p33":190.0,"p67":246.0,"#,
    r#""min_7d":168.0,"max_7d":334.0,"factor_set":"ny-2026.1","complete":true,"revised":false,"#,
    r#""origin":"nyiso"}"#
);

pub const MIX: &str = concat!(
    r#"{"ts":"2026-03-10T22:00:00Z","interval_s":300,"units":"MW","fuels":{"Dual Fuel":2282.0,"#,
    r#""Hydro":2814.0,"Natural Gas":3310.0,"Nuclear":5413.0,"Other Fossil Fuels":0.0,"#,
    r#""Other Renewables":237.0,"Wind":258.0},"complete":true,"revised":false,"origin":"nyiso"}"#
);

/// A series of `count` values `step_s` apart, the last one at 6:00 PM Eastern.
pub fn series(count: i64, step_s: i64) -> String {
    let end = "2026-03-10T22:00:00Z".parse::<Timestamp>().unwrap();
    let ts = |index: i64| end - chrono::TimeDelta::seconds((count - 1 - index) * step_s);
    let times: Vec<_> = (0..count).map(|index| format!("{:?}", ts(index).to_rfc3339())).collect();
    let values: Vec<_> = (0..count).map(|index| format!("{}", 200 + index % 50)).collect();
    format!(
        r#"{{"units":"g / kWh","ts":[{}],"values":[{}],"factor_set":"ny-2026.1","origin":"nyiso"}}"#,
        times.join(","),
        values.join(",")
    )
}

/// Four days from 6:00 PM Eastern: down from 210 to 200 g at 9:00 PM, and 220 from 10:00 PM on.
pub fn forecast(basis: &str) -> String {
    let value = |slot: u32| match slot {
        0..12 => 210.0,
        12..16 => 200.0,
        _ => 220.0,
    };
    let list = |shift: f64| {
        let values: Vec<_> = (0..384).map(|slot| format!("{:.1}", value(slot) + shift)).collect();
        values.join(",")
    };
    format!(
        concat!(
            r#"{{"issued":"2026-03-10T22:00:00Z","model":"ny-power","units":"g / kWh","basis":"{}","#,
            r#""start":"2026-03-10T22:00:00Z","step_s":900,"values":[{}],"p10":[{}],"p90":[{}],"#,
            r#""factor_set":"ny-2026.1","origin":"nyiso"}}"#
        ),
        basis,
        list(0.0),
        list(-12.0),
        list(14.0)
    )
}

pub const SKILL: &str = concat!(
    r#"{"ts":"2026-03-10T22:00:00Z","basis":"average, production, direct","model":"ny-power","days":30,"#,
    r#""from":"2026-02-08T22:00:00Z","to":"2026-03-10T22:00:00Z","horizons":["#,
    r#"{"day":1,"hours":720,"mape":4.4,"mae":9.5,"coverage_p10_p90":80.1},"#,
    r#"{"day":2,"hours":0,"mape":null,"mae":null,"coverage_p10_p90":null}],"origin":"nyiso"}"#
);

pub const FLOWS: &str = concat!(
    r#"{"ts":"2026-03-10T22:00:00Z","units":"MW","net":{"HQ":1250.0,"Ontario":612.4,"New England":-220.0},"#,
    r#""points":{"23324":1250.0},"origin":"nyiso"}"#
);

pub const ZONE: &str = concat!(
    r#"{"ts":"2026-03-10T22:00:00Z","zone":"nyc","marginal":455.0,"units":"g / kWh","#,
    r#""marginal_basis":"NYISO implied marginal emission rate, real time","clamped":false,"origin":"nyiso"}"#
);

/// A running web service.
pub struct Site {
    pub retained: Arc<Retained>,
    pub addr: SocketAddr,
    clock: Arc<Mutex<Timestamp>>,
    client: Client,
    shutdown: CancellationToken,
    running: Option<JoinHandle<std::io::Result<()>>>,
}

impl Site {
    /// With a broker that nobody asks for.
    pub async fn start() -> Self {
        Self::with(WebConfig::new("127.0.0.1:1")).await
    }

    pub async fn with(config: WebConfig) -> Self {
        let retained = Arc::new(Retained::new(Root::default()));
        let clock = Arc::new(Mutex::new(NOW.parse().unwrap()));
        let hand = Arc::clone(&clock);
        let config = WebConfig { build: "build-1".to_owned(), ..config };
        let state = WebState::new(
            config,
            Arc::clone(&retained),
            Arc::new(move || *hand.lock().unwrap()),
            Some(Arc::new(|| "ny_power_test 1\n".to_owned())),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(cloud::web::run(listener, state, shutdown.clone()));
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client =
            Client::builder().no_proxy().timeout(testkit::PATIENCE).no_gzip().build().unwrap();
        Self { retained, addr, clock, client, shutdown, running: Some(running) }
    }

    /// With everything known.
    pub async fn full() -> Self {
        let site = Self::start().await;
        site.retained.set_broker_up(true);
        for (topic, payload) in [
            ("computed/co2", CARBON_NOW.to_owned()),
            ("upstream/mix", MIX.to_owned()),
            ("archive/co2/24h", series(288, 300)),
            ("archive/co2/7d", series(672, 900)),
            ("forecast/co2", forecast("average, production, direct")),
            ("forecast/co2/skill", SKILL.to_owned()),
            ("upstream/flows", FLOWS.to_owned()),
        ] {
            site.accept(topic, &payload);
        }
        for zone in LoadZone::ALL.map(LoadZone::slug) {
            site.accept(&format!("computed/co2/{zone}"), &ZONE.replace("nyc", zone));
        }
        site
    }

    #[track_caller]
    pub fn accept(&self, topic: &str, payload: &str) {
        self.retained.accept(&format!("ny-power/{topic}"), payload.as_bytes()).unwrap();
    }

    pub fn set_clock(&self, now: &str) {
        *self.clock.lock().unwrap() = now.parse().unwrap();
    }

    pub async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.client.request(method, format!("http://{}{path}", self.addr));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path, &[]).await
    }

    pub async fn text(&self, path: &str) -> String {
        self.get(path).await.text().await.unwrap()
    }

    /// Stops the service, and fails when that takes longer than its grace period.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        let running = self.running.take().unwrap();
        tokio::time::timeout(Duration::from_secs(4), running).await.unwrap().unwrap().unwrap();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// The value of a header, empty without one.
pub fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
