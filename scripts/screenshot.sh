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
if [ -z "${NY_POWER_WEB_SERVER:-}" ]; then
    cargo build --quiet --package ny-power-cloud --example web_only
    NY_POWER_WEB_SERVER="${CARGO_TARGET_DIR:-target}/debug/examples/web_only"
    case "$NY_POWER_WEB_SERVER" in /*) ;; *) NY_POWER_WEB_SERVER="$PWD/$NY_POWER_WEB_SERVER" ;; esac
    export NY_POWER_WEB_SERVER
fi
exec node scripts/screenshot.mjs "$@"
