#!/bin/sh
# Builds libav with nothing but what Gauntlet reads and writes (MP4 with H.264, HEVC, MPEG-4 or Motion JPEG), from the source
# package of the libraries that are installed, with Debian's patches: tools/libav.sh FOLDER
# Debian's own needs 130 further libraries, 75 MB of them, for formats that Gauntlet refuses, and some of them are under the
# GPL. The same sources decode to the same bits. Takes two minutes on two cores; done once, the folder is left as it is.
set -eu

fail() { echo "libav: $1" >&2; exit 3; }

folder=${1:?"usage: tools/libav.sh FOLDER"}
version=$(dpkg-query -W -f '${source:Version}' libavcodec-dev 2>/dev/null) || fail "there is no libavcodec-dev; tools/setup.sh installs it"
if [ "$(cat "$folder/VERSION" 2>/dev/null)" = "$version" ]; then exit 0; fi
for tool in gcc make dpkg-source; do
  command -v "$tool" >/dev/null 2>&1 || fail "there is no $tool; apt-get install build-essential"
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# apt's package lists of sources, beside the machine's own, and with the same keys.
mkdir -p "$work/lists/partial" "$work/parts"
for list in /etc/apt/sources.list.d/*.sources; do
  [ ! -f "$list" ] || sed 's/^Types:.*/Types: deb-src/' "$list" > "$work/parts/${list##*/}"
done
[ ! -f /etc/apt/sources.list ] || sed -n 's/^deb /deb-src /p' /etc/apt/sources.list > "$work/parts/main.list"
apt() {
  apt-get -qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/parts" \
    -o Dir::State::Lists="$work/lists" -o APT::Sandbox::User=root "$@"
}
apt update || fail "the lists of source packages cannot be fetched; check the network"
(cd "$work" && apt source "ffmpeg=$version" >/dev/null) || fail "the source of ffmpeg $version cannot be fetched"

target=$(cd "$(dirname "$folder")" && pwd)/$(basename "$folder")
rm -rf "$target"
cd "$work"/ffmpeg-*/
assembler=$(command -v nasm >/dev/null 2>&1 && echo --enable-x86asm || echo --disable-x86asm)
codecs="h264 hevc mpeg4 mjpeg"
./configure --prefix=/usr --libdir=/usr/lib --enable-shared --disable-static --enable-pic "$assembler" \
  --disable-everything --disable-autodetect --disable-programs --disable-doc --disable-network --disable-avdevice \
  --disable-avfilter --disable-swscale --disable-swresample --disable-postproc --disable-debug \
  --enable-demuxer=mov --enable-muxer=mp4 \
  $(for codec in $codecs; do echo "--enable-decoder=$codec"; done) \
  $(for parser in h264 hevc mpeg4video mjpeg; do echo "--enable-parser=$parser"; done) > configure.log ||
  fail "configure failed: $(tail -n 1 configure.log)"
grep -q '^License: LGPL' configure.log || fail "the result would not be under the LGPL"
make -s -j "$(nproc)" > make.log 2>&1 || fail "make failed: $(tail -n 1 make.log)"
make -s install-libs DESTDIR="$work/installed" > install.log 2>&1 || fail "make install failed: $(tail -n 1 install.log)"
mkdir -p "$target"
cp -R "$work/installed/usr/lib" "$target/lib"
cp COPYING.LGPLv2.1 LICENSE.md "$target"
sed -n 's/^#define FFMPEG_CONFIGURATION "\(.*\)"/\1/p' config.h > "$target/configured"
echo "$version" > "$target/VERSION"
echo "libav: $folder, ffmpeg $version, $(du -sh "$target" | cut -f1)"
