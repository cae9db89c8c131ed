"""Which patches are dropped by the order of a mask, for Tests/ImagingTests (masks.json).

As the code of "Intriguing properties of vision transformers" has it: shares in ascending order, their running sum c, and
a patch belongs to those that are seen first where c > 1 - share. In fractions instead of float32, so that no rounding decides.
"""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np

FILE = Path(__file__).resolve().parent.parent / "Tests/ImagingTests/Fixtures/masks.json"


def first(attention, share):
    order = np.argsort(attention, kind="stable")
    total = Fraction(int(np.sum(attention)))
    running, found = Fraction(0), []
    for patch in order:
        running += Fraction(int(attention[patch])) / total
        if running > 1 - share:
            found.append(int(patch))
    return sorted(found)


def main():
    random = np.random.default_rng(3)
    cases = []
    for patches in (4, 9, 16, 49):
        for largest in (3, 255):
            attention = random.integers(1, largest + 1, patches)
            for percent in (1, 10, 25, 50, 75, 90, 99):
                seen = first(attention, Fraction(percent, 100))
                kept = first(attention, 1 - Fraction(percent, 100))
                cases.append({
                    "shares": attention.tolist(), "percent": percent, "salient": seen,
                    "nonSalient": [p for p in range(patches) if p not in kept]})
    FILE.write_text(json.dumps(cases))


main()
