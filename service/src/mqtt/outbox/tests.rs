use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;

/// A broker's end of the wire: what it was sent, `topic=payload`, with `!` where retained.
#[derive(Clone, Debug, Default)]
struct Wire(Rc<RefCell<Vec<String>>>);

impl Link for Wire {
    fn send(&self, topic: &str, payload: &Bytes, retain: bool, _qos: Qos) -> bool {
        let mark = if retain { "!" } else { "" };
        let text = String::from_utf8_lossy(payload);
        self.0.borrow_mut().push(format!("{topic}={text}{mark}"));
        true
    }
}

/// An outbox, its wire, and a stand-in for the client that numbers packets.
struct Rig {
    outbox: Outbox<Wire>,
    wire: Wire,
    next_id: u16,
    unacknowledged: VecDeque<u16>,
}

impl Rig {
    fn new(max_waiting: usize) -> Self {
        Self {
            outbox: Outbox::new(max_waiting, usize::MAX, Arc::new(Stats::default())),
            wire: Wire::default(),
            next_id: 0,
            unacknowledged: VecDeque::new(),
        }
    }

    fn connect(&mut self) {
        self.outbox.connected(self.wire.clone(), None);
        self.write();
    }

    fn lose(&mut self) {
        self.unacknowledged.clear();
        self.outbox.disconnected();
    }

    /// Everything handed over goes on the wire.
    fn write(&mut self) {
        while !self.outbox.handed.is_empty() {
            self.next_id += 1;
            self.unacknowledged.push_back(self.next_id);
            self.outbox.sent(self.next_id);
        }
    }

    fn acknowledge(&mut self, count: usize) {
        for _ in 0..count {
            if let Some(id) = self.unacknowledged.pop_front() {
                self.outbox.acknowledged(id);
            }
            self.write();
        }
    }

    fn publish(&mut self, publication: Publication) -> Delivery {
        let delivery = self.outbox.publish(publication);
        self.write();
        delivery
    }

    #[track_caller]
    fn check(&mut self, expected: &[&str]) {
        assert_eq!(std::mem::take(&mut *self.wire.0.borrow_mut()), expected);
    }

    fn counts(&self) -> super::super::Counts {
        self.outbox.stats.counts()
    }
}

/// What became of a publication, `None` while that is open.
fn outcome(delivery: &mut Delivery) -> Option<Result<(), Undelivered>> {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(delivery).poll(&mut cx) {
        std::task::Poll::Ready(outcome) => Some(outcome),
        std::task::Poll::Pending => None,
    }
}

fn event(topic: &str, payload: &str) -> Publication {
    Publication::event(topic, payload.to_owned())
}

fn catch_up(topic: &str, payload: &str) -> Publication {
    Publication::catch_up(topic, payload.to_owned())
}

fn snapshot(topic: &str, payload: &str) -> Publication {
    Publication::snapshot(topic, payload.to_owned())
}

#[test]
fn a_delivery_is_the_acknowledgment_not_the_sending() {
    let mut rig = Rig::new(9);
    rig.connect();
    let mut delivery = rig.publish(event("mix", "1"));
    rig.check(&["mix=1!"]);
    assert_eq!(outcome(&mut delivery), None);
    rig.acknowledge(1);
    assert_eq!(outcome(&mut delivery), Some(Ok(())));
    assert!(rig.outbox.is_idle());
}

#[test]
fn what_is_published_before_the_broker_is_there_waits_in_order() {
    let mut rig = Rig::new(9);
    let mut first = rig.publish(catch_up("mix", "1"));
    rig.publish(event("mix", "2"));
    assert_eq!(outcome(&mut first), None);
    rig.connect();
    rig.check(&["mix=1", "mix=2!"]);
}

#[test]
fn a_retained_event_that_was_overtaken_goes_out_unretained_and_a_snapshot_not_at_all() {
    let mut rig = Rig::new(9);
    rig.publish(event("mix", "1"));
    let mut old = rig.publish(snapshot("24h", "1"));
    rig.publish(event("mix", "2"));
    rig.publish(snapshot("24h", "2"));
    assert_eq!(outcome(&mut old), Some(Err(Undelivered::Replaced)));
    rig.connect();
    rig.check(&["mix=1", "mix=2!", "24h=2!"]);
    assert_eq!(rig.counts().replaced, 1);
}

#[test]
fn unacknowledged_publications_go_again_in_order_after_a_loss() {
    let mut rig = Rig::new(9);
    rig.connect();
    let mut deliveries: Vec<Delivery> =
        ["1", "2", "3"].map(|n| rig.publish(catch_up("mix", n))).into();
    rig.acknowledge(1);
    rig.lose();
    rig.publish(catch_up("mix", "4"));
    rig.check(&["mix=1", "mix=2", "mix=3"]);
    rig.connect();
    rig.check(&["mix=2", "mix=3", "mix=4"]);
    rig.acknowledge(3);
    assert!(deliveries.iter_mut().all(|delivery| outcome(delivery) == Some(Ok(()))));
}

#[test]
fn every_retained_topic_is_said_again_after_every_connack_as_last_published() {
    let mut rig = Rig::new(9);
    rig.connect();
    rig.publish(event("z-first", "1"));
    rig.publish(event("mix", "1"));
    rig.publish(event("mix", "2"));
    rig.publish(catch_up("mix", "0"));
    rig.acknowledge(4);
    rig.check(&["z-first=1!", "mix=1!", "mix=2!", "mix=0"]);
    for _ in 0..3 {
        rig.lose();
        rig.connect();
        rig.check(&["z-first=1!", "mix=2!"]);
    }
}

#[test]
fn the_repetition_neither_doubles_nor_outruns_what_waits() {
    let mut rig = Rig::new(9);
    rig.connect();
    rig.publish(event("co2", "1"));
    rig.publish(event("mix", "1"));
    rig.acknowledge(2);
    rig.publish(event("mix", "2"));
    rig.check(&["co2=1!", "mix=1!", "mix=2!"]);
    rig.lose();
    rig.publish(event("mix", "3"));
    rig.connect();
    rig.check(&["co2=1!", "mix=2", "mix=3!"]);
}

#[test]
fn a_repetition_still_waiting_gives_way_to_something_newer() {
    let mut rig = Rig::new(9);
    for n in 0..=WINDOW {
        rig.publish(event(&format!("t{n:02}"), "1"));
    }
    rig.connect();
    rig.acknowledge(WINDOW + 1);
    rig.lose();
    rig.wire.0.borrow_mut().clear();
    rig.connect();
    let last = format!("t{WINDOW:02}");
    rig.publish(event(&last, "2"));
    rig.acknowledge(WINDOW + 2);
    let sent = rig.wire.0.borrow();
    assert_eq!(sent.len(), WINDOW + 1);
    assert_eq!(sent.last(), Some(&format!("{last}=2!")));
}

#[test]
fn the_status_comes_first_and_is_not_said_twice() {
    let mut rig = Rig::new(9);
    rig.publish(event("mix", "1"));
    for _ in 0..2 {
        rig.outbox.connected(rig.wire.clone(), Some(snapshot("status", "online")));
        rig.write();
        rig.check(&["status=online!", "mix=1!"]);
        rig.acknowledge(2);
        rig.lose();
    }
}

#[test]
fn with_the_broker_away_the_oldest_event_is_dropped_and_the_newest_retained_kept() {
    let mut rig = Rig::new(3);
    rig.publish(snapshot("status", "1"));
    let mut dropped = rig.publish(event("mix", "1"));
    for n in 2..=5 {
        rig.publish(event("mix", &n.to_string()));
    }
    assert_eq!(outcome(&mut dropped), Some(Err(Undelivered::Dropped)));
    assert_eq!(rig.counts().dropped, 3);
    rig.connect();
    rig.check(&["status=1!", "mix=4", "mix=5!"]);
}

#[test]
fn bytes_are_bounded_too() {
    let mut rig = Rig::new(99);
    rig.outbox.max_waiting_bytes = 100;
    for n in 0..5 {
        rig.publish(catch_up("t", &format!("{n}{}", "x".repeat(40))));
    }
    assert_eq!(rig.counts().dropped, 3);
    assert_eq!(rig.outbox.waiting_bytes, 84);
}

#[test]
fn a_slow_broker_gets_no_more_than_a_window() {
    let mut rig = Rig::new(999);
    rig.connect();
    for n in 0..WINDOW + 10 {
        rig.publish(catch_up("t", &n.to_string()));
    }
    assert_eq!(rig.wire.0.borrow().len(), WINDOW);
    rig.acknowledge(3);
    assert_eq!(rig.wire.0.borrow().len(), WINDOW + 3);
}

#[test]
fn acknowledgments_may_come_in_any_order() {
    let mut rig = Rig::new(9);
    rig.connect();
    let mut first = rig.publish(catch_up("t", "1"));
    let mut second = rig.publish(catch_up("t", "2"));
    rig.outbox.acknowledged(2);
    assert_eq!((outcome(&mut first), outcome(&mut second)), (None, Some(Ok(()))));
    rig.outbox.acknowledged(77);
    rig.outbox.acknowledged(1);
    assert_eq!(outcome(&mut first), Some(Ok(())));
}

#[test]
fn with_qos_0_written_is_delivered() {
    let mut rig = Rig::new(9);
    rig.connect();
    let mut delivery =
        rig.outbox.publish(Publication { qos: Qos::AtMostOnce, ..catch_up("t", "1") });
    assert_eq!(outcome(&mut delivery), None);
    rig.outbox.sent(0);
    assert_eq!(outcome(&mut delivery), Some(Ok(())));
}

#[test]
fn a_command_goes_now_or_never() {
    let mut rig = Rig::new(9);
    let command = || Publication::command("relay/set", "on");
    let mut early = rig.publish(command());
    assert_eq!(outcome(&mut early), Some(Err(Undelivered::Away)));
    rig.connect();
    rig.check(&[]);
    let mut cut_off = rig.publish(command());
    rig.lose();
    assert_eq!(outcome(&mut cut_off), Some(Err(Undelivered::Away)));
    rig.check(&["relay/set=on"]);
    rig.connect();
    rig.check(&[]);
    assert_eq!(rig.counts().given_up, 2);
}

#[test]
fn what_ends_every_connection_is_given_up_and_the_rest_goes_on() {
    let mut rig = Rig::new(9);
    let mut poison = rig.publish(event("with spaces", "1"));
    let mut good = rig.publish(event("mix", "1"));
    for _ in 0..ENDS_BEFORE_UNWANTED {
        assert_eq!(outcome(&mut poison), None);
        rig.connect();
        rig.lose();
    }
    assert_eq!(outcome(&mut poison), Some(Err(Undelivered::Unwanted)));
    rig.check(&["with spaces=1!", "mix=1!"].repeat(ENDS_BEFORE_UNWANTED as usize));
    rig.connect();
    rig.check(&["mix=1!"]);
    rig.acknowledge(1);
    assert_eq!(outcome(&mut good), Some(Ok(())));
}

#[test]
fn an_acknowledgment_clears_the_suspicion() {
    let mut rig = Rig::new(9);
    rig.publish(event("mix", "1"));
    for _ in 0..2 {
        for _ in 1..ENDS_BEFORE_UNWANTED {
            rig.connect();
            rig.lose();
        }
        rig.connect();
        rig.acknowledge(1);
    }
    assert_eq!(rig.counts().given_up, 0);
}

#[test]
fn what_no_broker_could_take_is_refused_at_once() {
    let mut rig = Rig::new(9);
    rig.connect();
    let large = "x".repeat(MAX_PACKET_BYTES);
    for bad in [event("", "1"), event("a/#", "1"), event("a/+/b", "1"), event("t", &large)] {
        let mut delivery = rig.publish(bad);
        assert_eq!(outcome(&mut delivery), Some(Err(Undelivered::Invalid)));
    }
    rig.publish(event("t", &large[..MAX_PACKET_BYTES - 32]));
    assert_eq!(rig.wire.0.borrow().len(), 1);
}

#[test]
fn the_end_of_the_session_settles_everything() {
    let mut rig = Rig::new(999);
    rig.connect();
    let mut deliveries: Vec<Delivery> =
        (0..2 * WINDOW).map(|n| rig.publish(catch_up("t", &n.to_string()))).collect();
    rig.outbox.close();
    deliveries.push(rig.publish(catch_up("t", "late")));
    for delivery in &mut deliveries {
        assert_eq!(outcome(delivery), Some(Err(Undelivered::Stopped)));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Publish(usize, u8),
    Acknowledge(usize),
    Lose,
    Connect,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..4_usize, 0..3_u8).prop_map(|(topic, kind)| Step::Publish(topic, kind)),
        3 => (1..5_usize).prop_map(Step::Acknowledge),
        1 => Just(Step::Lose),
        2 => Just(Step::Connect),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    /// Whatever happens in between: what was not dropped or replaced is delivered in order of its
    /// topic, and the broker's retained message ends as the newest retained one.
    #[test]
    fn nothing_is_lost_and_the_newest_is_retained(steps in steps()) {
        let mut rig = Rig::new(usize::MAX);
        let mut connected = false;
        let mut newest: BTreeMap<String, String> = BTreeMap::new();
        let mut wanted: Vec<(String, Delivery)> = Vec::new();
        let mut n = 0;
        for step in steps {
            match step {
                Step::Publish(topic, kind) => {
                    n += 1;
                    let (topic, payload) = (format!("t{topic}"), n.to_string());
                    let publication = match kind {
                        0 => catch_up(&topic, &payload),
                        1 => event(&topic, &payload),
                        _ => snapshot(&topic, &payload),
                    };
                    if publication.retain {
                        newest.insert(topic.clone(), payload.clone());
                    }
                    let text = format!("{topic}={payload}");
                    wanted.push((text, rig.publish(publication)));
                }
                Step::Acknowledge(count) => rig.acknowledge(count),
                Step::Lose => {
                    rig.lose();
                    connected = false;
                }
                Step::Connect if connected => {}
                Step::Connect => {
                    rig.connect();
                    connected = true;
                }
            }
        }
        if !connected {
            rig.connect();
        }
        while !rig.outbox.is_idle() {
            rig.acknowledge(1);
        }
        let sent = rig.wire.0.borrow();
        let on_wire: BTreeSet<&str> = sent.iter().map(|text| text.trim_end_matches('!')).collect();
        for (text, delivery) in &mut wanted {
            match outcome(delivery) {
                Some(Ok(())) => prop_assert!(on_wire.contains(text.as_str()), "{text}"),
                other => prop_assert_eq!(other, Some(Err(Undelivered::Replaced)), "{}", text),
            }
        }
        let mut retained: BTreeMap<String, String> = BTreeMap::new();
        for (topic, payload) in sent
            .iter()
            .filter_map(|text| text.strip_suffix('!'))
            .filter_map(|text| text.split_once('='))
        {
            retained.insert(topic.to_owned(), payload.to_owned());
        }
        prop_assert_eq!(retained, newest);
    }
}
