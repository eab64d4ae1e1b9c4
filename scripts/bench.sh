#!/usr/bin/env bash
# Every number that README and docs quote, each by its own script.
set -euo pipefail
cd "$(dirname "$0")"
for script in bench-*.sh measure-*.sh; do
	printf '\n== %s\n' "$script"
	"./$script"
done
