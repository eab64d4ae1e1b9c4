//! Against a fake line and made-up chips; the kernel's own line needs a machine that has one.

use std::sync::{Arc, Mutex};

use super::*;
use Contactor::{Closed, Open};

#[derive(Clone)]
struct FakeLine {
    active: Arc<Mutex<bool>>,
    driven: Arc<Mutex<Vec<bool>>>,
}

impl FakeLine {
    fn new(active: bool) -> Self {
        Self { active: Arc::new(Mutex::new(active)), driven: Arc::default() }
    }
}

impl Line for FakeLine {
    fn is_active(&self) -> Result<bool, gpiocdev::Error> {
        Ok(*self.active.lock().unwrap())
    }

    fn drive(&mut self, active: bool) -> Result<(), gpiocdev::Error> {
        *self.active.lock().unwrap() = active;
        self.driven.lock().unwrap().push(active);
        Ok(())
    }
}

#[tokio::test]
async fn a_start_keeps_the_level_it_finds() {
    for (contact, active, position) in [
        (Contact::Nc, false, Closed),
        (Contact::Nc, true, Open),
        (Contact::No, false, Open),
        (Contact::No, true, Closed),
    ] {
        let line = FakeLine::new(active);
        let mut relay = Gpio::adopt(line.clone(), "17".to_owned(), contact).unwrap();
        assert_eq!(*line.driven.lock().unwrap(), [active], "{contact:?}");
        assert_eq!(relay.position().await.unwrap(), position, "{contact:?}");
    }
}

#[tokio::test]
async fn orders_reach_the_line_and_the_level_is_read_back() {
    for contact in [Contact::Nc, Contact::No] {
        let line = FakeLine::new(false);
        let mut relay = Gpio::adopt(line.clone(), "17".to_owned(), contact).unwrap();
        for to in [Open, Closed, Closed, Open] {
            relay.set(to).await.unwrap();
            assert_eq!(relay.position().await.unwrap(), to, "{contact:?}");
        }
        // Something stronger than us holds the line.
        let level = !*line.active.lock().unwrap();
        *line.active.lock().unwrap() = level;
        assert_eq!(relay.position().await.unwrap(), Closed, "{contact:?}");
    }
}

fn chip(path: &str, label: &str, names: &[&str]) -> FoundChip {
    let lines =
        names.iter().map(|name| FoundLine { name: (*name).to_owned(), consumer: None }).collect();
    FoundChip { path: PathBuf::from(path), label: label.to_owned(), lines }
}

#[track_caller]
fn check(chips: &[FoundChip], wanted: Option<&str>, line: LineSpec, expected: &str) {
    let drawn = match locate(chips, wanted, &line) {
        Ok((chip, offset)) => format!("{} {offset}", chip.path.display()),
        Err(error) => error.to_string(),
    };
    assert_eq!(drawn, expected);
}

fn name(text: &str) -> LineSpec {
    LineSpec::Name(text.to_owned())
}

#[test]
fn a_line_is_found_by_name_or_by_chip_and_offset() {
    let chips = [
        chip("/dev/none0", "raspberrypi-exp-gpio", &["BT_ON", "WL_ON"]),
        chip("/dev/none1", "pinctrl-bcm2711", &["ID_SDA", "ID_SCL", "GPIO2"]),
    ];
    check(&chips, None, name("GPIO2"), "/dev/none1 2");
    check(&chips, None, name("WL_ON"), "/dev/none0 1");
    check(&chips, Some("pinctrl-bcm2711"), LineSpec::Offset(1), "/dev/none1 1");
    check(&chips, Some("/dev/none0"), LineSpec::Offset(1), "/dev/none0 1");
}

#[test]
fn a_gpio_name_falls_back_to_the_offset_on_the_header_alone() {
    let chips = [
        chip("/dev/none0", "pinctrl-rp1", &["", "", "PIN3"]),
        chip("/dev/none1", "expander", &["", "", ""]),
    ];
    check(&chips, None, name("GPIO2"), "/dev/none0 2");
    check(
        &chips,
        Some("expander"),
        name("GPIO2"),
        "there is no GPIO line \"GPIO2\"; there is /dev/none1 (expander) with 3 lines: ",
    );
}

#[test]
fn what_cannot_be_found_is_told_with_what_there_is() {
    let chips = [chip("/dev/none0", "a", &["X", "Y"]), chip("/dev/none1", "b", &["X"])];
    check(
        &chips,
        Some("c"),
        name("X"),
        "there is no GPIO chip \"c\"; there is /dev/none0 (a), /dev/none1 (b)",
    );
    check(
        &chips,
        Some("b"),
        LineSpec::Offset(1),
        "there is no GPIO line 1; there is /dev/none1 (b) with 1 lines: X",
    );
    check(
        &chips,
        None,
        name("X"),
        "GPIO line \"X\" is on several chips, /dev/none0 (a), /dev/none1 (b): name one as actuator.gpio.chip",
    );
    check(
        &[],
        None,
        name("X"),
        "there is no GPIO line \"X\"; there is no GPIO chip on this machine",
    );
    check(
        &[],
        Some("/dev/none9"),
        LineSpec::Offset(1),
        "there is no GPIO chip \"/dev/none9\"; there is none on this machine",
    );
}
