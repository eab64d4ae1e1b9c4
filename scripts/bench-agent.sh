#!/usr/bin/env bash
# What the agent costs, each figure with its goal: memory after a day of feed, processor, open ports, start to
# first decision, size. bench-agent.sh [SECONDS]: how long the processor is watched, 60 unless said.
# AGENT_BIN=FILE measures that program instead of building a release.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin"
command -v mosquitto >/dev/null || { echo "mosquitto is missing: sudo apt-get install mosquitto" >&2; exit 1; }
if [ -z "${AGENT_BIN:-}" ]; then
	cargo build --release --locked --quiet -p ny-power-agent --bin ny-power-agent
	AGENT_BIN=target/release/ny-power-agent
fi
[ -x "$AGENT_BIN" ] || { echo "AGENT_BIN: $AGENT_BIN is no program" >&2; exit 1; }
# What measures is not measured: its own build may be any.
cargo build --locked --quiet -p ny-power-agent --example agent_cost
exec target/debug/examples/agent_cost "$AGENT_BIN" "${1:-60}"
