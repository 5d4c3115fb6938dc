#!/usr/bin/env bash
# The branches of signing must not depend on the secret key. callgrind counts the instructions that
# slh-shake executes to sign one digest with several keys of 128f, and the counts must be equal. It
# does so on each back end that valgrind knows: the portable one and AVX2.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v valgrind >/dev/null && ! { apt-get update -qq && apt-get install -qq -y valgrind >/dev/null; }; then
  echo "secret independence was not checked: valgrind is needed"
  exit
fi
program=$(cargo nextest list --workspace --locked --list-type binaries-only --message-format json 2>/dev/null |
  python3 -c 'import json,sys; print(json.load(sys.stdin)["rust-binaries"]["slh-shake::secrets"]["binary-path"])')
counts=$(mktemp)
trap 'rm -f "$counts"' EXIT

for back_end in "portable, 1 lane" "AVX2, 4 lanes"; do
  if [ "$back_end" = "AVX2, 4 lanes" ] && ! grep -wE 'avx2' /proc/cpuinfo | grep -w bmi1 | grep -qw bmi2; then
    echo "AVX2 was not checked: this processor has none"
    continue
  fi
  for key in 0 1 2 3; do
    STRONGROOM_BACK_END="$back_end" STRONGROOM_KEY=$key \
      valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no \
      --toggle-collect='slh_shake::internals::sign_digest*' "$program" --ignored --nocapture --test-threads 1 >"$counts" 2>&1 ||
      { cat "$counts"; exit 1; }
    count=$(sed -n 's/^==[0-9]*== Collected : //p' "$counts")
    echo "$back_end, key $key: $count instructions"
    if [ "$key" = 0 ]; then
      first=$count
      # Makes sure that something was counted. A signature takes more than a hundred thousand
      # permutations, of which at most four run at once.
      [ "$first" -gt 50000000 ] || { echo "nothing was counted" >&2; exit 1; }
    fi
    [ "$count" = "$first" ] || { echo "the instructions depend on the key" >&2; exit 1; }
  done
done
