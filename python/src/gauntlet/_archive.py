"""Archives as objects: models, and what each did on each benchmark."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import xarray

from . import _frame, _tables
from ._compare import Comparison, stored
from ._errors import ArchiveError, refuse
from ._evaluation import Evaluation, texts

if TYPE_CHECKING:
    import pandas

_SEAL = b"\ngauntlet sha256 "
_SEAL_LENGTH = len(_SEAL) + 64 + 1


def open(path: str | os.PathLike[str]) -> Archive:
    """Opens an archive. Only what is asked for is read, so that archives of any size open at once.

    Args:
        path: the HDF5 file, or the folder of its run.

    Raises:
        ArchiveError: for a file that is no archive of Gauntlet.

    >>> import gauntlet
    >>> archive = gauntlet.open("archive.h5")
    >>> archive.models
    ['replknet-nano', 'resnet-nano', 'vit-nano']
    >>> float(archive["vit-nano"]["imagenet-val"].headline)
    1.0
    """
    return Archive(path)


class Archive(Mapping[str, "Model"]):
    """One run's results. A mapping from models' names to models; ``archive["MODEL/BENCHMARK"]`` is an evaluation."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        place = Path(path)
        if place.is_dir():
            place = place / "archive.h5"
            if not place.exists():
                refuse(place.parent, "no archive.h5 in this folder; gauntlet collect FOLDER makes it")
        if not place.exists():
            refuse(place, "no such file")
        #: The file.
        self.path = place
        try:
            self._file = h5py.File(place, "r")
        except OSError as error:
            refuse(place, f"it is not an HDF5 file, or is damaged ({error})")
        #: What the archive says of itself: ``run``, ``run_id``, ``seed``, ``source``, ``manifest``, ...
        self.attributes: dict[str, str] = texts(self._file.attrs)
        if "groups" not in self.attributes:
            self.close()
            refuse(place, "it is an HDF5 file, but not a Gauntlet archive; gauntlet collect makes those")
        paths = self.attributes["groups"].split("\n") if self.attributes["groups"] else []
        missing = [path for path in paths if path not in self._file]
        if missing:
            self.close()
            refuse(place, f"it has no group {missing[0]}, so it is damaged; see gauntlet verify")
        if not self._has_seal():
            warnings.warn(f"{place}: it has no seal at its end; it is truncated, or was not closed", stacklevel=3)
        self._models: dict[str, Model] = {}
        for path in paths:
            model, _, benchmark = path.rpartition("/")
            self._models.setdefault(model, Model(self, model))._add(Evaluation(self, model, benchmark))

    # -- A mapping of models

    def __getitem__(self, name: str) -> Any:
        if name in self._models:
            return self._models[name]
        model, _, benchmark = name.rpartition("/")
        if model in self._models:
            return self._models[model][benchmark]
        raise KeyError(f"{self.path} has no model {name!r}, only {', '.join(self._models)}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; data already read stay available."""
        self._file.close()

    def __repr__(self) -> str:
        head = f"<gauntlet.Archive {self.path.name}: run {self.run}, {self.version}>"
        return "\n".join([head, f"  models: {', '.join(self.models)}", f"  benchmarks: {', '.join(self.benchmarks)}"])

    # -- What it is

    @property
    def run(self) -> str:
        """The run's name."""
        return self.attributes.get("run", self.path.stem)

    @property
    def seed(self) -> int:
        """The run's seed, which also seeds the resampling."""
        return int(self.attributes.get("seed", "0"))

    @property
    def version(self) -> str:
        """What made it, such as ``gauntlet 0.9.0``."""
        return self.attributes.get("source", "gauntlet")

    @property
    def manifest(self) -> str:
        """The manifest's text, YAML."""
        return self.attributes.get("manifest", "")

    @property
    def models(self) -> list[str]:
        """Names of the models, in the manifest's order."""
        return list(self._models)

    @cached_property
    def benchmarks(self) -> list[str]:
        """Names of the benchmarks and experiments, in the manifest's order."""
        planned = self._planned_benchmarks()
        found = [name for model in self._models.values() for name in model]
        return [name for name in dict.fromkeys(planned + found) if name in found]

    def _planned_benchmarks(self) -> list[str]:
        table = self._file.get("provenance/plan")
        if table is None:
            # The order that all models' own orders agree with.
            order: list[str] = []
            for model in self._models.values():
                place = 0
                for name in model:
                    if name not in order:
                        order.insert(place, name)
                    place = order.index(name) + 1
            return order
        texts = dict(zip(table["name"].asstr()[...], table["json"].asstr()[...], strict=True))
        plan = json.loads(texts.get("plan", "{}"))
        return [str(one.get("name", "")) for one in plan.get("manifest", {}).get("benchmarks", [])]

    def evaluations(self) -> Iterator[Evaluation]:
        """Every model on every benchmark."""
        for model in self._models.values():
            yield from model.values()

    def benchmark(self, name: str) -> xarray.Dataset:
        """All models' figures on one benchmark, with a leading dimension ``model``; NaN where a model has none.

        >>> import gauntlet
        >>> data = gauntlet.open("archive.h5").benchmark("imagenet-c")
        >>> data.top1.sel(corruption="contrast", severity=3).to_series().to_dict()
        {'replknet-nano': 0.7, 'resnet-nano': 0.35, 'vit-nano': 0.75}
        """
        found = [model[name] for model in self._models.values() if name in model]
        if not found:
            raise KeyError(f"{self.path} has no benchmark {name!r}, only {', '.join(self.benchmarks)}")
        sets = [evaluation.figures_data().expand_dims(model=[evaluation.model], axis=0).astype("float64") for evaluation in found]
        return xarray.concat(sets, "model", join="outer", data_vars="all", coords="minimal", compat="override")

    @cached_property
    def comparisons(self) -> Comparison:
        """Pairwise comparison of models, as the archive has them; empty in archives of one model, or of before 0.7."""
        return stored(self)

    # -- Tables

    def rows(self, benchmark: str | None = None, metric: str | None = None) -> list[dict[str, Any]]:
        """The figures, one dictionary each; as :meth:`frame`, without pandas."""
        return _frame.rows([self], benchmark=benchmark, metric=metric)

    def frame(self, benchmark: str | None = None, metric: str | None = None) -> pandas.DataFrame:
        """A tidy table, a row a figure and condition.

        Columns: ``run``, ``model``, ``benchmark``, ``kind``, ``metric``, ``title``, one for each axis (``corruption``,
        ``severity``, ``dropped_percent``, ...; empty where a figure is not over it), ``value``, ``low`` and ``high`` (the 95 %
        interval, NaN without one), ``unit``, ``less_is_better``, ``images`` (that it rests on, under each of its conditions).
        Maps of other axes than conditions, such as ``field_map``, are there only when ``metric`` names them.

        >>> import gauntlet
        >>> frame = gauntlet.open("archive.h5").frame(benchmark="imagenet-c", metric="ce")
        >>> print(frame[frame.model == "vit-nano"][["corruption", "value"]].round(3).to_string(index=False))
            corruption  value
        gaussian_noise  0.372
            brightness  0.053
              contrast  0.387
              pixelate  0.195
        """
        return _frame.frame([self], benchmark=benchmark, metric=metric)

    def to_parquet(self, path: str | os.PathLike[str], benchmark: str | None = None, metric: str | None = None) -> None:
        """Writes :meth:`frame` as a Parquet file, for pandas, polars, DuckDB or Spark. Needs pyarrow.

        Args:
            path: the file; one that is there is replaced.
            benchmark: only this one.
            metric: only this one.

        The file's schema metadata ``gauntlet`` are run, id, seed and version, as JSON.
        """
        _frame.to_parquet([self], path, benchmark=benchmark, metric=metric)

    def table(self, **options: Any) -> _tables.Table:
        """The models side by side on all benchmarks; see :func:`gauntlet.table`."""
        return _tables.table(self, **options)

    def to_latex(self, **options: Any) -> str:
        """That table for a paper, LaTeX with booktabs; see :meth:`gauntlet.Table.to_latex`."""
        return self.table(**options).to_latex()

    def to_markdown(self, **options: Any) -> str:
        """That table in Markdown."""
        return self.table(**options).to_markdown()

    # -- Whether it is whole

    def _has_seal(self) -> bool:
        with Path(self.path).open("rb") as file:
            if file.seek(0, os.SEEK_END) < _SEAL_LENGTH:
                return False
            file.seek(-_SEAL_LENGTH, os.SEEK_END)
            return file.read(len(_SEAL)) == _SEAL

    def check(self) -> None:
        """Compares the whole file with its seal, the SHA-256 of all before its last line.

        Raises:
            ArchiveError: where they differ. ``gauntlet verify`` checks more, as whether the figures follow from the logits.
        """
        digest = hashlib.sha256()
        left = self.path.stat().st_size - _SEAL_LENGTH
        with Path(self.path).open("rb") as file:
            while left > 0 and (block := file.read(min(left, 1 << 22))):
                digest.update(block)
                left -= len(block)
            seal = file.read()
        if seal != _SEAL + digest.hexdigest().encode() + b"\n":
            raise ArchiveError(f"{self.path}: its contents do not match its seal; fetch it again")


class Model(Mapping[str, "Evaluation"]):
    """A model of a run: a mapping from benchmarks' names to evaluations."""

    def __init__(self, archive: Archive, name: str) -> None:
        #: The archive.
        self.archive = archive
        #: Its name.
        self.name = name
        self._evaluations: dict[str, Evaluation] = {}

    def _add(self, evaluation: Evaluation) -> None:
        self._evaluations[evaluation.benchmark] = evaluation

    def __getitem__(self, benchmark: str) -> Evaluation:
        try:
            return self._evaluations[benchmark]
        except KeyError:
            raise KeyError(f"{self.name} has no benchmark {benchmark!r}, only {', '.join(self._evaluations)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._evaluations)

    def __len__(self) -> int:
        return len(self._evaluations)

    def __repr__(self) -> str:
        return f"<gauntlet.Model {self.name}: {', '.join(self)}>"
