"""Comparisons against the program's own, exact values, and published test vectors."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest

import gauntlet
from gauntlet import _resampling as resampling


def test_all_pairs_are_the_programs(archive):
    own, program = gauntlet.compare(archive), archive.comparisons
    assert len(own) == len(program) > 30
    for mine, theirs in zip(own, program, strict=True):
        for field in dataclasses.fields(gauntlet.Pair):
            found, expected = getattr(mine, field.name), getattr(theirs, field.name)
            if isinstance(expected, str):
                assert found == expected
            else:
                assert found == pytest.approx(expected, abs=1e-12, nan_ok=True), (mine, theirs)


def test_holm_is_over_what_is_compared(archive):
    one = gauntlet.compare(archive["replknet-nano"]["imagenet-r"], archive["vit-nano"]["imagenet-r"])
    assert len(one) == 1
    assert one[0].p == one[0].p_holm == 2 * 0.5**8
    assert (one[0].better, one[0].other_better) == (8, 0)


def test_the_other_way_round(archive):
    there = gauntlet.compare(archive["replknet-nano"], archive["vit-nano"])
    back = gauntlet.compare(archive["vit-nano"], archive["replknet-nano"])
    for one, other in zip(there, back, strict=True):
        assert one.difference == pytest.approx(-other.difference)
        assert one.difference_low == pytest.approx(-other.difference_high)
        assert (one.better, one.other_better, one.p) == (other.other_better, other.better, other.p)


def test_two_archives(archive, changed):
    """Of one benchmark three answers more are wrong."""

    def spoil(file):
        logits, labels = file["vit-nano/imagenet-val/logits"], file["vit-nano/imagenet-val/label"][...]
        values = logits[...]
        for image in range(3):
            values[image, labels[image]] = -100
        logits[...] = values

    with gauntlet.open(changed(spoil)) as other:
        found = gauntlet.compare(archive, other)
        val = {pair.model: pair for pair in found if pair.benchmark == "imagenet-val"}
        spoilt = next(pair for name, pair in val.items() if name.startswith("vit-nano"))
        assert spoilt.difference == pytest.approx(3 / 20)
        assert (spoilt.better, spoilt.other_better, spoilt.p) == (3, 0, 0.25)
        assert "changed.h5" in spoilt.other
        rest = [pair for pair in found if pair is not spoilt]
        assert all(pair.difference == 0 and pair.p == 1 for pair in rest)


def test_only_common_conditions(archive, changed):
    def lack(file):
        file["vit-nano/imagenet-c/severity"][...] = [3, 4, 5, 6, 7]

    with gauntlet.open(changed(lack)) as other:
        found = gauntlet.compare(archive["vit-nano"]["imagenet-c"], other["vit-nano"]["imagenet-c"])
        assert found[0].conditions == 4 * 3


def test_missing_results_are_left_out(archive, changed):
    def lose(file):
        file["vit-nano/imagenet-val/complete"][0] = 0
        file["vit-nano/imagenet-val/logits"][0] = np.nan

    with gauntlet.open(changed(lose)) as other:
        assert gauntlet.compare(archive["vit-nano"]["imagenet-val"], other["vit-nano"]["imagenet-val"])[0].images == 19
        assert np.isnan(other["vit-nano"]["imagenet-val"].correct().values[0])
        assert int(other["vit-nano"]["imagenet-val"].answers()[0]) == -1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda file: file["vit-nano/imagenet-c/label"].__setitem__(0, 5), "same images"),
        (lambda file: file["vit-nano/imagenet-c"].attrs.__setitem__("benchmark_kind", "occlusion"), "different kinds"),
        (lambda file: file["vit-nano/imagenet-c"].attrs.__setitem__("jpeg_quality", "85"), "differ in JPEG quality"),
        (lambda file: file["vit-nano/imagenet-c"].attrs.__setitem__("changed", "on the fly"), "different pictures"),
    ],
)
def test_unlike_results_are_refused(archive, changed, change, reason):
    with gauntlet.open(changed(change)) as other:
        with pytest.raises(gauntlet.NotComparableError, match=reason):
            gauntlet.compare(archive["vit-nano"]["imagenet-c"], other["vit-nano"]["imagenet-c"])
        rest = gauntlet.compare(archive["vit-nano"], other["vit-nano"])
        assert "imagenet-c" not in {pair.benchmark for pair in rest}
        assert any(reason in sentence for sentence in rest.skipped)


def test_wrong_uses_say_what_is_right(archive):
    with pytest.raises(TypeError, match="two models"):
        gauntlet.compare(archive, archive["vit-nano"])
    with pytest.raises(KeyError, match="no such benchmark: 'imagenet-d'"):
        gauntlet.compare(archive, benchmarks=["imagenet-d"])
    with pytest.raises(gauntlet.NotComparableError, match="no benchmark in common"):
        gauntlet.compare(archive["vit-nano"], archive["resnet-nano"], benchmarks=["imagenet-o"])


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [  # Random123's known answers for philox4x32, 10 rounds.
        ([0] * 4, (0, 0), [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([0xFFFFFFFF] * 4, (0xFFFFFFFF, 0xFFFFFFFF), [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            (0xA4093822, 0x299F31D0),
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_has_the_published_words(counter, key, words):
    found = resampling._philox([np.array([word], dtype=np.uint64) for word in counter], key)
    assert [int(word[0]) for word in found] == words


@pytest.mark.parametrize(("one", "other"), [(0, 0), (3, 0), (36, 60), (202, 370), (10, 10), (700, 900)])
def test_sign_test_is_exact(one, other):
    count, smaller = one + other, min(one, other)
    tail = sum(math.comb(count, k) for k in range(smaller + 1))
    assert resampling.sign_test(one, other) == pytest.approx(float(min(1, Fraction(2 * tail, 2**count))), rel=1e-12)


def test_holm_by_hand():
    assert resampling.holm([0.04, 0.01, 0.03, 0.5]) == pytest.approx([0.09, 0.04, 0.09, 0.5])


def test_blocks_of_resamples_do_not_matter():
    whole = np.concatenate(list(resampling.counts(7, 3, 2_000_003, resamples=2)))
    assert whole.sum(axis=1).tolist() == [2_000_003] * 2
    first = next(iter(resampling.counts(7, 3, 2_000_003, resamples=1)))
    np.testing.assert_array_equal(whole[:1], first)


def test_tables(archive):
    found = gauntlet.compare(archive["replknet-nano"], archive["vit-nano"], benchmarks=["imagenet-r"])
    assert "40.0 [20.0, 65.0]" in str(found)
    assert found.to_markdown().splitlines()[1].startswith("| --- | --- | --- | ---: |")
    assert r"\toprule" in found.to_latex()
    assert found.frame().loc[0, "p"] == 2 * 0.5**8
