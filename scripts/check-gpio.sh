#!/usr/bin/env bash
# The gpio actuator on a real GPIO line of a real kernel: ARM64 Linux under qemu with a gpio-sim chip.
# Found, adopted, moved, read back, active-low, fail state and keep on SIGTERM, kill -9, a second agent.
# Needs the tools of a folder with toolchain.sh and qemu-gpio.sh: NY_POWER_ARM_TOOLS, else
# ../shared/tools/arm. Skipped with a line that says so where there is none. No run on real hardware.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=${NY_POWER_ARM_TOOLS:-../shared/tools/arm}
if [ ! -x "$tools/toolchain.sh" ] || [ ! -x "$tools/qemu-gpio.sh" ]; then
  echo "skipped: no toolchain.sh and qemu-gpio.sh in $tools (NY_POWER_ARM_TOOLS names another folder)"
  exit 0
fi
"$tools/toolchain.sh" >/dev/null
target=aarch64-unknown-linux-gnu
"${ARM_PREFIX:-$HOME/.cache/arm-cross}/bin/arm-cargo" build --quiet --locked --target "$target" -p ny-power-agent
exec "$tools/qemu-gpio.sh" --bin "target/arm/$target/debug/ny-power-agent" \
  --file scripts/gpio-guest.sh:/gpio-guest.sh --timeout 600 -- sh /gpio-guest.sh
