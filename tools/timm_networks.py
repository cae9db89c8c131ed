"""timm's networks with seeded random weights, and their logits: what Gauntlet's families are compared with.

    python tools/timm_networks.py resnet50 FOLDER [--images 2]

writes NAME.pth, NAME.safetensors and NAME-reference.safetensors.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import slak
import timm
import torch
from safetensors.torch import save_file
from timm.layers import StdConv2d
from timm.models.convnext import ConvNeXt
from timm.models.resnet import BasicBlock, Bottleneck, ResNet
from timm.models.resnetv2 import ResNetV2
from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import VisionTransformer

from gradients import with_gradients


def miniatures() -> dict[str, tuple[torch.nn.Module, int]]:
    """The smallest network of each family that has every kind of layer of it, and the side of its images."""
    return {
        "tiny-resnet-basic": (ResNet(BasicBlock, (1, 2, 1, 1), num_classes=10, channels=(8, 16, 32, 64)), 32),
        "tiny-resnet": (ResNet(Bottleneck, (1, 2, 1, 1), num_classes=10, channels=(8, 16, 32, 64)), 33),
        "tiny-bit": (
            ResNetV2((1, 2), channels=(128, 256), num_classes=10, stem_chs=32, stem_type="fixed",
                     conv_layer=partial(StdConv2d, eps=1e-8)), 32),
        "tiny-vit": (
            VisionTransformer(img_size=32, patch_size=8, num_classes=10, embed_dim=48, depth=2, num_heads=3), 32),
        "tiny-convnext": (ConvNeXt(num_classes=10, depths=(1, 1, 2, 1), dims=(8, 16, 24, 32)), 64),
        "tiny-swin": (
            SwinTransformer(img_size=64, patch_size=4, num_classes=10, embed_dim=16, depths=(2, 2, 2),
                            num_heads=(2, 4, 8), window_size=4), 64),
    }


@torch.no_grad()
def randomise(network: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Draws every parameter and statistic, so that none is a default that hides a mistake."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith("running_var"):
            tensor.copy_(1 + 0.2 * noise.abs())
        elif tensor.dim() == 1 and name.endswith(("weight", "gamma")):
            tensor.copy_(0.7 + 0.1 * noise)
        elif tensor.dim() <= 1 or "table" in name or "pos_embed" in name or "cls_token" in name:
            tensor.copy_(0.1 * noise)
        else:
            tensor.copy_(noise / tensor[0].numel() ** 0.5)
    return network.eval()


def write(
    name: str, network: torch.nn.Module, side: int, folder: Path, images: int, exact: bool = False
) -> None:
    """With `exact` the logits are computed in float64: those of float32 are up to 3e-5 off where networks are deep."""
    network = randomise(network, seed=7)
    batch = torch.randn(images, 3, side, side, generator=torch.Generator().manual_seed(8))
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, folder / f"{name}.safetensors")
    torch.save({"state_dict": network.state_dict(), "epoch": 90}, folder / f"{name}.pth")
    gradients = with_gradients(network, batch)
    if exact:
        network, batch = network.double(), batch.double()
    with torch.no_grad():
        logits = network(batch).float().contiguous()
    save_file({"images": batch.float().permute(0, 2, 3, 1).contiguous(), "logits": logits, **gradients},
              folder / f"{name}-reference.safetensors")


def create(name: str) -> tuple[torch.nn.Module, int]:
    """timm's network for 1000 classes and the side of its images; BiT's published side of 448 is not needed here."""
    network = timm.create_model(name, pretrained=False, num_classes=1000)
    return network, 224 if name.endswith("_bit") else network.pretrained_cfg["input_size"][1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=2)
    options = parser.parse_args()
    if options.name == "slak":
        write("slak", slak.full(), 224, options.folder, options.images, exact=True)
        return
    network, side = create(options.name)
    write(options.name, network, side, options.folder, options.images, exact=True)


if __name__ == "__main__":
    main()
