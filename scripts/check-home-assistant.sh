#!/usr/bin/env bash
# The http actuator against a real Home Assistant: the program finds an input_boolean off, turns it on, sees
# a hand turn it off, and leaves it in the exit position. Needs Mosquitto, python3 and the tools of a folder
# with install.sh and ha.py: NY_POWER_HA_TOOLS, else ../shared/tools/home-assistant. Skipped with a line that
# says so where there is none. About a minute, and another for the first installation.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin"
tools=${NY_POWER_HA_TOOLS:-../shared/tools/home-assistant}
skip() { echo "skipped: $1"; exit 0; }
if [ ! -x "$tools/install.sh" ] || [ ! -e "$tools/ha.py" ]; then
  skip "no install.sh and ha.py in $tools (NY_POWER_HA_TOOLS names another folder)"
fi
command -v mosquitto >/dev/null || skip "Mosquitto is not installed"
tools=$(cd "$tools" && pwd)
"$tools/install.sh"
cargo build --quiet --locked -p ny-power-agent
agent=$PWD/target/debug/ny-power-agent

work=$(mktemp -d)
ha() { python3 "$tools/ha.py" --dir "$work/ha" "$@"; }
pids=()
end() {
  ha stop >/dev/null 2>&1 || true
  for pid in ${pids[@]+"${pids[@]}"}; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap end EXIT

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$port" > "$work/mosquitto.conf"
mosquitto -c "$work/mosquitto.conf" >/dev/null 2>&1 &
pids+=($!)
mkdir -p "$work/overlay/packages"
printf 'input_boolean:\n  charger:\n    initial: false\n' > "$work/overlay/packages/charger.yaml"
ha start --broker "127.0.0.1:$port" --overlay "$work/overlay" > "$work/ha-start.json"
read -r url token < <(python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(d["url"], d["token"])' "$work/ha-start.json")
printf '%s\n' "$token" > "$work/token"
ha wait input_boolean.charger off

cat > "$work/agent.toml" <<TOML
state_dir = "$work/state"
[control]
mode = "now"
safe_position = "open"
min_on_secs = 1
min_off_secs = 1
start_grace_secs = 1
tick_secs = 1
[actuator]
kind = "http"
[actuator.http]
preset = "home-assistant"
url = "$url"
entity = "input_boolean.charger"
token_file = "$work/token"
TOML
"$agent" --config "$work/agent.toml" run > "$work/log" 2>&1 &
run=$!
pids+=("$run")
say() { echo "FAILED: $1"; tail -20 "$work/log"; exit 1; }
ha wait input_boolean.charger on >/dev/null || say "it is not turned on"
echo "ok: turned on"
ha call input_boolean.turn_off '{"entity_id": "input_boolean.charger"}' >/dev/null
for _ in $(seq 100); do
  "$agent" --config "$work/agent.toml" status --json 2>/dev/null | grep -q '"by-hand"' && break
  sleep 0.1
done
"$agent" --config "$work/agent.toml" status --json | grep -q '"by-hand"' || say "a hand is not seen"
echo "ok: a hand is seen"
ha call input_boolean.turn_on '{"entity_id": "input_boolean.charger"}' >/dev/null
sleep 3
kill -TERM "$run"
wait "$run" || say "it does not end well"
ha wait input_boolean.charger off >/dev/null || say "it is not left off"
grep -q "left in its exit position" "$work/log" || say "it does not say where it leaves the switch"
echo "ok: left off on the way out"
printf 'not-the-token\n' > "$work/token"
timeout 8 "$agent" --config "$work/agent.toml" run > "$work/log" 2>&1 || true
grep -q "answers 401 Unauthorized: look at token_file" "$work/log" || say "a wrong token is not named"
echo "ok: a wrong token is named"
