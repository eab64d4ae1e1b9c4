//! The meter in the charger's line: a real Mosquitto, and messages as the makers' documentation shows them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent::actuator::{Actuator, ActuatorError, Meter, MeterCheck, MeterReading, Metered};
use agent::home::Home;
use agent::moments::Moments;
use domain::control::{BootId, Contactor};
use service::clock::ManualClock;
use testkit::{Mosquitto, MosquittoConfig, PATIENCE, publish};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::household::{Session, settings};

async fn until<T: Clone>(watched: &mut watch::Receiver<T>, wanted: impl Fn(&T) -> bool) -> T {
    let found = tokio::time::timeout(PATIENCE, watched.wait_for(wanted)).await;
    found.expect("it comes in time").expect("the meter runs").clone()
}

#[tokio::test]
async fn power_energy_and_presence_are_read_and_gone_with_the_broker() {
    let Some(mut broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let config = settings(&format!(
        "[home]\nurl = \"mqtt://{}\"\n[meter]\npreset = \"shelly-gen2\"\ndevice = \"garage\"\n\
         presence_topic = \"car\"\nplugged = [\"yes\", \"1\"]\nunplugged = \"no\"",
        broker.addr()
    ));
    let mut home = Home::default();
    let meter = Meter::new(config.meter.as_ref().expect("there is one"), &mut home);
    let (mut readings, mut presence) = (meter.readings(), meter.presence());
    let session = Session::start(home, &config);
    let shutdown = CancellationToken::new();
    let clock = Arc::new(ManualClock::new("2026-03-24T12:00:00Z".parse().expect("a time")));
    let moments = Moments::of_clock(Arc::clone(&clock) as _, BootId(1));
    let task = tokio::spawn(meter.run(moments, shutdown.clone()));

    let topic = "garage/status/switch:0";
    let status = |watts: f64, watt_hours: f64| {
        format!("{{\"output\":true,\"apower\":{watts},\"aenergy\":{{\"total\":{watt_hours}}}}}")
    };
    publish(broker.addr(), None, "car", "yes", true).await;
    until(&mut presence, |plugged| *plugged == Some(true)).await;
    publish(broker.addr(), None, topic, &status(7200.0, 1000.0), false).await;
    let first = until(&mut readings, Option::is_some).await.expect("a reading");
    assert_eq!((first.power_kw, first.energy_kwh, first.typical_kw), (7.2, Some(0.0), None));
    clock.advance(Duration::from_secs(600));
    publish(broker.addr(), None, topic, &status(7100.0, 2150.0), false).await;
    let is_second =
        |reading: &Option<MeterReading>| reading.is_some_and(|r| (r.power_kw - 7.1).abs() < 1e-9);
    let second = until(&mut readings, is_second).await.expect("a reading");
    assert_eq!(second.at.uptime - first.at.uptime, Duration::from_secs(600));
    publish(broker.addr(), None, topic, "{\"temperature\":{\"tC\":40}}", false).await;
    publish(broker.addr(), None, topic, &status(7000.0, 2150.0), false).await;
    let is_third =
        |reading: &Option<MeterReading>| reading.is_some_and(|r| (r.power_kw - 7.0).abs() < 1e-9);
    let third = until(&mut readings, is_third).await.expect("a reading");
    // The counter, not 7.15 kW for ten minutes; a reading may be told a message before its counter.
    let kwh = third.energy_kwh.expect("counted");
    assert!((1.149..1.193).contains(&kwh), "{kwh}");

    broker.kill();
    until(&mut readings, Option::is_none).await;
    until(&mut presence, Option::is_none).await;
    broker.start_again();
    publish(broker.addr(), None, "car", "no", true).await;
    until(&mut presence, |plugged| *plugged == Some(false)).await;
    // A reading that the broker had kept is of some other time.
    publish(broker.addr(), None, topic, &status(6900.0, 9000.0), true).await;
    shutdown.cancel();
    task.await.unwrap();
    session.end().await;
}

/// Says what it was told, whatever the contacts do.
#[derive(Clone, Default)]
struct Welded(Arc<Mutex<Vec<Contactor>>>);

impl Actuator for Welded {
    fn name(&self) -> String {
        "welded".to_owned()
    }

    async fn set(&mut self, to: Contactor) -> Result<(), ActuatorError> {
        self.0.lock().unwrap().push(to);
        Ok(())
    }

    async fn position(&mut self) -> Result<Contactor, ActuatorError> {
        Ok(Contactor::Open)
    }
}

#[tokio::test]
async fn a_welded_contact_is_told_three_times_and_then_the_person_is() {
    let clock = Arc::new(ManualClock::new("2026-03-24T12:00:00Z".parse().expect("a time")));
    let moments = Moments::of_clock(Arc::clone(&clock) as _, BootId(1));
    let (says, readings) = watch::channel(None);
    let relay = Welded::default();
    let check = MeterCheck::new(readings, 0.3, moments.clone());
    let mut metered = Metered::new(relay.clone(), Some(check));
    let mut said = None;
    for _ in 0..40 {
        let reading =
            MeterReading { at: moments.now(), power_kw: 7.2, energy_kwh: None, typical_kw: None };
        says.send_replace(Some(reading));
        if let Err(error) = metered.position().await {
            said = Some(error.to_string());
            break;
        }
        clock.advance(Duration::from_secs(10));
    }
    let said = said.expect("the person is told");
    assert!(
        said.contains("told to be 3 times more, yet 7200 W flow: a contact may be welded"),
        "{said}"
    );
    assert_eq!(*relay.0.lock().unwrap(), [Contactor::Open; 3]);
    // Unplugged.
    clock.advance(Duration::from_secs(10));
    says.send_modify(|reading| {
        if let Some(reading) = reading {
            reading.at = moments.now();
            reading.power_kw = 0.0;
        }
    });
    assert_eq!(metered.position().await.unwrap(), Contactor::Open);
}
