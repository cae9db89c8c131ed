#!/usr/bin/env python3
"""Writes what a built program is made of as CycloneDX 1.6 (JSON): Swift packages by version and revision, the shared
libraries that it loads by Debian package, version and SHA-256.

usage: tools/sbom.py [PROGRAM [OUTPUT]]      (default: .build/release/gauntlet, dist/gauntlet.cdx.json)
Needs Package.resolved (swift package resolve) and, for packages of libraries, dpkg.
"""
import hashlib
import json
import pathlib
import subprocess
import sys


def run(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout


def swift_packages(root):
    for pin in sorted(json.loads((root / "Package.resolved").read_text())["pins"], key=lambda pin: pin["identity"]):
        place, state = pin["location"].removesuffix(".git"), pin["state"]
        name = place.removeprefix("https://")
        yield {
            "type": "library", "bom-ref": f"pkg:swift/{name}@{state['version']}", "name": pin["identity"],
            "version": state["version"], "purl": f"pkg:swift/{name}@{state['version']}",
            "externalReferences": [{"type": "vcs", "url": place}],
            "properties": [{"name": "gauntlet:revision", "value": state["revision"]}],
        }


def debian_package(path):
    """The package that a file came with, and its version; usr-merged systems list files under either name."""
    for candidate in (path, path.removeprefix("/usr")):
        owner = run("dpkg-query", "--search", candidate).split(":")[0]
        if owner:
            return owner, run("dpkg-query", "--showformat=${Version}", "--show", owner).strip()
    return None


def libraries(program):
    for line in sorted(run("ldd", str(program)).splitlines()):
        parts = line.split()
        if len(parts) < 3 or parts[1] != "=>" or not parts[2].startswith("/"):
            continue
        path = pathlib.Path(parts[2]).resolve()
        component = {
            "type": "library", "bom-ref": f"file:{parts[0]}", "name": parts[0],
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
        }
        found = debian_package(str(path))
        if found:
            component["version"] = found[1]
            component["purl"] = f"pkg:deb/debian/{found[0]}@{found[1].replace('+', '%2B')}"
        yield component


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    program = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else root / ".build/release/gauntlet")
    output = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else root / "dist/gauntlet.cdx.json")
    version = run(str(program), "--version").split()
    if not version:
        raise SystemExit(f"sbom: {program} does not run; make build makes it")
    bill = {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"component": {
            "type": "application", "bom-ref": "gauntlet", "name": "gauntlet", "version": version[-1],
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(program.read_bytes()).hexdigest()}],
        }},
        "components": [*swift_packages(root), *libraries(program)],
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(bill, indent=2) + "\n")
    print(f"{output}: {len(bill['components'])} components")


main()
