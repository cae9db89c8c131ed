"""Two models over the same images: how far apart they are, and whether that may be chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from . import _resampling as resampling
from ._errors import NotComparableError, need
from ._tables import Table

if TYPE_CHECKING:
    import pandas

    from ._archive import Archive, Model
    from ._evaluation import Evaluation


@dataclass(frozen=True)
class Pair:
    """Two models on one benchmark, image by image; the archive's own definitions (docs/reference.md, `/comparisons`)."""

    benchmark: str
    #: The model whose accuracy the other's is taken away from.
    model: str
    other: str
    #: Conditions under which both have results.
    conditions: int
    #: Images that both have results of, under one condition at least.
    images: int
    #: Images that ``model`` answers right under more conditions than ``other``: its wins.
    better: int
    #: The other way round: its losses.
    other_better: int
    #: Top-1 of ``model`` less that of ``other``, mean over the conditions, -1 to 1.
    difference: float
    #: The 95 % interval of the difference, of 1,000 resamples of the images with all their conditions.
    difference_low: float
    difference_high: float
    #: Exact and two-sided: the sign test of ``better`` and ``other_better``, of one condition McNemar's.
    p: float
    #: Share of images that both answer right or both wrong, mean over the conditions.
    agreement: float
    #: Cohen's kappa of right and wrong (Geirhos et al. 2020), mean over the conditions; NaN where both answer all right.
    error_consistency: float
    error_consistency_low: float
    error_consistency_high: float
    #: p after Holm's correction for all pairs compared together.
    p_holm: float = float("nan")


class Comparison(Sequence[Pair]):
    """Pairs of models that were compared together."""

    def __init__(self, pairs: Sequence[Pair], skipped: Sequence[str] = ()) -> None:
        self._pairs = tuple(pairs)
        #: What could not be compared, a sentence each.
        self.skipped = tuple(skipped)

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> Comparison: ...
    def __getitem__(self, index: int | slice) -> Pair | Comparison:
        if isinstance(index, slice):
            return Comparison(self._pairs[index], self.skipped)
        return self._pairs[index]

    def __len__(self) -> int:
        return len(self._pairs)

    def frame(self) -> pandas.DataFrame:
        """One row per pair, with the columns of the archive's ``/comparisons``."""
        pandas = need("pandas", "pandas", "a data frame")
        return pandas.DataFrame([asdict(pair) for pair in self], columns=[field.name for field in fields(Pair)])

    def table(self) -> Table:
        """As reports print it: differences in points, with intervals."""
        head = ["benchmark", "first", "second", "images", "difference, points", "better on", "p", "p, corrected"]
        rows = [
            [
                pair.benchmark,
                pair.model,
                pair.other,
                f"{pair.images}" + (f" under {pair.conditions} conditions" if pair.conditions > 1 else ""),
                _with_interval(100 * pair.difference, 100 * pair.difference_low, 100 * pair.difference_high),
                f"{pair.better} and {pair.other_better}",
                probability(pair.p),
                probability(pair.p_holm),
            ]
            for pair in self
        ]
        return Table(head, rows, left=3)

    def to_markdown(self) -> str:
        """For a README or an issue."""
        return self.table().to_markdown()

    def to_latex(self) -> str:
        """For a paper; needs the LaTeX package booktabs."""
        return self.table().to_latex()

    def __str__(self) -> str:
        return "\n".join([str(self.table()), *self.skipped])

    __repr__ = __str__


def compare(
    a: Archive | Model | Evaluation,
    b: Archive | Model | Evaluation | None = None,
    *,
    benchmarks: Sequence[str] | None = None,
) -> Comparison:
    """Compares models image by image.

    Args:
        a: an archive, a model or an evaluation.
        b: what it is compared with: a model with a model, an evaluation with an evaluation; of two archives the models of the
            same name, or, where each has one model, those. None compares all models of the archive ``a``, in pairs.
        benchmarks: names of benchmarks; None for all that both have.

    The difference is ``a`` less ``b``. Resamples are those of ``a``'s run, so that within one archive the figures are the
    archive's own. p-values are Holm-corrected for all pairs of the call.

    Raises:
        NotComparableError: where nothing can be compared, with the reason; where some can, ``.skipped`` says what cannot.

    >>> import gauntlet
    >>> archive = gauntlet.open("archive.h5")
    >>> print(gauntlet.compare(archive["replknet-nano"], archive["vit-nano"], benchmarks=["imagenet-c", "imagenet-r"]))
    benchmark   first          second    images                  difference, points  better on       p  p, corrected
    imagenet-c  replknet-nano  vit-nano  20 under 20 conditions     3.5 [-1.8, 10.0]    7 and 6       1             1
    imagenet-r  replknet-nano  vit-nano                      20    40.0 [20.0, 65.0]    8 and 0  0.0078        0.0156
    """
    candidates = _candidates(a, b, benchmarks)
    found: list[Pair] = []
    skipped: list[str] = []
    for names, one, other in candidates:
        try:
            found.append(_pair(one, other, names))
        except NotComparableError as error:
            skipped.append(str(error))
    if not found:
        raise NotComparableError("; ".join(skipped) if skipped else "they have no benchmark in common")
    corrected = resampling.holm([pair.p for pair in found])
    return Comparison([replace(pair, p_holm=p) for pair, p in zip(found, corrected, strict=True)], skipped)


_Candidate = tuple[tuple[str, str], "Evaluation", "Evaluation"]


def _candidates(a: Any, b: Any, benchmarks: Sequence[str] | None) -> list[_Candidate]:
    from ._archive import Archive, Model
    from ._evaluation import Evaluation

    if isinstance(a, Evaluation) and isinstance(b, Evaluation):
        return [(_names(a, b), a, b)]
    if isinstance(a, Model) and isinstance(b, Model):
        models = [(a, b)]
        order = [name for name in a.archive.benchmarks if name in a and name in b]
    elif isinstance(a, Archive) and b is None:
        everyone = list(a.values())
        models = [(one, other) for place, one in enumerate(everyone) for other in everyone[place + 1 :]]
        order = a.benchmarks
    elif isinstance(a, Archive) and isinstance(b, Archive):
        common = [name for name in a if name in b]
        if not common and len(a) == len(b) == 1:
            models = [(next(iter(a.values())), next(iter(b.values())))]
        else:
            models = [(a[name], b[name]) for name in common]
        if not models:
            raise NotComparableError(
                f"{a.path} and {b.path} have no model name in common; compare models: compare(a[NAME], b[NAME])"
            )
        order = a.benchmarks
    else:
        raise TypeError("compare takes two models, two evaluations, two archives, or one archive")
    if benchmarks is not None:
        if isinstance(benchmarks, str):
            benchmarks = [benchmarks]
        unknown = [name for name in benchmarks if not any(name in one or name in other for one, other in models)]
        if unknown:
            raise KeyError(f"no such benchmark: {unknown[0]!r}")
        order = list(benchmarks)
    return [
        (_names(one[name], other[name]), one[name], other[name])
        for name in order
        for one, other in models
        if name in one and name in other and _is_judged(one[name], other[name])
    ]


def _is_judged(one: Evaluation, other: Evaluation) -> bool:
    """Whether answers are right or wrong there; ImageNet-O's known images are another benchmark's."""
    return "logits" in one.variables and "logits" in other.variables and one.kind != "imagenet-o"


def _names(one: Evaluation, other: Evaluation) -> tuple[str, str]:
    """The models' names, with their runs where they are the same."""
    if one.model != other.model:
        return (one.model, other.model)
    runs = (one.archive.run, other.archive.run)
    if runs[0] == runs[1]:
        runs = (str(one.archive.path), str(other.archive.path))
    return (f"{one.model} ({runs[0]})", f"{other.model} ({runs[1]})")


def _refuse_unlike(one: Evaluation, other: Evaluation, names: tuple[str, str]) -> None:
    def no(reason: str) -> None:
        raise NotComparableError(f"{one.benchmark}: {names[0]} and {names[1]} {reason}")

    if one.kind != other.kind:
        no(f"come from different kinds of benchmark, {one.kind} and {other.kind}")
    if one.axes != other.axes:
        no("have different axes")
    if not np.array_equal(one.paths, other.paths) or not np.array_equal(one.labels, other.labels):
        no("used different images; only results on the same images can be compared")
    is_chosen = "scored_classes" in one.attributes or "scored_classes" in other.attributes
    if is_chosen and _answer_classes(one) != _answer_classes(other):
        no("choose among different classes")
    if one.archive is not other.archive:
        changed = ("changed" in one.attributes, "changed" in other.attributes)
        if changed[0] != changed[1]:
            no("used different pictures: made on the fly and published")
        if changed[0] and one.archive.seed != other.archive.seed:
            no(f"used different pictures: made from seed {one.archive.seed} and {other.archive.seed}")
        for line in one.attributes.get("making", "").splitlines():
            name, _, title = line.partition("\t")
            if one.attributes.get(name) != other.attributes.get(name):
                no(f"differ in {title or name}")


def _answer_classes(one: Evaluation) -> set[str]:
    names = np.asarray(one["class_name"].values, dtype=str)
    scored = one.attributes.get("scored_classes")
    return {str(name) for name in (names if scored is None else names[[int(place) for place in scored.split()]])}


def _common(one: Evaluation, other: Evaluation) -> tuple[Any, Any]:
    """Places of the values that both have, along each axis."""
    places = []
    for name in one.axes:
        mine, others = (list(evaluation._coordinate(name)) for evaluation in (one, other))
        shared = [value for value in mine if value in others]
        places.append(([mine.index(value) for value in shared], [others.index(value) for value in shared]))
    return ([first for first, _ in places], [second for _, second in places])


def _masks(evaluation: Evaluation, places: list[list[int]]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Evaluated and right, bool [condition, image], of the images that stand for the benchmark."""
    images = evaluation.headline_images()
    found = []
    for mask in evaluation.outcomes():
        for axis, chosen in enumerate(places):
            mask = np.take(mask, chosen, axis=axis)
        found.append(mask.reshape(-1, mask.shape[-1])[:, images])
    return found[0], found[1]


def _pair(one: Evaluation, other: Evaluation, names: tuple[str, str]) -> Pair:
    _refuse_unlike(one, other, names)
    first, second = _common(one, other)
    (seen1, right1), (seen2, right2) = _masks(one, first), _masks(other, second)
    both = seen1 & seen2
    shared = both.any(axis=1)
    if not shared.any():
        raise NotComparableError(f"{one.benchmark}: {names[0]} and {names[1]} have no result in common")
    both, right1, right2 = both[shared], (right1 & seen2)[shared], (right2 & seen1)[shared]

    leads = right1.astype(np.int64).sum(axis=0) - right2.astype(np.int64).sum(axis=0)
    better, worse = int((leads > 0).sum()), int((leads < 0).sum())

    masks = tuple(mask.astype(np.float32).T for mask in (both, right1, right2, right1 & right2))
    difference, agreement, kappa = (float(value[0]) for value in _figures(np.ones((1, both.shape[1])), masks))
    differences, kappas = [], []
    for block in resampling.counts(one.archive.seed, one.population, both.shape[1]):
        resampled, _, consistency = _figures(block, masks)
        differences.append(resampled)
        kappas.append(consistency)
    ends = resampling.interval(np.concatenate(differences))
    if resampling.is_point(ends):
        edges = [
            resampling.newcombe(int(a.sum()), int(b.sum()), int(all_.sum()))
            for a, b, all_ in zip(right1, right2, both, strict=True)
        ]
        ends = (float(np.mean([low for low, _ in edges])), float(np.mean([high for _, high in edges])))
    kappa_ends = (float("nan"),) * 2 if np.isnan(kappa) else resampling.interval(np.concatenate(kappas))
    if resampling.is_point(kappa_ends):
        kappa_ends = (float("nan"), float("nan"))
    return Pair(
        benchmark=one.benchmark,
        model=names[0],
        other=names[1],
        conditions=int(shared.sum()),
        images=int(both.any(axis=0).sum()),
        better=better,
        other_better=worse,
        difference=difference,
        difference_low=ends[0],
        difference_high=ends[1],
        p=resampling.sign_test(better, worse),
        agreement=agreement,
        error_consistency=kappa,
        error_consistency_low=kappa_ends[0],
        error_consistency_high=kappa_ends[1],
    )


def _figures(counts: NDArray[Any], masks: tuple[NDArray[np.float32], ...]) -> tuple[NDArray[np.float64], ...]:
    """Difference, agreement and kappa of each resample, means over the conditions.

    Args:
        counts: how often a resample holds each image, [resample, image].
        masks: evaluated, the first right, the second right, both right; 0 or 1, [image, condition].
    """
    # Sums of whole numbers up to 2^24 are exact in float32.
    weights = counts.astype(np.float32 if counts.shape[1] < 1 << 24 else np.float64)
    total, first, second, common = (np.matmul(weights, mask).astype(np.float64) for mask in masks)
    with np.errstate(divide="ignore", invalid="ignore"):
        same = total - first - second + 2 * common
        expected = first * second + (total - first) * (total - second)
        kappa = np.where(expected < total * total, (same * total - expected) / (total * total - expected), np.nan)
        whole = (total > 0).all(axis=1)
        difference = np.where(whole, ((first - second) / total).mean(axis=1), np.nan)
        agreement = np.where(whole, (same / total).mean(axis=1), np.nan)
        defined = ~np.isnan(kappa)
        mean = np.where(defined, kappa, 0).sum(axis=1) / defined.sum(axis=1)
        return difference, agreement, np.where(whole, mean, np.nan)


def stored(archive: Archive) -> Comparison:
    """The archive's own table."""
    table = archive._file.get("comparisons")
    if table is None:
        return Comparison([])
    columns: dict[str, list[Any]] = {}
    for field in fields(Pair):
        node = table[field.name]
        columns[field.name] = (node.asstr()[...] if node.dtype.kind == "O" else node[...]).tolist()
    rows = zip(*columns.values(), strict=True)
    return Comparison([Pair(**dict(zip(columns, row, strict=True))) for row in rows])


def probability(p: float) -> str:
    """``0.0312``, ``< 0.0001``, ``1``."""
    if np.isnan(p):
        return "-"
    if p < 0.0001:
        return "< 0.0001"
    return "1" if p >= 0.99995 else f"{p:.4f}"


def _with_interval(value: float, low: float, high: float) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:.1f}" if np.isnan(low) or np.isnan(high) else f"{value:.1f} [{low:.1f}, {high:.1f}]"
