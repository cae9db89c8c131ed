"""The version: that of the program's sources, whose constant is the only one; in an unpacked source package its own."""

import pathlib
import re

_HERE = pathlib.Path(__file__).resolve().parent


def _find() -> str:
    pattern = re.compile(r'static let version = "(\d+\.\d+\.\d+)"')
    sources = _HERE.parent / "Sources"
    found = [match for file in sorted(sources.rglob("*.swift")) for match in pattern.findall(file.read_text())]
    if len(found) == 1:
        return found[0]
    packed = _HERE / "PKG-INFO"
    if not found and packed.exists():
        return re.search(r"^Version: (.+)$", packed.read_text(), re.MULTILINE)[1]
    raise ValueError(f"{sources} does not say once what the version is")


__version__ = _find()
