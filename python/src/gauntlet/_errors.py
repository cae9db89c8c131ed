"""What can go wrong, each as one sentence that says what to do."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import NoReturn


class ArchiveError(ValueError):
    """A file that is not an archive, or is inconsistent."""


class NotComparableError(ValueError):
    """Results that are not of the same images, classes or conditions."""


class WorkError(RuntimeError):
    """A worker that could not join a run, or not continue."""


class MissingExtraError(ImportError):
    """An optional package that is not installed."""


def need(package: str, extra: str, what: str) -> ModuleType:
    """The module of an optional package.

    Raises:
        MissingExtraError: with the command that installs it.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        name = package.split(".")[0]
        raise MissingExtraError(
            f"{what} needs {name}, which is not installed: pip install {name}, or this package with its extra [{extra}]"
        ) from error


def refuse(path: object, reason: str) -> NoReturn:
    """Raises an error about a file."""
    raise ArchiveError(f"{path}: {reason}")
