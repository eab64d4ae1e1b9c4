#!/bin/sh
# Prints how long a plan of 96 h takes. evcc's planner, measured on the same kind of machine: 0.14 ms
# (384 slots) and 0.47 ms (1,152 slots); continuous 0.9 ms and 11.4 ms. Ours with limits: under 5 ms.
# One codegen unit, as in a release; fat LTO would only make the build longer.
set -eu
cd "$(dirname "$0")/.."
CARGO_PROFILE_BENCH_LTO=off CARGO_PROFILE_BENCH_CODEGEN_UNITS=1 \
    cargo bench -p ny-power-domain --bench plan -- --noplot --warm-up-time 1 --measurement-time 3 "$@" 2>/dev/null |
    grep -E '^[a-z].*slots|time:' | grep -v Benchmarking ||
    { echo "bench-plan: no figures; see cargo bench -p ny-power-domain --bench plan" >&2; exit 1; }
