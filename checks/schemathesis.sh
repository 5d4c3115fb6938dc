#!/usr/bin/env bash
# Sends the real server the requests that schemathesis makes from the server's own description. No
# answer may be a 5xx, and each must be as described. It needs Python 3 with venv, and the binaries
# of `cargo build --workspace`.
#
#   checks/schemathesis.sh [examples an operation]
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath "${CARGO_TARGET_DIR:-target}")
checks=$PWD/checks
venv=$target/schemathesis
version=4.32.5

if ! "$venv/bin/schemathesis" --version 2>/dev/null | grep -qF "$version"; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version"
fi
place=$(mktemp -d)
"$target/debug/strongroom" serve --listen 127.0.0.1:0 --data-dir "$place/data" --address-rate 0 --wallet-rate 0 --anonymous-quota 0 \
  --verification-rate 0 \
  2>"$place/log" &
server=$!
trap 'kill $server 2>/dev/null || true; wait $server 2>/dev/null || true; rm -rf "$place"' EXIT
for _ in $(seq 100); do
  url=$(sed -n 's/^listening on //p' "$place/log")
  [ -n "$url" ] && break
  sleep 0.1
done
"$target/debug/trials" sign_ins "${url#http://}" 1000 >"$place/sign_ins"
# schemathesis leaves a folder behind in the current directory.
cd "$place"
SIGN_INS=$place/sign_ins SCHEMATHESIS_HOOKS=schemathesis_hooks PYTHONPATH=$checks PYTHONDONTWRITEBYTECODE=1 \
  "$venv/bin/schemathesis" run "$url/openapi.json" --seed 1 --max-examples "${1:-50}" --warnings off \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method,allow_header_conformance
# The hook signs in, so some calls of readers must have been answered.
for route in '/secret/access/\{slot\}' '/backups/\{publicKey\}/users/\{userId\}'; do
  if ! grep -qE "\"status\":200,.*\"route\":\"$route\"" "$place/log"; then
    echo "no call of $route got past its sign-in: the hook does not work" >&2
    exit 1
  fi
done
echo "answers: $(grep -oE '"status":[0-9]+' "$place/log" | sort | uniq -c | tr -s ' \n' ' ')"
