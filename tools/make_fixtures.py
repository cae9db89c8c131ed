"""Writes the small networks that NetworksTests compares with PyTorch and timm: weights in every layout, images, logits.

    python tools/make_fixtures.py
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

import timm_networks

from replknet import RepLKNet, Variant, randomise

FOLDER = Path(__file__).resolve().parent.parent / "Tests/NetworksTests/Fixtures"
VARIANTS = {
    "tiny": Variant((7, 5, 5, 3), (1, 1, 2, 1), (8, 16, 24, 32), 3, 1.0, 32, 10),
    "tiny-xl": Variant((9, 7, 5, 3), (1, 1, 1, 1), (8, 16, 16, 24), None, 1.5, 40, 7),
}


def half_of_one_storage(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The floating-point tensors in half precision, all of them slices of one storage, matrices by columns."""
    floating = {name: tensor for name, tensor in weights.items() if tensor.is_floating_point()}
    storage = torch.empty(sum(tensor.numel() for tensor in floating.values()), dtype=torch.float16)
    result, start = dict(weights), 0
    for name, tensor in floating.items():
        part = storage[start:start + tensor.numel()]
        start += tensor.numel()
        view = part.view(tensor.shape) if tensor.dim() != 2 else part.view(tensor.shape[::-1]).t()
        result[name] = view.copy_(tensor)
    return result


@torch.no_grad()
def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, variant in VARIANTS.items():
        network = randomise(RepLKNet(variant, variant.classes), seed=7)
        images = torch.randn(3, 3, variant.input_size, variant.input_size, generator=torch.Generator().manual_seed(8))
        save_file(network.state_dict(), FOLDER / f"{name}.safetensors")
        torch.save({"model": network.state_dict(), "epoch": 300}, FOLDER / f"{name}.pth")
        if name == "tiny":
            torch.save({"epoch": 300, "model_ema": half_of_one_storage(network.state_dict())},
                       FOLDER / "tiny-legacy.pth", _use_new_zipfile_serialization=False)
        logits = network(images)
        network.merge()
        save_file(network.state_dict(), FOLDER / f"{name}-merged.safetensors")
        save_file({"images": images.permute(0, 2, 3, 1).contiguous(), "logits": logits},
                  FOLDER / f"{name}-reference.safetensors")
    for name, (network, side) in timm_networks.miniatures().items():
        timm_networks.write(name, network, side, FOLDER, images=2)


if __name__ == "__main__":
    main()
