"""SLaK as its authors' checkpoints name it [Liu et al., ICLR 2023], for references: ConvNeXt with decomposed kernels."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class ConvBN(nn.Sequential):
    def __init__(self, channels: int, rows: int, columns: int) -> None:
        super().__init__()
        self.add_module("conv", nn.Conv2d(
            channels, channels, (rows, columns), padding=(rows // 2, columns // 2), groups=channels, bias=False))
        self.add_module("bn", nn.BatchNorm2d(channels))


class LargeKernel(nn.Module):
    def __init__(self, channels: int, large: int, small: int, branches: str) -> None:
        super().__init__()
        self.names = [branches + "1", branches + "2", "small_conv"]
        for name, shape in zip(self.names, [(large, small), (small, large), (small, small)]):
            self.add_module(name, ConvBN(channels, *shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return sum(getattr(self, name)(x) for name in self.names)


class Block(nn.Module):
    def __init__(self, channels: int, large: int, small: int, branches: str) -> None:
        super().__init__()
        self.large_kernel = LargeKernel(channels, large, small, branches)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.pwconv1, self.pwconv2 = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(torch.ones(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.norm(self.large_kernel(x).permute(0, 2, 3, 1))
        inner = self.gamma * self.pwconv2(F.gelu(self.pwconv1(inner)))
        return x + inner.permute(0, 3, 1, 2)


class ChannelNorm(nn.LayerNorm):
    """Over axis 1."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class SLaK(nn.Module):
    def __init__(self, depths, dims, kernels, small: int, classes: int, branches: str = "LoRA") -> None:
        super().__init__()
        self.downsample_layers = nn.ModuleList([
            nn.Sequential(nn.Conv2d(3, dims[0], 4, 4), ChannelNorm(dims[0], eps=1e-6))])
        for stage in range(3):
            self.downsample_layers.append(nn.Sequential(
                ChannelNorm(dims[stage], eps=1e-6), nn.Conv2d(dims[stage], dims[stage + 1], 2, 2)))
        self.stages = nn.ModuleList([
            nn.Sequential(*[Block(dims[stage], kernels[stage], small, branches) for _ in range(depths[stage])])
            for stage in range(4)])
        self.norm = nn.LayerNorm(dims[-1], eps=1e-6)
        self.head = nn.Linear(dims[-1], classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for reduction, stage in zip(self.downsample_layers, self.stages):
            x = stage(reduction(x))
        return self.head(self.norm(x.mean([-2, -1])))


def tiny(branches: str) -> SLaK:
    return SLaK((1, 1, 2, 1), (8, 12, 16, 24), (13, 9, 7, 5), 3, 10, branches)


def full() -> SLaK:
    """SLaK-T with the paper's kernels and widening by 1.3."""
    return SLaK((3, 3, 9, 3), (124, 249, 499, 998), (51, 49, 47, 13), 5, 1000)
