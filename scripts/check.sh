#!/usr/bin/env bash
# What needs no service: format, lints, docs, dependencies, shell.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

step "format"
cargo fmt --all --check
step "lints"
cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
step "docs"
RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc --workspace --no-deps --document-private-items --locked --quiet
step "systemd units"
scripts/check-systemd.sh
step "dependencies: bans, licenses, sources"
cargo deny --offline check bans licenses sources
if [ -n "${ADVISORIES:-}" ] || timeout 20 git ls-remote -q https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; then
	step "dependencies: advisories"
	cargo deny check advisories
else
	echo "advisories: their database cannot be fetched from here; skipped"
fi
