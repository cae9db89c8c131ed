#!/bin/sh
# Puts the program and all libraries that it needs, but the C library's, into one folder: tools/dist.sh FOLDER
# That runs on machines with this one's processor family and this C library or a later one, whatever is installed there.
set -eu

fail() { echo "dist: $1" >&2; exit 3; }

folder=${1:?"usage: tools/dist.sh FOLDER"}
program=${2:-.build/release/gauntlet}
[ -x "$program" ] || fail "there is no $program; make build makes it"
mkdir -p "$folder"
cp "$program" "$folder/gauntlet"
# These belong to the kernel and the C library of the machine.
own='^(linux-vdso|ld-linux|libc|libm|libdl|librt|libpthread|libresolv|libutil|libanl)[.-]'
ldd "$program" | awk '$2 == "=>" { print $1, $3 }' | while read -r name path; do
  echo "$name" | grep -qE "$own" && continue
  [ -f "$path" ] || fail "there is no $name on this machine"
  cp -L "$path" "$folder/$name"
done
# Each library must be found beside the program, also those that only libraries need; Swift's toolchain comes before it.
here=$(cd "$folder" && pwd)
strays=$(ldd "$here/gauntlet" | awk -v own="$own" -v here="$here/" \
  '$2 == "=>" && $1 !~ own && index($3, here) != 1 && $3 !~ "/swift/linux/" { print $1 }')
[ -z "$strays" ] || fail "$(echo "$strays" | wc -l) libraries are not taken from $folder, $(echo "$strays" | head -n 1) first"
echo "dist: $folder, $(du -sh "$folder" | cut -f1), needs $(ldd --version 2>&1 | sed -n '1s/.* /C library /p') or later"
