#!/usr/bin/env bash
# Looks for undefined behaviour in slh-shake with Miri, which interprets a program and checks each
# access to memory.
#
#   checks/miri.sh           the unit tests, three minutes at most
#   checks/miri.sh --long    a key generation by every back end, which takes half an hour
#
# Miri has no processor that could be asked for its features, so AVX2 is named here. Without it only
# the portable back end would run, which has no unsafe code. Miri does not know the instructions of
# AVX-512.
set -euo pipefail
cd "$(dirname "$0")/.."
limit_s=180

if ! cargo +nightly miri --version >/dev/null 2>&1 &&
  ! rustup +nightly component add miri rust-src >/dev/null 2>&1; then
  echo "undefined behaviour was not looked for: no nightly toolchain with Miri can be had here"
  exit
fi
target=$(realpath "${CARGO_TARGET_DIR:-target}")
output=$(mktemp)
trap 'rm -f "$output"' EXIT

# The crate by itself, with what these tests need and the workspace's versions. Its other
# development dependencies bring C libraries, which take minutes to build and which Miri cannot run.
tree=$target/miri/tree
mkdir -p "$tree/crates/slh-shake/tests"
sed -E 's/^members = .*/members = ["crates\/slh-shake"]/; /^default-members/d; /^exclude/d; /^\[profile/,$d' \
  Cargo.toml >"$tree/Cargo.toml"
sed -E '/^(fips205|flate2|serde_json|slh-dsa|strongroom-testkit)\b/d; /^\[\[bench\]\]/,/^$/d' \
  crates/slh-shake/Cargo.toml >"$tree/crates/slh-shake/Cargo.toml"
ln -sfn "$PWD/crates/slh-shake/src" "$tree/crates/slh-shake/src"
ln -sfn "$PWD/crates/slh-shake/tests/back_ends.rs" "$tree/crates/slh-shake/tests/back_ends.rs"
cp Cargo.lock "$tree/"

export CARGO_TARGET_DIR=$target/miri RUSTFLAGS="-C target-feature=+avx2,+bmi1,+bmi2"
export MIRIFLAGS=-Zmiri-disable-isolation
miri=(cargo +nightly miri test --quiet --manifest-path "$tree/Cargo.toml")
# The time limit below is for the tests, so everything is built before.
cargo +nightly miri setup >"$output" 2>&1 || { cat "$output"; exit 1; }
"${miri[@]}" --no-run >"$output" 2>&1 || { cat "$output"; exit 1; }
if [ "${1:-}" = --long ]; then
  exec "${miri[@]}" --test back_ends -- keys_128f
fi

# The tests run one after the other, so the last line of the output names the one that was running.
status=0
timeout --kill-after=5 "$limit_s" "${miri[@]}" --lib -- --format pretty --nocapture --test-threads 1 2>&1 |
  tee "$output" || status=$?
case $status in
  0) grep -qF "AVX2, 4 lanes" "$output" || { echo "no test ran the AVX2 back end" >&2; exit 1; } ;;
  124 | 137)
    running=$(sed -n 's/^test \([^ ]*\) \.\.\..*/\1/p' "$output" | tail -1)
    echo "Miri was not done after $limit_s s, in ${running:-its start}: give it less to do under cfg!(miri)" >&2
    exit 1
    ;;
  *) exit "$status" ;;
esac
