//! Brokers for tests: a real Mosquitto, a fake one that misbehaves on request, and a plain subscriber
//! that shares no code with the session under test.
//!
//! Everything waits with a limit, so that a hang fails a test and does not block it.

mod fake_broker;
mod mosquitto;
mod subscriber;
mod tls;

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

pub use fake_broker::{FakeBroker, FakeConnection};
pub use mosquitto::{Mosquitto, MosquittoConfig};
pub use rumqttc::{ConnectReturnCode, Packet};
pub use subscriber::{Login, Received, Subscriber, publish};
pub use tls::SelfSigned;

/// Longer than anything here takes, on a busy machine too.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again until `condition` holds.
///
/// # Panics
/// After [`PATIENCE`], with `what` was waited for.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    let what = what.to_owned();
    async move {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !condition() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        assert!(waited.await.is_ok(), "{caller}: waited in vain for: {what}");
    }
}

/// A loopback address that is free now and is not given to anybody who asks for "any port", so that a
/// broker under test can be stopped and started again on it.
///
/// # Panics
/// When thousands of ports are taken.
pub fn free_addr() -> SocketAddr {
    // Linux gives out ports from 32768 on.
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test binaries run side by side: each starts elsewhere.
    let start = (std::process::id() as u16).wrapping_mul(7919);
    for _ in 0..COUNT {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + offset));
        if TcpListener::bind(addr).is_ok() {
            return addr;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}
