#!/usr/bin/env bash
# Tests slh-shake's AVX-512 back ends where the processor has no AVX-512. It runs them under
# Debian's kernel in Bochs, which emulates a processor that has it. On such a processor the ordinary
# tests already ran them. It needs packages of Debian, and says that nothing was tested without
# them.
set -euo pipefail
cd "$(dirname "$0")/.."

if grep -qw avx512vl /proc/cpuinfo; then
  echo "this processor has AVX-512: the ordinary tests ran it"
  exit
fi
if ! { command -v bochs-bin && command -v grub-mkrescue && command -v xorriso && command -v cpio && test -x /bin/busybox; } >/dev/null; then
  { apt-get update -qq && apt-get install -qq -y --no-install-recommends \
    bochs bochs-term bochsbios vgabios grub-pc-bin grub-common xorriso mtools cpio busybox-static >/dev/null; } ||
    { echo "AVX-512 was not tested: there is neither a processor that has it nor Bochs"; exit; }
fi

work=$(mktemp -d)
trap 'kill -9 $emulator 2>/dev/null || true; wait 2>/dev/null; rm -rf "$work"' EXIT
emulator=

# The path of a test binary that the ordinary tests built, so nothing is built again.
binary() {
  cargo nextest list --workspace --locked --list-type binaries-only --message-format json 2>/dev/null |
    python3 -c 'import json,sys; print(json.load(sys.stdin)["rust-binaries"][sys.argv[1]]["binary-path"])' "$1"
}
units=$(binary slh-shake)
tests=$(binary slh-shake::back_ends)

# The kernel's package is only unpacked.
kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -1)
chmod 755 "$work"
(cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$kernel") ||
  { echo "AVX-512 was not tested: Debian's kernel cannot be fetched"; exit; }
(cd "$work" && dpkg-deb --fsys-tarfile ./*.deb | tar -x --wildcards './boot/vmlinuz-*')

# The guest: two test binaries, a shell to start them, and the libraries that the loader needs.
mkdir -p "$work"/guest/{bin,dev,proc,tmp} "$work/iso/boot/grub"
cp /bin/busybox "$work/guest/bin/"
cp "$units" "$work/guest/bin/units"
cp "$tests" "$work/guest/bin/back_ends"
ldd "$tests" | grep -oE '/[^ ]+' | xargs -I{} cp --parents -L {} "$work/guest/"
cat >"$work/guest/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
exec >/dev/ttyS0 2>&1
# Tests every lane of both permutations, and everything built on them for eight lanes. For four
# lanes the ordinary tests ran the rest on AVX2.
export STRONGROOM_BACK_ENDS='AVX-512, 8 lanes'
/bin/units --nocapture --test-threads 1 lanes && /bin/back_ends --nocapture --test-threads 1
echo "exit $?"
/bin/busybox sleep 1000
INIT
chmod +x "$work/guest/init"
(cd "$work/guest" && find . | cpio -o -H newc -R 0:0 --quiet) >"$work/iso/boot/initrd"
mv "$work"/boot/vmlinuz-* "$work/iso/boot/linux"
# Bits 321 and 323 are compact forms of XSAVE. Bochs reports them in a way that the kernel does not
# expect.
cat >"$work/iso/boot/grub/grub.cfg" <<'GRUB'
set timeout=0
menuentry test {
  linux /boot/linux console=ttyS0 quiet clearcpuid=321,323 mitigations=off nosmp acpi=off tsc=unstable
  initrd /boot/initrd
}
GRUB
grub-mkrescue -o "$work/disk.iso" "$work/iso" >"$work/mkrescue" 2>&1 || { cat "$work/mkrescue" >&2; exit 1; }

cat >"$work/bochsrc" <<RC
display_library: term
plugin_ctrl: speaker=0
cpu: model=corei7_skylake_x, count=1, ips=20000000
megs: 512
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0-master: type=cdrom, path="$work/disk.iso", status=inserted
boot: cdrom
clock: sync=none
com1: enabled=1, mode=file, dev="$work/serial"
log: "$work/log"
RC
echo c >"$work/continue"
touch "$work/serial"
TERM=vt100 bochs-bin -q -f "$work/bochsrc" -rc "$work/continue" >/dev/null 2>&1 </dev/null &
emulator=$!
for _ in $(seq 600); do
  status=$(tr -d '\r' <"$work/serial" | sed -n 's/^exit \([0-9]*\)$/\1/p')
  if [ -n "$status" ] || ! kill -0 $emulator 2>/dev/null; then break; fi
  sleep 1
done
tr -d '\r' <"$work/serial"
if [ "${status:-none}" != 0 ]; then
  tail -5 "$work/log" >&2
  echo "the AVX-512 back ends failed, or the emulator did not get that far" >&2
  exit 1
fi
