"""Waves and bands of noise by numpy.fft, for Tests/ImagingTests (frequency.json).

Waves are made as the authors of the Fourier heat map make them (google-research, frequency_analysis): the inverse
transform of (1 + i) / 2 at the first of two mirrored frequencies and (1 - i) / 2 at the other. Bands are made as the noise by
frequency of "How do vision transformers work?" (ops/adversarial.py): fft2, a mask, the real part of ifft2.
"""

import json
from pathlib import Path

import numpy as np

FILE = Path(__file__).resolve().parent.parent / "Tests/ImagingTests/Fixtures/frequency.json"


def wave(height, width, row, column):
    spectrum = np.zeros((height, width), complex)
    place, mirror = (row % height, column % width), (-row % height, -column % width)
    if place == mirror:
        spectrum[place] = 1
    else:
        spectrum[place], spectrum[mirror] = 0.5 - 0.5j, 0.5 + 0.5j
    return np.sqrt(height * width) * np.fft.ifft2(spectrum).real


def sides(size, tenth):
    """Half the sides of the squares that bound a band of tenth * 0.1 pi, half as wide as a tenth to each side."""
    low, high = [max(0, (2 * tenth + end) * size // 40) for end in (-1, 1)]
    return low, size if tenth == 10 else high


def symmetric(height, width, tenth):
    def square(end):
        rows = np.abs(np.fft.fftfreq(height, 1 / height)) < sides(height, tenth)[end]
        columns = np.abs(np.fft.fftfreq(width, 1 / width)) < sides(width, tenth)[end]
        return np.outer(rows, columns)

    return square(1) & ~square(0)


def authors(size, tenth):
    """The mask of the authors' code, for even sizes: squares of an even side around the index size / 2."""
    def square(half):
        mask = np.zeros((size, size))
        half = min(half, size // 2)
        mask[size // 2 - half:size // 2 + half, size // 2 - half:size // 2 + half] = 1
        return np.roll(mask, (size // 2, size // 2), (0, 1))

    low, high = sides(size, tenth)
    return square(high) - square(low)


def band(field, mask):
    return np.fft.ifft2(mask * np.fft.fft2(field)).real


def main():
    random = np.random.default_rng(0)
    waves = [
        {"height": h, "width": w, "row": r, "column": c, "values": wave(h, w, r, c).ravel().tolist()}
        for h, w, r, c in [
            (8, 8, 0, 0), (8, 8, 0, 1), (8, 8, 3, -2), (8, 8, 4, 4), (7, 7, 3, -3), (6, 10, 2, 3), (6, 10, -3, 1),
            (12, 9, -2, -4)]
    ]
    bands = []
    for size in [(8, 8), (12, 12), (14, 20), (15, 9), (22, 22)]:
        field = random.choice([-1, 1], size)
        for tenth in [0, 1, 5, 9, 10]:
            masks = {"symmetric": symmetric(*size, tenth)}
            if size[0] == size[1]:
                masks["authors"] = authors(size[0], tenth)
            for name, mask in masks.items():
                bands.append({
                    "height": size[0], "width": size[1], "tenth": tenth, "mask": name, "bins": float(mask.sum()),
                    "field": field.ravel().tolist(), "values": band(field, mask).ravel().round(13).tolist()})
    FILE.write_text(json.dumps({"waves": waves, "bands": bands}))


main()
