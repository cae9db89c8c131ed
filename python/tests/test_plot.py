"""Figures: what they show is the archive's, and the same archive gives the same files."""

from __future__ import annotations

import numpy as np
import pytest

from gauntlet import plot


def test_every_figure_is_drawn(archive, tmp_path):
    paths = plot.draw(archive, tmp_path / "one", "svg")
    assert {path.stem for path in paths} >= {
        "headlines", "imagenet-val-reliability", "imagenet-c-severity", "imagenet-c-live-ce", "imagenet-p-flip-rate",
        "occlusion", "fgsm", "lesion", "frequency-noise", "fourier-heat-map-map", "receptive-field-map",
    }  # fmt: skip
    again = plot.draw(archive, tmp_path / "two", "svg")
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]
    assert all(b"<text" in path.read_bytes() for path in paths)


def test_vector_files(archive, tmp_path):
    figure = plot.occlusion(archive)
    assert plot.save(figure, tmp_path / "a" / "b.pdf").read_bytes().startswith(b"%PDF")
    assert plot.save(figure, tmp_path / "b.eps").read_bytes().startswith(b"%!PS")
    assert (tmp_path / "a" / "b.pdf").read_bytes() == plot.save(figure, tmp_path / "c.pdf").read_bytes()


def test_curves_show_the_archives_figures(archive):
    axes = plot.attacks(archive).axes[0]
    lines = axes.get_lines()
    assert [line.get_label() for line in lines] == archive.models
    np.testing.assert_allclose(lines[2].get_xdata(), [0, 1 / 255, 2 / 255, 4 / 255])
    np.testing.assert_allclose(lines[2].get_ydata(), 100 * archive["vit-nano"]["fgsm"].figures["top1"].value.values)


def test_bands_of_severities_are_resampled_as_the_archive_does(archive):
    """The mean over the severities has the archive's interval where there is one severity alone: so each is checked by hand."""
    evaluation = archive["vit-nano"]["imagenet-c"]
    _, values, low, high = plot._by_severity(evaluation)
    np.testing.assert_allclose(values, evaluation.figures["top1"].value.mean("corruption").values)
    right = evaluation.correct().values
    places = np.random.default_rng(1).integers(0, 20, (4000, 20))
    resampled = right[:, :, places].mean(axis=(0, 3))
    np.testing.assert_allclose(low, np.percentile(resampled, 2.5, axis=1), atol=0.03)
    np.testing.assert_allclose(high, np.percentile(resampled, 97.5, axis=1), atol=0.03)


def test_a_model_looks_the_same_everywhere(archive):
    lesion = plot.lesions(archive).axes[0].get_lines()
    attack = plot.attacks(archive).axes[0].get_lines()
    assert lesion[1].get_label() == attack[2].get_label() == "vit-nano"
    assert lesion[1].get_color() == attack[2].get_color() != lesion[0].get_color()


def test_bars_have_the_mean_in_the_legend(archive):
    axes = plot.corruptions(archive, "imagenet-c-live").axes[0]
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts[0] == f"replknet-nano, mCE {archive['replknet-nano']['imagenet-c-live'].figures['mce'].text()}"
    heights = [bar.get_height() for bar in axes.containers[0]]
    np.testing.assert_allclose(heights, 100 * archive["replknet-nano"]["imagenet-c-live"].figures["ce"].value.values)


def test_maps_share_a_scale(archive):
    figure = plot.heat_map(archive, "fourier-heat-map")
    images = [axes.get_images()[0] for axes in figure.axes[:3]]
    assert len({image.get_clim() for image in images}) == 1
    np.testing.assert_allclose(
        images[0].get_array(), 100 * archive["replknet-nano"]["fourier-heat-map"].figures["error_map"].value.values
    )


def test_wrong_names_are_answered_with_the_right_ones(archive):
    with pytest.raises(KeyError, match="no benchmark 'imagenet-d', only"):
        plot.severity(archive, "imagenet-d")
    with pytest.raises(KeyError, match="no model 'vit', only"):
        plot.severity(archive, models=["vit"])
    with pytest.raises(KeyError, match="no figure 'ce', only"):
        plot.corruptions(archive, "occlusion")
    with pytest.raises(ValueError, match="not over corruptions"):
        plot.severity(archive, "occlusion")
    with pytest.raises(ValueError, match="over corruption, severity, not one axis"):
        plot.curves(archive, "imagenet-c", "top1")
