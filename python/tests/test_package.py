"""The package itself: its version, and the program that wheels carry."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import HERE

import gauntlet
from gauntlet import _program

ROOT = HERE.parent.parent


@pytest.mark.skipif(not (ROOT / "Sources").is_dir(), reason="outside of a clone")
def test_there_is_one_version():
    found = subprocess.run([ROOT / "tools/version.sh"], capture_output=True, text=True, check=True).stdout.strip()
    assert gauntlet.__version__ == found
    assert f"version: {found}" in (ROOT / "CITATION.cff").read_text()
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1] == found


def test_without_the_program_it_says_so(monkeypatch):
    monkeypatch.setattr(_program, "ROOT", Path("/nonexistent"))
    with pytest.raises(SystemExit, match="only the Python package"):
        _program.main()


def test_the_program_is_started_with_the_arguments(monkeypatch, tmp_path):
    program = tmp_path / "bin" / "gauntlet"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$@"\nexit 2\n')
    program.chmod(0o755)
    code = f"import sys; from pathlib import Path; from gauntlet import _program; _program.ROOT = Path({str(tmp_path)!r}); "
    code += "sys.argv = ['gauntlet', 'report', 'a b']; _program.main()"
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (outcome.returncode, outcome.stdout) == (2, "report a b\n")


def test_types_are_declared():
    assert (Path(gauntlet.__file__).parent / "py.typed").exists()
