"""The package's figures against the program's tables, and against figures that are worked out anew from the logits."""

from __future__ import annotations

import csv
import gzip
import math

import numpy as np
import pytest
from conftest import HERE

import gauntlet

MODELS = ["replknet-nano", "resnet-nano", "vit-nano"]
# AlexNet's errors of Hendrycks and Dietterich 2019, mean over the severities.
ALEXNET = {
    "gaussian_noise": 0.886428, "shot_noise": 0.894468, "impulse_noise": 0.922640, "defocus_blur": 0.819880,
    "glass_blur": 0.826268, "motion_blur": 0.785948, "zoom_blur": 0.798360, "snow": 0.866816, "frost": 0.826572,
    "fog": 0.819324, "brightness": 0.564592, "contrast": 0.853204, "elastic_transform": 0.646056,
    "pixelate": 0.717840, "jpeg_compression": 0.606500,
}  # fmt: skip


def table(name):
    with gzip.open(HERE / f"{name}.csv.gz", "rt", newline="") as file:
        return list(csv.DictReader(file))


def number(text):
    return float(text) if text else math.nan


def same(one, other):
    return one == pytest.approx(other, rel=1e-12, abs=1e-15, nan_ok=True)


def test_single_figures_are_the_programs(archive):
    rows = table("summary")
    assert len(rows) > 150
    for row in rows:
        figure = archive[row["model"]][row["benchmark"]].figures[row["metric"]]
        assert same(float(figure.value), number(row["value"])), row
        for end, found in (("low", figure.low), ("high", figure.high)):
            assert same(math.nan if found is None else float(found), number(row[end])), row


def test_single_figures_are_all_there(archive):
    own = {(one.model, one.benchmark, name) for one in archive.evaluations()
           for name, figure in one.figures.items() if not figure.axes}  # fmt: skip
    assert own == {(row["model"], row["benchmark"], row["metric"]) for row in table("summary")}


def test_figures_over_an_axis_are_the_programs(archive):
    rows = table("series")
    assert len(rows) > 500
    for row in rows:
        figure = archive[row["model"]][row["benchmark"]].figures[row["metric"]]
        axis = figure.value.coords[row["axis"]].values
        place = [str(value) for value in axis.tolist()].index(row["place"])
        assert same(float(figure.value[place]), number(row["value"])), row


def test_figures_of_conditions_are_the_programs(archive):
    rows = table("conditions")
    checked = 0
    for row in rows:
        evaluation = archive[row["model"]][row["benchmark"]]
        value = evaluation.figures["top1"].value if "top1" in evaluation.figures else None
        if value is None or not evaluation.axes:
            continue
        names = dict(zip(evaluation.axes, conditions(evaluation, row["condition"]), strict=True))
        assert same(float(value.sel(names)), number(row["top1"])), row
        checked += 1
    assert checked > 400


def conditions(evaluation, text):
    """The values along the axes that a condition's name says, such as `contrast/3`; a quote keeps spreadsheets from computing."""
    parts = [text] if len(evaluation.axes) == 1 else text.removeprefix("'").split("/")
    known = [evaluation.evaluated.coords[axis].values.tolist() for axis in evaluation.axes]
    return [next(value for value in values if str(value) == part) for values, part in zip(known, parts, strict=True)]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("benchmark_name", ["imagenet-val", "imagenet-c", "imagenet-a", "occlusion", "fgsm"])
def test_accuracies_follow_from_the_logits(archive, stored, model, benchmark_name):
    group = stored[model][benchmark_name]
    logits, labels = group["logits"][...], group["label"][...]
    order = np.argsort(-logits, axis=-1, kind="stable")
    top1 = (order[..., 0] == labels).mean(axis=-1)
    top5 = (order[..., :5] == labels[..., None]).any(axis=-1).mean(axis=-1)
    figures = archive[model][benchmark_name].figures
    np.testing.assert_allclose(figures["top1"].value.values, top1, rtol=1e-12)
    np.testing.assert_allclose(figures["top5"].value.values, top5, rtol=1e-12)
    np.testing.assert_array_equal(archive[model][benchmark_name].correct().mean("image").values, top1)
    np.testing.assert_array_equal(archive[model][benchmark_name].answers().values, order[..., 0])


@pytest.mark.parametrize("model", MODELS)
def test_corruption_errors_follow_from_the_logits(archive, stored, model):
    group = stored[model]["imagenet-c-live"]
    errors = 1 - (group["logits"][...].argmax(axis=-1) == group["label"][...]).mean(axis=-1)
    names = group["corruption"].asstr()[...]
    clean_group = stored[model]["imagenet-val"]
    clean = 1 - (clean_group["logits"][...].argmax(axis=-1) == clean_group["label"][...]).mean()
    alexnet = np.array([ALEXNET[name] for name in names])
    figures = archive[model]["imagenet-c-live"].figures
    ce = errors.mean(axis=1) / alexnet
    relative = (errors.mean(axis=1) - clean) / (alexnet - 0.435)
    np.testing.assert_allclose(figures["ce"].value.values, ce, rtol=1e-9)
    np.testing.assert_allclose(figures["relative_ce"].value.values, relative, rtol=1e-9)
    assert float(figures["mce"]) == pytest.approx(ce.mean(), rel=1e-9)
    assert float(figures["standard_mean_top1"]) == pytest.approx(1 - errors.mean(), rel=1e-12)


def softmax(logits):
    values = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return values / values.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("model", MODELS)
def test_detection_follows_from_the_logits(archive, stored, model):
    group = stored[model]["imagenet-o"]
    score = -softmax(group["logits"][...]).max(axis=-1)
    out = np.array([path.startswith("out/") for path in group["path"].asstr()[...]])
    # No score is there twice, so that average precision is the mean of the precision at each positive.
    assert len(np.unique(score)) == len(score)
    found = out[np.argsort(-score)]
    precision = found.cumsum() / np.arange(1, len(found) + 1)
    pairs = (score[out][:, None] > score[~out]).mean()
    figures = archive[model]["imagenet-o"].figures
    assert float(figures["aupr"]) == pytest.approx(precision[found].mean(), rel=1e-9)
    assert float(figures["auroc"]) == pytest.approx(pairs, rel=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_calibration_follows_from_the_logits(archive, stored, model):
    group = stored[model]["imagenet-a"]
    probabilities, labels = softmax(group["logits"][...]), group["label"][...]
    confidence = probabilities.max(axis=-1)
    right = probabilities.argmax(axis=-1) == labels
    bins = np.ceil(confidence * 15).astype(int)
    gaps = [abs(right[bins == one].mean() - confidence[bins == one].mean()) * (bins == one).sum() for one in set(bins)]
    truth = np.eye(probabilities.shape[1])[labels]
    figures = archive[model]["imagenet-a"].figures
    assert float(figures["ece"]) == pytest.approx(sum(gaps) / len(labels), rel=1e-9)
    own = probabilities[np.arange(len(labels)), labels]
    assert float(figures["nll"]) == pytest.approx(-np.log(own).mean(), rel=1e-9)
    assert float(figures["brier"]) == pytest.approx(((probabilities - truth) ** 2).sum(axis=-1).mean(), rel=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_flip_rates_follow_from_the_logits(archive, stored, model):
    group = stored[model]["imagenet-p"]
    answers = group["logits"][...].argmax(axis=-1)
    names = list(group["perturbation"].asstr()[...])
    # Noise is compared with the first frame, others with the one before.
    for place, name in enumerate(names):
        frames = answers[place]
        whole = group["complete"][...][place].all(axis=-1) == 1
        frames = frames[whole]
        flips = frames[1:] != (frames[:1] if "noise" in name else frames[:-1])
        found = archive[model]["imagenet-p"].figures["flip_rate"].value.sel(perturbation=name)
        assert float(found) == pytest.approx(flips.mean(), rel=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_backgrounds_follow_from_the_logits(archive, stored, model):
    group = stored[model]["imagenet-9"]
    right = group["logits"][...].argmax(axis=-1) == group["label"][...]
    sets = np.array([path.split("/")[0] for path in group["path"].asstr()[...]])
    evaluation = archive[model]["imagenet-9"]
    share = {name: right[sets == name].mean() for name in set(sets)}
    assert evaluation.headline_set == "original"
    assert float(evaluation.headline) == share["original"]
    assert float(evaluation.figures["bg_gap"]) == pytest.approx(share["mixed_same"] - share["mixed_rand"], abs=1e-15)


def test_frame_is_tidy(archive):
    frame = archive.frame()
    keys = [name for name in frame.columns if name not in ("value", "low", "high", "unit", "images", "title")]
    assert not frame.duplicated(keys).any()
    assert set(frame.run) == {"small"}
    ce = frame[(frame.metric == "ce") & (frame.benchmark == "imagenet-c-live")]
    assert len(ce) == 3 * 15
    assert set(frame[frame.metric == "aupr"].images) == {40}
    assert set(frame[(frame.metric == "top1") & (frame.benchmark == "imagenet-9")].images) == {20}
    cell = frame[(frame.metric == "top1") & (frame.corruption == "contrast") & (frame.severity == 3)]
    assert cell.value.tolist()[:1] == [float(archive["replknet-nano"]["imagenet-c"]["top1"].sel(
        corruption="contrast", severity=3))]  # fmt: skip
    # Places of the grid that are no conditions are not there: without blocks left out there is one draw.
    lesion = frame[(frame.benchmark == "lesion") & (frame.metric == "top1") & (frame.model == "vit-nano")]
    assert len(lesion) == 5


def test_frame_holds_maps_only_by_name(archive):
    assert "field_map" not in set(archive.frame(benchmark="receptive-field").metric)
    assert len(archive.frame(benchmark="receptive-field", metric="field_map")) == 3 * 64 * 64


def test_all_models_on_one_benchmark(archive):
    data = archive.benchmark("lesion")
    assert data.model.values.tolist() == ["replknet-nano", "vit-nano"]
    assert data.mean_top1_by_removed.dims == ("model", "removed")
    with pytest.raises(KeyError, match="no benchmark 'imagenet-d'"):
        archive.benchmark("imagenet-d")


def test_several_archives_in_one_frame(archive):
    assert len(gauntlet.frame(archive, archive)) == 2 * len(archive.frame())
