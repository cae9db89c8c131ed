"""Tables to paste: Markdown, and LaTeX with booktabs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ._archive import Archive
    from ._evaluation import Evaluation
    from ._figure import Figure

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip


class Table:
    """Texts in rows under a head."""

    def __init__(
        self, head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1, best: Sequence[Sequence[bool]] = ()
    ) -> None:
        #: The columns' titles.
        self.head = list(head)
        #: The cells, a list a row.
        self.rows = [list(row) for row in rows]
        self._left = left
        self._best = [list(row) for row in best] or [[False] * len(row) for row in self.rows]

    def to_markdown(self) -> str:
        """For a README or an issue; the best of each row in bold."""
        lines = [_line(cell.replace("|", "\\|") for cell in self.head)]
        lines.append(_line("---" if place < self._left else "---:" for place in range(len(self.head))))
        for row, best in zip(self.rows, self._best, strict=True):
            cells = [cell.replace("|", "\\|") for cell in row]
            lines.append(_line(f"**{cell}**" if bold else cell for cell, bold in zip(cells, best, strict=True)))
        return "\n".join(lines)

    def to_latex(self) -> str:
        """For a paper; needs the LaTeX package booktabs. The best of each row in bold."""
        columns = "".join("l" if place < self._left else "r" for place in range(len(self.head)))
        lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
        lines += [" & ".join(map(_escaped, self.head)) + r" \\", r"\midrule"]
        for row, best in zip(self.rows, self._best, strict=True):
            cells = [rf"\textbf{{{_escaped(cell)}}}" if bold else _escaped(cell) for cell, bold in zip(row, best, strict=True)]
            lines.append(" & ".join(cells) + r" \\")
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])

    def __str__(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if place < self._left else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in [self.head, *self.rows]
        )

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def table(
    *archives: Archive,
    benchmarks: Sequence[str] | None = None,
    rows: str = "benchmarks",
    intervals: bool = False,
    digits: int = 1,
) -> Table:
    """Models side by side: what a study's first table shows.

    Args:
        archives: one or more; models of the same name say their run.
        benchmarks: names; None for all.
        rows: ``benchmarks``, with a column a model, or ``models``, with a column a benchmark.
        intervals: with 95 % intervals.
        digits: decimal places of figures in per cent.

    Each figure is the benchmark's own, such as AUPR for ImageNet-O, and those that are compared beside it, as mCE. Shares,
    differences and ratios are in per cent; the best is bold in LaTeX and Markdown.

    >>> import gauntlet
    >>> archive = gauntlet.open("archive.h5")
    >>> gauntlet.table(archive, benchmarks=["imagenet-val", "imagenet-c-live", "imagenet-o"])
    benchmark        figure      replknet-nano  resnet-nano  vit-nano
    imagenet-val     top-1               100.0        100.0     100.0
    imagenet-c-live  mean top-1           76.4         72.0      73.8
    imagenet-c-live  mCE                  29.1         33.9      32.6
    imagenet-o       AUPR                 91.6         95.3      78.5
    """
    if rows not in ("benchmarks", "models"):
        raise ValueError(f"rows is {rows!r}, but must be 'benchmarks' or 'models'")
    models = [(archive, name) for archive in archives for name in archive.models]
    names = [name for _, name in models]
    titles = [f"{name} ({archive.run})" if names.count(name) > 1 else name for archive, name in models]
    order = benchmarks or list(dict.fromkeys(name for archive in archives for name in archive.benchmarks))
    lines: list[tuple[str, str, list[Figure | None]]] = []
    for benchmark in order:
        evaluations = [archive[name].get(benchmark) for archive, name in models]
        if not any(evaluations):
            raise KeyError(f"no such benchmark: {benchmark!r}")
        measures = list(dict.fromkeys(figure.title for one in evaluations for figure in compared(one)))
        for measure in measures:
            figures = [next((figure for figure in compared(one) if figure.title == measure), None) for one in evaluations]
            if any(figure is not None and figure.is_defined for figure in figures):
                lines.append((benchmark, measure, figures))
    cells = [[_cell(figure, intervals, digits) for figure in figures] for _, _, figures in lines]
    best = [_best(figures, digits) for _, _, figures in lines]
    if rows == "benchmarks":
        return Table(
            ["benchmark", "figure", *titles],
            [[benchmark, measure, *row] for (benchmark, measure, _), row in zip(lines, cells, strict=True)],
            left=2,
            best=[[False, False, *row] for row in best],
        )
    return Table(
        ["model", *(f"{benchmark}, {measure}" for benchmark, measure, _ in lines)],
        [[title, *(row[place] for row in cells)] for place, title in enumerate(titles)],
        best=[[False, *(row[place] for row in best)] for place in range(len(titles))],
    )


def compared(evaluation: Evaluation | None) -> list[Figure]:
    """The single figures by which models are compared."""
    if evaluation is None:
        return []
    found = [figure for figure in evaluation.figures.values() if not figure.axes]
    return [figure for figure in found if figure.role == "headline"] + [figure for figure in found if figure.role == "compared"]


def _cell(figure: Figure | None, intervals: bool, digits: int) -> str:
    if figure is None or not figure.is_defined:
        return "-"
    ends = figure.interval() if intervals else None
    text = figure.text(digits=digits)
    if ends is None:
        return text
    return f"{text} [{figure.text(ends[0], digits)}, {figure.text(ends[1], digits)}]"


def _best(figures: Sequence[Figure | None], digits: int) -> list[bool]:
    """Which are the best as they are printed; none where all are the same."""
    values = [float("nan") if figure is None or not figure.is_defined else float(figure) for figure in figures]
    if np.isfinite(values).sum() < 2:
        return [False] * len(values)
    less = next(figure.less_is_better for figure in figures if figure is not None)
    chosen = np.nanmin(values) if less else np.nanmax(values)
    printed = [None if figure is None else figure.text(value, digits) for figure, value in zip(figures, values, strict=True)]
    wanted = printed[values.index(chosen)]
    found = [text == wanted for text in printed]
    return [False] * len(values) if all(found) else found


def _line(cells: object) -> str:
    return "| " + " | ".join(cells) + " |"  # type: ignore[arg-type]


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)
