#!/usr/bin/env bash
# Every check and test. Recorded NYISO data are read from $NY_POWER_DATA or ../shared/data/nyiso; tests
# that need them skip with a printed reason where they are absent.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin"

if [ -z "${NY_POWER_DATA:-}" ] && [ -d ../shared/data/nyiso ]; then
	NY_POWER_DATA="$(cd ../shared/data/nyiso && pwd)"
	export NY_POWER_DATA
fi

scripts/check.sh
printf '\n== tests\n'
cargo test --workspace --locked
printf '\n== browser\n'
scripts/check-browser.sh
