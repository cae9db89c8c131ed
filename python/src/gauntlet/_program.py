"""The program `gauntlet` that wheels for Linux carry: the console script of the same name is this."""

from __future__ import annotations

import os
import sys
from pathlib import Path

#: Where wheels have the program, with its libraries, manuals, manifests and models.
ROOT = Path(__file__).resolve().parent / "program"


def path() -> Path | None:
    """The program's file; None where the package was installed without it, as from its sources."""
    found = ROOT / "bin" / "gauntlet"
    return found if found.exists() else None


def main() -> None:
    """Becomes the program, with the same arguments."""
    program = path()
    if program is None:
        sys.exit(
            "gauntlet: this installation has only the Python package; install the wheel for Linux on x86-64 to have the "
            "program, too, or build it (make build)"
        )
    try:
        os.execv(program, ["gauntlet", *sys.argv[1:]])
    except OSError as error:
        sys.exit(f"gauntlet: {program} cannot be started: {error.strerror}")
