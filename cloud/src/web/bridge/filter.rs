//! What a reader may say to the broker through the WebSocket bridge. Pure: bytes of the client in,
//! what to do out.
//!
//! ```text
//! Opening --CONNECT, anonymous, without a will--> Open --DISCONNECT--> Over
//! Open: SUBSCRIBE and UNSUBSCRIBE below the public root, PUBACK, PINGREQ.
//! Anything else, in any state: closed, with the reason.
//! ```
//!
//! Nothing of the client's reaches the broker unread: each packet is parsed and written anew. Its
//! CONNECT becomes ours: MQTT 3.1.1, a clean session, and a random client id, because a broker hands
//! a session over to whoever comes with its id, and a reader that calls itself "pump" would throw
//! the pump out. A user name, a password or a will is refused rather than dropped: who sends one
//! believes that it counts.

use std::time::Duration;

use domain::wire::Root;

use super::packet::{Fields, Framer, Packet, PacketError, encode, kind, put_binary};

/// Bytes of the largest packet that a reader may send.
pub const LARGEST_PACKET: usize = 8 * 1024;

/// A client that wants a longer keep-alive, or none, gets this one.
pub const LONGEST_KEEP_ALIVE: Duration = Duration::from_secs(300);

/// Topic filters that a connection may subscribe to in its life. Each brings the retained messages
/// again, so this bounds how much a reader can make the broker send.
pub const MOST_FILTERS: usize = 100;

/// Why the bridge closed a connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bytes are no MQTT.
    #[error("{0}")]
    Packet(#[from] PacketError),
    /// The first packet was another one, or CONNECT came twice.
    #[error("packet type {0} out of turn")]
    OutOfTurn(u8),
    /// Neither 3.1 nor 3.1.1.
    #[error("MQTT level {0} is not spoken here: use 3.1.1")]
    Level(u8),
    /// A will would be a publication.
    #[error("a will is not taken: this side is read-only")]
    Will,
    /// Readers are anonymous.
    #[error("credentials are not taken: readers are anonymous")]
    Credentials,
    /// A topic filter outside the public root.
    #[error("topic filter {filter:?} is not below {root}/")]
    Foreign {
        /// What was asked for.
        filter: String,
        /// What is public.
        root: String,
    },
    /// More subscriptions than a reader needs.
    #[error("more than {MOST_FILTERS} subscriptions")]
    TooMany,
    /// PUBLISH.
    #[error("publishing is not allowed: this side is read-only")]
    Publish,
    /// Any other packet.
    #[error("packet type {0} is not allowed: this side is read-only")]
    NotAllowed(u8),
}

impl Refusal {
    /// The close code of the WebSocket (RFC 6455, section 7.4.1).
    pub fn close_code(&self) -> u16 {
        match self {
            Self::Packet(PacketError::TooLarge { .. }) => 1009,
            Self::Packet(PacketError::Malformed(_)) | Self::OutOfTurn(_) => 1002,
            _ => 1008,
        }
    }

    /// A short word for the metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Packet(PacketError::TooLarge { .. }) => "too-large",
            Self::Packet(PacketError::Malformed(_)) => "malformed",
            Self::OutOfTurn(_) => "out-of-turn",
            Self::Level(_) => "level",
            Self::Will => "will",
            Self::Credentials => "credentials",
            Self::Foreign { .. } => "foreign-topic",
            Self::TooMany => "too-many-subscriptions",
            Self::Publish => "publish",
            Self::NotAllowed(_) => "not-allowed",
        }
    }
}

/// What to do with what the client sent, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send these bytes to the broker.
    Forward(Vec<u8>),
    /// Send these bytes to the client.
    Reply(Vec<u8>),
    /// The client is let go when it is silent for one and a half times this.
    KeepAlive(Duration),
    /// The client is done: close when the broker has it.
    Finish,
    /// Close, for this reason. Nothing comes after it.
    Refuse(Refusal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Opening,
    Open,
    Over,
}

/// The rules, and where in them one client is.
#[derive(Debug)]
pub struct Filter {
    prefix: String,
    client_id: String,
    framer: Framer,
    stage: Stage,
    filters_left: usize,
}

impl Filter {
    /// For one client: readers may see what is below `root`; the broker knows it as `client_id`.
    pub fn new(root: &Root, client_id: String) -> Self {
        Self {
            prefix: format!("{}/", root.as_str()),
            client_id,
            framer: Framer::new(LARGEST_PACKET),
            stage: Stage::Opening,
            filters_left: MOST_FILTERS,
        }
    }

    /// Takes the next bytes of the client. After [`Action::Finish`] or [`Action::Refuse`] it takes no more.
    pub fn accept(&mut self, bytes: &[u8]) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.stage == Stage::Over {
            return actions;
        }
        self.framer.push(bytes);
        while self.stage != Stage::Over {
            // What does not begin like CONNECT never will: no need to wait for the rest of it.
            if self.stage == Stage::Opening
                && let Some(first) = self.framer.peek()
                && first >> 4 != kind::CONNECT
            {
                actions.push(Action::Refuse(Refusal::OutOfTurn(first >> 4)));
                self.stage = Stage::Over;
                break;
            }
            let outcome = match self.framer.next() {
                Ok(Some(packet)) => self.packet(&packet, &mut actions),
                Ok(None) => break,
                Err(error) => Err(error.into()),
            };
            if let Err(refusal) = outcome {
                actions.push(Action::Refuse(refusal));
                self.stage = Stage::Over;
            }
        }
        actions
    }

    fn packet(&mut self, packet: &Packet, actions: &mut Vec<Action>) -> Result<(), Refusal> {
        match (self.stage, packet.kind()) {
            (Stage::Opening, kind::CONNECT) => {
                self.connect(packet, actions)?;
                self.stage = Stage::Open;
            }
            (Stage::Opening, other) | (_, other @ kind::CONNECT) => {
                return Err(Refusal::OutOfTurn(other));
            }
            (_, kind::SUBSCRIBE) => self.subscribe(packet, actions)?,
            (_, kind::UNSUBSCRIBE) => {
                actions.push(Action::Forward(unsubscribe(packet)?));
            }
            (_, kind::PUBACK) => {
                expect(packet.flags() == 0, "flags of PUBACK")?;
                let mut fields = Fields::new(&packet.body);
                fields.number()?;
                fields.end()?;
                actions.push(Action::Forward(packet.encode()));
            }
            (_, kind::PINGREQ) => {
                expect(packet.first == 0xc0 && packet.body.is_empty(), "PINGREQ")?;
                actions.push(Action::Forward(packet.encode()));
            }
            (_, kind::DISCONNECT) => {
                expect(packet.first == 0xe0 && packet.body.is_empty(), "DISCONNECT")?;
                actions.extend([Action::Forward(packet.encode()), Action::Finish]);
                self.stage = Stage::Over;
            }
            (_, kind::PUBLISH) => return Err(Refusal::Publish),
            (_, other) => return Err(Refusal::NotAllowed(other)),
        }
        Ok(())
    }

    /// Reads the client's CONNECT and forwards our own.
    fn connect(&self, packet: &Packet, actions: &mut Vec<Action>) -> Result<(), Refusal> {
        const PASSWORD: u8 = 0x40;
        const USER_NAME: u8 = 0x80;
        const WILL: u8 = 0x04;
        const WILL_DETAILS: u8 = 0x38;
        const RESERVED: u8 = 0x01;

        expect(packet.flags() == 0, "flags of CONNECT")?;
        let mut fields = Fields::new(&packet.body);
        let name = fields.text()?;
        let level = fields.byte()?;
        match (name, level) {
            ("MQTT", 4) | ("MQIsdp", 3) => {}
            ("MQTT", 5) => {
                // "Unsupported protocol version", in the shape that MQTT 5 reads.
                actions.push(Action::Reply(encode(0x20, &[0, 0x84, 0])));
                return Err(Refusal::Level(level));
            }
            ("MQTT" | "MQIsdp", _) => {
                actions.push(Action::Reply(connack(1)));
                return Err(Refusal::Level(level));
            }
            _ => return Err(PacketError::Malformed("protocol name").into()),
        }
        let flags = fields.byte()?;
        let asked = Duration::from_secs(fields.number()?.into());
        let not_authorized = || Action::Reply(connack(5));
        if flags & WILL != 0 {
            actions.push(not_authorized());
            return Err(Refusal::Will);
        }
        if flags & (USER_NAME | PASSWORD) != 0 {
            actions.push(not_authorized());
            return Err(Refusal::Credentials);
        }
        expect(flags & (RESERVED | WILL_DETAILS) == 0, "flags of CONNECT")?;
        fields.text()?;
        fields.end()?;

        let keep_alive =
            if asked.is_zero() { LONGEST_KEEP_ALIVE } else { asked }.min(LONGEST_KEEP_ALIVE);
        let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 0x02];
        body.extend_from_slice(&(keep_alive.as_secs() as u16).to_be_bytes());
        put_binary(&mut body, self.client_id.as_bytes());
        actions.push(Action::Forward(encode(kind::CONNECT << 4, &body)));
        actions.push(Action::KeepAlive(keep_alive));
        Ok(())
    }

    /// Forwards a subscription, with QoS 2 lowered to 1: a reader then never has to say more than PUBACK.
    fn subscribe(&mut self, packet: &Packet, actions: &mut Vec<Action>) -> Result<(), Refusal> {
        expect(packet.flags() == 2, "flags of SUBSCRIBE")?;
        let mut fields = Fields::new(&packet.body);
        let id = packet_id(&mut fields)?;
        let mut body = id.to_be_bytes().to_vec();
        let mut count = 0;
        let mut foreign = None;
        while !fields.is_empty() {
            let filter = fields.text()?;
            let qos = fields.byte()?;
            expect(qos <= 2, "QoS of a subscription")?;
            expect(is_topic_filter(filter), "topic filter")?;
            if !filter.starts_with(&self.prefix) {
                foreign.get_or_insert(filter);
            }
            put_binary(&mut body, filter.as_bytes());
            body.push(qos.min(1));
            count += 1;
        }
        expect(count > 0, "SUBSCRIBE without a topic filter")?;

        let refusal = match foreign {
            Some(filter) => {
                let root = self.prefix.trim_end_matches('/').to_owned();
                Some(Refusal::Foreign { filter: filter.to_owned(), root })
            }
            None if count > self.filters_left => Some(Refusal::TooMany),
            None => None,
        };
        if let Some(refusal) = refusal {
            // The client learns which packet failed before the connection ends.
            let mut failed = id.to_be_bytes().to_vec();
            failed.resize(2 + count, 0x80);
            actions.push(Action::Reply(encode(0x90, &failed)));
            return Err(refusal);
        }
        self.filters_left -= count;
        actions.push(Action::Forward(encode(0x82, &body)));
        Ok(())
    }
}

fn unsubscribe(packet: &Packet) -> Result<Vec<u8>, PacketError> {
    expect(packet.flags() == 2, "flags of UNSUBSCRIBE")?;
    let mut fields = Fields::new(&packet.body);
    packet_id(&mut fields)?;
    expect(!fields.is_empty(), "UNSUBSCRIBE without a topic filter")?;
    while !fields.is_empty() {
        expect(is_topic_filter(fields.text()?), "topic filter")?;
    }
    Ok(packet.encode())
}

fn packet_id(fields: &mut Fields<'_>) -> Result<u16, PacketError> {
    let id = fields.number()?;
    expect(id != 0, "packet id 0")?;
    Ok(id)
}

fn expect(holds: bool, what: &'static str) -> Result<(), PacketError> {
    if holds { Ok(()) } else { Err(PacketError::Malformed(what)) }
}

/// CONNACK of MQTT 3.1.1 with a return code.
fn connack(code: u8) -> Vec<u8> {
    encode(0x20, &[0, code])
}

/// `#` stands alone and last, `+` alone in its level (MQTT 3.1.1, section 4.7.1).
fn is_topic_filter(filter: &str) -> bool {
    let mut levels = filter.split('/').peekable();
    !filter.is_empty()
        && std::iter::from_fn(|| levels.next().map(|level| (level, levels.peek().is_none()))).all(
            |(level, last)| match level {
                "#" => last,
                "+" => true,
                _ => !level.contains(['#', '+']),
            },
        )
}

#[cfg(test)]
mod tests;
