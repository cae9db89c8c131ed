"""Figures in the forms in which models are published: Hugging Face's model cards, lm-evaluation-harness's results."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ._errors import ArchiveError
from ._frame import images_of
from ._tables import Table, compared

if TYPE_CHECKING:
    from ._archive import Archive, Model
    from ._evaluation import Evaluation
    from ._figure import Figure

#: What benchmarks are called where they are published.
_TITLES = {
    "imagenet-val": "ImageNet val",
    "imagenet-a": "ImageNet-A",
    "imagenet-c": "ImageNet-C",
    "imagenet-o": "ImageNet-O",
    "imagenet-p": "ImageNet-P",
    "imagenet-r": "ImageNet-R",
    "imagenet-9": "ImageNet-9",
}
#: Ids of data sets on the Hugging Face Hub, where they are others than the benchmark's name.
_DATASETS = {"imagenet-val": "imagenet-1k"}
#: Half of a 95 % interval's width in standard errors.
_NORMAL_QUANTILE = 1.959964


def model_card(archive: Archive, model: str | None = None) -> str:
    r"""A Hugging Face model card of a model's figures: YAML with ``model-index``, and a section in Markdown.

    Args:
        archive: the archive.
        model: the model's name; not needed where there is one.

    The YAML is what ``huggingface_hub.eval_results_to_model_index`` gives, so that the Hub shows the figures beside the model;
    shares and ratios are in per cent there, rounded to two places. The table has 95 % intervals, and says where pictures differ
    from the published ones. Both are to be joined with what a card says otherwise.

    >>> import gauntlet
    >>> card = gauntlet.model_card(gauntlet.open("archive.h5"), "vit-nano")
    >>> print("\n".join(card.splitlines()[:14]))
    ---
    model-index:
    - name: "vit-nano"
      results:
      - task:
          type: "image-classification"
          name: "Image classification"
        dataset:
          name: "ImageNet val, 10 classes"
          type: "imagenet-1k"
        metrics:
        - type: "accuracy"
          value: 100.0
          name: "top-1, %"
    """
    chosen = _chosen(archive, model)
    lines = ["---", "model-index:", f"- name: {json.dumps(chosen.name)}", "  results:"]
    for evaluation in chosen.values():
        lines += _index_entry(evaluation)
    return "\n".join([*lines, "---", "", *_section(archive, chosen), ""])


def results_json(archive: Archive, model: str | None = None) -> dict[str, Any]:
    """A model's figures in the form of lm-evaluation-harness's results files, ready for ``json.dumps``.

    Args:
        archive: the archive.
        model: the model's name; not needed where there is one.

    A task is a benchmark, a metric a single figure, as ``results["imagenet-c"]["mean_top1,none"]``, shares 0 to 1. The harness
    has standard errors: they are the 95 % interval's half width over 1.96, the ends themselves are in
    ``configs[...]["metadata"]["intervals"]``. ``n-samples`` counts images under all their conditions. What does not exist
    here is as the harness has it where it does not exist: no few-shot examples, no prompts, no commit.

    >>> import gauntlet
    >>> results = gauntlet.results_json(gauntlet.open("archive.h5"), "vit-nano")
    >>> results["results"]["imagenet-a"]["top1,none"], results["higher_is_better"]["imagenet-a"]["top1"]
    (0.5, True)
    >>> results["n-samples"]["imagenet-c"]
    {'original': 400, 'effective': 400}
    """
    chosen = _chosen(archive, model)
    evaluations = {name: evaluation for name, evaluation in chosen.items() if any(_single(evaluation))}
    any_evaluation = next(iter(chosen.values()))
    attributes = any_evaluation.attributes
    return {
        "results": {name: _metrics(evaluation) for name, evaluation in evaluations.items()},
        "group_subtasks": {name: [] for name in evaluations},
        "configs": {name: _task(evaluation) for name, evaluation in evaluations.items()},
        "versions": {name: archive.version.removeprefix("gauntlet ") for name in evaluations},
        "n-shot": {name: 0 for name in evaluations},
        "higher_is_better": {
            name: {figure.name: not figure.less_is_better for figure in _single(evaluation)}
            for name, evaluation in evaluations.items()
        },
        "n-samples": {name: _samples(evaluation) for name, evaluation in evaluations.items()},
        "config": {
            "model": "gauntlet",
            "model_args": ",".join(f"{key}={value}" for key, value in _model_arguments(chosen.name, attributes)),
            "model_dtype": {"fp32": "float32", "bf16": "bfloat16"}.get(attributes.get("precision", ""), "float32"),
            "model_sha": attributes.get("checkpoint_sha256", ""),
            "batch_size": None,
            "batch_sizes": [],
            "device": "cpu",
            "use_cache": None,
            "limit": None,
            "bootstrap_iters": 1000,
            "gen_kwargs": None,
            "random_seed": archive.seed,
            "numpy_seed": archive.seed,
            "torch_seed": archive.seed,
            "fewshot_seed": archive.seed,
        },
        "git_hash": None,
        "date": _planned(archive),
        "task_hashes": {name: one.attributes.get("data_sha256", "") for name, one in evaluations.items()},
        "model_source": "gauntlet",
        "model_name": chosen.name,
        "model_name_sanitized": re.sub(r"[\"<>:/|\\?*\[\]]+", "__", chosen.name),
    }


def _chosen(archive: Archive, model: str | None) -> Model:
    if model is not None:
        found: Model = archive[model]
        return found
    if len(archive) != 1:
        raise ValueError(f"{archive.path} has {len(archive)} models; name one of {', '.join(archive.models)}")
    return next(iter(archive.values()))


# -- lm-evaluation-harness


def _single(evaluation: Evaluation) -> Iterator[Figure]:
    for figure in evaluation.figures.values():
        if not figure.axes and figure.is_defined:
            yield figure


def _metrics(evaluation: Evaluation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": evaluation.benchmark,
        "alias": evaluation.benchmark,
        "sample_len": _samples(evaluation)["effective"],
    }
    for figure in _single(evaluation):
        ends = figure.interval()
        found[f"{figure.name},none"] = float(figure)
        found[f"{figure.name}_stderr,none"] = "N/A" if ends is None else (ends[1] - ends[0]) / (2 * _NORMAL_QUANTILE)
    return found


def _task(evaluation: Evaluation) -> dict[str, Any]:
    # Paths stay out: they tell of the machine, not of the data.
    told = ("checkpoint", "data_root", "data_folders", "metrics", "making", "class_map", "scored_classes")
    metadata: dict[str, Any] = {key: value for key, value in evaluation.attributes.items() if key not in told}
    metadata["intervals"] = {figure.name: list(ends) for figure in _single(evaluation) if (ends := figure.interval()) is not None}
    return {
        "task": evaluation.benchmark,
        "dataset_path": evaluation.kind,
        "output_type": "image_classification",
        "metric_list": [{"metric": figure.name, "higher_is_better": not figure.less_is_better} for figure in _single(evaluation)],
        "num_fewshot": 0,
        "metadata": metadata,
    }


def _samples(evaluation: Evaluation) -> dict[str, int]:
    conditions = int(evaluation.planned.values.sum())
    done = int((evaluation._node["complete"][...] == 1).sum())
    return {"original": conditions * len(evaluation.paths), "effective": done}


def _model_arguments(name: str, attributes: dict[str, str]) -> Iterator[tuple[str, str]]:
    yield "pretrained", name
    for key in ("architecture", "precision", "checkpoint_sha256"):
        if key in attributes:
            yield key, attributes[key]


def _planned(archive: Archive) -> float | None:
    text = archive.attributes.get("planned")
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else None


# -- Model cards


def _dataset(evaluation: Evaluation) -> str:
    """What the data set is called; with whatever keeps its figures from being those of the published one."""
    title = _TITLES.get(evaluation.kind, evaluation.benchmark)
    classes = len(evaluation._node["class_name"]) if "class_name" in evaluation._node else 1000
    if classes not in (1000, 1001):
        title += f", {classes} classes"
    if "corruptions" in evaluation.attributes:
        title += ", made on the fly"
    return title


def _published(evaluation: Evaluation) -> list[Figure]:
    """Figures that say how good a model is: what is seen within a network, which has no answers, does not."""
    if "logits" not in evaluation.variables:
        return []
    return [figure for figure in compared(evaluation) if figure.is_defined]


def _index_entry(evaluation: Evaluation) -> list[str]:
    figures = _published(evaluation)
    if not figures:
        return []
    lines = [
        "  - task:",
        '      type: "image-classification"',
        '      name: "Image classification"',
        "    dataset:",
        f"      name: {json.dumps(_dataset(evaluation))}",
        f"      type: {json.dumps(_DATASETS.get(evaluation.kind, evaluation.kind))}",
    ]
    if evaluation.benchmark != evaluation.kind:
        lines.append(f"      config: {json.dumps(evaluation.benchmark)}")
    lines.append("    metrics:")
    for figure in figures:
        lines += [
            f"    - type: {json.dumps(_metric_type(figure))}",
            f"      value: {_value(figure)}",
            f"      name: {json.dumps(_metric_title(figure))}",
        ]
    return lines


def _metric_type(figure: Figure) -> str:
    return "accuracy" if figure.name == "top1" else figure.name


def _metric_title(figure: Figure) -> str:
    return figure.title if figure.unit == "number" else f"{figure.title}, %"


def _value(figure: Figure) -> float:
    return round(float(figure) * (1 if figure.unit == "number" else 100), 2)


def _section(archive: Archive, model: Model) -> list[str]:
    rows = []
    notes: dict[str, list[str]] = {}
    for evaluation in model.values():
        for figure in _published(evaluation):
            ends = figure.interval()
            interval = "" if ends is None else f" [{figure.text(ends[0])}, {figure.text(ends[1])}]"
            better = "less" if figure.less_is_better else "more"
            images = str(images_of(evaluation, figure))
            rows.append([_dataset(evaluation), _metric_title(figure), figure.text() + interval, better, images])
        if differs := evaluation.attributes.get("differs_from_published"):
            notes.setdefault(differs, []).append(evaluation.benchmark)
    if not rows:
        raise ArchiveError(f"{archive.path}: {model.name} has no single figure to publish")
    attributes = next(iter(model.values())).attributes
    table = Table(["data", "figure", "value [95 % interval]", "better", "images"], rows, left=2)
    return [
        "## Robustness",
        "",
        f"Evaluated with {archive.version}, run `{archive.run}` ({archive.attributes.get('run_id', 'no id')}), "
        f"seed {archive.seed}; architecture `{attributes.get('architecture', 'unknown')}`, "
        f"{attributes.get('precision', 'fp32')}, checkpoint SHA-256 `{attributes.get('checkpoint_sha256', 'unknown')}`.",
        "",
        table.to_markdown(),
        "",
        "Intervals are over images, not over training runs. `images` are those under each condition.",
        *(f"{', '.join(names)} differs from what is published: {text}." for text, names in notes.items()),
    ]
