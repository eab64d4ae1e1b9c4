#!/bin/sh
# Prints how long a plan of 96 h takes, with its goal. Without limits: faster than evcc's planner, measured on
# the same kind of machine at 0.14 ms (384 slots) and 0.47 ms (1,152 slots); continuous 0.9 ms and 11.4 ms.
# With limits on switching, the worst that the agent asks for among them: under 5 ms.
# One codegen unit, as in a release; fat LTO would only make the build longer.
set -eu
cd "$(dirname "$0")/.."
CARGO_PROFILE_BENCH_LTO=off CARGO_PROFILE_BENCH_CODEGEN_UNITS=1 \
    cargo bench -p ny-power-domain --bench plan -- --noplot --warm-up-time 1 --measurement-time 3 "$@" 2>/dev/null |
    awk '
        # A long name has its times on the next line.
        / slots/ && !/time:/ && !/Benchmarking/ { name = $0; next }
        /time:/ {
            if (/ slots/) { name = $0; sub(/ *time:.*/, "", name) }
            times = $0; sub(/.*time: */, "", times)
            goal = "under 5 ms"
            if (name ~ /^no limits, 384/) goal = "under 0.14 ms"
            if (name ~ /^no limits, 1152/) goal = "under 0.47 ms"
            if (name ~ /^continuous, 384/) goal = "under 0.9 ms"
            if (name ~ /^continuous, 1152/) goal = "under 11.4 ms"
            printf "%-55s %-34s goal: %s\n", name, times, goal
            found = 1
        }
        END { exit !found }
    ' || { echo "bench-plan: no figures; see cargo bench -p ny-power-domain --bench plan" >&2; exit 1; }
