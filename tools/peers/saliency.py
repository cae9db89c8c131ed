"""Compares the patches that salient and non-salient drop hide with those that the authors' way hides, of a ViT-S/16 of timm's.

    python tools/peers/saliency.py PHOTOGRAPHS [--images 40]

needs `pip install timm`. The network has random weights and no head, as DINO's has none; attention is that of timm with its
fused kernel off, thresholds those of "Intriguing properties of vision transformers" (evaluate.py): sort, sum, compare in
float32. Pictures are those that `gauntlet export` writes. Ends with 1 where a patch differs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parents[2]
GAUNTLET = os.environ.get("GAUNTLET", str(ROOT / ".build/release/gauntlet"))
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SHARES = list(range(0, 101, 10))
HEAD = 1


def network() -> torch.nn.Module:
    torch.manual_seed(3)
    network = timm.create_model("vit_small_patch16_224", num_classes=0).eval()
    for name, parameter in network.named_parameters():
        # Far from even attention, so that patches differ.
        if name.endswith("qkv.weight"):
            torch.nn.init.normal_(parameter, std=0.06)
    return network


def attention(network: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """The class token's in the last block, of one head, [images, patches]."""
    seen = []
    last = network.blocks[-1].attn
    last.fused_attn = False
    hook = last.attn_drop.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(batch)
    hook.remove()
    return seen[0][:, HEAD, 0, 1:]


def kept_by_authors(attention: torch.Tensor, threshold: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Which patches are among the fewest that hold at least the threshold, and by how much their sums are off it."""
    values, order = torch.sort(attention)
    values = values / values.sum(1, keepdim=True)
    sums = torch.cumsum(values, 1)
    chosen = sums > (1 - threshold)
    margins = (sums - (1 - threshold)).abs()
    return torch.zeros_like(chosen).scatter(1, order, chosen), torch.zeros_like(sums).scatter(1, order, margins)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--images", type=int, default=40)
    options = parser.parse_args()
    dino = network()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "data/photographs").mkdir(parents=True)
        files = sorted(path for path in options.photographs.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
        for place, file in enumerate(files[: options.images]):
            (root / f"data/photographs/{place:04}{file.suffix}").symlink_to(file.resolve())
        save_file({name: tensor.contiguous() for name, tensor in dino.state_dict().items()}, root / "dino.safetensors")
        resnet = timm.create_model("resnet18", num_classes=1000)
        save_file({name: tensor.contiguous() for name, tensor in resnet.state_dict().items()}, root / "resnet18.safetensors")
        entry = (f"root: data, scored: false, percents: {SHARES}, saliency: {{architecture: vit_small_patch16_224, "
                 f"checkpoint: dino.safetensors, head: {HEAD}, preprocess: {{mean: imagenet, std: imagenet}}}}")
        (root / "manifest.yaml").write_text(
            "run: saliency\nmodels:\n  - {architecture: resnet18, checkpoint: resnet18.safetensors}\nbenchmarks:\n"
            f"  - {{kind: occlusion, name: salient, drop: salient, {entry}}}\n"
            f"  - {{kind: occlusion, name: non-salient, drop: non-salient, {entry}}}\n")
        for name in ("salient", "non-salient"):
            subprocess.run(
                [GAUNTLET, "export", str(root / "manifest.yaml"), "--benchmark", name, "--images", str(options.images),
                 "--output", str(root / name)], check=True, stdout=subprocess.DEVNULL)
        clean = sorted((root / "salient/0").rglob("*.png"))
        pixels = torch.stack([torch.from_numpy(np.asarray(Image.open(path)).copy()) for path in clean])
        images = pixels.permute(0, 3, 1, 2).float() / 255
        mean, deviation = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(DEVIATION).view(3, 1, 1)
        attended = attention(dino, (images - mean) / deviation)
        patches = different = undecided = 0
        for share in SHARES:
            for name in ("salient", "non-salient"):
                seen, margins = kept_by_authors(attended, share / 100 if name == "salient" else 1 - share / 100)
                dropped = seen if name == "salient" else ~seen
                if share in (0, 100):
                    dropped = torch.full_like(dropped, share == 100)
                expected = pixels * (~dropped).reshape(-1, 14, 14).repeat_interleave(16, 1).repeat_interleave(16, 2)[..., None]
                for place, path in enumerate(clean):
                    found = np.asarray(Image.open(root / name / str(share) / path.relative_to(root / "salient/0")))
                    wrong = (found != expected[place].numpy()).reshape(14, 16, 14, 16, 3).any((1, 3, 4))
                    # Sums of float32 numbers that are as near to the threshold as their own errors decide nothing.
                    is_near = bool((margins[place] < 2e-6).any())
                    patches += 196
                    different += 0 if is_near else int(wrong.sum())
                    undecided += int(wrong.sum()) if is_near else 0
        print(f"{len(clean)} photographs, {patches} patches of {2 * len(SHARES)} conditions: {different} differ, "
              f"{undecided} where a sum is within 2e-6 of its threshold")
        return 0 if different == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
