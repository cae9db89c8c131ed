"""The miniature's networks: a RepLKNet and the rivals that the study sets beside it, small enough to train on a CPU."""

from __future__ import annotations

from typing import Callable, NamedTuple

import torch
from timm.models.resnet import BasicBlock, ResNet
from timm.models.vision_transformer import VisionTransformer

import replknet

CLASSES = 10
SIDE = 64


class Recipe(NamedTuple):
    """A network and how long and how fast it is trained."""

    make: Callable[[], torch.nn.Module]
    epochs: int
    rate: float
    weight_decay: float
    # Of Muon, for the matrices inside a transformer's blocks; 0 leaves all weights to AdamW.
    matrix_rate: float = 0.0


def make_replknet() -> torch.nn.Module:
    network = replknet.build("replknet-nano")
    for name, module in network.named_modules():
        # Every block begins as the identity [Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 5.1].
        if name.startswith("stages.") and name.endswith("pw2.bn"):
            torch.nn.init.zeros_(module.weight)
    return network


def make_resnet() -> torch.nn.Module:
    """ResNet's basic blocks of 24 to 192 channels; timm begins each block as the identity too."""
    return ResNet(BasicBlock, (1, 1, 1, 1), num_classes=CLASSES, channels=(24, 48, 96, 192))


def make_vit() -> torch.nn.Module:
    return VisionTransformer(
        img_size=SIDE, patch_size=8, num_classes=CLASSES, embed_dim=96, depth=6, num_heads=3)


RECIPES = {
    "replknet-nano": Recipe(make_replknet, epochs=5, rate=2e-3, weight_decay=0.05),
    "resnet-nano": Recipe(make_resnet, epochs=4, rate=3e-3, weight_decay=0.05),
    "vit-nano": Recipe(make_vit, epochs=16, rate=1e-3, weight_decay=0.05, matrix_rate=3e-3),
}
