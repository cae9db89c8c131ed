"""Writes the random logits with ties, and their metrics from scikit-learn, statsmodels and the public formulas, that
BenchmarksTests compares with.

    python tools/make_metric_fixtures.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve, top_k_accuracy_score
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


def bootstrap(right: np.ndarray, seed: int) -> list[float]:
    count, means = len(right), []
    for resample in range(1000):
        words: list[int] = []
        for block in range((count + 3) // 4):
            words += philox([block, 0, resample, 1 << 31], [seed, 0])
        means.append(right[[word * count >> 32 for word in words[:count]]].mean())
    return list(np.percentile(means, [2.5, 97.5]))


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


if __name__ == "__main__":
    main()
