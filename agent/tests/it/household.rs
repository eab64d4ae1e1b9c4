//! A household for tests: the agent's home session with a real Mosquitto, and devices on it. The devices are
//! fakes that behave as the makers' documentation says of Tasmota, Shelly Gen2, zigbee2mqtt and OpenEVSE;
//! no real one was at hand.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use agent::config::Config;
use agent::home::Home;
use testkit::{PATIENCE, Subscriber, publish};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Settings from the text of a file, as the program reads them.
#[track_caller]
pub fn settings(text: &str) -> Config {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), format!("state_dir = \"/nowhere\"\n{text}")).expect("writable");
    Config::load(Some(file.path())).map(|(_, config)| config).unwrap_or_else(|bad| panic!("{bad}"))
}

/// The agent's session with the home broker; ends with the value.
pub struct Session {
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Session {
    pub fn start(home: Home, config: &Config) -> Self {
        let mqtt = config.home.as_ref().expect("[home] is given").mqtt();
        let shutdown = CancellationToken::new();
        let session = home.connect(mqtt).expect("settings that work");
        Self { task: tokio::spawn(session.run(shutdown.clone())), shutdown }
    }

    pub async fn end(self) {
        self.shutdown.cancel();
        self.task.await.expect("no panic").expect("no error");
    }
}

/// How a device speaks: the topic it takes orders on, what an order makes of it, and how it says so.
#[derive(Clone, Copy)]
pub struct Dialect {
    pub orders: &'static str,
    /// `None`: the order is a question, or none of its words.
    pub understand: fn(&str) -> Option<bool>,
    /// Topic, message, whether it is retained.
    pub say: fn(bool) -> (&'static str, String, bool),
    /// Answers a question, and says its state when it connects.
    pub answers: bool,
}

pub const TASMOTA: Dialect = Dialect {
    orders: "cmnd/garage/POWER",
    understand: |order| match order {
        "ON" => Some(true),
        "OFF" => Some(false),
        _ => None,
    },
    say: |on| ("stat/garage/POWER", if on { "ON" } else { "OFF" }.to_owned(), false),
    answers: true,
};

pub const SHELLY: Dialect = Dialect {
    orders: "garage/command/switch:0",
    understand: |order| match order {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    },
    say: |on| {
        let status = format!(
            "{{\"id\":0,\"source\":\"MQTT\",\"output\":{on},\"apower\":{},\"voltage\":240.1,\
             \"aenergy\":{{\"total\":1234.5}}}}",
            if on { 7200.0 } else { 0.0 }
        );
        ("garage/status/switch:0", status, false)
    },
    answers: true,
};

pub const ZIGBEE2MQTT: Dialect = Dialect {
    orders: "zigbee2mqtt/garage/set",
    understand: |order| match order {
        "{\"state\":\"ON\"}" => Some(true),
        "{\"state\":\"OFF\"}" => Some(false),
        _ => None,
    },
    say: |on| {
        let word = if on { "ON" } else { "OFF" };
        ("zigbee2mqtt/garage", format!("{{\"linkquality\":92,\"state\":\"{word}\"}}"), true)
    },
    answers: false,
};

pub const OPENEVSE: Dialect = Dialect {
    orders: "openevse-55ad/claim/set",
    understand: |order| match order {
        "{\"state\":\"active\"}" => Some(true),
        "{\"state\":\"disabled\"}" => Some(false),
        _ => None,
    },
    say: |on| {
        let word = if on { "active" } else { "disabled" };
        ("openevse-55ad/claim", format!("{{\"state\":\"{word}\",\"auto_release\":true}}"), true)
    },
    answers: false,
};

/// What a device does, and what was done to it.
#[derive(Debug, Default)]
pub struct Bench {
    pub is_on: bool,
    /// Takes orders and says nothing.
    pub is_mute: bool,
    /// Takes orders, stays, and says so.
    pub is_stuck: bool,
    /// Orders, and whether they came from the broker's store.
    pub orders: Vec<(String, bool)>,
}

/// A fake device.
pub struct Device {
    bench: Arc<Mutex<Bench>>,
    task: JoinHandle<()>,
}

impl Device {
    /// Connects, and says where it is if it is one that does.
    pub async fn connect(broker: SocketAddr, dialect: Dialect, is_on: bool) -> Self {
        let bench = Arc::new(Mutex::new(Bench { is_on, ..Bench::default() }));
        let mut orders = Subscriber::connect(broker, dialect.orders).await;
        let (topic, message, retain) = (dialect.say)(is_on);
        if retain {
            publish(broker, None, topic, &message, true).await;
        }
        let shared = Arc::clone(&bench);
        let task = tokio::spawn(async move {
            loop {
                let order = orders.next(dialect.orders, PATIENCE * 10).await;
                let heard = (dialect.understand)(order.text());
                let answer = {
                    let mut bench = shared.lock().expect("no panic");
                    bench.orders.push((order.text().to_owned(), order.retain));
                    if let Some(on) = heard
                        && !bench.is_stuck
                    {
                        bench.is_on = on;
                    }
                    let speaks = heard.is_some() || dialect.answers;
                    (speaks && !bench.is_mute).then_some(bench.is_on)
                };
                if let Some(on) = answer {
                    let (topic, message, retain) = (dialect.say)(on);
                    publish(broker, None, topic, &message, retain).await;
                }
            }
        });
        Self { bench, task }
    }

    pub fn bench(&self) -> MutexGuard<'_, Bench> {
        self.bench.lock().expect("no panic")
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.task.abort();
    }
}
