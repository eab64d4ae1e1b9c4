#!/usr/bin/env bash
# Installs what the tests need on a Debian-like machine, and nothing that is there already.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

command -v cargo >/dev/null || die "Rust 1.89 or newer is missing: install it from https://rustup.rs"

# command that must be there : Debian package that brings it
needed=(cc:build-essential make:make git:git curl:curl mosquitto:mosquitto mosquitto_sub:mosquitto-clients
	node:nodejs npm:npm chromium:chromium unzip:unzip)
# Debian installs mosquitto into /usr/sbin, which a user's PATH may lack.
PATH="$PATH:/usr/sbin"
missing=()
for entry in "${needed[@]}"; do
	command -v "${entry%%:*}" >/dev/null || missing+=("${entry#*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
	command -v apt-get >/dev/null || die "no apt here; install yourself: ${missing[*]}"
	sudo=
	if [ "$(id -u)" -ne 0 ]; then
		sudo -n true 2>/dev/null || die "not root; run: sudo apt-get install ${missing[*]}"
		sudo=sudo
	fi
	say "installing ${missing[*]}"
	$sudo apt-get update -qq || say "apt-get update failed; trying with the lists that are there"
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
		die "apt-get install ${missing[*]} failed"
fi

for part in rustfmt clippy; do
	cargo "${part/rustfmt/fmt}" --version >/dev/null 2>&1 || rustup component add "$part" ||
		die "cargo $part is missing: rustup component add $part"
done

if ! cargo deny --version >/dev/null 2>&1; then
	say "installing cargo-deny (a few minutes, once)"
	cargo install --locked --quiet cargo-deny || die "cargo install --locked cargo-deny failed"
fi

if [ ! -d cloud/tests/browser/node_modules ] || [ cloud/tests/browser/package-lock.json -nt cloud/tests/browser/node_modules ]; then
	say "installing the browser test's npm packages"
	(cd cloud/tests/browser && npm ci --silent --no-audit --no-fund) || die "npm ci in cloud/tests/browser failed"
	touch cloud/tests/browser/node_modules
fi
say "all there"
