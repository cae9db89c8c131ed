"""What tests share: the archive of make_archive.sh, and copies of it that are changed."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import pytest

import gauntlet

HERE = Path(__file__).parent
PATH = HERE / "archive.h5"


@pytest.fixture(scope="session")
def archive() -> Iterator[gauntlet.Archive]:
    with gauntlet.open(PATH) as opened:
        yield opened


@pytest.fixture(scope="session")
def stored() -> Iterator[h5py.File]:
    """The same file as HDF5 has it, for figures that are worked out apart from the package."""
    with h5py.File(PATH, "r") as file:
        yield file


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[Callable[[h5py.File], None]], Path]:
    """A copy of the archive that a function has changed. Its seal no longer fits, and HDF5 may write over it."""

    def make(change: Callable[[h5py.File], None], name: str = "changed.h5") -> Path:
        path = tmp_path / name
        shutil.copy(PATH, path)
        with h5py.File(path, "r+") as file:
            change(file)
        return path

    return make


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Copies have no seal; who tests the warning asks for it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*has no seal")
        yield
