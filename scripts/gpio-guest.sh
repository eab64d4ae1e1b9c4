#!/bin/sh
# The relay's story on a real GPIO line of the kernel, from inside the virtual machine that check-gpio.sh
# starts: busybox, a gpio-sim chip ($GPIO_CHIP, $GPIO_SIM, label pinctrl-sim), and the agent in /bin.
# The chip lets go of a line when the process that has it ends, as upstream kernels do; the kernel of
# Raspberry Pi OS keeps the level. So what a stopping agent drives is read while it stops.
LINE=$GPIO_SIM/sim_gpio17
FAILURES=0

check() { # what, wanted, found
  if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAILED: $1: wanted $2, found $3"; FAILURES=$((FAILURES + 1)); fi
}

level() { read -r value < "$LINE/value"; echo "$value"; }

# Waits up to 60 s, since this processor is emulated by software.
until_true() { # what, command...
  what=$1; shift; tries=0
  until "$@" > /dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -gt 600 ]; then
      echo "FAILED: in vain: $what"; FAILURES=$((FAILURES + 1)); tail -5 /state/log; return 1
    fi
    usleep 100000
  done
  echo "ok: $what"
}

is_level() { [ "$(level)" = "$1" ]; }
says() { grep -q "$1" /state/log; }
agent_says() { ny-power-agent --config /state/agent.toml status --json | grep -q "\"position\": *\"$1\""; }
agent_is_up() { ny-power-agent --config /state/agent.toml status; }

start() { # settings...: mode, on_exit, safe_position, contact, active_low
  rm -rf /state; mkdir -p /state
  cat > /state/agent.toml <<TOML
state_dir = "/state/data"
[control]
mode = "$1"
on_exit = "$2"
safe_position = "$3"
min_on_secs = 1
min_off_secs = 1
start_grace_secs = 0
tick_secs = 1
[clock]
trust = "always"
[actuator]
kind = "gpio"
[actuator.gpio]
chip = "pinctrl-sim"
line = "GPIO17"
contact = "$4"
active_low = $5
TOML
  ny-power-agent --config /state/agent.toml run > /state/log 2>&1 &
  AGENT=$!
}

# Every level while the agent ends, each once: "1 0".
stop() { # signal
  level > /state/levels; rm -f /state/watching
  # The signal waits for the watcher: on a busy machine it would see the end only.
  ( read -r last < /state/levels; : > /state/watching; while :; do read -r now < "$LINE/value"
      [ "$now" = "$last" ] || { echo "$now" >> /state/levels; last=$now; }; done ) &
  watcher=$!
  until [ -e /state/watching ]; do usleep 10000; done
  kill "-$1" "$AGENT"; wait "$AGENT" 2> /dev/null
  sleep 1; kill "$watcher"; wait "$watcher" 2> /dev/null
}
levels() { tr '\n' ' ' < /state/levels | sed 's/ $//'; }

for pull in up down; do
  echo "--- the start adopts what it finds: a line pulled $pull"
  echo "pull-$pull" > "$LINE/pull"
  before=$(level)
  start observe keep closed nc false
  until_true "the agent is up" agent_is_up
  until_true "the relay was taken as it was" says "the relay is taken as it is"
  check "the level has not moved" "$before" "$(level)"
  # An output holds its level against the pull; an input would follow it.
  if [ "$pull" = up ]; then echo pull-down > "$LINE/pull"; else echo pull-up > "$LINE/pull"; fi
  check "the line is driven, not floating" "$before" "$(level)"
  stop TERM
done

echo "--- set and read back, normally closed contact: closed is at rest"
echo pull-up > "$LINE/pull"
start now safe closed nc false
until_true "charging is on, so the line is low" is_level 0
until_true "the agent reads it back" agent_says closed
echo "--- a second agent does not get the line"
sed 's#/state/data#/state/second#' /state/agent.toml > /state/second.toml
ny-power-agent --config /state/second.toml run > /state/second.log 2>&1
check "the second one ends with an error" 1 $?
check "and says who has the line" 1 "$(grep -c 'is in use by "ny-power-agent"' /state/second.log)"
check "and has not moved it" 0 "$(level)"

echo "--- kill -9: nothing is driven on the way out; this kernel then lets go of the line"
stop KILL
check "low, then the pull" "0 1" "$(levels)"

echo "--- SIGTERM drives the fail state"
echo pull-up > "$LINE/pull"
start off safe closed nc false
until_true "charging is off, so the line is high" is_level 1
until_true "the agent is up" agent_is_up
sleep 2
stop TERM
check "high, driven low, then let go to the pull" "1 0 1" "$(levels)"
check "and says so" 1 "$(grep -c 'left in its exit position' /state/log)"

echo "--- SIGTERM with on_exit = keep drives nothing"
echo pull-up > "$LINE/pull"
start off keep closed nc false
until_true "the agent is up" agent_is_up
sleep 2
stop TERM
check "high to the end and after" "1" "$(levels)"
check "and says nothing of an exit position" 0 "$(grep -c 'left in its exit position' /state/log)"

echo "--- active low, normally open contact: closed is energized, which is low"
echo pull-up > "$LINE/pull"
start now safe open no true
until_true "charging is on, so the line is low" is_level 0
until_true "the agent is up" agent_is_up
sleep 2
echo pull-down > "$LINE/pull"
stop TERM
check "low, driven high, then let go to the pull" "0 1 0" "$(levels)"

echo "--- a line that is not there"
sed 's/GPIO17/GPIO99/' /state/agent.toml > /state/none.toml
ny-power-agent --config /state/none.toml run > /state/none.log 2>&1
check "ends with an error" 1 $?
check "and says what there is" 1 "$(grep -c 'there is no GPIO line' /state/none.log)"

echo "--- doctor and setup look at the line and take it from nobody"
look() { ny-power-agent --config "$1" doctor > /state/doctor 2>&1; }
finds() { grep -c "$1" /state/doctor; }
echo pull-up > "$LINE/pull"
start now safe closed nc false
until_true "charging is on, so the line is low" is_level 0
until_true "the agent is up" agent_is_up
look /state/agent.toml
check "the running agent holds it" 1 "$(finds 'switch .*is held by ny-power-agent; with the relay at rest the car may')"
check "and has it still, low" 0 "$(level)"
sleep 2
stop TERM
echo pull-up > "$LINE/pull"
look /state/agent.toml
check "it is free without one" 1 "$(finds 'ok *switch .*is there and free')"
check "and floats, as nobody took it" 1 "$(level)"
sed 's/GPIO17/GPIO99/' /state/agent.toml > /state/none.toml
look /state/none.toml
check "one that is not there is a failure" 1 "$(finds 'FAILURE *switch .*there is no GPIO line')"
printf '\ngpio\n\n' | ny-power-agent --config /state/new.toml setup --no-try > /state/setup 2> /dev/null
check "setup lists the lines" 1 "$(grep -c 'pinctrl-sim (/dev/gpiochip[0-9]*), 28 lines' /state/setup)"
check "those that are free, too" 1 "$(grep -c 'free:   GPIO0 GPIO1 ' /state/setup)"

echo "failures: $FAILURES"
[ "$FAILURES" = 0 ]
