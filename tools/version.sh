#!/bin/sh
# Prints Gauntlet's version. The program's own constant is its one source; packages and documents take it from here.
set -eu
cd "$(dirname "$0")/.."
found=$(grep -rhoE 'static let version = "[0-9]+\.[0-9]+\.[0-9]+"' --include='*.swift' Sources | sed 's/.*"\(.*\)"/\1/')
[ "$(printf '%s\n' "$found" | grep -c .)" -eq 1 ] || { echo "version: Sources do not say once what the version is" >&2; exit 3; }
echo "$found"
