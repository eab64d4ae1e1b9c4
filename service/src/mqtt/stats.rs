//! Counters of a session: read by tests and status pages, and passed on to the `metrics` recorder of
//! the process, if it has one by then.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{counter, describe_counter};

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident = $metric:literal),+ $(,)?) => {
        /// Counts since the start of a session.
        pub(super) struct Stats { $($name: Count),+ }

        /// What happened since the start of a session.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts { $($(#[doc = $doc])+ pub $name: u64),+ }

        impl Stats {
            /// All at zero; `client` tells the sessions of a process apart.
            pub(super) fn new(client: &str) -> Self {
                $(describe_counter!($metric, concat!($($doc),+).trim());)+
                Self { $($name: Count::new(counter!($metric, "client" => client.to_owned()))),+ }
            }

            /// All counts now.
            pub(super) fn counts(&self) -> Counts {
                Counts { $($name: self.$name.here.load(Ordering::Relaxed)),+ }
            }

            $(pub(super) fn $name(&self) {
                self.$name.increment();
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

struct Count {
    here: AtomicU64,
    metric: metrics::Counter,
}

impl Count {
    fn new(metric: metrics::Counter) -> Self {
        // So that it can be seen, and rates be taken, before the first time.
        metric.increment(0);
        Self { here: AtomicU64::new(0), metric }
    }

    fn increment(&self) {
        self.here.fetch_add(1, Ordering::Relaxed);
        self.metric.increment(1);
    }
}

impl std::fmt::Debug for Stats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.counts().fmt(f)
    }
}

#[cfg(test)]
impl Default for Stats {
    fn default() -> Self {
        Self::new("test")
    }
}
