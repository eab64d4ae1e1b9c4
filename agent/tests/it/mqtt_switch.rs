//! A switch on the home broker: a real Mosquitto, and fake devices (see `household`).

use std::net::SocketAddr;
use std::time::Duration;

use agent::actuator::{Actuator, ActuatorError, MqttSwitch};
use agent::config::{ActuatorConfig, Config};
use agent::home::Home;
use domain::control::Contactor;
use testkit::{Mosquitto, MosquittoConfig, Subscriber, publish};

use crate::household::{
    Device, Dialect, OPENEVSE, SHELLY, Session, TASMOTA, ZIGBEE2MQTT, settings,
};
use crate::program::{Home as AgentHome, PATIENCE as LONG};
use Contactor::{Closed, Open};

fn switch(broker: SocketAddr, section: &str) -> Config {
    settings(&format!(
        "[home]\nurl = \"mqtt://{broker}\"\n[actuator]\nkind = \"mqtt\"\n[actuator.mqtt]\n{section}"
    ))
}

fn connect(config: &Config) -> (MqttSwitch, Session) {
    let ActuatorConfig::Mqtt(mqtt) = &config.actuator else { panic!("kind is mqtt") };
    let mut home = Home::default();
    let url = config.home.as_ref().map(|home| home.url.to_string()).unwrap_or_default();
    let switch = MqttSwitch::new(*mqtt.clone(), url, &mut home);
    (switch, Session::start(home, config))
}

/// Reads the switch until it is as wanted.
async fn until(
    switch: &mut MqttSwitch,
    wanted: impl Fn(&Result<Contactor, ActuatorError>) -> bool,
) -> Result<Contactor, ActuatorError> {
    let waited = tokio::time::timeout(LONG, async {
        loop {
            let read = switch.position().await;
            if wanted(&read) {
                return read;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.expect("it comes in time")
}

const TASMOTA_SECTION: &str = "preset = \"tasmota\"\ndevice = \"garage\"\ntimeout_secs = 2";
const CUSTOM: &str = "command_topic = \"x/set\"\non = \"1\"\noff = \"0\"\nstate_topic = \"x\"\n\
                      state_on = [\"1\", \"on\"]\nstate_off = \"0\"\ntimeout_secs = 1";

/// Adopts what it finds, moves it both ways, and leaves no order behind.
async fn check_preset(dialect: Dialect, preset: &str, device: &str) {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    for start in [false, true] {
        let fake = Device::connect(broker.addr(), dialect, start).await;
        let config = switch(
            broker.addr(),
            &format!("preset = \"{preset}\"\ndevice = \"{device}\"\ntimeout_secs = 4"),
        );
        let (mut switch, session) = connect(&config);
        let found = switch.position().await.unwrap();
        assert_eq!(found, if start { Closed } else { Open }, "{preset}");
        // Finding it moves nothing.
        assert!(fake.bench().orders.iter().all(|(o, _)| (dialect.understand)(o).is_none()));
        for to in [found.other(), found, Open, Closed] {
            switch.set(to).await.unwrap();
            assert_eq!(switch.position().await.unwrap(), to, "{preset}");
            assert_eq!(fake.bench().is_on, to == Closed, "{preset}");
        }
        assert!(fake.bench().orders.iter().all(|(_, retained)| !retained), "{preset}");
        session.end().await;
        // Whoever comes later finds no order waiting.
        let mut late = Subscriber::connect(broker.addr(), "#").await;
        publish(broker.addr(), None, "end", "x", false).await;
        loop {
            let message = late.take(1).await.remove(0);
            assert_ne!(message.topic, dialect.orders, "{preset}: {message:?}");
            if message.topic == "end" {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_tasmota_is_found_moved_and_read_back() {
    check_preset(TASMOTA, "tasmota", "garage").await;
}

#[tokio::test]
async fn a_shelly_is_found_moved_and_read_back() {
    check_preset(SHELLY, "shelly-gen2", "garage").await;
}

#[tokio::test]
async fn a_plug_behind_zigbee2mqtt_is_found_moved_and_read_back() {
    check_preset(ZIGBEE2MQTT, "zigbee2mqtt", "zigbee2mqtt/garage").await;
}

#[tokio::test]
async fn an_openevse_is_found_moved_and_read_back() {
    check_preset(OPENEVSE, "openevse", "openevse-55ad").await;
}

#[tokio::test]
async fn a_charger_that_nobody_claims_charges() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    publish(broker.addr(), None, "evse/claim", "{\"state\":\"null\"}", true).await;
    let (mut switch, session) =
        connect(&switch(broker.addr(), "preset = \"openevse\"\ndevice = \"evse\""));
    assert_eq!(switch.position().await.unwrap(), Closed);
    session.end().await;
}

#[tokio::test]
async fn silence_is_an_error_and_so_is_a_word_of_neither_kind() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let (mut switch, session) = connect(&switch(broker.addr(), CUSTOM));
    assert!(matches!(switch.position().await, Err(ActuatorError::Silent { secs: 1 })));
    publish(broker.addr(), None, "x", "ON", true).await;
    assert_eq!(switch.position().await.unwrap(), Closed);
    // Nobody is there to follow.
    assert!(matches!(switch.set(Open).await, Err(ActuatorError::Silent { secs: 1 })));
    publish(broker.addr(), None, "x", "ajar", true).await;
    let error = until(&mut switch, Result::is_err).await.unwrap_err().to_string();
    assert_eq!(error, "x says \"ajar\", which is neither open nor closed");
    session.end().await;
}

#[tokio::test]
async fn a_switch_that_stays_says_so_itself() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let device = Device::connect(broker.addr(), TASMOTA, false).await;
    let (mut switch, session) = connect(&switch(broker.addr(), TASMOTA_SECTION));
    assert_eq!(switch.position().await.unwrap(), Open);
    device.bench().is_stuck = true;
    // It answered, so it is not silent; the position tells that it disobeys.
    switch.set(Closed).await.unwrap();
    assert_eq!(switch.position().await.unwrap(), Open);
    device.bench().is_stuck = false;
    device.bench().is_mute = true;
    assert!(matches!(switch.set(Closed).await, Err(ActuatorError::Silent { .. })));
    session.end().await;
}

#[tokio::test]
async fn a_lost_broker_is_an_error_and_no_order_comes_late() {
    let Some(mut broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let device = Device::connect(broker.addr(), TASMOTA, false).await;
    let (mut switch, session) = connect(&switch(broker.addr(), TASMOTA_SECTION));
    assert_eq!(switch.position().await.unwrap(), Open);
    broker.kill();
    let error = until(&mut switch, Result::is_err).await.unwrap_err().to_string();
    assert_eq!(error, format!("the home broker mqtt://{} is away", broker.addr()));
    assert!(matches!(switch.set(Closed).await, Err(ActuatorError::NoBroker { .. })));
    drop(device);

    broker.start_again();
    let device = Device::connect(broker.addr(), TASMOTA, true).await;
    let found = until(&mut switch, Result::is_ok).await;
    // What it is now, not what it was then; and the order of then is not made up for.
    assert_eq!(found.unwrap(), Closed);
    assert!(device.bench().orders.iter().all(|(order, _)| order.is_empty()));
    switch.set(Open).await.unwrap();
    assert!(!device.bench().is_on);
    session.end().await;
}

#[tokio::test]
async fn a_switch_that_its_will_calls_dead_is_not_believed_until_it_speaks_again() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let device = Device::connect(broker.addr(), TASMOTA, false).await;
    publish(broker.addr(), None, "tele/garage/LWT", "Offline", true).await;
    let (mut switch, session) = connect(&switch(broker.addr(), TASMOTA_SECTION));
    let error = switch.position().await.unwrap_err().to_string();
    assert_eq!(error, "the switch is offline, says tele/garage/LWT");
    assert!(matches!(switch.set(Closed).await, Err(ActuatorError::Offline { .. })));
    assert!(device.bench().orders.is_empty());
    publish(broker.addr(), None, "tele/garage/LWT", "Online", true).await;
    let found = until(&mut switch, Result::is_ok).await;
    assert_eq!(found.unwrap(), Open);
    session.end().await;
}

#[tokio::test]
async fn the_program_drives_the_switch_and_leaves_it_as_it_should() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let device = Device::connect(broker.addr(), TASMOTA, false).await;
    let home = AgentHome::new(&format!(
        "[control]\nmode = \"now\"\nmin_on_secs = 1\nmin_off_secs = 1\nstart_grace_secs = 1\n\
         tick_secs = 1\nsafe_position = \"open\"\n[home]\nurl = \"mqtt://{}\"\n\
         [actuator]\nkind = \"mqtt\"\n[actuator.mqtt]\n{TASMOTA_SECTION}",
        broker.addr()
    ));
    let program = home.run();
    let waited = tokio::time::timeout(LONG, async {
        while !device.bench().is_on {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "it is switched on: {}", home.log());
    let code = tokio::task::spawn_blocking(move || program.stop()).await.unwrap();
    assert_eq!(code, Some(0), "{}", home.log());
    assert!(!device.bench().is_on, "the way out drives the safe position: {}", home.log());
}

#[tokio::test]
async fn the_program_waits_for_a_home_broker_that_is_not_there_yet_and_says_so() {
    let Some(mut broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    broker.stop();
    let home = AgentHome::new(&format!(
        "[control]\nmode = \"now\"\nstart_grace_secs = 1\ntick_secs = 1\n[home]\nurl = \"mqtt://{}\"\n\
         [actuator]\nkind = \"mqtt\"\n[actuator.mqtt]\n{TASMOTA_SECTION}",
        broker.addr()
    ));
    let program = home.run();
    let away = format!("the home broker mqtt://{} is away", broker.addr());
    let (home, status) = tokio::task::spawn_blocking(move || {
        let status = home.until("the agent says what is missing", |s| s.reason.contains(&away));
        (home, status)
    })
    .await
    .unwrap();
    assert!(status.reason.starts_with("The contactor cannot be read, so nothing is moved"));
    broker.start_again();
    let device = Device::connect(broker.addr(), TASMOTA, false).await;
    let home = tokio::task::spawn_blocking(move || {
        home.until("it is switched on", |s| s.position.as_deref() == Some("closed"));
        home
    })
    .await
    .unwrap();
    assert!(device.bench().is_on, "{}", home.log());
    program.kill();
}

/// Two agents on two machines, one switch.
#[tokio::test]
async fn the_second_agent_leaves_a_switch_alone_that_another_moves() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let fake = Device::connect(broker.addr(), ZIGBEE2MQTT, false).await;
    let section = "preset = \"zigbee2mqtt\"\ndevice = \"zigbee2mqtt/garage\"\ntimeout_secs = 4";
    let config = switch(broker.addr(), section);
    let connect = |agent: &str| {
        let ActuatorConfig::Mqtt(mqtt) = &config.actuator else { panic!("kind is mqtt") };
        let mut home = Home::default();
        let switch = MqttSwitch::new(*mqtt.clone(), "home".to_owned(), &mut home);
        let switch = switch.leasing(agent.to_owned(), &mut home);
        (switch, Session::start(home, &config))
    };
    let (mut first, first_session) = connect("first");
    let (mut second, second_session) = connect("second");
    // Both may look; whoever moves it has it.
    assert_eq!(first.position().await.unwrap(), Open);
    assert_eq!(second.position().await.unwrap(), Open);
    first.set(Closed).await.unwrap();
    let refused = until(&mut second, Result::is_err).await.unwrap_err();
    let told = "another agent (first) moves this switch";
    assert!(refused.to_string().starts_with(told), "{refused}");
    assert!(matches!(second.set(Open).await, Err(ActuatorError::Leased { .. })));
    assert!(fake.bench().is_on && first.position().await.unwrap() == Closed);
    second_session.end().await;

    // One that comes later hears of it; the first after a restart is still itself.
    let (mut later, later_session) = connect("later");
    until(&mut later, Result::is_err).await.unwrap_err();
    first_session.end().await;
    let (mut again, again_session) = connect("first");
    again.set(Open).await.unwrap();
    assert_eq!(again.position().await.unwrap(), Open);
    later_session.end().await;
    again_session.end().await;
}
