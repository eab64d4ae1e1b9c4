//! Counters of a session: read by tests and status pages, and passed on to the `metrics` recorder of
//! the process, if it has one.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])+ $name:ident = $metric:literal),+ $(,)?) => {
        /// Counts since the start of a session.
        #[derive(Debug, Default)]
        pub struct Stats { $($name: AtomicU64),+ }

        /// [`Stats`] at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts { $($(#[$doc])+ pub $name: u64),+ }

        impl Stats {
            /// All counts now.
            pub fn counts(&self) -> Counts {
                Counts { $($name: self.$name.load(Ordering::Relaxed)),+ }
            }

            $(pub(super) fn $name(&self) {
                self.$name.fetch_add(1, Ordering::Relaxed);
                metrics::counter!($metric).increment(1);
            })+
        }
    };
}

counters! {
    /// Connections made: the first, and every one after a loss.
    connected = "mqtt_connected_total",
    /// Connections lost after they were made.
    lost = "mqtt_lost_total",
    /// Attempts that made no connection, refusals included.
    failed = "mqtt_failed_attempts_total",
    /// CONNACKs that said no.
    refused = "mqtt_refused_total",
    /// Publications acknowledged (with QoS 0: written), repetitions of retained ones included.
    delivered = "mqtt_delivered_total",
    /// Publications dropped because too much was waiting.
    dropped = "mqtt_dropped_total",
    /// Waiting publications whose place a newer one of the same topic took.
    replaced = "mqtt_replaced_total",
    /// Publications given up: commands while the broker was away, invalid or unwanted ones.
    given_up = "mqtt_given_up_total",
    /// Messages received.
    received = "mqtt_received_total",
    /// Messages received and dropped, since their reader was too far behind.
    unread = "mqtt_unread_total",
}
