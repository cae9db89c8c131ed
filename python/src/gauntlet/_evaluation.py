"""What one model did on one benchmark: figures, answers, and everything as xarray."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import xarray

from ._errors import ArchiveError
from ._figure import SUPPORT, Figure, stated

if TYPE_CHECKING:
    from ._archive import Archive


class Evaluation:
    """One model on one benchmark or experiment."""

    def __init__(self, archive: Archive, model: str, benchmark: str) -> None:
        #: The archive.
        self.archive = archive
        #: The model's name.
        self.model = model
        #: The benchmark's name.
        self.benchmark = benchmark
        #: Its place in the file.
        self.group = f"{model}/{benchmark}"
        self._node: h5py.Group = archive._file[self.group]

    def __repr__(self) -> str:
        extents = [f"{name} {len(self._node[name])}" for name in self.axes] + [f"image {len(self._node['path'])}"]
        return f"<gauntlet.Evaluation {self.group}: {' x '.join(extents)}; {', '.join(self.variables)}>"

    @cached_property
    def attributes(self) -> dict[str, str]:
        """Where it came from: checkpoint, preprocessing, data, each with its SHA-256 (docs/reference.md)."""
        return texts(self._node.attrs)

    @property
    def kind(self) -> str:
        """The benchmark's kind, such as ``imagenet-c``, ``occlusion``, ``attack``."""
        return self.attributes.get("benchmark_kind", self.benchmark)

    @property
    def axes(self) -> list[str]:
        """The grid's axes, slowest first."""
        return self.attributes.get("axes", "").split()

    @property
    def variables(self) -> list[str]:
        """What was observed of every image; usually ``logits`` alone."""
        return self.attributes.get("variables", "logits").split()

    @cached_property
    def data(self) -> xarray.Dataset:
        """Everything in the group, as xarray has it; values are read when they are asked for.

        ``logits`` are float32 over the grid's axes, ``image`` and ``class``, NaN where there is no result. ``path``, ``label``
        and ``class_name`` are coordinates.

        >>> import gauntlet
        >>> evaluation = gauntlet.open("archive.h5")["replknet-nano/imagenet-c"]
        >>> dict(evaluation.data.logits.sizes)
        {'corruption': 4, 'severity': 5, 'image': 20, 'class': 10}
        """
        data = xarray.open_dataset(self.archive.path, group=self.group, engine="h5netcdf")
        return data.set_coords([name for name in ("path", "label", "class_name") if name in data])

    def __getitem__(self, name: str) -> xarray.DataArray:
        return self.data[name]

    @cached_property
    def labels(self) -> np.ndarray:
        """The images' classes, int64 [image]; -1 where unknown."""
        return np.asarray(self._node["label"][...])

    @cached_property
    def paths(self) -> np.ndarray:
        """The images' paths, str [image]; those of several sets start with the set's name."""
        return np.asarray(self._node["path"].asstr()[...])

    # -- Figures

    @cached_property
    def figures(self) -> dict[str, Figure]:
        """The figures that the archive has, by name; single ones, and those over axes.

        >>> import gauntlet
        >>> figures = gauntlet.open("archive.h5")["replknet-nano/imagenet-c-live"].figures
        >>> figures["mce"].title, figures["mce"].text()
        ('mCE', '29.1')
        """
        names = self.attributes.get("metrics", "").split()
        values = {name: self._array(name) for name in names}
        defined = frozenset(name for name, value in values.items() if np.isfinite(value.values).any())
        found = {}
        for name, value in values.items():
            attributes = texts(self._node[name].attrs)
            said = stated(name, attributes, defined)
            if said["role"] in SUPPORT:
                continue
            found[name] = Figure(
                name=name,
                value=value,
                low=values.get(name + "_low"),
                high=values.get(name + "_high"),
                description=attributes.get("long_name", ""),
                **said,  # type: ignore[arg-type]
            )
        return found

    @property
    def headline(self) -> Figure:
        """The benchmark's headline figure, such as AUPR for ImageNet-O."""
        for role in ("headline", "compared", "detail"):
            for figure in self.figures.values():
                if figure.role == role and not figure.axes:
                    return figure
        raise ArchiveError(f"{self.group} has no single figure")

    def figures_data(self) -> xarray.Dataset:
        """All figures and their ends as one dataset, without what was observed of images."""
        arrays: dict[str, xarray.DataArray] = {}
        for name, figure in self.figures.items():
            for end, value in (("", figure.value), ("_low", figure.low), ("_high", figure.high)):
                if value is not None:
                    arrays[name + end] = value
        return xarray.Dataset(arrays)

    def _array(self, name: str) -> xarray.DataArray:
        node = self._node[name]
        attributes = texts(node.attrs)
        dims = attributes["axes"].split() if "axes" in attributes else self.axes[: node.ndim]
        values = np.asarray(node[...], dtype=np.float64)
        coords = {dim: self._coordinate(dim) for dim in dims}
        return xarray.DataArray(values.reshape([len(coords[dim]) for dim in dims]), coords, dims, name=name)

    def _coordinate(self, name: str) -> np.ndarray:
        node = self._node[name]
        if h5py.check_string_dtype(node.dtype):
            return np.asarray(node.asstr()[...])
        return np.asarray(node[...])

    @cached_property
    def evaluated(self) -> xarray.DataArray:
        """Images with a result, and where it is needed a class, under each condition."""
        if "evaluated" in self._node:
            return self._array("evaluated")
        complete = np.asarray(self._node["complete"][...])
        coords = {dim: self._coordinate(dim) for dim in self.axes}
        return xarray.DataArray(complete.sum(axis=-1).astype(np.float64), coords, self.axes, name="evaluated")

    @cached_property
    def planned(self) -> xarray.DataArray:
        """Which places of the grid are conditions; bool over its axes."""
        if "planned" in self._node:
            return self._array("planned") > 0
        return xarray.ones_like(self.evaluated, dtype=bool)

    # -- Answers

    @cached_property
    def headline_set(self) -> str | None:
        """The named set of images that ``top1`` is of, such as ``original`` of ImageNet-9; None where images have no sets."""
        if not self.attributes.get("data_folders"):
            return None
        figure = self.figures.get("top1")
        if figure is not None and figure.sets:
            return figure.sets[0]
        return {"imagenet-9": "original", "imagenet-r": "renditions", "imagenet-o": "in"}.get(self.kind)

    @cached_property
    def _judged(self) -> tuple[np.ndarray, np.ndarray]:
        """Answers, int64, and which images have a result, bool; both over the grid's axes and ``image``."""
        if "logits" not in self._node:
            raise ArchiveError(f"{self.group} has no logits: it looks inside the network")
        node = self._node["logits"]
        scored = self.attributes.get("scored_classes")
        classes = np.array(scored.split(), dtype=np.int64) if scored else None
        mapped = self.attributes.get("class_map")
        table = np.array(mapped.split(), dtype=np.int64) if mapped else None
        answers = np.full(node.shape[:-1], -1, dtype=np.int64)
        found = np.asarray(self._node["complete"][...]) == 1
        # One condition at a time: 50,000 images of 1,000 classes are 200 MB.
        for cell in np.ndindex(*node.shape[:-2]):
            logits = node[cell]
            found[cell] &= ~np.isnan(logits).any(axis=-1)
            best = logits.argmax(axis=-1) if classes is None else classes[logits[:, classes].argmax(axis=-1)]
            answers[cell] = np.where(found[cell], best if table is None else table[best], -1)
        return answers, found

    def _of_images(self, name: str, values: np.ndarray) -> xarray.DataArray:
        coords: dict[str, Any] = {dim: self._coordinate(dim) for dim in self.axes}
        coords["path"] = ("image", self.paths)
        coords["label"] = ("image", self.labels)
        return xarray.DataArray(values, coords, [*self.axes, "image"], name=name)

    def answers(self) -> xarray.DataArray:
        """The network's answers: class indices, int64 over the grid's axes and ``image``; -1 without a result.

        The largest of the logits among which the benchmark seeks the answer, of equal ones the first; for ImageNet-9 the
        nine classes to which ImageNet's are mapped (-1 for none of them).
        """
        return self._of_images("answer", self._judged[0])

    def outcomes(self) -> tuple[np.ndarray, np.ndarray]:
        """Which images were evaluated, having a result and a class, and which of them are right.

        Both bool over the grid's axes and images.
        """
        answers, found = self._judged
        labels = self.labels
        evaluated = found & (labels >= 0)
        return evaluated, evaluated & (answers == labels)

    def correct(self) -> xarray.DataArray:
        """Whether answers are right: float over the grid's axes and ``image``, 1 or 0, NaN where there is no result or class.

        >>> import gauntlet
        >>> evaluation = gauntlet.open("archive.h5")["vit-nano/imagenet-c"]
        >>> bool((evaluation.correct().mean("image") == evaluation["top1"]).all())
        True
        """
        evaluated, right = self.outcomes()
        return self._of_images("correct", np.where(evaluated, right.astype(np.float64), np.nan))

    def headline_images(self) -> np.ndarray:
        """Which images ``top1`` is of, bool [image]: all, or those of the set that stands for the benchmark."""
        name = self.headline_set
        paths = self.paths
        if name is None:
            return np.ones(len(paths), dtype=bool)
        return np.array([path.startswith(name + "/") for path in paths], dtype=bool)

    @cached_property
    def population(self) -> int:
        """The place of the run's first benchmark with the same images; those are resampled alike."""
        mine = (self.labels.tolist(), self.paths.tolist())
        names = self.archive.benchmarks
        for place, name in enumerate(names):
            other = next((model[name] for model in self.archive._models.values() if name in model), None)
            if name == self.benchmark:
                return place
            if other is None or len(other._node["path"]) != len(mine[1]):
                continue
            if (other.labels.tolist(), other.paths.tolist()) == mine:
                return place
        return 0


def texts(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Attributes of HDF5 that are texts."""
    found = {}
    for name, value in attributes.items():
        if isinstance(value, bytes):
            found[name] = value.decode()
        elif isinstance(value, str):
            found[name] = value
    return found
