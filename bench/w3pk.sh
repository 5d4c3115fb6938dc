#!/usr/bin/env bash
# Sealing and opening w3pk payloads beside npm's libraries, in one run: a table, and exit code 1 when a bar of
# docs/performance.md is missed. Rust, a C compiler and Node 20 are its prerequisites. A machine with nothing else
# to do gives steady figures.
#
#   bench/w3pk.sh            measures all, about four minutes
#   bench/w3pk.sh --table    prints the table of the last run again
set -euo pipefail
cd "$(dirname "$0")/.."
criterion=${CRITERION_HOME:-${CARGO_TARGET_DIR:-target}/criterion}
peer=$criterion/npm-peer.json

case "${1:-}" in
  --table) ;;
  '')
    [ -d interop/node_modules ] || (cd interop && npm ci --silent) >&2
    cargo bench --locked -p strongroom --bench w3pk -- --noplot --quiet >&2
    (cd interop && node bench.mjs) >"$peer"
    ;;
  *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
exec node bench/table.mjs "$criterion" "$peer"
