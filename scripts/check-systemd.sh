#!/usr/bin/env bash
# The systemd units: no mistakes, little exposure, and the template in step with the plain unit. Starts nothing
# and needs no running systemd; skipped with a line that says so where systemd-analyze is not installed.
set -euo pipefail
cd "$(dirname "$0")/.."
# systemd's own scale, 0 (best) to 10. What is left of it: both need the network, the agent GPIO and the clock's state.
worst_exposure=${WORST_EXPOSURE:-2.0}

# What tells an instance from the plain unit: its name, its settings, its state. All else must be the same.
plain() {
	grep -v '^#' "$1" | grep -v '^$' | sed -e 's/agent of %i:/agent:/' \
		-e 's| --config /etc/ny-power/%i.toml||' -e 's/^StateDirectory=ny-power-agent-%i$/StateDirectory=ny-power-agent/'
}
diff <(plain systemd/ny-power-agent.service) <(plain systemd/ny-power-agent@.service) ||
	{ echo "ny-power-agent@.service differs from ny-power-agent.service" >&2; exit 1; }
echo "the template says what the plain unit says"

if ! command -v systemd-analyze >/dev/null; then
	echo "skipped: systemd-analyze is not installed, so the units are not verified"
	exit 0
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for unit in ny-power-agent.service ny-power-agent@.service ny-power-cloud.service; do
	# The programs need not be installed here.
	sed 's|^ExecStart=/usr/bin/[a-z-]*|ExecStart=/bin/true|' "systemd/$unit" >"$dir/${unit/@/@garage}"
done
for unit in "$dir"/*.service; do
	# It warns on standard error, and about units of this machine as well.
	found=$(SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no --recursive-errors=no "$unit" 2>&1 |
		grep -F "$(basename "$unit" | sed 's/@.*//; s/\.service$//')" || true)
	[ -z "$found" ] || { echo "$found" >&2; exit 1; }
	echo "verified: $(basename "$unit")"
done
if systemd-analyze --help | grep -q -- --offline; then
	threshold=$(awk "BEGIN { print $worst_exposure * 10 }")
	for unit in "$dir"/*.service; do
		rating=$(systemd-analyze security --no-pager --offline=true --threshold="$threshold" "$unit") ||
			{ echo "$rating" >&2; echo "$(basename "$unit") is above $worst_exposure" >&2; exit 1; }
		sed -n 's/^.*Overall exposure level for \(.*\)$/exposure of \1/p' <<<"$rating"
	done
else
	echo "skipped: this systemd-analyze cannot rate the exposure of a file"
fi
if command -v systemd-sysusers >/dev/null; then
	mkdir -p "$dir/root/etc" "$dir/root/usr/lib/sysusers.d"
	cp systemd/ny-power.sysusers.conf "$dir/root/usr/lib/sysusers.d/ny-power.conf"
	systemd-sysusers --root="$dir/root" 2>/dev/null
	if ! grep -q '^ny-power:' "$dir/root/etc/passwd" || ! grep -q '^gpio:.*:ny-power$' "$dir/root/etc/group"; then
		echo "ny-power.sysusers.conf makes no user ny-power in group gpio" >&2
		exit 1
	fi
	echo "the user ny-power is made, a member of group gpio"
fi
