"""Gauntlet's archives in Python: figures, answers and comparisons of image classifiers under robustness benchmarks.

>>> import gauntlet
>>> archive = gauntlet.open("archive.h5")
>>> archive
<gauntlet.Archive archive.h5: run small, gauntlet ...>
  models: replknet-nano, resnet-nano, vit-nano
  benchmarks: imagenet-val, imagenet-c, imagenet-c-live, ...
>>> archive["replknet-nano"]["imagenet-c"]["top1"].sel(corruption="contrast").values
array([0.95, 0.95, 0.7 , 0.15, 0.1 ])
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from ._archive import Archive, Model, open
from ._compare import Comparison, Pair, compare
from ._errors import ArchiveError, MissingExtraError, NotComparableError
from ._evaluation import Evaluation
from ._figure import Figure
from ._publish import model_card, results_json
from ._tables import Table, table

if TYPE_CHECKING:
    import pandas

    from . import plot

try:
    __version__ = version("gauntlet-robustness")
except PackageNotFoundError:  # not installed: run from its sources
    __version__ = "unknown"

__all__ = [
    "Archive",
    "ArchiveError",
    "Comparison",
    "Evaluation",
    "Figure",
    "MissingExtraError",
    "Model",
    "NotComparableError",
    "Pair",
    "Table",
    "compare",
    "frame",
    "model_card",
    "open",
    "plot",
    "results_json",
    "table",
]


def frame(*archives: Archive, benchmark: str | None = None, metric: str | None = None) -> pandas.DataFrame:
    """The figures of several archives as one tidy table; see :meth:`Archive.frame`."""
    from . import _frame

    return _frame.frame(archives, benchmark=benchmark, metric=metric)


def __getattr__(name: str) -> object:
    # matplotlib is looked for only when something is drawn.
    if name == "plot":
        import importlib

        return importlib.import_module(".plot", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
