#!/usr/bin/env bash
# Seals and opens files of 1 GiB on tmpfs with strongroom, age, rage and openssl, copies them with
# cp, all in one run, and then sends 10 GiB through a pipe. Prints the table of
# docs/reference/performance.md, and ends with 1 when a bar is missed. The figures are medians of
# five rounds, taken in turns.
#
# It needs Debian's `age` and `openssl`, `rage` from `cargo install rage`, GNU time, and 4 GiB free
# in /dev/shm.
#
#   bench/files.sh [rounds]
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-5}
for tool in age age-keygen openssl rage; do
  command -v "$tool" >/dev/null || { echo "$tool is not installed: it is needed for the comparison" >&2; exit 2; }
done
cargo build --release --locked -p strongroom-cli >&2
strongroom=$PWD/${CARGO_TARGET_DIR:-target}/release/strongroom
place=$(mktemp -d /dev/shm/strongroom-bench.XXXXXX)
trap 'rm -rf "$place"' EXIT
cd "$place"

head -c $((1 << 30)) /dev/urandom >plain
"$strongroom" keygen -o key 2>/dev/null
public=$("$strongroom" pubkey key)
age-keygen -o agekey 2>/dev/null
agepublic=$(age-keygen -y agekey)
"$strongroom" encrypt -r "$public" -o strongroom.sealed plain
age -r "$agepublic" -o age.sealed plain
openssl enc -aes-256-ctr -pass pass:x -pbkdf2 -in plain -out openssl.sealed

# Runs a command under a name, and notes a line of name, wall s, user s, system s and peak KiB. The
# output is removed between runs, so each run makes a new file. cp runs several times a round:
# single ones are slow when a virtual machine's host has taken memory back in between.
measure() {
  local name=$1; shift
  /usr/bin/time -f "$name %e %U %S %M" -a -o figures "$@"
  rm -f out
}
for _ in $(seq "$rounds"); do
  measure cp cp plain out
  measure seal_one_thread taskset -c 0 "$strongroom" encrypt -r "$public" -o out plain
  measure cp cp plain out
  measure seal_all_cores "$strongroom" encrypt -r "$public" -o out plain
  measure open_one_thread taskset -c 0 "$strongroom" decrypt -i key -o out strongroom.sealed
  measure cp cp plain out
  measure open_all_cores "$strongroom" decrypt -i key -o out strongroom.sealed
  measure age_seal age -r "$agepublic" -o out plain
  measure age_open age -d -i agekey -o out age.sealed
  measure rage_seal rage -r "$agepublic" -o out plain
  measure rage_open rage -d -i agekey -o out age.sealed
  measure openssl_seal openssl enc -aes-256-ctr -pass pass:x -pbkdf2 -in plain -out out
  measure openssl_open openssl enc -d -aes-256-ctr -pass pass:x -pbkdf2 -in openssl.sealed -out out
  measure nothing "$strongroom" --version >/dev/null
done
rm -f ./*.sealed plain

head -c $((10 << 30)) /dev/zero |
  /usr/bin/time -f 'pipe_seal %e %U %S %M' -a -o figures "$strongroom" encrypt -r "$public" |
  /usr/bin/time -f 'pipe_open %e %U %S %M' -a -o figures "$strongroom" decrypt -i key |
  { cmp -n $((10 << 30)) - /dev/zero && echo "10 GiB came back through the pipe" >&2; }

sort -k1,1 -k2,2n figures | awk '
  function median(list, count,   i, j, t) {
    for (i = 2; i <= count; i++) for (j = i; j > 1 && list[j - 1] > list[j]; j--) { t = list[j]; list[j] = list[j - 1]; list[j - 1] = t }
    return list[int((count + 1) / 2)]
  }
  { n[$1]++; wall[$1, n[$1]] = $2; cpu[$1, n[$1]] = $3 + $4; user[$1, n[$1]] = $3; kib[$1, n[$1]] = $5 }
  function of(table, name,   i, list) { for (i = 1; i <= n[name]; i++) list[i] = table[name, i]; return median(list, n[name]) }
  END {
    printf "| 1 GiB, medians | wall s | CPU s | of them user | peak MiB | CPU / cp |\n| --- | ---: | ---: | ---: | ---: | ---: |\n"
    split("cp seal_one_thread seal_all_cores open_one_thread open_all_cores age_seal age_open rage_seal rage_open openssl_seal openssl_open pipe_seal pipe_open", names, " ")
    for (i = 1; i in names; i++)
      printf "| %s | %.2f | %.2f | %.2f | %.1f | %.2f |\n", names[i], of(wall, names[i]), of(cpu, names[i]), of(user, names[i]), of(kib, names[i]) / 1024, of(cpu, names[i]) / of(cpu, "cp")
    above = (of(kib, "seal_one_thread") - of(kib, "nothing")) / 1024
    ratio = of(wall, "seal_all_cores") / of(wall, "cp")
    printf "\none thread: %.2f CPU s (bar 0.25), %.1f MiB above the binary (bar 8); all cores: %.2f x cp (bar 1.5)\n", of(cpu, "seal_one_thread"), above, ratio
    exit of(cpu, "seal_one_thread") > 0.25 || above > 8 || ratio > 1.5
  }'
