"""What an archive says of its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray

#: Roles of what is no figure itself: counts, places that are conditions, ends of intervals.
SUPPORT = frozenset({"support", "count", "grid"})


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval, as the archive has it.

    Shares are 0 to 1, and so are differences of shares (unit ``points``); ``ratio`` is 1 where a model makes as many errors
    as the reference, such as AlexNet in the mCE.
    """

    #: The archive's name, such as ``mean_top1``.
    name: str
    #: What people call it, such as ``mean top-1``.
    title: str
    #: Over ``axes``; of a single figure without dimensions.
    value: xarray.DataArray
    #: The lower end of the 95 % interval, of the same shape; None where the archive has none.
    low: xarray.DataArray | None
    #: Its upper end.
    high: xarray.DataArray | None
    #: What reports do with it: ``headline``, ``compared``, ``table``, ``curve``, ... (docs/reference.md).
    role: str
    #: ``share``, ``points``, ``ratio`` or ``number``.
    unit: str = "share"
    #: Whether a smaller figure is a better one.
    less_is_better: bool = False
    #: What it is over, in words.
    extent: str = ""
    #: Why it is not defined; empty where it is.
    absence: str = ""
    #: What it is, in a sentence.
    description: str = ""
    #: Named sets of images that it rests on.
    sets: tuple[str, ...] = field(default=())

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of its dimensions, such as ``("corruption", "severity")``."""
        return tuple(str(name) for name in self.value.dims)

    @property
    def is_defined(self) -> bool:
        """Whether there is a value at all."""
        return bool(np.isfinite(self.value.values).any())

    def __float__(self) -> float:
        if self.axes:
            raise TypeError(f"{self.name} is over {', '.join(self.axes)}, not a single figure; take .value")
        return float(self.value)

    def interval(self) -> tuple[float, float] | None:
        """Both ends of a single figure's interval; None where there is none."""
        if self.axes or self.low is None or self.high is None:
            return None
        ends = (float(self.low), float(self.high))
        return None if any(np.isnan(ends)) else ends

    def text(self, value: float | None = None, digits: int = 1) -> str:
        """A value as reports print it: shares, points and ratios in per cent.

        >>> import gauntlet
        >>> evaluation = gauntlet.open("archive.h5")["vit-nano/imagenet-r"]
        >>> evaluation.headline.text()
        '60.0'
        """
        number = float(self) if value is None else value
        if np.isnan(number):
            return "-"
        if self.unit != "number":
            return f"{100 * number:.{digits}f}"
        return f"{number:.{digits + 1}f}"


# What archives of before 0.8 do not say of their figures: title, role, unit, whether less is better.
_LEGACY: dict[str, tuple[str, str, str, bool]] = {
    "top1": ("top-1", "headline", "share", False),
    "top5": ("top-5", "beside", "share", False),
    "standard_mean_top1": ("mean top-1", "headline", "share", False),
    "mean_top1": ("mean top-1", "headline", "share", False),
    "mce": ("mCE", "compared", "ratio", True),
    "relative_mce": ("relative mCE", "beside", "ratio", True),
    "partial_mce": ("mean corruption error", "detail", "ratio", True),
    "ce": ("CE", "table", "ratio", True),
    "relative_ce": ("rel. CE", "table", "ratio", True),
    "aupr": ("AUPR", "headline", "share", False),
    "auroc": ("AUROC", "detail", "share", False),
    "fpr95": ("FPR95", "beside", "share", True),
    "flip_rate": ("flip rate", "table", "share", True),
    "top5_distance": ("top-5 distance", "table", "number", True),
    "mean_flip_rate": ("mean flip rate", "headline", "share", True),
    "mean_top5_distance": ("mean top-5 distance", "beside", "number", True),
    "mfr": ("mFR", "compared", "ratio", True),
    "mt5d": ("mT5D", "beside", "ratio", True),
    "bg_gap": ("BG-gap", "detail", "points", True),
    "val_gap": ("gap to val", "detail", "points", True),
    "rms_calibration_error": ("RMS calibration error", "detail", "share", True),
    "aurra": ("AURRA", "beside", "share", False),
    "ece": ("ECE", "beside", "share", True),
    "evaluated": ("evaluated", "count", "number", False),
    "planned": ("planned", "grid", "number", False),
}

#: Of several figures that may stand for a benchmark the first that is there.
_LEGACY_HEADLINES = ("aupr", "mean_flip_rate", "standard_mean_top1", "mean_top1", "top1")


def stated(name: str, attributes: Mapping[str, str], defined: frozenset[str]) -> dict[str, object]:
    """What a figure's attributes say; of archives of before what is known of its name.

    Args:
        name: the archive's name.
        attributes: those of its dataset.
        defined: names of the group's figures that have a value.
    """
    if "role" in attributes:
        return {
            "title": attributes.get("title") or name,
            "role": attributes["role"],
            "unit": attributes.get("unit", "share"),
            "less_is_better": attributes.get("better") == "less",
            "extent": attributes.get("extent", ""),
            "absence": attributes.get("absence", ""),
            "sets": tuple(attributes.get("of_sets", "").split("\n")) if attributes.get("of_sets") else (),
        }
    stem = name.removesuffix("_low").removesuffix("_high")
    if stem != name and stem in defined:
        return {"title": name, "role": "support", "unit": "share", "less_is_better": False}
    if name.startswith("evaluated"):
        return {"title": name, "role": "count", "unit": "number", "less_is_better": False}
    title, role, unit, less = _LEGACY.get(name, (name, "data", "share", False))
    if name.startswith("top1_"):
        title, role = "top-1", "table"
        return {"title": title, "role": role, "unit": unit, "less_is_better": less, "sets": (name[5:],)}
    if role == "headline" and next((n for n in _LEGACY_HEADLINES if n in defined), None) != name:
        role = "detail"
    return {"title": title, "role": role, "unit": unit, "less_is_better": less}
