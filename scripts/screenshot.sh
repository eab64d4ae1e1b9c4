#!/bin/sh
# Takes the README's picture, docs/dashboard.png, of the dashboard with plausible data, labeled as made up.
#
#   scripts/screenshot.sh                                    the picture of the README
#   scripts/screenshot.sh --url http://127.0.0.1:8484/       of a server that runs
#   scripts/screenshot.sh --size 390x844 --scheme dark --full --out /tmp/phone.png [--path /console]
#
# Needs what scripts/check-browser.sh needs.
set -eu
cd "$(dirname "$0")/.."
[ -d cloud/tests/browser/node_modules ] || npm ci --prefix cloud/tests/browser --no-audit --no-fund
if [ -z "${NY_POWER_CLOUD_BINARY:-}" ]; then
    cargo build --quiet --package ny-power-cloud
    NY_POWER_CLOUD_BINARY="${CARGO_TARGET_DIR:-target}/debug/ny-power-cloud"
    case "$NY_POWER_CLOUD_BINARY" in /*) ;; *) NY_POWER_CLOUD_BINARY="$PWD/$NY_POWER_CLOUD_BINARY" ;; esac
    export NY_POWER_CLOUD_BINARY
fi
exec node scripts/screenshot.mjs "$@"
