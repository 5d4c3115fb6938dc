#!/usr/bin/env bash
# Looks for undefined behaviour in slh-shake with Miri, which interprets a program and checks each
# access.
#
#   checks/miri.sh           the tests that take seconds there, three minutes at most
#   checks/miri.sh --long    a key generation by every back end too, which takes half an hour
#
# Miri has no processor to ask for its features, so they are named here: without them only the
# portable back end would run, which has no unsafe code.
set -euo pipefail
cd "$(dirname "$0")/.."
limit_s=180

if ! cargo +nightly miri --version >/dev/null 2>&1 &&
  ! rustup +nightly component add miri rust-src >/dev/null 2>&1; then
  echo "undefined behaviour was not looked for: no nightly toolchain with Miri can be had here"
  exit
fi
export RUSTFLAGS="-C target-feature=+avx2,+bmi1,+bmi2,+fma,+f16c,+avx512f,+avx512vl"
export MIRIFLAGS=-Zmiri-disable-isolation
# In a folder of its own, as those flags would have everything built again elsewhere.
CARGO_TARGET_DIR=$(realpath "${CARGO_TARGET_DIR:-target}")/miri
export CARGO_TARGET_DIR
output=$(mktemp)
trap 'rm -f "$output"' EXIT

# Building is not what is bounded.
cargo +nightly miri setup >"$output" 2>&1 || { cat "$output"; exit 1; }
build=(cargo +nightly miri test --locked --package slh-shake --features internals)
"${build[@]}" --lib --no-run

if [ "${1:-}" = --long ]; then
  exec "${build[@]}" --test back_ends -- keys_128f
fi
# One after the other, so that the last line names the test that was running.
status=0
timeout --kill-after=5 "$limit_s" "${build[@]}" --lib -- --test-threads 1 2>&1 | tee "$output" || status=$?
case $status in
  0) ;;
  124 | 137)
    running=$(sed -n 's/^test \(.*\) \.\.\. *$/\1/p' "$output" | tail -1)
    echo "Miri was not done after $limit_s s, in ${running:-its build}: give that test less to do under cfg!(miri)" >&2
    exit 1
    ;;
  *) exit "$status" ;;
esac
