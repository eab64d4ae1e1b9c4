//! Metrics: one recorder a process, rendered as Prometheus text; and the small HTTP side of services that
//! have no web.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;
use metrics::{describe_counter, describe_gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Starts counting. Call once a process; a second call (tests) counts into a recorder of its own.
pub fn install() -> PrometheusHandle {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    // Fails only where one is installed already, which then goes on counting.
    if metrics::set_global_recorder(recorder).is_ok() {
        describe_counter!("ny_power_polls_total", "Looks at a feed of NYISO's, by outcome");
        describe_counter!("ny_power_instants_total", "Instants published, new or revised");
        describe_counter!("ny_power_oddities_total", "Odd rows in NYISO's files, by kind");
        describe_counter!("ny_power_readings_total", "Intensities published");
        describe_counter!("ny_power_bad_payloads_total", "Payloads refused, by topic");
        describe_gauge!(
            "ny_power_newest_timestamp_seconds",
            "Interval end of the newest instant, Unix time"
        );
        describe_gauge!("ny_power_feed_age_seconds", "Age of the newest instant");
        describe_gauge!(
            "ny_power_average_intensity_grams_per_kwh",
            "Newest average intensity, by kind"
        );
    }
    handle
}

/// Whether a service is at work; for `/readyz`.
#[derive(Clone, Debug, Default)]
pub struct Ready(Arc<AtomicBool>);

impl Ready {
    /// Notes whether the service is at work.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }

    /// Whether it is.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Serves `/metrics`, `/healthz` (the process lives) and `/readyz` (the broker is there) until `shutdown`.
///
/// # Errors
/// When serving fails.
pub async fn run(
    listener: TcpListener,
    handle: PrometheusHandle,
    ready: Ready,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let text = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    let app = Router::new()
        .route("/metrics", get(move || async move { (text, handle.render()) }))
        .route("/healthz", get(|| async { "ok\n" }))
        .route(
            "/readyz",
            get(move || async move {
                if ready.get() {
                    (StatusCode::OK, "ok\n")
                } else {
                    (StatusCode::SERVICE_UNAVAILABLE, "the broker is away\n")
                }
            }),
        );
    axum::serve(listener, app)
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
        .context("serve metrics")
}
