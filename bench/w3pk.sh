#!/usr/bin/env bash
# Seals and opens w3pk payloads with strongroom and with npm's libraries, in one run. Prints a
# table, and ends with 1 when a bar of docs/reference/performance.md is missed. It needs Rust, a C
# compiler and Node 20. A machine with nothing else to do gives steady figures.
#
#   bench/w3pk.sh            measures all, about four minutes
#   bench/w3pk.sh --table    prints the table of the last run again
set -euo pipefail
cd "$(dirname "$0")/.."
criterion=${CRITERION_HOME:-${CARGO_TARGET_DIR:-target}/criterion}
peer=$criterion/npm-peer.json

# The ticks of all CPUs, and those of them that the hypervisor gave to other machines.
ticks() { awk '/^cpu / { print $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9, $9 }' /proc/stat 2>/dev/null || echo 0 0; }

case "${1:-}" in
  --table) ;;
  '')
    [ -d interop/node_modules ] || (cd interop && npm ci --silent) >&2
    read -r total stolen < <(ticks)
    cargo bench --locked -p strongroom --bench w3pk -- --noplot --quiet >&2
    node bench/npm_peer.mjs >"$peer"
    ticks | awk -v t="$total" -v s="$stolen" \
      '$1 > t && $2 - s > ($1 - t) / 20 { printf "the hypervisor kept %d %% of the CPU time: figures are too high\n", 100 * ($2 - s) / ($1 - t) }' >&2
    ;;
  *) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
exec node bench/table.mjs "$criterion" "$peer"
