#!/bin/sh
# The dashboard in a real browser: the real web service, a real Mosquitto, the installed Chromium.
#
#   scripts/check-browser.sh [TEST FILE...]
#
# Needs Node 20, npm, Chromium and Mosquitto. Where one is missing it says which and skips; with CI set it
# fails instead. CHROMIUM=/path names another browser. With NY_POWER_CLOUD_BINARY=/path nothing is built.
set -eu
cd "$(dirname "$0")/.."

missing() {
    if [ -n "${CI:-}" ]; then
        echo "check-browser: $1 is missing, and in CI this check is not skipped" >&2
        exit 1
    fi
    echo "check-browser: skipped, $1 is missing (apt-get install nodejs npm chromium mosquitto mosquitto-clients)"
    exit 0
}
command -v node >/dev/null || missing "Node"
[ "$(node -p 'parseInt(process.versions.node)')" -ge 20 ] || missing "Node 20 or newer"
[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || command -v chromium-browser google-chrome >/dev/null || missing "Chromium"
[ -x "${MOSQUITTO:-/usr/sbin/mosquitto}" ] || missing "Mosquitto"
command -v mosquitto_pub >/dev/null || missing "mosquitto_pub"

tests=cloud/tests/browser
installed="$tests/node_modules/.package-lock.json"
if [ ! -f "$installed" ] || [ "$tests/package-lock.json" -nt "$installed" ]; then
    command -v npm >/dev/null || missing "npm"
    npm ci --prefix "$tests" --no-audit --no-fund
    touch "$installed"
fi
if [ -z "${NY_POWER_CLOUD_BINARY:-}" ]; then
    cargo build --quiet --package ny-power-cloud
    NY_POWER_CLOUD_BINARY="${CARGO_TARGET_DIR:-target}/debug/ny-power-cloud"
    case "$NY_POWER_CLOUD_BINARY" in /*) ;; *) NY_POWER_CLOUD_BINARY="$PWD/$NY_POWER_CLOUD_BINARY" ;; esac
    export NY_POWER_CLOUD_BINARY
fi
[ $# -gt 0 ] || set -- "$tests"/*.test.mjs
# One file at a time: each has a browser of its own, and the machine may be small.
exec node --test --test-concurrency=1 --test-timeout=120000 "$@"
