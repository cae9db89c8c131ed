#!/bin/bash
# Tries the tarball and the wheel in bare roots of two Debian releases, and prints what it saw: tools/try_dist.sh [FOLDER]
# FOLDER (default dist) holds both, as make dist and make wheel leave them. In each root an ordinary user, whose home cannot be
# written, runs the tarball's program through a symbolic link from a path with a space and umlauts, then with Python installs
# the wheel and runs `gauntlet demo`. Needs root, debootstrap and the network; half a gigabyte in TMPDIR, and six minutes a release.
# TRY_RELEASES="bookworm" tries one, TRY_IMAGES=500 is the size of the demo.
set -euo pipefail

fail() { echo "try-dist: $1" >&2; exit 3; }
say() { echo "try-dist: $*"; }

here=$(cd "$(dirname "$0")/.." && pwd)
folder=$(cd "${1:-$here/dist}" && pwd)
version=$("$here/tools/version.sh")
tarball=$folder/gauntlet-$version-linux-$(uname -m).tar.gz
wheel=$(find "$folder" -name "gauntlet_robustness-$version-*.whl" -not -name '*-any.whl' | sort | tail -n 1)
[ -f "$tarball" ] || fail "there is no $tarball; make dist makes it"
[ -n "$wheel" ] || fail "there is no wheel of $version in $folder; make wheel makes it"
[ "$(id -u)" -eq 0 ] || fail "only root can make roots"
command -v debootstrap >/dev/null || fail "there is no debootstrap; apt-get install debootstrap"
images=${TRY_IMAGES:-500}

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT

# in_root ROOT USER COMMAND: in a mount and process namespace of its own, so that nothing is left mounted or running.
in_root() {
  unshare --mount --pid --fork --mount-proc="$1/proc" \
    chroot --userspec="$2" "$1" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/home/tester \
    LC_ALL=C.UTF-8 ${PIP_INDEX_URL:+PIP_INDEX_URL="$PIP_INDEX_URL"} \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt DEBIAN_FRONTEND=noninteractive sh -euc "$3"
}

seconds() { # NAME, then what runs; its output is kept in $work/NAME.log and shown where it fails.
  local name=$1 start=$SECONDS
  shift
  "$@" > "$work/$name.log" 2>&1 || { tail -n 20 "$work/$name.log"; fail "$name failed"; }
  say "$name: $((SECONDS - start)) s"
}

for release in ${TRY_RELEASES:-bookworm trixie}; do
  root=$work/$release
  seconds "$release, debootstrap" debootstrap --variant=minbase "$release" "$root"
  say "$release: $(in_root "$root" root 'ldd --version' | head -n 1), $(du -sh "$root" | cut -f1)"
  in_root "$root" root 'useradd --no-create-home tester && mkdir /home/tester && chmod 555 /home/tester && mkdir -m 1777 /scratch'
  mkdir -p "$root/opt/ein Ort für Übungen"
  tar xzf "$tarball" -C "$root/opt/ein Ort für Übungen" --no-same-owner
  ln -s "/opt/ein Ort für Übungen/$(basename "$tarball" .tar.gz)/bin/gauntlet" "$root/usr/local/bin/gauntlet"

  say "$release, as $(in_root "$root" tester 'id -un'), tarball: $(in_root "$root" tester 'gauntlet --version')"
  in_root "$root" tester '! touch /home/tester/x 2>/dev/null' || fail "the home can be written"
  strays=$(in_root "$root" tester 'ldd "$(readlink /usr/local/bin/gauntlet)"' | grep -vE 'linux-vdso|ld-linux|/lib(c|m|dl|rt|pthread|resolv|util)\.so' |
    grep -vc 'ein Ort für Übungen' || true)
  [ "$strays" -eq 0 ] || fail "$strays libraries are not the tarball's own"
  seconds "$release, tarball: gauntlet demo --images 20" \
    in_root "$root" tester 'cd /scratch && gauntlet demo --images 20 && gauntlet verify gauntlet-demo/runs/miniature/archive.h5'
  rm "$root/usr/local/bin/gauntlet"
  rm -rf "$root/opt/ein Ort für Übungen" "$root/scratch/gauntlet-demo"

  cp /etc/resolv.conf "$root/etc/resolv.conf"
  seconds "$release, apt-get install python3-venv" in_root "$root" root \
    'apt-get update -qq && apt-get install -qq --no-install-recommends python3-venv ca-certificates'
  # Behind a proxy with certificates of its own the machine's are needed.
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  cp "$wheel" "$root/scratch/"
  in_root "$root" tester 'cd /scratch && python3 -m venv venv'
  seconds "$release, wheel, command 1: pip install" \
    in_root "$root" tester "cd /scratch && venv/bin/pip install --no-cache-dir $(basename "$wheel")"
  seconds "$release, wheel, command 2: gauntlet demo" \
    in_root "$root" tester "cd /scratch && venv/bin/gauntlet demo --images $images"
  grep -A 9 'The models side by side' "$work/$release, wheel, command 2: gauntlet demo.log"
  in_root "$root" tester 'cd /scratch && venv/bin/python -c "
import gauntlet
archive = gauntlet.open(\"gauntlet-demo/runs/miniature\")
archive.check()
print(archive.table(benchmarks=[\"imagenet-val\", \"imagenet-c\"], intervals=True))"'
  rm -rf --one-file-system "$root"
done
say "all well"
