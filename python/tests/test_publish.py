"""Forms in which figures are published: Parquet, lm-evaluation-harness's results, Hugging Face's model cards."""

from __future__ import annotations

import builtins
import json
import re
from pathlib import Path

import numpy as np
import pandas
import pyarrow.parquet
import pytest
import yaml
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results

import gauntlet

# -- Parquet


def test_parquet_is_the_frame(archive, tmp_path):
    archive.to_parquet(tmp_path / "all.parquet")
    read = pandas.read_parquet(tmp_path / "all.parquet")
    frame = archive.frame()
    assert list(read.columns) == list(frame.columns)
    assert len(read) == len(frame) > 1000
    np.testing.assert_array_equal(read["value"].to_numpy(), frame["value"].to_numpy())
    assert read["corruption"].dropna().tolist() == frame["corruption"].dropna().tolist()
    assert [path.name for path in tmp_path.iterdir()] == ["all.parquet"]


def test_parquet_says_what_it_is_of(archive, tmp_path):
    archive.to_parquet(tmp_path / "one.parquet", benchmark="imagenet-c", metric="ce")
    schema = pyarrow.parquet.read_schema(tmp_path / "one.parquet")
    assert json.loads(schema.metadata[b"gauntlet"])[0]["run_id"] == archive.attributes["run_id"]
    assert set(pandas.read_parquet(tmp_path / "one.parquet").metric) == {"ce"}


def test_without_pyarrow_it_says_so(archive, tmp_path, monkeypatch):
    imported = builtins.__import__

    def refuse(name, *rest):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return imported(name, *rest)

    monkeypatch.setattr("importlib.import_module", lambda name: refuse(name))
    with pytest.raises(gauntlet.MissingExtraError, match=r"pip install pyarrow, .*\[parquet\]"):
        archive.to_parquet(tmp_path / "x.parquet")


def test_a_file_that_was_there_stays_where_writing_fails(archive, tmp_path, monkeypatch):
    path = tmp_path / "kept.parquet"
    path.write_text("kept")

    def fail(table, draft):
        draft.write_text("half")
        raise OSError("full")

    monkeypatch.setattr(pyarrow.parquet, "write_table", fail)
    with pytest.raises(OSError, match="full"):
        archive.to_parquet(path)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("kept.parquet", "kept")]


# -- lm-evaluation-harness

#: Keys of its results files (lm_eval/result_schema.py, 2026-08-21) that the file of an image classifier can have.
HARNESS_KEYS = {
    "results", "group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "config", "git_hash", "date",
    "task_hashes", "model_source", "model_name", "model_name_sanitized",
}  # fmt: skip


def test_results_have_the_harness_keys(archive):
    results = json.loads(json.dumps(gauntlet.results_json(archive, "vit-nano"), allow_nan=False))
    assert set(results) == HARNESS_KEYS
    tasks = set(results["results"])
    assert {"imagenet-val", "imagenet-c", "imagenet-o", "occlusion"} <= tasks
    for key in ("group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "task_hashes"):
        assert set(results[key]) == tasks, key
    for task, metrics in results["results"].items():
        names = [key.removesuffix(",none") for key in metrics if key.endswith(",none") and "_stderr" not in key]
        assert names, task
        assert set(names) == set(results["higher_is_better"][task])
        assert all(f"{name}_stderr,none" in metrics for name in names)
    assert results["config"]["model_args"].startswith("pretrained=vit-nano,architecture=vit-nano,precision=fp32,")
    assert "/tmp/" not in json.dumps(results)


def test_results_are_the_archives_figures(archive, stored):
    results = gauntlet.results_json(archive, "resnet-nano")
    node = stored["resnet-nano/imagenet-o"]
    metrics = results["results"]["imagenet-o"]
    assert metrics["aupr,none"] == float(node["aupr"][()])
    width = float(node["aupr_high"][()]) - float(node["aupr_low"][()])
    assert metrics["aupr_stderr,none"] == pytest.approx(width / 2 / 1.959964)
    assert results["higher_is_better"]["imagenet-o"] == {"aupr": True, "auroc": True, "fpr95": False, "top1": True}
    assert results["configs"]["imagenet-o"]["metadata"]["intervals"]["aupr"] == [
        float(node["aupr_low"][()]), float(node["aupr_high"][()])
    ]  # fmt: skip
    # There is no mCE of four corruptions.
    assert "mce,none" not in results["results"]["imagenet-c"]
    assert "mce,none" in results["results"]["imagenet-c-live"]
    assert results["date"] == 1796061742.0


def test_missing_results_are_counted(changed):
    def remove(file):
        file["vit-nano/imagenet-c/complete"][0, 0, :3] = 0

    with gauntlet.open(changed(remove)) as archive:
        results = gauntlet.results_json(archive, "vit-nano")
    assert results["n-samples"]["imagenet-c"] == {"original": 400, "effective": 397}


def test_a_model_has_to_be_named_where_there_are_several(archive):
    for function in (gauntlet.results_json, gauntlet.model_card):
        with pytest.raises(ValueError, match="has 3 models; name one of replknet-nano, resnet-nano, vit-nano"):
            function(archive)
        with pytest.raises(KeyError, match="no model 'bit'"):
            function(archive, "bit")


# -- Model cards


@pytest.fixture(params=["replknet-nano", "resnet-nano", "vit-nano"])
def card(request, archive) -> ModelCard:
    text = gauntlet.model_card(archive, request.param)
    return ModelCard(text)


def test_the_hub_reads_the_card(card, archive):
    name = card.data.model_name
    found = {(one.dataset_type, one.dataset_config, one.metric_type): one for one in card.data.eval_results}
    clean = found["imagenet-1k", None, "accuracy"]
    assert clean.metric_value == round(100 * float(archive[name]["imagenet-val"].headline), 2)
    assert clean.dataset_name == "ImageNet val, 10 classes"
    live = found["imagenet-c", "imagenet-c-live", "mce"]
    assert live.metric_value == round(100 * float(archive[name]["imagenet-c-live"].figures["mce"]), 2)
    assert live.dataset_name == "ImageNet-C, 10 classes, made on the fly"


def test_the_index_is_the_hubs_own(card):
    written = yaml.safe_load(str(card).split("---\n")[1])["model-index"]
    name, results = model_index_to_eval_results(written)
    assert eval_results_to_model_index(name, results) == written


def test_the_section_has_intervals_and_says_what_differs(card, archive):
    name = card.data.model_name
    figure = archive[name]["imagenet-c-live"].figures["mce"]
    low, high = figure.interval()
    value = f"{figure.text()} [{figure.text(low)}, {figure.text(high)}]"
    assert f"| ImageNet-C, 10 classes, made on the fly | mCE, % | {value} | less | 20 |" in card.text.splitlines()
    assert "imagenet-c-live differs from what is published: frost is drawn, not photographed" in card.text
    assert archive[name]["imagenet-val"].attributes["checkpoint_sha256"] in card.text
    # Of 160 images and 40, those that the figure is of; and nothing of what is seen within the network.
    assert re.search(r"^\| ImageNet-9, 10 classes \| top-1, % \| .* \| more \| 20 \|$", card.text, re.MULTILINE)
    assert re.search(r"^\| ImageNet-R, 10 classes \| top-1, % \| .* \| more \| 20 \|$", card.text, re.MULTILINE)
    assert "receptive-field" not in str(card)
    assert str(Path("/tmp")) not in str(card)


def test_names_stay_names(changed):
    def rename(file):
        file.move("vit-nano", 'a: "b" #c')
        file.attrs["groups"] = file.attrs["groups"].replace("vit-nano", 'a: "b" #c')

    with gauntlet.open(changed(rename)) as archive:
        text = gauntlet.model_card(archive, 'a: "b" #c')
        assert ModelCard(text).data.model_name == 'a: "b" #c'
        assert gauntlet.results_json(archive, 'a: "b" #c')["model_name_sanitized"] == "a__ __b__ #c"
