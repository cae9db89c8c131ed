"""Opening: what is refused and how it is said, archives of before, and values that are read only when asked for."""

from __future__ import annotations

import re
import sys

import h5py
import numpy as np
import pytest
from conftest import HERE, PATH

import gauntlet


def test_names(archive):
    assert archive.models == ["replknet-nano", "resnet-nano", "vit-nano"]
    assert archive.benchmarks[:3] == ["imagenet-val", "imagenet-c", "imagenet-c-live"]
    assert archive["vit-nano/fgsm"] is archive["vit-nano"]["fgsm"]
    assert "resnet-nano" in archive
    assert "lesion" not in archive["resnet-nano"]
    assert archive.seed == 7
    assert archive.manifest.startswith("# The archive that the tests")


def test_the_manifests_order_where_a_model_lacks_benchmarks(archive):
    names = re.findall(r"^  - kind: (\S+)\n(?:    name: (\S+)\n)?", archive.manifest, re.MULTILINE)
    # A comment may stand between.
    assert archive.benchmarks == [name or kind for kind, name in names]


def test_wrong_names_are_answered_with_the_right_ones(archive):
    with pytest.raises(KeyError, match="no model 'vit', only replknet-nano"):
        archive["vit"]
    with pytest.raises(KeyError, match="no benchmark 'imagenet-d', only imagenet-val"):
        archive["vit-nano"]["imagenet-d"]


def test_runs_folder_and_texts(tmp_path):
    (tmp_path / "archive.h5").write_bytes(PATH.read_bytes())
    assert gauntlet.open(str(tmp_path)).run == "small"


@pytest.mark.parametrize(
    ("name", "contents", "sentence"),
    [
        ("none.h5", None, "no such file"),
        ("text.h5", b"model,top1\n", "not an HDF5 file"),
        ("short.h5", PATH.read_bytes()[:100_000], "not an HDF5 file, or is damaged"),
    ],
)
def test_what_is_no_archive_is_refused(tmp_path, name, contents, sentence):
    path = tmp_path / name
    if contents is not None:
        path.write_bytes(contents)
    with pytest.raises(gauntlet.ArchiveError, match=sentence) as caught:
        gauntlet.open(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_hdf5_files_and_folders_are_refused(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = [1]
    with pytest.raises(gauntlet.ArchiveError, match="not a Gauntlet archive"):
        gauntlet.open(tmp_path / "other.h5")
    with pytest.raises(gauntlet.ArchiveError, match=r"no archive\.h5 in this folder; gauntlet collect"):
        gauntlet.open(tmp_path)


def test_a_group_that_is_missing_is_named(changed):
    def lose(file):
        del file["vit-nano/fgsm"]

    with pytest.raises(gauntlet.ArchiveError, match="has no group vit-nano/fgsm"):
        gauntlet.open(changed(lose))


def test_seal(archive, tmp_path):
    archive.check()
    whole = PATH.read_bytes()
    cut = tmp_path / "cut.h5"
    cut.write_bytes(whole[:-10])
    with pytest.warns(UserWarning, match="no seal"):
        gauntlet.open(cut).close()
    place = whole.index(b"contrast")
    other = tmp_path / "other.h5"
    other.write_bytes(whole[:place] + b"Contrast" + whole[place + 8 :])
    with pytest.raises(gauntlet.ArchiveError, match="do not match its seal"):
        gauntlet.open(other).check()


def old(file):
    """What archives of before 0.7 lack: what figures are, lists of variables, plans, comparisons."""
    del file["comparisons"], file["provenance/plan"]
    for path in file.attrs["groups"].split("\n"):
        group = file[path]
        for name in ("variables", "scored_classes", "answers_among", "making"):
            group.attrs.pop(name, None)
        for metric in group.attrs["metrics"].split():
            for name in ("title", "role", "unit", "better", "extent", "of_sets", "of_rows", "absence", "explanation"):
                group[metric].attrs.pop(name, None)


def test_archives_of_before_open(archive, changed):
    with gauntlet.open(changed(old)) as before:
        assert before.benchmarks == archive.benchmarks
        for name in ["imagenet-val", "imagenet-c", "imagenet-c-live", "imagenet-o", "imagenet-9", "imagenet-r"]:
            mine, theirs = (one["vit-nano"][name].headline for one in (before, archive))
            assert (mine.title, float(mine)) == (theirs.title, float(theirs))
        assert len(before.comparisons) == 0
        assert before["vit-nano"]["imagenet-c-live"].figures["mce"].less_is_better
        kept = ["imagenet-val", "imagenet-c", "imagenet-a", "imagenet-r", "imagenet-9"]
        own = gauntlet.compare(before, benchmarks=kept)
        program = [pair for pair in archive.comparisons if pair.benchmark in kept]
        assert [pair.difference_low for pair in own] == pytest.approx([pair.difference_low for pair in program])
        assert "mCE" in before.to_markdown()


def test_values_are_read_when_they_are_asked_for(archive):
    logits = archive["vit-nano"]["imagenet-c"]["logits"]
    assert not logits.variable._in_memory
    one = logits.sel(corruption="contrast", severity=3, image=0)
    assert one.shape == (10,)
    assert one.dtype == np.float32


def test_sets_and_classes(archive):
    evaluation = archive["vit-nano"]["imagenet-r"]
    assert evaluation.headline_images().sum() == 20
    assert evaluation.data.class_name.values.tolist()[:2] == ["arrow", "bolt"]


def test_experiments_without_logits_say_so(archive):
    with pytest.raises(gauntlet.ArchiveError, match="no logits"):
        archive["vit-nano"]["receptive-field"].answers()


def test_mapped_classes(changed):
    """As of ImageNet-9: outputs are mapped to the benchmark's classes, here all to their number less one."""

    def mapped(file):
        group = file["vit-nano/imagenet-val"]
        group.attrs["class_map"] = " ".join(str(place - 1) for place in range(10))

    with gauntlet.open(changed(mapped)) as other, gauntlet.open(PATH) as plain:
        ours, theirs = (one["vit-nano"]["imagenet-val"].answers().values for one in (other, plain))
        np.testing.assert_array_equal(ours, theirs - 1)


def test_scored_classes(changed):
    def some(file):
        file["vit-nano/imagenet-val"].attrs["scored_classes"] = "2 5 7"

    with gauntlet.open(changed(some)) as other:
        evaluation = other["vit-nano"]["imagenet-val"]
        logits = evaluation["logits"].values
        expected = np.array([2, 5, 7])[logits[:, [2, 5, 7]].argmax(axis=-1)]
        np.testing.assert_array_equal(evaluation.answers().values, expected)


def test_ties_go_to_the_first_class(changed):
    def tie(file):
        file["vit-nano/imagenet-val/logits"][0] = 1.0

    with gauntlet.open(changed(tie)) as other:
        assert int(other["vit-nano"]["imagenet-val"].answers()[0]) == 0


@pytest.mark.parametrize(
    ("package", "use"),
    [
        ("pandas", lambda archive: archive.frame()),
        ("pandas", lambda archive: archive.comparisons.frame()),
        ("matplotlib", lambda archive: gauntlet.plot.headlines(archive)),
    ],
)
def test_optional_packages_are_named(archive, monkeypatch, package, use):
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(gauntlet.MissingExtraError, match=f"pip install {package}"):
        use(archive)


def test_tables_need_no_optional_packages(archive, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert archive.to_latex()
    assert archive.rows()
    assert gauntlet.compare(archive, benchmarks=["imagenet-val"]).to_markdown()


def test_source_is_there():
    assert (HERE / "archive.yaml").exists()
