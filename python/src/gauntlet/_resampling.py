"""The run's resamples of images and its exact tests: the same draws as the program's own, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Resamples of an interval.
RESAMPLES = 1_000

_NORMAL_QUANTILE = 1.959963984540054
_LOW = np.uint64(0xFFFF_FFFF)
_HALF = np.uint64(32)


def _philox(counter: list[NDArray[np.uint64]], key: tuple[int, int]) -> list[NDArray[np.uint64]]:
    """Philox4x32-10 (Salmon, Moraes, Dror and Shaw, SC11), words as the low halves of uint64."""
    first, second = key
    for _ in range(10):
        one = counter[0] * np.uint64(0xD251_1F53)
        other = counter[2] * np.uint64(0xCD9E_8D57)
        counter = [
            (other >> _HALF) ^ counter[1] ^ np.uint64(first),
            other & _LOW,
            (one >> _HALF) ^ counter[3] ^ np.uint64(second),
            one & _LOW,
        ]
        first = (first + 0x9E37_79B9) & 0xFFFF_FFFF
        second = (second + 0xBB67_AE85) & 0xFFFF_FFFF
    return counter


def counts(seed: int, population: int, images: int, *, resamples: int = RESAMPLES) -> Iterator[NDArray[np.int64]]:
    """How often each resample holds each image, int64 [some resamples, image], a block at a time.

    Draw i of a resample is the high half of ``images`` times word i of the stream 2^63 + 2^32 population + resample of the
    run's seed, as the program has it.

    >>> [block.sum(axis=1).tolist() for block in counts(7, 0, 5, resamples=3)]
    [[5, 5, 5]]
    """
    key = (seed & 0xFFFF_FFFF, seed >> 32 & 0xFFFF_FFFF)
    blocks = max(1, -(-images // 4))
    step = max(1, min(resamples, (1 << 20) // blocks))
    positions = np.arange(blocks, dtype=np.uint64)
    for start in range(0, resamples, step):
        numbers = np.arange(start, min(start + step, resamples), dtype=np.uint64)
        shape = (len(numbers), blocks)
        counter = [
            np.broadcast_to(positions & _LOW, shape),
            np.broadcast_to(positions >> _HALF, shape),
            np.broadcast_to(numbers[:, None], shape),
            np.full(shape, (1 << 31) | population, dtype=np.uint64),
        ]
        words = np.stack(_philox(counter, key), axis=-1).reshape(len(numbers), -1)[:, :images]
        places = ((words * np.uint64(images)) >> _HALF).astype(np.int64)
        places += np.arange(len(numbers), dtype=np.int64)[:, None] * images
        yield np.bincount(places.ravel(), minlength=len(numbers) * images).reshape(len(numbers), images)


def interval(resampled: ArrayLike) -> tuple[float, float]:
    """The middle 95 % of resampled figures; NaN where one of them is, or there is none."""
    values = np.asarray(resampled, dtype=np.float64)
    if values.size == 0 or np.isnan(values).any():
        return (float("nan"), float("nan"))
    low, high = np.percentile(values, [2.5, 97.5])
    return (float(low), float(high))


def is_point(ends: tuple[float, float]) -> bool:
    """Whether every resample gave the same, so that resampling says nothing."""
    return ends[1] - ends[0] <= 1e-12 * max(1.0, abs(ends[0]))


def wilson(part: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share (Wilson 1927).

    >>> [round(end, 3) for end in wilson(0, 33)]
    [0.0, 0.104]
    """
    if count == 0:
        return (float("nan"), float("nan"))
    share = part / count
    square = _NORMAL_QUANTILE**2 / count
    middle = (share + square / 2) / (1 + square)
    half = float(np.sqrt(square * (share * (1 - share) + square / 4))) / (1 + square)
    return (0.0 if part == 0 else max(0.0, middle - half), 1.0 if part == count else min(1.0, middle + half))


def newcombe(first: int, second: int, count: int) -> tuple[float, float]:
    """Newcombe's 95 % interval of the difference of two shares of ``count`` (Newcombe 1998, method 10)."""
    one, other = first / count, second / count
    (low1, high1), (low2, high2) = wilson(first, count), wilson(second, count)
    return (
        one - other - float(np.hypot(one - low1, high2 - other)),
        one - other + float(np.hypot(high1 - one, other - low2)),
    )


def sign_test(one: int, other: int) -> float:
    """The exact two-sided sign test, McNemar's where they are images that only one of two models answers right.

    min(1, 2 P(X <= the smaller)) of a binomial X of both together and 1/2; 1 without any.

    >>> round(sign_test(36, 60), 4)
    0.0184
    """
    if one == other:
        return 1.0
    count, smaller = one + other, min(one, other)
    # C(count, smaller), its power of two apart, since it may be far beyond the largest number.
    choices, exponent = 1.0, -count
    for step in range(1, smaller + 1):
        choices = choices * (count - smaller + step) / step
        if choices > 2.0**500:
            choices, exponent = choices * 2.0**-500, exponent + 500
    total, ratio = 1.0, 1.0
    for below in range(smaller, -1, -1):
        if ratio <= 1e-20:
            break
        ratio = ratio * below / (count - below + 1)
        total += ratio
    return min(1.0, 2 * float(np.ldexp(choices * total, exponent)))


def holm(values: Sequence[float]) -> list[float]:
    """p-values after Holm's correction (Holm 1979), in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected = list(values)
    largest = 0.0
    order = sorted(range(len(values)), key=lambda index: (values[index], index))
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(values) - place) * values[index]))
        corrected[index] = largest
    return corrected
