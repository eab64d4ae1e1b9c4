#!/bin/sh
# How fast unzipped recorded days become validated instants and intensities, beside the csv crate merely
# reading ByteRecords of the same bytes in the same run. Wanted: within 3x of it.
#
#   scripts/bench-parse.sh [FOLDER]   FOLDER with NYISO's monthly rtfuelmix zips; else $NY_POWER_DATA/rtfuelmix,
#                                     else ../shared/data/nyiso/rtfuelmix
set -eu
cd "$(dirname "$0")/.."
# Without link-time optimization: it takes minutes to build and changes the ratio by little.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
exec cargo run --quiet --release --package ny-power-nyiso --example parse_rate -- "$@"
