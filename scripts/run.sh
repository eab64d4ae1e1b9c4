#!/usr/bin/env bash
# Starts cloud (broker, store, web) and agent (simulated relay) on this machine; Ctrl-C stops both.
#
#   scripts/run.sh           live data of NYISO; generated data where NYISO does not answer on a first start
#   scripts/run.sh --demo    generated data
#   LIVE=1 scripts/run.sh    live data, however long NYISO takes
set -euo pipefail
cd "$(dirname "$0")/.."

die() { printf '%s\n' "$*" >&2; exit 1; }
command -v cargo >/dev/null || die "Rust 1.89 or newer is missing: install it from https://rustup.rs"
command -v cc >/dev/null || die "a C compiler is missing: sudo apt-get install build-essential"

demo=
[ "${1:-}" = "--demo" ] && demo=1

if [ ! -x target/debug/ny-power-cloud ] || [ ! -x target/debug/ny-power-agent ]; then
	echo "First build: about 2 minutes on two cores, once."
fi
cargo build --locked --bin ny-power-cloud --bin ny-power-agent
cloud=target/debug/ny-power-cloud
agent=target/debug/ny-power-agent

state="${NY_POWER_STATE:-$PWD/var}"
mkdir -p "$state"
export NY_POWER_CLOUD__DATA_DIR="${NY_POWER_CLOUD__DATA_DIR:-$state/cloud}"

web="${NY_POWER_CLOUD__WEB__BIND:-127.0.0.1:8484}"
if (exec 3<>"/dev/tcp/${web%:*}/${web##*:}") 2>/dev/null; then
	# Taken: the cloud says by what, and ends.
	timeout 10 "$cloud" up || code=$?
	exit "${code:-1}"
fi

if [ -z "$demo" ] && [ -z "${LIVE:-}" ] && [ ! -d "$NY_POWER_CLOUD__DATA_DIR/live/pump/store" ]; then
	if ! $cloud check-feed --timeout 10 >"$state/check-feed.txt"; then
		echo "NYISO cannot be reached ($(cat "$state/check-feed.txt")); running on GENERATED data. LIVE=1 make run waits instead."
		demo=1
	fi
fi

mode=live
args=()
if [ -n "$demo" ]; then
	mode=demo
	args=(--demo)
	echo "DEMO: everything below is generated data, not New York's grid."
fi

cloud_pid=""
agent_pid=""
# shellcheck disable=SC2317,SC2329  # called by the traps
stop() {
	trap - INT TERM EXIT
	[ -n "$agent_pid" ] && kill -TERM "$agent_pid" 2>/dev/null
	[ -n "$cloud_pid" ] && kill -TERM "$cloud_pid" 2>/dev/null
	wait 2>/dev/null
	echo "stopped"
}
trap 'stop; exit 130' INT
trap 'stop; exit 143' TERM
trap stop EXIT

# In sessions of their own, so that Ctrl-C reaches this script alone and it ends them in order.
setsid "$cloud" up "${args[@]}" &
cloud_pid=$!
for _ in $(seq 200); do
	kill -0 "$cloud_pid" 2>/dev/null || { wait "$cloud_pid" || code=$?; cloud_pid=; exit "${code:-1}"; }
	(exec 3<>"/dev/tcp/${web%:*}/${web##*:}") 2>/dev/null && break
	sleep 0.1
done

NY_POWER_AGENT__STATE_DIR="${NY_POWER_AGENT__STATE_DIR:-$state/agent-$mode}" setsid "$agent" run &
agent_pid=$!

# The first to end ends the other.
wait -n "$cloud_pid" "$agent_pid" || code=$?
exit "${code:-0}"
