use proptest::prelude::*;

use super::*;

const ID: &str = "web-0123456789abcdef";

/// CONNECT of protocol `name` and `level` with these flags; `more` follows the client id.
fn connect_with(name: &str, level: u8, flags: u8, keep_alive: u16, more: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    put_binary(&mut body, name.as_bytes());
    body.extend([level, flags]);
    body.extend(keep_alive.to_be_bytes());
    put_binary(&mut body, b"pump");
    for field in more {
        put_binary(&mut body, field);
    }
    encode(0x10, &body)
}

fn connect() -> Vec<u8> {
    connect_with("MQTT", 4, 0x02, 60, &[])
}

fn subscribe(filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = vec![0, 7];
    for (filter, qos) in filters {
        put_binary(&mut body, filter.as_bytes());
        body.push(*qos);
    }
    encode(0x82, &body)
}

fn unsubscribe_packet(filter: &str) -> Vec<u8> {
    let mut body = vec![0, 8];
    put_binary(&mut body, filter.as_bytes());
    encode(0xa2, &body)
}

fn publish() -> Vec<u8> {
    let mut body = Vec::new();
    put_binary(&mut body, b"ny-power/computed/co2");
    body.extend(b"{}");
    encode(0x31, &body)
}

/// Says what a client that has connected and then sends `bytes` brings about, one word an action.
fn after_connect(bytes: &[u8]) -> String {
    let mut filter = Filter::new(&Root::default(), ID.into());
    filter.accept(&connect());
    draw(&filter.accept(bytes))
}

fn at_once(bytes: &[u8]) -> String {
    draw(&Filter::new(&Root::default(), ID.into()).accept(bytes))
}

fn draw(actions: &[Action]) -> String {
    let draw = |action: &Action| match action {
        Action::Forward(bytes) => format!("forward {}", bytes[0] >> 4),
        Action::Reply(bytes) => format!("reply {bytes:02x?}"),
        Action::KeepAlive(duration) => format!("keep-alive {}", duration.as_secs()),
        Action::Finish => "finish".into(),
        Action::Refuse(refusal) => format!("close {} {}", refusal.close_code(), refusal.kind()),
    };
    actions.iter().map(draw).collect::<Vec<_>>().join(", ")
}

#[test]
fn what_a_reader_may_say() {
    #[track_caller]
    fn check(bytes: &[u8], expected: &str) {
        assert_eq!(after_connect(bytes), expected);
    }
    check(&subscribe(&[("ny-power/#", 0)]), "forward 8");
    check(&subscribe(&[("ny-power/computed/co2", 1), ("ny-power/+/mix", 2)]), "forward 8");
    check(&subscribe(&[("ny-power/upstream/fuel-mix/Natural Gas", 0)]), "forward 8");
    check(&unsubscribe_packet("ny-power/#"), "forward 10");
    check(&[0xc0, 0], "forward 12");
    check(&[0x40, 2, 0, 9], "forward 4");
    check(&[0xe0, 0], "forward 14, finish");
    check(&[0xe0, 0, 0xc0, 0], "forward 14, finish");
}

#[test]
fn anything_else_closes() {
    #[track_caller]
    fn check(bytes: &[u8], expected: &str) {
        assert_eq!(after_connect(bytes), expected);
    }
    check(&publish(), "close 1008 publish");
    check(&connect(), "close 1002 out-of-turn");
    for qos2 in [0x50_u8, 0x62, 0x70] {
        check(&[qos2, 2, 0, 1], "close 1008 not-allowed");
    }
    for of_the_server in [0x20_u8, 0x90, 0xb0, 0xd0] {
        check(&[of_the_server, 2, 0, 1], "close 1008 not-allowed");
    }
    check(&[0x00, 0], "close 1008 not-allowed");
    check(&[0xf0, 0], "close 1008 not-allowed");

    let foreign = "reply [90, 03, 00, 07, 80], close 1008 foreign-topic";
    for filter in [
        "#",
        "+/computed/co2",
        "+/#",
        "$SYS/#",
        "$SYS/broker/uptime",
        "$share/group/ny-power/#",
        "ny-power",
        "ny-powers/#",
        "ny-power2/computed/co2",
        "/ny-power/#",
        "home/ny-power/#",
        "NY-POWER/#",
    ] {
        check(&subscribe(&[(filter, 0)]), foreign);
    }
    check(
        &subscribe(&[("ny-power/#", 0), ("#", 0)]),
        "reply [90, 04, 00, 07, 80, 80], close 1008 foreign-topic",
    );

    for malformed in [
        subscribe(&[]),
        subscribe(&[("", 0)]),
        subscribe(&[("ny-power/#/x", 0)]),
        subscribe(&[("ny-power/x#", 0)]),
        subscribe(&[("ny-power/x+", 0)]),
        subscribe(&[("ny-power/#", 3)]),
        encode(0x82, &[0, 0, 0, 1, b'x', 0]),
        encode(0x82, &[0, 1, 0, 9, b'x', 0]),
        encode(0x80, &[0, 1, 0, 1, b'x', 0]),
        encode(0xa2, &[0, 1]),
        encode(0xa0, &[0, 1, 0, 1, b'x']),
        vec![0xc1, 0],
        vec![0xc0, 1, 0],
        vec![0xe0, 1, 0],
        vec![0x40, 3, 0, 1, 0],
        vec![0xc0, 0xff, 0xff, 0xff, 0xff],
    ] {
        check(&malformed, "close 1002 malformed");
    }
    check(&encode(0x30, &vec![0; LARGEST_PACKET]), "close 1009 too-large");
}

#[test]
fn who_may_connect() {
    #[track_caller]
    fn check(bytes: &[u8], expected: &str) {
        assert_eq!(at_once(bytes), expected);
    }
    check(&connect(), "forward 1, keep-alive 60");
    check(&connect_with("MQIsdp", 3, 0x02, 60, &[]), "forward 1, keep-alive 60");
    check(&connect_with("MQTT", 4, 0, 60, &[]), "forward 1, keep-alive 60");
    check(&connect_with("MQTT", 4, 2, 0, &[]), "forward 1, keep-alive 300");
    check(&connect_with("MQTT", 4, 2, 65_535, &[]), "forward 1, keep-alive 300");
    check(&connect_with("MQTT", 4, 2, 5, &[]), "forward 1, keep-alive 5");

    check(
        &connect_with("MQTT", 4, 0xc2, 60, &[b"pump", b"secret"]),
        "reply [20, 02, 00, 05], close 1008 credentials",
    );
    check(
        &connect_with("MQTT", 4, 0x82, 60, &[b"pump"]),
        "reply [20, 02, 00, 05], close 1008 credentials",
    );
    check(
        &connect_with("MQTT", 4, 0x06, 60, &[b"ny-power/computed/co2", b"{}"]),
        "reply [20, 02, 00, 05], close 1008 will",
    );
    check(&connect_with("MQTT", 5, 0x02, 60, &[]), "reply [20, 03, 00, 84, 00], close 1008 level");
    check(&connect_with("MQTT", 3, 0x02, 60, &[]), "reply [20, 02, 00, 01], close 1008 level");
    check(&connect_with("HTTP", 4, 0x02, 60, &[]), "close 1002 malformed");
    check(&connect_with("MQTT", 4, 0x03, 60, &[]), "close 1002 malformed");
    check(&connect_with("MQTT", 4, 0x22, 60, &[]), "close 1002 malformed");
    check(&connect_with("MQTT", 4, 0x02, 60, &[b"left over"]), "close 1002 malformed");
    check(&[0xc0, 0], "close 1002 out-of-turn");
    check(&publish(), "close 1002 out-of-turn");
    check(&subscribe(&[("ny-power/#", 0)]), "close 1002 out-of-turn");
}

#[test]
fn the_broker_sees_our_connect_not_the_clients() {
    let mut filter = Filter::new(&Root::default(), ID.into());
    let actions = filter.accept(&connect_with("MQIsdp", 3, 0x00, 42, &[]));
    let mut expected = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 0x02, 0, 42];
    put_binary(&mut expected, ID.as_bytes());
    assert_eq!(actions[0], Action::Forward(encode(0x10, &expected)));
}

#[test]
fn qos_two_is_lowered_and_nothing_else_is_touched() {
    let mut filter = Filter::new(&Root::default(), ID.into());
    filter.accept(&connect());
    let asked = [("ny-power/a", 0), ("ny-power/b", 1), ("ny-power/c", 2)];
    let given = [("ny-power/a", 0), ("ny-power/b", 1), ("ny-power/c", 1)];
    assert_eq!(filter.accept(&subscribe(&asked)), [Action::Forward(subscribe(&given))]);
}

#[test]
fn subscriptions_are_bounded_over_the_life_of_a_connection() {
    let mut filter = Filter::new(&Root::default(), ID.into());
    filter.accept(&connect());
    for _ in 0..MOST_FILTERS {
        assert_eq!(draw(&filter.accept(&subscribe(&[("ny-power/#", 0)]))), "forward 8");
    }
    assert_eq!(
        draw(&filter.accept(&subscribe(&[("ny-power/#", 0)]))),
        "reply [90, 03, 00, 07, 80], close 1008 too-many-subscriptions"
    );
    assert_eq!(filter.accept(&subscribe(&[("ny-power/#", 0)])), []);
}

#[test]
fn another_root_is_another_prefix() {
    let mut filter = Filter::new(&Root::new("grid/ny").unwrap(), ID.into());
    filter.accept(&connect());
    assert_eq!(draw(&filter.accept(&subscribe(&[("grid/ny/#", 0)]))), "forward 8");
    assert_eq!(
        draw(&filter.accept(&subscribe(&[("grid/other", 0)]))),
        "reply [90, 03, 00, 07, 80], close 1008 foreign-topic"
    );
}

/// A stream that starts like a client's and then goes anywhere.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(connect()),
        Just(publish()),
        Just(subscribe(&[("ny-power/#", 1)])),
        Just(subscribe(&[("#", 0)])),
        Just(vec![0xc0, 0]),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// Whatever comes: no panic; the broker gets whole packets of the allowed kinds only, CONNECT first
    /// and once; and how the stream is cut makes no difference.
    #[test]
    fn nothing_but_reading_gets_through(stream in streams(), cut in 1_usize..50) {
        let mut whole = Filter::new(&Root::default(), ID.into());
        let actions = whole.accept(&stream);
        let mut pieces = Filter::new(&Root::default(), ID.into());
        let piecewise: Vec<Action> =
            stream.chunks(cut).flat_map(|piece| pieces.accept(piece)).collect();
        prop_assert_eq!(&actions, &piecewise);

        let forwarded: Vec<u8> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Forward(bytes) => Some(bytes.clone()),
                _ => None,
            })
            .flatten()
            .collect();
        let mut framer = Framer::new(2 * LARGEST_PACKET);
        framer.push(&forwarded);
        let mut index = 0;
        while let Some(packet) = framer.next().unwrap() {
            prop_assert_eq!(packet.kind() == kind::CONNECT, index == 0);
            prop_assert!([1, 4, 8, 10, 12, 14].contains(&packet.kind()));
            index += 1;
        }
        framer.push(&[0xc0, 0]);
        prop_assert!(framer.next().unwrap().is_some(), "half a packet was forwarded");
    }

    #[test]
    fn any_bytes_at_all_do_not_panic(stream in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut filter = Filter::new(&Root::default(), ID.into());
        filter.accept(&connect());
        filter.accept(&stream);
    }
}
