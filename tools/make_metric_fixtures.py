"""Writes the random logits with ties, and their metrics from scikit-learn, statsmodels and the public formulas, that
BenchmarksTests compares with.

    python tools/make_metric_fixtures.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from math import comb
from pathlib import Path

import imagenet_x
import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize
from scipy.special import log_softmax
from scipy.stats import binomtest
from sklearn.metrics import (
    average_precision_score, brier_score_loss, cohen_kappa_score, log_loss, roc_auc_score, roc_curve, top_k_accuracy_score)
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

FILE = Path(__file__).resolve().parent.parent / "Tests/BenchmarksTests/Fixtures/metrics.json"
STEP = 0.25  # logits are whole multiples of this, so that many are equal


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def ranks(logits: np.ndarray) -> np.ndarray:
    """1 for the largest; of equal logits the first class comes first."""
    return np.argsort(np.argsort(-logits, kind="stable"), kind="stable") + 1


def calibration(confidence: np.ndarray, right: np.ndarray) -> dict[str, float]:
    rising = np.argsort(confidence, kind="stable")
    count, size = len(rising), 100
    bins = [rising[start:start + size] for start in range(0, count // size * size, size)]
    # The last bin takes the remainder, and the public code's sum does not reach it.
    squares = [len(b) / count * (confidence[b].mean() - right[b].mean()) ** 2 for b in bins[:-1]]
    falling = right[rising[::-1]]
    response_rates = np.cumsum(falling) / np.arange(1, count + 1)
    edges = np.arange(16) / 15
    expected = 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            expected += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return {"rms": np.sqrt(sum(squares)), "aurra": response_rates.mean(), "ece": expected}


def detection(out: np.ndarray, inside: np.ndarray) -> dict[str, float]:
    truth = np.r_[np.ones(len(out)), np.zeros(len(inside))]
    scores = np.r_[out, inside]
    false_positives, true_positives, _ = roc_curve(truth, scores, drop_intermediate=False)
    return {"aupr": average_precision_score(truth, scores), "auroc": roc_auc_score(truth, scores),
            "fpr95": false_positives[np.argmax(true_positives >= 0.95)]}


def stability(sequences: np.ndarray, noise: bool, difficulty: int) -> dict[str, float]:
    classes = sequences.shape[2]
    places = np.cumsum([0] + [1] * 5 + [0] * (classes - 6))
    flips, distances = [], []
    for sequence in sequences:
        of_sequence = []
        for start in range(1 if noise else difficulty):
            frames = sequence[start::1 if noise else difficulty]
            for place in range(1, len(frames)):
                earlier, later = frames[0 if noise else place - 1], frames[place]
                sigma = ranks(later)[np.argsort(ranks(earlier))]
                of_sequence.append((earlier.argmax() != later.argmax(),
                                    np.abs(places[:5] - places[sigma - 1][:5]).sum()))
        flips.append(np.mean([flip for flip, _ in of_sequence]))
        distances.append(np.mean([distance for _, distance in of_sequence]))
    return {"flip_rate": np.mean(flips), "top5_distance": np.mean(distances)}


def philox(counter: list[int], key: list[int]) -> list[int]:
    """Philox4x32-10 of Salmon et al. 2011."""
    for _ in range(10):
        first, second = counter[0] * 0xD2511F53, counter[2] * 0xCD9E8D57
        counter = [second >> 32 ^ counter[1] ^ key[0], second & 0xFFFFFFFF,
                   first >> 32 ^ counter[3] ^ key[1], first & 0xFFFFFFFF]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return counter


def resamples(count: int, seed: int) -> Iterator[list[int]]:
    """The places that each of 1,000 resamples draws."""
    for resample in range(1000):
        words: list[int] = []
        for block in range((count + 3) // 4):
            words += philox([block, 0, resample, 1 << 31], [seed, 0])
        yield [word * count >> 32 for word in words[:count]]


def middle(values: list[float]) -> list[float]:
    return list(np.percentile(values, [2.5, 97.5]))


def bootstrap(right: np.ndarray, seed: int) -> list[float]:
    return middle([right[places].mean() for places in resamples(len(right), seed)])


def wilson(part: int, count: int) -> list[float]:
    """statsmodels' and SciPy's, which must agree."""
    low, high = proportion_confint(part, count, method="wilson")
    other = binomtest(part, count).proportion_ci(method="wilson")
    assert np.allclose([low, high], [other.low, other.high], atol=1e-12)
    return [low, high]


def shares() -> list[list[float]]:
    """Part, count, both ends: the edges, and between them."""
    pairs = [(0, 1), (1, 1), (0, 33), (33, 33), (500, 500), (499, 500), (1, 50_000), (7, 12), (250, 500)]
    return [[part, count, *wilson(part, count)] for part, count in pairs]


def differences() -> list[list[float]]:
    """Two parts with their counts, both ends of the interval of the difference of the shares."""
    pairs = [(40, 40, 40, 40), (0, 40, 0, 30), (40, 40, 0, 40), (30, 40, 10, 50)]
    return [[*pair, *confint_proportions_2indep(*pair, method="newcomb", compare="diff")] for pair in pairs]


def coin(one: int, other: int) -> float:
    """McNemar's exact test in whole numbers; statsmodels', which must agree, is less exact far out."""
    tail = Fraction(sum(comb(one + other, k) for k in range(min(one, other) + 1)), 2 ** (one + other))
    p = float(min(Fraction(1), 2 * tail))
    if one + other:
        assert np.isclose(p, mcnemar([[0, one], [other, 0]], exact=True).pvalue, rtol=1e-7, atol=1e-300)
    return p


def kappa(first: np.ndarray, second: np.ndarray) -> float:
    agreed = (first == second).mean()
    expected = first.mean() * second.mean() + (1 - first.mean()) * (1 - second.mean())
    if expected == 1:
        return float("nan")
    value = (agreed - expected) / (1 - expected)
    assert np.isclose(value, cohen_kappa_score(first, second), atol=1e-12)
    return value


def pair(first: np.ndarray, second: np.ndarray, seed: int) -> dict[str, float]:
    """Two models' right answers, [condition, image], -1 where there is none."""
    both = (first >= 0) & (second >= 0)

    def means(places: list[int]) -> tuple[float, float, float]:
        rows = [(one[places][mask[places]], other[places][mask[places]])
                for one, other, mask in zip(first, second, both)]
        kappas = [kappa(one, other) for one, other in rows]
        return (np.mean([one.mean() - other.mean() for one, other in rows]),
                np.mean([(one == other).mean() for one, other in rows]),
                np.nanmean(kappas) if not np.isnan(kappas).all() else float("nan"))

    drawn = [means(places) for places in resamples(first.shape[1], seed)]
    lead = (np.where(both, first, 0) - np.where(both, second, 0)).sum(axis=0)
    difference, agreement, consistency = means(list(range(first.shape[1])))
    better = [int((lead > 0).sum()), int((lead < 0).sum())]
    return {"images": int(both.any(axis=0).sum()), "better": better[0], "other_better": better[1],
            "difference": difference, "agreement": agreement, "error_consistency": consistency, "p": coin(*better),
            **dict(zip(["difference_low", "difference_high"], middle([d[0] for d in drawn]))),
            **dict(zip(["error_consistency_low", "error_consistency_high"], middle([d[2] for d in drawn])))}


def pairs() -> dict[str, object]:
    random = np.random.default_rng(20261130)
    hard = random.random(120)
    first, second = [(random.random((3, 120)) < 1 - 0.8 * hard).astype(int) for _ in range(2)]
    first[2], second[2] = 1, 1  # a condition without errors has no kappa
    first[1, :7], second[1, 5:9], first[:, 11] = -1, -1, -1
    counts = [(0, 0), (5, 5), (1, 0), (0, 12), (30, 12), (31, 32), (700, 640), (2600, 2400), (1, 5000)]
    values = [0.04, 0.01, 0.03, 0.005, 0.9, 0.03, 0.0]
    return {"coins": [[*count, coin(*count)] for count in counts],
            "holm": [values, list(multipletests(values, method="holm")[1])],
            "first": first.tolist(), "second": second.tolist(),
            "expected": [pair(first[:1], second[:1], seed=5), pair(first, second, seed=5)]}


def annotations() -> dict[str, object]:
    """Right answers by reassessed labels, of which some images have none, and error ratios by the package imagenet-x."""
    random = np.random.default_rng(20261201)
    steps = np.rint(random.normal(0, 6, (300, 8))).astype(int)
    answers = steps.argmax(axis=1)
    labels = np.where(random.random(300) < 0.5, answers, random.integers(0, 8, 300))
    real = [sorted(set(random.integers(0, 8, random.integers(0, 4)).tolist() + ([answer] if random.random() < 0.4 else [])))
            for answer in answers.tolist()]
    right = [answer in classes for answer, classes in zip(answers, real) if classes]
    names = [f"ILSVRC2012_val_{image + 1:08d}.JPEG" for image in range(300)]
    factors = pd.DataFrame((random.random((300, 16)) < random.random(16) * 0.4).astype(int), columns=imagenet_x.FACTORS)
    factors["style"] = 0  # a factor that no image has
    annotated = factors.assign(file_name=names, model="m", is_correct=answers == labels)[random.random(300) < 0.9]
    lines = [{**row[["file_name"]].to_dict(), **row[imagenet_x.FACTORS].astype(int).to_dict()}
             for _, row in annotated.iterrows()]
    prototypes = sorted(random.choice(annotated["file_name"], 20, replace=False))
    counted = annotated[~annotated["file_name"].isin(prototypes)]
    accuracies = imagenet_x.compute_factor_accuracies(counted, imagenet_x.FACTORS)
    ratios = imagenet_x.error_ratio(accuracies).iloc[0]
    return {"step": STEP, "class_count": 8, "logits": steps.ravel().tolist(), "labels": labels.tolist(), "real": real,
            "real_expected": {"real_top1": np.mean(right), **dict(zip(["real_top1_low", "real_top1_high"],
                                                                      wilson(sum(right), len(right))))},
            "factor_lines": lines, "prototypes": prototypes,
            "error_ratio": {name: None if np.isnan(value) else value for name, value in ratios.items()},
            "images_by_factor": counted[imagenet_x.FACTORS].sum().to_dict()}


def temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """SciPy's least mean log-loss over the inverse temperature, and the root of its derivative, which must agree."""
    def loss(inverse: float) -> float:
        return -log_softmax(logits * inverse, axis=1)[np.arange(len(labels)), labels].mean()

    def slope(inverse: float) -> float:
        return ((softmax(logits * inverse) * logits).sum(axis=1) - logits[np.arange(len(labels)), labels]).mean()

    root = brentq(slope, 1e-3, 1e3, xtol=1e-15, rtol=1e-15)
    least = minimize(lambda x: loss(x[0]), [1.0], jac=lambda x: np.array([slope(x[0])]), method="BFGS",
                     options={"gtol": 1e-12}).x[0]
    assert np.isclose(root, least, rtol=1e-9)
    return 1 / root


def confidences(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    probabilities, classes = softmax(logits), range(logits.shape[1])
    errors = calibration(probabilities.max(axis=1), (logits.argmax(axis=1) == labels).astype(float))
    return {"ece": errors["ece"], "rms_calibration_error": errors["rms"],
            "nll": log_loss(labels, probabilities, labels=classes),
            "brier": brier_score_loss(labels, probabilities, labels=classes, scale_by_half=False)}


def shift() -> dict[str, object]:
    """Clean logits, and those of two corruptions and two severities, with their calibration before and after temperature."""
    random = np.random.default_rng(20261202)
    labels = random.integers(0, 6, 260)
    sets = []
    for strength in [4.0, 2.0, 1.0, 2.5, 0.5]:
        logits = random.normal(0, 3, (260, 6))
        logits[np.arange(260), labels] += strength * 1.5
        sets.append(np.rint(logits / STEP).astype(int))
    fitted = temperature(sets[0] * STEP, labels)
    expected = []
    for steps in sets:
        after = confidences(steps * STEP / fitted, labels)
        del after["rms_calibration_error"]
        expected.append({**confidences(steps * STEP, labels),
                         **{name + "_after_temperature": value for name, value in after.items()}})
    largest = softmax(sets[0] * STEP).max(axis=1)
    right = sets[0].argmax(axis=1) == labels
    bins = np.clip(np.ceil(largest * 15).astype(int) - 1, 0, 14)
    counts = np.bincount(bins, minlength=15)
    return {"step": STEP, "labels": labels.tolist(), "sets": [steps.ravel().tolist() for steps in sets],
            "temperature": fitted, "expected": expected, "bin_images": counts.tolist(),
            "bin_right": np.bincount(bins, weights=right, minlength=15).astype(int).tolist(),
            "bin_confidence": [largest[bins == bin].mean() if counts[bin] else None for bin in range(15)]}


def main() -> None:
    random = np.random.default_rng(20261125)
    steps = np.rint(random.normal(0, 6, (730, 8))).astype(int)
    labels = np.where(random.random(730) < 0.4, steps.argmax(axis=1), random.integers(0, 8, 730))
    out_steps = np.rint(random.normal(0, 4, (210, 8))).astype(int)
    steps[700:], out_steps[180:] = steps[:30], steps[100:130]  # equal confidences
    logits = steps * STEP
    probabilities = softmax(logits)
    confidence, answers = probabilities.max(axis=1), logits.argmax(axis=1)
    right = (answers == labels).astype(float)
    top5 = np.mean([ranks(row)[label] <= 5 for row, label in zip(logits, labels)])
    tieless = logits - np.arange(8) * 1e-6  # scikit-learn's own order of ties is another
    assert top5 == top_k_accuracy_score(labels, tieless, k=5, labels=range(8))
    frames = np.rint(np.cumsum(random.normal(0, 1.2, (7, 9, 12)), axis=1)).astype(int)
    result = {
        "step": STEP, "class_count": 8, "logits": steps.ravel().tolist(), "labels": labels.tolist(),
        "out_logits": out_steps.ravel().tolist(),
        "frames": frames.ravel().tolist(), "sequence_count": 7, "frame_count": 9, "frame_class_count": 12,
        "expected": {
            "top1": right.mean(), "top5": top5, **calibration(confidence, right),
            **detection(-softmax(out_steps * STEP).max(axis=1), -confidence),
            **{f"{name}_{suffix}": value for suffix, noise, difficulty in
               [("first", True, 1), ("1", False, 1), ("2", False, 2), ("3", False, 3)]
               for name, value in stability(frames, noise, difficulty).items()},
            **dict(zip(["resampled_low", "resampled_high"], bootstrap(right, seed=5))),
            **dict(zip(["top1_low", "top1_high"], wilson(int(right.sum()), len(right)))),
            **dict(zip(["top5_low", "top5_high"], wilson(round(top5 * len(right)), len(right)))),
        },
        "shares": shares(), "differences": differences(),
    }
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    for name, fixture in [("pairs", pairs()), ("annotations", annotations()), ("shift", shift())]:
        FILE.with_name(name + ".json").write_text(json.dumps(fixture, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
