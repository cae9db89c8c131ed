#!/bin/sh
# Installs what Gauntlet builds with and is not there yet; says in one sentence what is missing where it cannot.
# With the word tests also what tests use where they find it; without that they are skipped.
set -eu

fail() { echo "setup: $1" >&2; exit 3; }

command -v swift >/dev/null 2>&1 || fail "there is no Swift toolchain on the PATH; install Swift 6.3 or later from swift.org."

packages="libzmq3-dev libhdf5-dev libopenblas-dev libjpeg-dev libpng-dev libwebp-dev libtiff-dev libgif-dev zlib1g-dev
  libsqlite3-dev libavformat-dev libavcodec-dev libavutil-dev pkg-config"
# A real Slurm, for SlurmTests, and network namespaces, for LinkTests: only root can run them.
[ "${1:-}" != tests ] || [ "$(id -u)" -ne 0 ] || packages="$packages slurm-wlm munge python3-venv iproute2"
missing=""
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null 2>&1 ||
  fail "these packages are missing and there is no apt-get to install them:$missing; install their like by hand."
if [ "$(id -u)" -eq 0 ]; then
  as_root=""
elif command -v sudo >/dev/null 2>&1; then
  as_root="sudo"
else
  fail "these packages are missing:$missing; ask an administrator to apt-get install them (no sudo here)."
fi
echo "setup: installing$missing"
$as_root apt-get update -qq || fail "apt-get update failed; check the network and the package sources."
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
  fail "apt-get could not install$missing; its message stands above."
