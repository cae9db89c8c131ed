"""Figures as rows of a tidy table."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._errors import need

if TYPE_CHECKING:
    import pandas

    from ._archive import Archive
    from ._evaluation import Evaluation
    from ._figure import Figure

_HEAD = ("run", "model", "benchmark", "kind", "metric", "title")
_TAIL = ("value", "low", "high", "unit", "less_is_better", "images")


def rows(archives: Sequence[Archive], *, benchmark: str | None = None, metric: str | None = None) -> list[dict[str, Any]]:
    """One dictionary per figure and condition."""
    return [
        row
        for archive in archives
        for evaluation in archive.evaluations()
        if benchmark in (None, evaluation.benchmark)
        for figure in evaluation.figures.values()
        if metric == figure.name or (metric is None and not _is_map(evaluation, figure))
        for row in _of_figure(evaluation, figure)
    ]


def _is_map(evaluation: Evaluation, figure: Figure) -> bool:
    """Whether a figure is a picture rather than a table, such as that of a receptive field: in rows only by its name."""
    return len(figure.axes) > 1 and not set(figure.axes) <= set(evaluation.axes)


def _of_figure(evaluation: Evaluation, figure: Figure) -> Iterator[dict[str, Any]]:
    head = {
        "run": evaluation.archive.run,
        "model": evaluation.model,
        "benchmark": evaluation.benchmark,
        "kind": evaluation.kind,
        "metric": figure.name,
        "title": figure.title,
    }
    is_on_grid = list(figure.axes) == evaluation.axes
    planned = evaluation.planned.values
    values = {name: figure.value.coords[name].values.tolist() for name in figure.axes}
    for place in np.ndindex(*figure.value.shape):
        if is_on_grid and figure.name.startswith("top") and not planned[place]:
            continue
        coordinates = {name: values[name][index] for name, index in zip(figure.axes, place, strict=True)}
        yield {
            **head,
            **coordinates,
            "value": float(figure.value.values[place]),
            "low": float("nan") if figure.low is None else float(figure.low.values[place]),
            "high": float("nan") if figure.high is None else float(figure.high.values[place]),
            "unit": figure.unit,
            "less_is_better": figure.less_is_better,
            "images": images_of(evaluation, figure, coordinates),
        }


def images_of(evaluation: Evaluation, figure: Figure, coordinates: dict[str, Any] | None = None) -> int:
    """Images that a figure rests on: the most that one of its conditions has."""
    if figure.sets:
        counts = [evaluation._node.get("evaluated_" + name) for name in figure.sets]
        if all(count is not None for count in counts):
            return int(sum(np.nanmax(count[...]) for count in counts))
    evaluated = evaluation.evaluated
    chosen = {name: value for name, value in (coordinates or {}).items() if name in evaluated.dims}
    values = evaluated.sel(chosen).values if chosen else evaluated.values
    return int(values.max()) if values.size else 0


def to_parquet(archives: Sequence[Archive], path: str | os.PathLike[str], **chosen: str | None) -> None:
    """The frame as a file; what the archives say of themselves is the schema's metadata `gauntlet`, JSON."""
    pyarrow = need("pyarrow", "parquet", "a Parquet file")
    parquet = need("pyarrow.parquet", "parquet", "a Parquet file")
    table = pyarrow.Table.from_pandas(frame(archives, **chosen), preserve_index=False)
    told = [{key: archive.attributes.get(key) for key in ("run", "run_id", "seed", "source", "planned")} for archive in archives]
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), b"gauntlet": json.dumps(told).encode()})
    place = Path(path)
    # Whole or not at all.
    draft = place.with_name(place.name + ".unfinished")
    try:
        parquet.write_table(table, draft)
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)


def frame(archives: Sequence[Archive], *, benchmark: str | None = None, metric: str | None = None) -> pandas.DataFrame:
    """The same as a data frame, with the axes' columns in the middle."""
    pandas = need("pandas", "pandas", "a data frame")
    found = rows(archives, benchmark=benchmark, metric=metric)
    axes = dict.fromkeys(name for row in found for name in row if name not in _HEAD + _TAIL)
    return pandas.DataFrame(found, columns=[*_HEAD, *axes, *_TAIL])
