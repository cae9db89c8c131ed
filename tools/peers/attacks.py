"""Compares attacks on the miniature's networks with torchattacks: the same images, budgets and steps.

    python tools/peers/attacks.py [--images 500] [--budgets 1 2 4 8] [--methods fgsm pgd apgd-ce apgd-t fab-t]

needs `pip install torchattacks` and the miniature's data (`make run`, or `gauntlet miniature`). Prints robust accuracies
side by side, for PGD without a random start, and ends with 1 where deterministic ones are more than 0.6 points apart or
an automatic one of Gauntlet's leaves 0.6 points more than torchattacks' leaves. `autoattack` is torchattacks' standard
version with the steps and queries of the options, since its own has 10 steps of each attack.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy
import torch
import torchattacks
from PIL import Image
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from nano import RECIPES  # noqa: E402

GAUNTLET = os.environ.get("GAUNTLET", str(ROOT / ".build/release/gauntlet"))
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def manifest(options: argparse.Namespace, data: Path) -> str:
    models = "".join(
        f'  - {{name: {name}, architecture: {name}, checkpoint: "{ROOT}/models/{name}.safetensors", '
        "preprocess: {mean: imagenet, std: imagenet}}\n" for name in RECIPES)
    budgets = "[" + ", ".join(f"{budget}/255" for budget in options.budgets) + "]"
    extra = {"fgsm": "", "pgd": ", random_start: false", "apgd-ce": "", "apgd-dlr": "", "apgd-t": "", "fab-t": "",
             "square": "", "autoattack": f", queries: {options.queries}"}
    steps = {"fgsm": "", "pgd": ", steps: 10", "square": f", steps: {options.queries}"}
    benchmarks = "".join(
        f'  - {{kind: attack, name: {method}, method: {method}, root: "{data}", budgets: {budgets}'
        f'{extra[method]}{steps.get(method, f", steps: {options.steps}")}}}\n' for method in options.methods)
    return f"run: attacks\nseed: 7\nmodels:\n{models}benchmarks:\n{benchmarks}"


def theirs(method: str, network: torch.nn.Module, budget: int, options: argparse.Namespace) -> torchattacks.attack.Attack:
    eps = budget / 255
    attack = {
        "fgsm": lambda: torchattacks.FGSM(network, eps=eps),
        "pgd": lambda: torchattacks.PGD(network, eps=eps, alpha=eps / 4, steps=10, random_start=False),
        "apgd-ce": lambda: torchattacks.APGD(network, eps=eps, steps=options.steps, loss="ce", seed=1),
        "apgd-dlr": lambda: torchattacks.APGD(network, eps=eps, steps=options.steps, loss="dlr", seed=1),
        "square": lambda: torchattacks.Square(network, eps=eps, n_queries=options.queries, seed=1),
        "apgd-t": lambda: torchattacks.APGDT(network, eps=eps, steps=options.steps, n_classes=10, seed=1),
        "fab-t": lambda: torchattacks.FAB(network, eps=eps, steps=options.steps, multi_targeted=True, n_classes=10, seed=1),
        "autoattack": lambda: torchattacks.AutoAttack(network, eps=eps, n_classes=10, seed=1),
    }[method]()
    if method == "autoattack":
        for part in attack._autoattack.attacks:
            if isinstance(part, torchattacks.Square):
                part.n_queries = options.queries
            else:
                part.steps = options.steps
    attack.set_normalization_used(mean=MEAN, std=DEVIATION)
    return attack


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--budgets", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--methods", nargs="+", default=["fgsm", "pgd", "apgd-ce", "apgd-t"])
    parser.add_argument("--steps", type=int, default=50, help="of the automatic ones")
    parser.add_argument("--queries", type=int, default=5000, help="of square and autoattack")
    parser.add_argument("--data", type=Path, default=ROOT / "runs/data/miniature/val")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = sorted(path.relative_to(options.data) for path in options.data.glob("*/*"))
        chosen = paths[:: max(1, len(paths) // options.images)][: options.images]
        for path in chosen:
            (Path(folder) / "val" / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / "val" / path).symlink_to(options.data.resolve() / path)
        (Path(folder) / "manifest.yaml").write_text(manifest(options, Path(folder) / "val"))
        subprocess.run([GAUNTLET, "run", f"{folder}/manifest.yaml", "--run", f"{folder}/run"], check=True)
        good = True
        with h5py.File(f"{folder}/run/archive.h5") as archive:
            for name, recipe in RECIPES.items():
                network = recipe.make().eval().requires_grad_(False)
                network.load_state_dict(load_file(ROOT / f"models/{name}.safetensors"))
                mean, deviation = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(DEVIATION).view(3, 1, 1)
                group = archive[f"{name}/{options.methods[0]}"]
                labels = torch.from_numpy(group["label"][:]).long()
                files = [path.decode() if isinstance(path, bytes) else path for path in group["path"][:]]
                pixels = numpy.stack([numpy.asarray(Image.open(Path(folder) / "val" / file).convert("RGB"))
                                      for file in files])
                images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
                batch = ((images - mean) / deviation).contiguous()
                for method in options.methods:
                    logits = archive[f"{name}/{method}"]["logits"][:]
                    for place, budget in enumerate(options.budgets, start=1):
                        ours = float((logits[place].argmax(1) == labels.numpy()).mean()) * 100
                        found = theirs(method, network, budget, options)(batch, labels)
                        with torch.no_grad():
                            other = float((network(found).argmax(1) == labels).float().mean()) * 100
                        agrees = abs(ours - other) <= 0.6 if method in ("fgsm", "pgd") else ours <= other + 0.6
                        good = good and agrees
                        print(f"{name:14} {method:9} {budget}/255  Gauntlet {ours:5.1f}  torchattacks {other:5.1f}"
                              + ("" if agrees else "  DIFFERS"), flush=True)
    print("agrees" if good else "DIFFERS")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
