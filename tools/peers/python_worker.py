"""Evaluates the miniature's ResNet by PyTorch, as a Python worker, beside Gauntlet's own engine; kills and resumes workers.

    python tools/peers/python_worker.py

needs the miniature's data (`make run`), PyTorch, timm, safetensors and the Python package (`pip install ./python`). It ends with
1 unless, in one run of both models, every condition's top-1 agrees within 0.2 points, every picture handed over has the bits of
`gauntlet export`'s after NumPy's normalisation, and a run whose Python workers are killed again and again, and that is resumed,
gives the archive's logits with the same bits.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
GAUNTLET = os.environ.get("GAUNTLET", str(ROOT / ".build/release/gauntlet"))
DATA = ROOT / "runs/data/miniature"
BATCH = 25

MANIFEST = f"""
run: python-worker
seed: 7
models:
  - name: own
    architecture: resnet-nano
    checkpoint: {ROOT}/models/resnet-nano.safetensors
    preprocess: {{mean: imagenet, std: imagenet}}
  - name: torch
    engine: python
    callable: nano.make_resnet
    checkpoint: {ROOT}/models/resnet-nano.safetensors
    classes: 10
    preprocess: {{resize: 64, crop: 64, interpolation: bilinear, mean: imagenet, std: imagenet}}
benchmarks:
  - {{kind: imagenet-val, root: {DATA}/val}}
  - {{kind: imagenet-c, root: {DATA}/imagenet-c, corruptions: [gaussian_noise, brightness, contrast, pixelate]}}
  - {{kind: imagenet-c, name: imagenet-c-live, from: {DATA}/val, corruptions: [fog, jpeg_compression], severities: [3, 5]}}
  - {{kind: imagenet-a, root: {DATA}/imagenet-a}}
  - {{kind: imagenet-p, root: {DATA}/imagenet-p}}
  - {{kind: occlusion, root: {DATA}/val, grid: 8, percents: [10, 30, 50, 70, 90]}}
sharding: {{images: 50, lease: 5s}}
"""


def network() -> object:
    import torch
    from safetensors.torch import load_file

    sys.path.insert(0, str(ROOT / "tools"))
    import nano

    torch.set_num_threads(1)
    module = nano.make_resnet()
    module.load_state_dict(load_file(ROOT / "models/resnet-nano.safetensors"))
    return module


def work(run: str) -> None:
    """One worker, in a process of its own."""
    import gauntlet

    print(gauntlet.work(run, network(), batch=BATCH, streams=1, patience=60, program=GAUNTLET), flush=True)


def start_worker(run: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, __file__, "--work", str(run)], stderr=subprocess.DEVNULL)


def evaluate(folder: Path, *, kills: int) -> np.ndarray:
    """All logits of the PyTorch model, after so many kills of its workers and one of the coordinator."""
    manifest, run = folder / "manifest.yaml", folder / "run"
    manifest.write_text(MANIFEST)
    dice = random.Random(1)
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    command = [GAUNTLET, "run", str(manifest), "--run", str(run)]
    coordinator = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    worker = start_worker(run)
    for kill in range(kills):
        time.sleep(dice.uniform(4, 9))
        if coordinator.poll() is not None:
            break
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        if kill == kills // 2:
            coordinator.kill()
            coordinator.wait()
            coordinator = subprocess.Popen([GAUNTLET, "resume", str(run)], stderr=subprocess.DEVNULL, env=environment)
        worker = start_worker(run)
    if (status := coordinator.wait()) != 0:
        raise SystemExit(f"the run ended with {status}")
    worker.wait()
    return run / "archive.h5"


def check_pixels(folder: Path) -> int:
    """Pictures that a worker is given, compared with those that `gauntlet export` writes."""
    import gauntlet
    from PIL import Image

    given: list[np.ndarray] = []

    def look(images: np.ndarray) -> np.ndarray:
        given.extend(images.copy())
        return np.zeros((len(images), 10), np.float32)

    manifest, run, pictures = folder / "pixels.yaml", folder / "pixels", folder / "pictures"
    text = MANIFEST.split("benchmarks:")[0].split("  - name: own")[0] + "  - name: torch" + MANIFEST.split("  - name: torch")[1]
    kept = [line for line in text.splitlines() if not line.startswith("  - {kind") or "live" in line]
    manifest.write_text("\n".join(kept) + "\n")
    coordinator = subprocess.Popen([GAUNTLET, "run", str(manifest), "--run", str(run)], stdout=subprocess.DEVNULL)
    gauntlet.work(run, look, layout="NHWC", batch=BATCH, streams=1, patience=60, program=GAUNTLET)
    coordinator.wait()
    own = manifest.read_text().replace("engine: python\n", "architecture: resnet-nano\n")
    own = "\n".join(line for line in own.splitlines() if "callable" not in line and "classes:" not in line)
    (folder / "own.yaml").write_text(own + "\n")
    command = [
        GAUNTLET,
        "export",
        str(folder / "own.yaml"),
        "--benchmark",
        "imagenet-c-live",
        "--images",
        "500",
        "--output",
        str(pictures),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    files = sorted(pictures.rglob("*.png"))
    mean, deviation = (np.array(x, np.float32) for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    expected = {
        ((np.asarray(Image.open(file).convert("RGB"), np.float32) / np.float32(255) - mean) / deviation).tobytes()
        for file in files
    }
    found = {image.tobytes() for image in given}
    print(f"pixels: {len(given)} pictures given, {len(files)} exported, {len(found - expected)} differ")
    return len(found - expected) + (not given)


def main() -> None:
    if sys.argv[1:2] == ["--work"]:
        return work(sys.argv[2])
    import gauntlet

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wrong = check_pixels(folder)
        archives = []
        for kills in (0, 6):
            (place := folder / str(kills)).mkdir()
            archives.append(gauntlet.open(evaluate(place, kills=kills)))
        whole, killed = archives
        for benchmark in whole.benchmarks:
            own, other, again = whole["own"][benchmark], whole["torch"][benchmark], killed["torch"][benchmark]
            top1 = [100 * evaluation.correct().mean("image") for evaluation in (own, other)]
            difference = float(abs(top1[0] - top1[1]).max())
            logits = float(abs(own.data.logits - other.data.logits).max())
            same = other.data.logits.values.tobytes() == again.data.logits.values.tobytes()
            print(f"{benchmark}: top-1 differs by {difference:.2f} points at most, logits by {logits:.1e}; killed: {same}")
            wrong += difference > 0.2 or not same
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
