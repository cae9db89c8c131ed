"""Trains one of the miniature's networks on pictures that `gauntlet miniature` draws.

Draws the data set with a training split, trains on the CPU, saves the unmerged weights and prints the accuracy on val and
under each corruption and severity. The validation images serve for nothing but these figures: the weights saved are
those after the last epoch.

    OMP_NUM_THREADS=2 python tools/train_miniature.py replknet-nano
"""

from __future__ import annotations

import argparse
import subprocess
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.nn import functional as F

from nano import RECIPES, Recipe

ROOT = Path(__file__).resolve().parent.parent
MEAN = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)


def load(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """The pictures of CLASS/*.JPEG, uint8 [count, 3, height, width], and their classes in the folders' sorted order."""
    images, labels = [], []
    for label, name in enumerate(sorted(path.name for path in folder.iterdir() if path.is_dir())):
        for path in sorted((folder / name).glob("*.JPEG")):
            images.append(np.asarray(Image.open(path).convert("RGB")))
            labels.append(label)
    if not images:
        raise SystemExit(f"no CLASS/*.JPEG below {folder}: draw them with `gauntlet miniature DIR --train N`")
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(), torch.tensor(labels)


def normalise(images: torch.Tensor) -> torch.Tensor:
    return ((images - MEAN) / STD).contiguous(memory_format=torch.channels_last)


def augment(images: torch.Tensor, generator: torch.Generator, shift: int = 5) -> torch.Tensor:
    """Mirrors, shifts, recolours and slightly blurs or roughens pictures; uint8 in, float 0 to 1 out."""
    count, _, height, width = images.shape

    def uniform(low: float, high: float, channels: int = 1) -> torch.Tensor:
        return torch.rand(count, channels, 1, 1, generator=generator) * (high - low) + low

    x = images.float() / 255
    x = torch.where(uniform(0, 1) < 0.5, x.flip(3), x)
    padded = F.pad(x, [shift] * 4, mode="reflect")
    offsets = torch.randint(0, 2 * shift + 1, (2, count), generator=generator)
    rows = offsets[0].reshape(-1, 1, 1) + torch.arange(height).reshape(1, -1, 1)
    columns = offsets[1].reshape(-1, 1, 1) + torch.arange(width).reshape(1, 1, -1)
    x = padded.permute(0, 2, 3, 1)[torch.arange(count).reshape(-1, 1, 1), rows, columns].permute(0, 3, 1, 2)
    x = x * uniform(0.8, 1.2, 3) + uniform(-0.08, 0.08)
    middle = x.mean((1, 2, 3), keepdim=True)
    x = (x - middle) * uniform(0.7, 1.2) + middle
    x = torch.where(uniform(0, 1) < 0.15, F.avg_pool2d(F.pad(x, [1] * 4, mode="replicate"), 3, 1), x)
    noise = torch.randn(x.shape, generator=generator) * uniform(0, 0.06)
    return torch.where(uniform(0, 1) < 0.4, x + noise, x).clamp(0, 1)


def make_optimisers(network: torch.nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """AdamW; for the matrices inside blocks Muon where the recipe says so: it needs half as many passes of a ViT."""
    parameters = dict(network.named_parameters())
    matrices = [
        name for name, weight in parameters.items()
        if recipe.matrix_rate > 0 and weight.ndim == 2 and name.startswith("blocks.")
    ]
    rest = [weight for name, weight in parameters.items() if name not in matrices]
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(
            [
                {"params": [weight for weight in rest if weight.ndim > 1], "weight_decay": recipe.weight_decay},
                {"params": [weight for weight in rest if weight.ndim == 1], "weight_decay": 0.0},
            ],
            lr=recipe.rate)
    ]
    if matrices:
        optimisers.append(
            torch.optim.Muon(
                [parameters[name] for name in matrices], lr=recipe.matrix_rate, weight_decay=recipe.weight_decay,
                adjust_lr_fn="match_rms_adamw"))
    return optimisers


def train(
    recipe: Recipe, images: torch.Tensor, labels: torch.Tensor, options: argparse.Namespace
) -> torch.nn.Module:
    torch.manual_seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    network = recipe.make().to(memory_format=torch.channels_last).train()
    optimisers = make_optimisers(network, recipe)
    steps = recipe.epochs * (len(images) // options.batch)
    schedules = [
        torch.optim.lr_scheduler.OneCycleLR(
            optimiser, optimiser.param_groups[0]["lr"], total_steps=steps, pct_start=0.15,
            cycle_momentum=isinstance(optimiser, torch.optim.AdamW))
        for optimiser in optimisers
    ]
    start = time.monotonic()
    for epoch in range(recipe.epochs):
        total = 0.0
        order = torch.randperm(len(images), generator=generator)
        batches = order[: len(order) // options.batch * options.batch].reshape(-1, options.batch)
        for batch in batches:
            logits = network(normalise(augment(images[batch], generator)))
            loss = F.cross_entropy(logits, labels[batch], label_smoothing=0.05)
            network.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            for part in optimisers + schedules:
                part.step()
            total += loss.item()
        print(f"epoch {epoch + 1:2d}  loss {total / len(batches):.3f}  {time.monotonic() - start:4.0f} s", flush=True)
    return network.eval()


@torch.no_grad()
def accuracy(network: torch.nn.Module, folder: Path) -> float:
    images, labels = load(folder)
    logits = torch.cat([network(normalise(part.float() / 255)) for part in images.split(250)])
    return (logits.argmax(1) == labels).float().mean().item()


def report(network: torch.nn.Module, data: Path) -> None:
    print(f"val              {accuracy(network, data / 'val'):7.1%}")
    for corruption in sorted(path for path in (data / "imagenet-c").iterdir() if path.is_dir()):
        severities = (accuracy(network, corruption / str(severity)) for severity in range(1, 6))
        print(f"{corruption.name:16s} " + " ".join(f"{value:7.1%}" for value in severities))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=sorted(RECIPES))
    parser.add_argument("--gauntlet", default=str(ROOT / ".build/release/gauntlet"), help="the program that draws")
    parser.add_argument("--data", type=Path, help="a folder drawn with --train; nothing is drawn then")
    parser.add_argument("--images", type=int, default=100000, help="pictures of the training split to draw")
    parser.add_argument("--output", type=Path, help="models/NETWORK.safetensors unless given")
    parser.add_argument("--epochs", type=int, help="other than the recipe's")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, help="the largest learning rate, other than the recipe's")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    recipe = RECIPES[options.network]
    recipe = recipe._replace(epochs=options.epochs or recipe.epochs, rate=options.rate or recipe.rate)
    output = options.output or ROOT / f"models/{options.network}.safetensors"

    data = options.data
    if data is None:
        data = ROOT / "runs/data/miniature-train"
        subprocess.run([options.gauntlet, "miniature", str(data), "--train", str(options.images)], check=True)
    torch.use_deterministic_algorithms(True)
    images, labels = load(data / "train")
    network = train(recipe, images, labels, options)
    output.parent.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(weights, output)
    print(f"{output}: {output.stat().st_size / 1e6:.2f} MB")
    report(network, data)


if __name__ == "__main__":
    main()
