#!/usr/bin/env bash
# From an instant appearing at the stand-in to the intensity at an MQTT subscriber, poll interval excluded.
# bench-latency.sh [SAMPLES]: one a second, 200 unless said.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin"
command -v mosquitto >/dev/null || { echo "mosquitto is missing: sudo apt-get install mosquitto" >&2; exit 1; }
cargo build --release --locked --quiet -p ny-power-cloud --bin ny-power-cloud --example latency
exec target/release/examples/latency "${1:-200}" target/release/ny-power-cloud
