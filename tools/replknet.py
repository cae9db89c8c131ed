"""RepLKNet [Ding et al., CVPR 2022, "Scaling Up Your Kernels to 31x31"] in PyTorch.

The definition that trains the miniature's network and that Gauntlet's Swift networks are compared with. Parameter names
are those of the published checkpoints, so a state dict of either fits the other.

    python tools/replknet.py replknet-31b out/ --images 2     random weights, images and their logits, for comparison
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Variant:
    kernels: tuple[int, ...]
    blocks: tuple[int, ...]
    channels: tuple[int, ...]
    small_kernel: int | None
    depthwise_ratio: float
    input_size: int
    classes: int


VARIANTS = {
    "replknet-31b": Variant((31, 29, 27, 13), (2, 2, 18, 2), (128, 256, 512, 1024), 5, 1.0, 224, 1000),
    "replknet-31l": Variant((31, 29, 27, 13), (2, 2, 18, 2), (192, 384, 768, 1536), 5, 1.0, 384, 1000),
    "replknet-xl": Variant((27, 27, 27, 13), (2, 2, 18, 2), (256, 512, 1024, 2048), None, 1.5, 320, 1000),
    "replknet-nano": Variant((13, 9, 7, 5), (2, 2, 2, 2), (32, 64, 96, 128), 3, 1.0, 64, 10),
}


class ConvBN(nn.Sequential):
    """A bias-free convolution of padding `kernel // 2` and its batch norm."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1):
        super().__init__()
        self.add_module("conv", nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False))
        self.add_module("bn", nn.BatchNorm2d(outputs))

    def folded(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight and bias of the one convolution that does the work of both in evaluation."""
        scale = self.bn.weight / (self.bn.running_var + self.bn.eps).sqrt()
        return self.conv.weight * scale.reshape(-1, 1, 1, 1), self.bn.bias - self.bn.running_mean * scale


class ConvBNReLU(ConvBN):
    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.add_module("nonlinear", nn.ReLU())


class LargeKernel(nn.Module):
    """A large depthwise convolution and a small one beside it; `merge` makes them one."""

    def __init__(self, channels: int, kernel: int, small_kernel: int | None):
        super().__init__()
        self.lkb_origin = ConvBN(channels, channels, kernel, groups=channels)
        if small_kernel is not None:
            self.small_conv = ConvBN(channels, channels, small_kernel, groups=channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if hasattr(self, "lkb_reparam"):
            return self.lkb_reparam(x)
        y = self.lkb_origin(x)
        return y + self.small_conv(x) if hasattr(self, "small_conv") else y

    @torch.no_grad()
    def merge(self) -> None:
        weight, bias = self.lkb_origin.folded()
        if hasattr(self, "small_conv"):
            small_weight, small_bias = self.small_conv.folded()
            margin = (weight.shape[-1] - small_weight.shape[-1]) // 2
            weight = weight + F.pad(small_weight, [margin] * 4)
            bias = bias + small_bias
            del self.small_conv
        channels, kernel = weight.shape[0], weight.shape[-1]
        del self.lkb_origin
        self.lkb_reparam = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.lkb_reparam.weight.copy_(weight)
        self.lkb_reparam.bias.copy_(bias)


class LargeKernelBlock(nn.Module):
    def __init__(self, channels: int, depthwise_channels: int, kernel: int, small_kernel: int | None):
        super().__init__()
        self.prelkb_bn = nn.BatchNorm2d(channels)
        self.pw1 = ConvBNReLU(channels, depthwise_channels, 1)
        self.large_kernel = LargeKernel(depthwise_channels, kernel, small_kernel)
        self.pw2 = ConvBN(depthwise_channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.pw2(F.relu(self.large_kernel(self.pw1(self.prelkb_bn(x)))))


class FeedForwardBlock(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.preffn_bn = nn.BatchNorm2d(channels)
        self.pw1 = ConvBN(channels, 4 * channels, 1)
        self.pw2 = ConvBN(4 * channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.pw2(F.gelu(self.pw1(self.preffn_bn(x))))


class Stage(nn.Module):
    def __init__(self, channels: int, depthwise_channels: int, blocks: int, kernel: int, small_kernel: int | None):
        super().__init__()
        self.blocks = nn.ModuleList()
        for _ in range(blocks):
            self.blocks.append(LargeKernelBlock(channels, depthwise_channels, kernel, small_kernel))
            self.blocks.append(FeedForwardBlock(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class RepLKNet(nn.Module):
    def __init__(self, variant: Variant, classes: int):
        super().__init__()
        channels = variant.channels
        first = channels[0]
        self.stem = nn.ModuleList([
            ConvBNReLU(3, first, 3, stride=2),
            ConvBNReLU(first, first, 3, groups=first),
            ConvBNReLU(first, first, 1),
            ConvBNReLU(first, first, 3, stride=2, groups=first),
        ])
        self.stages = nn.ModuleList(
            Stage(width, int(width * variant.depthwise_ratio), blocks, kernel, variant.small_kernel)
            for width, blocks, kernel in zip(channels, variant.blocks, variant.kernels))
        self.transitions = nn.ModuleList(
            nn.Sequential(ConvBNReLU(width, wider, 1), ConvBNReLU(wider, wider, 3, stride=2, groups=wider))
            for width, wider in zip(channels, channels[1:]))
        self.norm = nn.BatchNorm2d(channels[-1])
        self.head = nn.Linear(channels[-1], classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.stem:
            x = layer(x)
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index < len(self.transitions):
                x = self.transitions[index](x)
        return self.head(self.norm(x).mean((2, 3)))

    def merge(self) -> "RepLKNet":
        """Makes each large kernel and the small one beside it one convolution; for evaluation only."""
        for module in self.modules():
            if isinstance(module, LargeKernel) and not hasattr(module, "lkb_reparam"):
                module.merge()
        return self


def build(name: str, num_classes: int | None = None) -> RepLKNet:
    """The network called `name`, one of `VARIANTS`, with PyTorch's initial weights."""
    variant = VARIANTS[name]
    return RepLKNet(variant, variant.classes if num_classes is None else num_classes)


@torch.no_grad()
def randomise(network: RepLKNet, seed: int) -> RepLKNet:
    """Weights and batch-norm statistics of a plausible size, all different, so that a wrong fold shows in the logits."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(tensor: torch.Tensor, low: float, high: float) -> None:
        tensor.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)

    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            fan_in = module.weight[0].numel()
            module.weight.copy_(torch.randn(module.weight.shape, generator=generator) * (2 / fan_in) ** 0.5)
            if module.bias is not None:
                uniform(module.bias, -0.1, 0.1)
        elif isinstance(module, nn.BatchNorm2d):
            uniform(module.weight, 0.5, 1.0)
            uniform(module.bias, -0.2, 0.2)
            uniform(module.running_mean, -0.2, 0.2)
            uniform(module.running_var, 0.5, 1.5)
    return network.eval()


@torch.no_grad()
def main() -> None:
    from gradients import with_gradients
    from safetensors.torch import save_file

    parser = argparse.ArgumentParser(description="Saves random weights, images and their logits for comparison.")
    parser.add_argument("name", choices=VARIANTS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)

    network = randomise(build(options.name), options.seed)
    size = VARIANTS[options.name].input_size
    images = torch.randn(options.images, 3, size, size, generator=torch.Generator().manual_seed(options.seed + 1))
    save_file(network.state_dict(), options.folder / f"{options.name}.safetensors")
    torch.save({"model": network.state_dict()}, options.folder / f"{options.name}.pth")
    logits = network(images)
    with torch.enable_grad():
        gradients = with_gradients(network, images)
    double_logits = network.double()(images.double())
    network.float().merge()
    save_file(network.state_dict(), options.folder / f"{options.name}-merged.safetensors")
    save_file(
        {
            "images": images.permute(0, 2, 3, 1).contiguous(),
            "logits": logits,
            "logits_float64": double_logits.float(),
            **gradients,
        },
        options.folder / f"{options.name}-reference.safetensors")
    largest = logits.abs().max()
    print(f"largest logit {largest:.4f}")
    print(f"float32 from float64 {(logits - double_logits).abs().max() / largest:.1e} of it")
    print(f"merged from unmerged {(network(images) - logits).abs().max() / largest:.1e} of it")


if __name__ == "__main__":
    main()
