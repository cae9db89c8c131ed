"""Tables for papers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray

import gauntlet


def test_latex(archive):
    text = archive.to_latex(benchmarks=["imagenet-c-live", "imagenet-r"])
    lines = text.splitlines()
    assert lines[:2] == [r"\begin{tabular}{llrrr}", r"\toprule"]
    assert lines[2] == r"benchmark & figure & replknet-nano & resnet-nano & vit-nano \\"
    assert lines[-2:] == [r"\bottomrule", r"\end{tabular}"]
    assert r"imagenet-r & top-1 & \textbf{100.0} & 95.0 & 60.0 \\" in lines


def test_less_is_better_where_it_is(archive):
    table = archive.table(benchmarks=["imagenet-c-live"])
    mce = next(row for row in table.to_markdown().splitlines() if "mCE" in row)
    values = [float(archive[name]["imagenet-c-live"].figures["mce"]) for name in archive.models]
    best = archive.models[int(np.argmin(values))]
    assert mce.split(" | ")[2 + archive.models.index(best)].startswith("**")
    assert mce.count("**") == 2


def test_models_as_rows(archive):
    lines = archive.to_markdown(rows="models", benchmarks=["imagenet-o"]).splitlines()
    assert lines[0] == "| model | imagenet-o, AUPR |"
    assert len(lines) == 5
    with pytest.raises(ValueError, match="must be 'benchmarks' or 'models'"):
        archive.table(rows="columns")
    with pytest.raises(KeyError, match="no such benchmark: 'imagenet-d'"):
        archive.table(benchmarks=["imagenet-d"])


def test_intervals(archive):
    text = str(archive.table(benchmarks=["imagenet-r"], intervals=True))
    figure = archive["vit-nano"]["imagenet-r"].headline
    low, high = figure.interval()
    assert f"60.0 [{100 * low:.1f}, {100 * high:.1f}]" in text


def test_models_that_lack_a_benchmark_have_a_dash(archive):
    row = next(row for row in archive.table().rows if row[0] == "lesion")
    assert row[3] == "-"


def test_two_archives_of_one_model_say_their_runs(archive, changed):
    def rename(file):
        file.attrs["run"] = "second"

    with gauntlet.open(changed(rename)) as other:
        assert gauntlet.table(archive, other).head[2:] == [
            f"{name} ({run})" for run in ("small", "second") for name in archive.models
        ]


def test_nothing_is_taken_for_a_command():
    table = gauntlet.Table(["a_b & c"], [["50 % {x}"], ["a|b"]])
    assert r"a\_b \& c \\" in table.to_latex()
    assert r"50 \% \{x\} \\" in table.to_latex()
    assert "| a\\|b |" in table.to_markdown()


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [("share", 0.123456, "12.3"), ("points", -0.01, "-1.0"), ("number", 1.234, "1.23"), ("share", math.nan, "-")],
)
def test_numbers(unit, value, text):
    figure = gauntlet.Figure("x", "x", xarray.DataArray(value), None, None, "detail", unit)
    assert figure.text() == text
