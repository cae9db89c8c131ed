"""Figures for papers: plain, one column wide, readable in grey and for the colour-blind, saved as vector files.

Needs matplotlib (``pip install matplotlib``, or this package's extra ``plot``). Every function gives a
``matplotlib.figure.Figure``, which :func:`save` writes as PDF, SVG or EPS by the file's name.

>>> import gauntlet
>>> from gauntlet import plot
>>> archive = gauntlet.open("archive.h5")
>>> figure = plot.corruptions(archive, "imagenet-c-live")
>>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
['replknet-nano, mCE 29.1', 'resnet-nano, mCE 33.9', 'vit-nano, mCE 32.6']
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _resampling as resampling
from ._archive import Archive
from ._errors import need
from ._evaluation import Evaluation
from ._figure import Figure as ArchiveFigure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

#: Width of a column of text, in inches.
COLUMN = 3.4
#: Okabe and Ito's colours, which the colour-blind tell apart; one a model, always with a mark of its own.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKS = ("o", "s", "D", "^", "v", "P", "X")

STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "axes.grid": False,
    "figure.constrained_layout.use": True,
    # Texts stay texts, and the same figure is the same file.
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "gauntlet",
}

_UNITS = {"share": ", %", "points": ", points", "ratio": ", %", "number": ""}
_LABELS = {
    "dropped_percent": "patches dropped, %",
    "budget": "budget",
    "removed": "blocks left out",
    "frequency": "frequency, units of π",
    "severity": "severity",
    "point": "depth: points of the network, from 1",
    "block": "block, from 1",
    "kernel": "kernel, from 1",
    "grid": "patches",
}


@contextmanager
def style() -> Iterator[None]:
    """The style of these figures, for others of the same paper."""
    matplotlib = need("matplotlib", "plot", "drawing")
    with matplotlib.rc_context(STYLE):
        yield


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Writes a figure as the file's ending says, ``.pdf``, ``.svg``, ``.eps`` or ``.png``; the same figure, the same bytes."""
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    dates = {".pdf": "CreationDate", ".svg": "Date"}
    name = dates.get(place.suffix.lower())
    with style():
        figure.savefig(place, metadata={name: None} if name else None, dpi=300)
    return place


def severity(archive: Archive, benchmark: str = "imagenet-c", models: Sequence[str] | None = None) -> Figure:
    """Top-1 accuracy by severity, mean over the corruptions, with 95 % bands of resampled images; one line per model.

    Where the run has results of clean images these are severity 0.
    """
    chosen = _evaluations(archive, benchmark, models)
    with style():
        figure, axes = _panel()
        for evaluation in chosen:
            place = _place(evaluation)
            levels, values, low, high = _by_severity(evaluation)
            clean = next((one for one in archive[evaluation.model].values() if one.kind == "imagenet-val"), None)
            if clean is not None:
                top1 = clean.figures["top1"]
                ends = top1.interval() or (np.nan, np.nan)
                levels, values = np.insert(levels, 0, 0), np.insert(values, 0, float(top1))
                low, high = np.insert(low, 0, ends[0]), np.insert(high, 0, ends[1])
            _line(axes, place, levels, values, low, high, evaluation.model)
        axes.set(xlabel=_LABELS["severity"], ylabel="top-1, %")
        axes.set_xticks(levels)
        axes.legend()
    return figure


def corruptions(
    archive: Archive, benchmark: str = "imagenet-c", metric: str = "ce", models: Sequence[str] | None = None
) -> Figure:
    """Bars by corruption, a group each: corruption errors, or ``metric="relative_ce"``; with the mCE in the legend."""
    return bars(archive, benchmark, metric, models)


def bars(archive: Archive, benchmark: str, metric: str, models: Sequence[str] | None = None) -> Figure:
    """A figure over names, such as flip rates by perturbation: a group of bars each, with its mean in the legend."""
    chosen = _evaluations(archive, benchmark, models)
    with style():
        first = _figure(chosen[0], metric)
        count = first.value.sizes[first.axes[0]]
        figure, axes = _panel(width=max(COLUMN, 0.42 * count + 1.2), height=2.2)
        width = 0.8 / len(chosen)
        names = [str(name) for name in first.value.coords[first.axes[0]].values]
        scale = 1 if first.unit == "number" else 100
        for place, evaluation in enumerate(chosen):
            values = scale * _figure(evaluation, metric).value.values
            mean = evaluation.figures.get(_MEANS.get(metric, ""))
            label = evaluation.model
            if mean is not None and mean.is_defined:
                label += f", {mean.title} {mean.text()}"
            at = np.arange(count) + (place - (len(chosen) - 1) / 2) * width
            axes.bar(at, values, width * 0.92, color=_colour(evaluation), label=label)
        axes.set_xticks(range(count), [name.replace("_", " ") for name in names], rotation=40, ha="right")
        axes.set(ylabel=first.title + _UNITS[first.unit], xlabel="")
        _legend_above(axes, len(chosen) if count > 8 else 1)
    return figure


def curves(archive: Archive, benchmark: str, metric: str | None = None, models: Sequence[str] | None = None) -> Figure:
    """A figure over one axis, with its 95 % intervals as a band; one line per model.

    Args:
        archive: the archive.
        benchmark: any whose figures are over one axis: occlusion, attacks, lesions, bands of frequencies, feature maps.
        metric: the figure's name; None for the one that says most, such as ``loss_by_frequency``.
        models: names; None for all.
    """
    chosen = _evaluations(archive, benchmark, models)
    with style():
        figure, axes = _panel()
        _draw_curves(axes, chosen, metric)
        axes.legend()
    return figure


def occlusion(archive: Archive, models: Sequence[str] | None = None) -> Figure:
    """Top-1 accuracy over the share of dropped patches: one panel per benchmark of this kind."""
    return _panels(archive, "occlusion", "top1", models)


def attacks(archive: Archive, models: Sequence[str] | None = None) -> Figure:
    """Top-1 accuracy over the attacks' budgets: one panel per attack."""
    return _panels(archive, "attack", "top1", models)


def lesions(archive: Archive, models: Sequence[str] | None = None) -> Figure:
    """Top-1 accuracy over the number of blocks left out, mean over the draws."""
    return _panels(archive, "lesion", "mean_top1_by_removed", models)


def frequencies(archive: Archive, models: Sequence[str] | None = None) -> Figure:
    """By how much noise of one band of frequencies lowers top-1 accuracy."""
    return _panels(archive, "frequency-noise", "loss_by_frequency", models)


def heat_map(archive: Archive, benchmark: str, metric: str | None = None, models: Sequence[str] | None = None) -> Figure:
    """A map over two axes, such as errors by frequency or a receptive field: one panel per model, all on one scale."""
    chosen = _evaluations(archive, benchmark, models)
    with style():
        maps = [_map(evaluation, metric) for evaluation in chosen]
        scale = 100 if maps[0].unit == "share" and maps[0].title == "error" else 1
        largest = max(float(np.nanmax(one.value.values)) for one in maps) * scale
        side = 1.5
        figure, panels = _grid(1, len(maps), side * len(maps) + 0.6, side + 0.35)
        for axes, evaluation, one in zip(panels, chosen, maps, strict=True):
            rows, columns = (one.value.coords[name].values for name in one.axes)
            image = axes.imshow(
                scale * one.value.values,
                cmap="cividis",
                vmin=0,
                vmax=largest,
                interpolation="nearest",
                extent=(columns[0] - 0.5, columns[-1] + 0.5, rows[-1] + 0.5, rows[0] - 0.5),
                rasterized=False,
            )
            axes.set_title(evaluation.model)
            axes.spines[:].set_visible(False)
            axes.tick_params(length=0)
        figure.colorbar(image, ax=panels, label=maps[0].title + (", %" if scale == 100 else ""), shrink=0.8)
    return figure


def reliability(archive: Archive, benchmark: str = "imagenet-val", models: Sequence[str] | None = None) -> Figure:
    """Accuracy by confidence, bars with their intervals, beside the diagonal of a calibrated network: one panel per model."""
    chosen = _evaluations(archive, benchmark, models)
    with style():
        side = 1.6
        figure, panels = _grid(1, len(chosen), side * len(chosen) + 0.3, side + 0.5, sharey=True)
        for axes, evaluation in zip(panels, chosen, strict=True):
            accuracy = _figure(evaluation, "accuracy_by_confidence")
            values = 100 * accuracy.value.values
            width = 100 / len(values)
            at = (np.arange(len(values)) + 0.5) * width
            axes.bar(at, np.nan_to_num(values), width * 0.9, color=_colour(evaluation), alpha=0.6)
            if accuracy.low is not None and accuracy.high is not None:
                axes.vlines(at, 100 * accuracy.low.values, 100 * accuracy.high.values, color="black", linewidth=0.6)
            axes.plot([0, 100], [0, 100], color="grey", linewidth=0.6)
            ece = evaluation.figures.get("ece")
            axes.set(title=evaluation.model + (f", ECE {ece.text()} %" if ece is not None else ""), xlabel="confidence, %")
        panels[0].set_ylabel("accuracy, %")
    return figure


def headlines(archive: Archive, models: Sequence[str] | None = None) -> Figure:
    """Every benchmark's headline figure with its 95 % interval, one dot per model; only those in percent."""
    with style():
        rows = []
        for name in archive.benchmarks:
            chosen = [archive[model][name] for model in models or archive.models if name in archive[model]]
            figures = [(evaluation.model, evaluation.headline) for evaluation in chosen]
            figures = [(model, one) for model, one in figures if one.is_defined and one.unit != "number"]
            if figures:
                rows.append((name, figures))
        figure, axes = _panel(width=1.6 * COLUMN, height=0.3 * len(rows) + 0.8)
        order = list(archive.models)
        for line, (_, figures) in enumerate(rows):
            for model, one in figures:
                place = order.index(model)
                y = line + (place - (len(order) - 1) / 2) * 0.18
                ends = one.interval()
                if ends is not None:
                    axes.hlines(y, 100 * ends[0], 100 * ends[1], color=PALETTE[place % len(PALETTE)], linewidth=0.8)
                label = model if model not in axes.get_legend_handles_labels()[1] else None
                axes.plot(100 * float(one), y, MARKS[place % len(MARKS)], color=PALETTE[place % len(PALETTE)], label=label)
        axes.set_yticks(range(len(rows)), [f"{name}, {figures[0][1].title}" for name, figures in rows])
        axes.invert_yaxis()
        axes.set_xlabel("%")
        _legend_above(axes, len(order))
    return figure


def draw(archive: Archive, folder: str | os.PathLike[str], ending: str = "pdf") -> list[Path]:
    """Writes every figure that the archive has something for into a folder.

    Args:
        archive: the archive.
        folder: where; it is made.
        ending: ``pdf``, ``svg``, ``eps`` or ``png``.

    >>> import gauntlet, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = gauntlet.plot.draw(gauntlet.open("archive.h5"), folder, "svg")
    >>> [path.name for path in paths][:3]
    ['headlines.svg', 'imagenet-val-reliability.svg', 'imagenet-c-severity.svg']
    """
    figures: dict[str, Figure] = {"headlines": headlines(archive)}
    for name in archive.benchmarks:
        evaluation = _evaluations(archive, name, None)[0]
        said = evaluation.figures
        if evaluation.kind == "imagenet-c" and "severity" in evaluation.axes:
            figures[name + "-severity"] = severity(archive, name)
        if "ce" in said and said["ce"].is_defined:
            figures[name + "-ce"] = corruptions(archive, name)
        if "accuracy_by_confidence" in said:
            figures[name + "-reliability"] = reliability(archive, name)
        if any(one.role == "map" for one in said.values()):
            figures[name + "-map"] = heat_map(archive, name)
        elif "flip_rate" in said:
            figures[name + "-flip-rate"] = bars(archive, name, "flip_rate")
        elif _curve_of(evaluation) is not None:
            figures[name] = curves(archive, name)
    return [save(figure, Path(folder) / f"{name}.{ending}") for name, figure in figures.items()]


# -- What they are drawn from


def _evaluations(archive: Archive, benchmark: str, models: Sequence[str] | None) -> list[Evaluation]:
    unknown = [name for name in models or [] if name not in archive]
    if unknown:
        raise KeyError(f"{archive.path} has no model {unknown[0]!r}, only {', '.join(archive.models)}")
    found = [archive[name][benchmark] for name in models or archive.models if benchmark in archive[name]]
    if not found:
        raise KeyError(f"{archive.path} has no benchmark {benchmark!r}, only {', '.join(archive.benchmarks)}")
    return found


def _figure(evaluation: Evaluation, metric: str) -> ArchiveFigure:
    try:
        return evaluation.figures[metric]
    except KeyError:
        raise KeyError(f"{evaluation.group} has no figure {metric!r}, only {', '.join(evaluation.figures)}") from None


def _map(evaluation: Evaluation, metric: str | None) -> ArchiveFigure:
    if metric is not None:
        return _figure(evaluation, metric)
    for figure in evaluation.figures.values():
        if figure.role == "map":
            return figure
    raise KeyError(f"{evaluation.group} has no map")


# Of figures over names the single one that is their mean.
_MEANS = {
    "ce": "mce",
    "relative_ce": "relative_mce",
    "flip_rate": "mean_flip_rate",
    "top5_distance": "mean_top5_distance",
}
_FIRST = ("loss_by_frequency", "mean_top1_by_removed", "top1")


def _curve_of(evaluation: Evaluation) -> str | None:
    """The name of the figure over one axis that says most; None without one."""
    single = [one for one in evaluation.figures.values() if len(one.axes) == 1 and one.is_defined]
    for name in _FIRST:
        if any(one.name == name for one in single):
            return name
    return next((one.name for one in single if one.role == "curve"), None)


def _by_severity(evaluation: Evaluation) -> tuple[NDArray[Any], ...]:
    """Severities; accuracies, means over the corruptions; and both ends of their intervals."""
    evaluated, right = evaluation.outcomes()
    if evaluation.axes != ["corruption", "severity"]:
        raise ValueError(f"{evaluation.group} is not over corruptions and severities, but {', '.join(evaluation.axes)}")

    def means(counts: NDArray[Any]) -> NDArray[np.float64]:
        weights = counts.astype(np.float64)
        with np.errstate(invalid="ignore"):
            share = np.einsum("ri,csi->rcs", weights, right) / np.einsum("ri,csi->rcs", weights, evaluated)
        return share.mean(axis=1)

    images = right.shape[-1]
    found = means(np.ones((1, images)))[0]
    seed, population = evaluation.archive.seed, evaluation.population
    resampled = np.concatenate([means(block) for block in resampling.counts(seed, population, images)])
    ends = [resampling.interval(resampled[:, place]) for place in range(resampled.shape[1])]
    levels = np.asarray(evaluation._coordinate("severity"))
    return levels, found, np.array([low for low, _ in ends]), np.array([high for _, high in ends])


# -- How they are drawn


def _grid(rows: int, columns: int, width: float, height: float, **options: Any) -> tuple[Figure, list[Axes]]:
    module = need("matplotlib.figure", "plot", "drawing")
    figure = module.Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(panels.ravel())


def _panel(width: float = COLUMN, height: float = 2.3) -> tuple[Figure, Axes]:
    figure, panels = _grid(1, 1, width, height)
    return figure, panels[0]


def _panels(archive: Archive, kind: str, metric: str, models: Sequence[str] | None) -> Figure:
    names = [name for name in archive.benchmarks if any(one.kind == kind for one in _evaluations(archive, name, None))]
    if not names:
        raise KeyError(f"{archive.path} has no benchmark of the kind {kind!r}, only {', '.join(archive.benchmarks)}")
    with style():
        width = COLUMN if len(names) == 1 else 2.1 * len(names) + 0.3
        figure, panels = _grid(1, len(names), width, 2.3, sharey=True)
        for axes, name in zip(panels, names, strict=True):
            _draw_curves(axes, _evaluations(archive, name, models), metric)
            axes.set_title(name)
        for axes in panels[1:]:
            axes.set_ylabel("")
        panels[0].legend()
    return figure


def _draw_curves(axes: Axes, chosen: list[Evaluation], metric: str | None) -> None:
    name = metric or _curve_of(chosen[0])
    if name is None:
        raise KeyError(f"{chosen[0].group} has no figure over one axis")
    for number, evaluation in enumerate(chosen):
        one = _figure(evaluation, name)
        if len(one.axes) != 1:
            raise ValueError(f"{name} of {evaluation.group} is over {', '.join(one.axes) or 'nothing'}, not one axis")
        positions, ticks = _positions(one.value.coords[one.axes[0]].values)
        ends = [None if end is None else end.values for end in (one.low, one.high)]
        scale = 1.0 if one.unit == "number" else 100.0
        _line(axes, _place(evaluation), positions, one.value.values, ends[0], ends[1], evaluation.model, scale)
        if ticks is not None and number == 0:
            turned: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if "/" in "".join(ticks) else {}
            axes.set_xticks(positions, ticks, **turned)
        elif len(positions) <= 10 and number == 0:
            axes.set_xticks(positions)
    first = _figure(chosen[0], name)
    label = _LABELS.get(first.axes[0], first.axes[0].replace("_", " "))
    axes.set(xlabel=label, ylabel=first.title + _UNITS[first.unit])


def _place(evaluation: Evaluation) -> int:
    """The model's place in its archive, so that it looks the same in all figures."""
    return evaluation.archive.models.index(evaluation.model)


def _colour(evaluation: Evaluation) -> str:
    return PALETTE[_place(evaluation) % len(PALETTE)]


def _legend_above(axes: Axes, columns: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0, columnspacing=1)


def _positions(values: NDArray[Any]) -> tuple[NDArray[np.float64], list[str] | None]:
    """Where an axis' values stand, and ticks of their own: at their numbers, fractions too; names, such as those of a network's
    blocks, one after the other from 1.
    """
    numbers = []
    for value in values:
        top, _, bottom = str(value).partition("/")
        try:
            numbers.append(float(top) / float(bottom or 1))
        except ValueError:
            return np.arange(1, len(values) + 1, dtype=np.float64), None
    is_text = np.asarray(values).dtype.kind in "UO"
    return np.array(numbers), [str(value) for value in values] if is_text else None


def _line(
    axes: Axes, place: int, x: NDArray[Any], y: NDArray[Any], low: NDArray[Any] | None, high: NDArray[Any] | None,
    label: str, scale: float = 100.0,
) -> None:  # fmt: skip
    colour = PALETTE[place % len(PALETTE)]
    axes.plot(x, scale * y, marker=MARKS[place % len(MARKS)], color=colour, label=label)
    if low is not None and high is not None and np.isfinite(low).any():
        axes.fill_between(x, scale * low, scale * high, color=colour, alpha=0.15, linewidth=0)
