"""Stands in for the program in tests of `gauntlet.work`: asks questions as it would, and writes down what it was told."""

from __future__ import annotations

import json
import mmap
import os
import signal
import sys
from pathlib import Path

import numpy as np

COUNT, SIDE, CLASSES = 3, 4, 2


def main() -> int:
    if (place := Path(sys.argv[sys.argv.index("--run") + 1])).name == "refuses":
        print("gauntlet: the run has no model for Python", file=sys.stderr)
        return 3
    ask, answer, memory = map(int, sys.argv[sys.argv.index("--python-exchange") + 1].split(","))
    slot_values = COUNT * (SIDE * SIDE * 3 + CLASSES)
    os.ftruncate(memory, 2 * slot_values * 4)
    values = np.frombuffer(mmap.mmap(memory, 0), dtype=np.float32)
    told: dict[str, object] = {"arguments": sys.argv[1:], "answers": []}
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    lines = os.fdopen(answer, "rb")
    for number in range(4):
        slot = number % 2
        place_of_images = slot * slot_values
        logits = place_of_images + COUNT * SIDE * SIDE * 3
        count = COUNT - number % 2
        size = count * SIDE * SIDE * 3
        values[place_of_images : place_of_images + size] = np.arange(size) + number
        question = {
            "slot": slot, "count": count, "height": SIDE, "width": SIDE, "classes": CLASSES, "images": place_of_images,
            "logits": logits, "bytes": values.nbytes,
        }  # fmt: skip
        os.write(ask, json.dumps(question).encode() + b"\n")
        found = json.loads(lines.readline())
        found["logits"] = values[logits : logits + count * CLASSES].tolist()
        told["answers"].append(found)
        if stopped:
            break
    told["stopped"] = stopped
    (place / "told.json").write_text(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
