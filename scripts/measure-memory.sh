#!/usr/bin/env bash
# Resident memory of `up` and of the agent, idle with a day of generated history, release build.
# measure-memory.sh [SECONDS]: how long to let them settle, 90 unless said.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --locked --quiet --bin ny-power-cloud --bin ny-power-agent
state=$(mktemp -d)
pids=()
stop() {
	kill "${pids[@]}" 2>/dev/null || true
	wait 2>/dev/null || true
	rm -rf "$state"
}
trap stop EXIT
export NY_POWER_LOG=warn
NY_POWER_CLOUD__DATA_DIR="$state/cloud" NY_POWER_CLOUD__WEB__BIND=127.0.0.1:18484 NY_POWER_CLOUD__BROKER__BIND=127.0.0.1:11884 \
	target/release/ny-power-cloud up --demo >/dev/null &
pids+=($!)
sleep 5
NY_POWER_AGENT__STATE_DIR="$state/agent" NY_POWER_AGENT__FEED__URL=mqtt://127.0.0.1:11884 \
	target/release/ny-power-agent run >/dev/null &
pids+=($!)
sleep "${1:-90}"
rss() { awk '/VmRSS/ {printf "%.1f MB", $2 / 1000}' "/proc/$1/status"; }
echo "up, idle with a day of history: RSS $(rss "${pids[0]}")"
echo "agent: RSS $(rss "${pids[1]}")"
echo "up on disk: $(du -sk "$state/cloud" | awk '{printf "%.1f MB", $1 / 1000}')"
echo "binaries: cloud $(stat -c %s target/release/ny-power-cloud | awk '{printf "%.1f MB", $1 / 1e6}'), agent $(stat -c %s target/release/ny-power-agent | awk '{printf "%.1f MB", $1 / 1e6}')"
