#!/bin/sh
# Makes the archive that the tests of the Python package read anew: python/tests/make_archive.sh [GAUNTLET]
# Everything on 20 images of each kind; half a minute. Where it was made stands in an archive, so it is made in a neutral place.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
gauntlet=${1:-$repository/.build/release/gauntlet}
work=/tmp/gauntlet-archive
rm -rf "$work"
trap 'rm -rf "$work"' EXIT
mkdir "$work"
cp "$here/archive.yaml" "$work"
cp -r "$repository/models" "$work"
"$gauntlet" miniature "$work/data" --images 20
# A host's name is part of the provenance; as root it can be another for one program.
named() { if [ "$(id -u)" -eq 0 ]; then unshare --uts sh -c 'hostname example && exec "$@"' named "$@"; else "$@"; fi; }
named "$gauntlet" run "$work/archive.yaml" --run "$work/run" > "$work/table.txt"
"$gauntlet" verify "$work/run/archive.h5"
cp "$work/run/archive.h5" "$here/archive.h5"
"$gauntlet" report "$here/archive.h5" --output "$work/page.html" --csv "$work/tables" >/dev/null
for table in conditions series summary; do gzip -9 -n -c "$work/tables/$table.csv" > "$here/$table.csv.gz"; done
