//! A broker that does what a test says, also what no real one can be made to do at the right moment.

use std::net::SocketAddr;

use bytes::BytesMut;
use rumqttc::{
    ConnAck, Connect, ConnectReturnCode, Packet, PubAck, Publish, QoS, SubAck, SubscribeReasonCode,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::PATIENCE;

const MAX_PACKET: usize = 1024 * 1024;

/// Listens; the test takes each connection by hand.
#[derive(Debug)]
pub struct FakeBroker {
    listener: TcpListener,
    addr: SocketAddr,
}

/// One client of a [`FakeBroker`]. Dropping it cuts the connection.
#[derive(Debug)]
pub struct FakeConnection {
    stream: TcpStream,
    buffer: BytesMut,
    /// What the client said first.
    pub connect: Connect,
}

impl FakeBroker {
    /// Listens on a free port of loopback.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("a listener has an address");
        Self { listener, addr }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The next client, which has said CONNECT and waits for a CONNACK.
    ///
    /// # Panics
    /// When none comes in time, or it begins otherwise.
    pub async fn client(&self) -> FakeConnection {
        let accepted = timeout(PATIENCE, self.listener.accept()).await;
        let (stream, _) = accepted.expect("a client comes in time").expect("it is accepted");
        stream.set_nodelay(true).expect("a TCP option");
        let connect = Connect::new("nobody yet");
        let mut connection = FakeConnection { stream, buffer: BytesMut::new(), connect };
        match connection.read().await {
            Some(Packet::Connect(connect)) => connection.connect = connect,
            other => panic!("a client begins with {other:?}"),
        }
        connection
    }

    /// The next client, let in.
    ///
    /// # Panics
    /// As [`FakeBroker::client`].
    pub async fn welcome(&self, session_present: bool) -> FakeConnection {
        let mut connection = self.client().await;
        connection.connack(ConnectReturnCode::Success, session_present).await;
        connection
    }
}

impl FakeConnection {
    /// The next packet, `None` at the end of the connection.
    ///
    /// # Panics
    /// When nothing comes in time, or no MQTT.
    pub async fn read(&mut self) -> Option<Packet> {
        loop {
            match Packet::read(&mut self.buffer, MAX_PACKET) {
                Ok(packet) => return Some(packet),
                Err(rumqttc::mqttbytes::Error::InsufficientBytes(_)) => {}
                Err(error) => panic!("the client does not speak MQTT: {error}"),
            }
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await;
            match read.expect("the client says something in time") {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next PUBLISH; subscriptions and pings are answered on the way.
    ///
    /// # Panics
    /// When the connection ends first.
    pub async fn read_publish(&mut self) -> Publish {
        loop {
            match self.read().await {
                Some(Packet::Publish(publish)) => return publish,
                Some(Packet::Subscribe(subscribe)) => {
                    let codes = subscribe
                        .filters
                        .iter()
                        .map(|_| SubscribeReasonCode::Success(QoS::AtLeastOnce))
                        .collect();
                    self.write(&Packet::SubAck(SubAck::new(subscribe.pkid, codes))).await;
                }
                Some(Packet::PingReq) => self.write(&Packet::PingResp).await,
                Some(_) => {}
                None => panic!("the connection ended before a PUBLISH"),
            }
        }
    }

    /// Answers the CONNECT.
    pub async fn connack(&mut self, code: ConnectReturnCode, session_present: bool) {
        self.write(&Packet::ConnAck(ConnAck::new(code, session_present))).await;
    }

    /// Acknowledges a PUBLISH.
    pub async fn puback(&mut self, publish: &Publish) {
        self.write(&Packet::PubAck(PubAck::new(publish.pkid))).await;
    }

    /// Sends any packet.
    ///
    /// # Panics
    /// When it is none that could be sent.
    pub async fn write(&mut self, packet: &Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, MAX_PACKET).expect("a packet that can be sent");
        // The client may be gone: the test sees that in what it reads.
        let _ = self.stream.write_all(&bytes).await;
    }
}
