#!/usr/bin/env bash
# Runs the tests under a sanitizer, in a build of its own: sanitize.sh thread|address|kernels [options of swift test].
# thread and address leave the unrolled kernels out; kernels is the sanitizer of addresses over those and their tests.
# GAUNTLET_SANITIZE_BUILD=.build takes that build instead, of which dependencies and kernels need not be made anew.
# Fails if a test does, or if the sanitizer reports anything, in the tests or in the programs that they start.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:-}
case $kind in
thread | address | kernels) shift ;;
*)
  echo "usage: tools/sanitize.sh thread|address|kernels [options of swift test]" >&2
  exit 2
  ;;
esac
build=${GAUNTLET_SANITIZE_BUILD:-$PWD/.build-$kind}
export GAUNTLET_SANITIZER=$kind
if [ "$kind" = kernels ]; then
  export GAUNTLET_SANITIZER=address GAUNTLET_SANITIZE_KERNELS=1
  set -- --filter KernelsTests "$@"
fi
reports=$build/reports-$kind
swift build -c release --build-tests --scratch-path "$build"
rm -rf "$reports"
mkdir -p "$reports"

case $GAUNTLET_SANITIZER in
thread)
  # What is not instrumented (the system's libraries) is not judged.
  export TSAN_OPTIONS="log_path=$reports/report ignore_noninstrumented_modules=1 exitcode=66
    suppressions=$PWD/tools/sanitizers/thread.suppressions"
  clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
  "$clang" -shared -fPIC -O2 -o "$build/mutex.so" tools/sanitizers/mutex.c
  preloaded=$build/mutex.so
  ;;
address)
  # What Swift's runtime and the system's libraries keep to their end is no leak of ours.
  export ASAN_OPTIONS="log_path=$reports/report detect_leaks=0"
  preloaded=
  ;;
esac

status=0
LD_PRELOAD=$preloaded swift test -c release --skip-build --scratch-path "$build" "$@" || status=$?
if compgen -G "$reports/report*" > /dev/null; then
  cat "$reports"/report*
  echo "$kind sanitizer: $(ls "$reports" | wc -l) processes have reports, see above" >&2
  status=1
fi
exit $status
