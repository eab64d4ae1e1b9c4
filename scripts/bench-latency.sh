#!/usr/bin/env bash
# From an instant appearing at the stand-in to the intensity at an MQTT subscriber, poll interval excluded.
#
#   scripts/bench-latency.sh [SAMPLES]                  one a second, 200 unless said
#   scripts/bench-latency.sh --undisturbed [SAMPLES]    at real-time priority, so that what else the machine does
#                                                       is not in the figure; needs root
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin"
command -v mosquitto >/dev/null || { echo "mosquitto is missing: sudo apt-get install mosquitto" >&2; exit 1; }
first=()
if [ "${1:-}" = --undisturbed ]; then
    shift
    chrt -r 20 true || { echo "real-time priority is not allowed here: run as root" >&2; exit 1; }
    first=(chrt -r 20)
fi
cargo build --release --locked --quiet -p ny-power-cloud --bin ny-power-cloud --example latency
exec "${first[@]}" target/release/examples/latency "${1:-200}" target/release/ny-power-cloud
