"""What is seen within the miniature's networks, by PyTorch in float64 and captum, for Tests/NetworksTests (observations.json).

    python tools/make_observation_fixtures.py        needs `pip install captum`

Variance and log amplitude of feature maps are computed as the authors of "How do vision transformers work?" compute them;
effective receptive fields as RepLKNet's authors do.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from captum.attr import IntegratedGradients
from safetensors.torch import load_file

from nano import RECIPES, SIDE

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "Tests/NetworksTests/Fixtures/observations.json"
MEAN = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64).view(3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64).view(3, 1, 1)


def image() -> torch.Tensor:
    """The tests' picture, in [0, 1]: a pattern of levels of 255."""
    place = np.arange(SIDE * SIDE * 3).reshape(SIDE, SIDE, 3)
    values = ((place * 7919 + (place // 97) * 104729) % 251) / 255
    # As float32 numbers, which is what the tests have.
    return torch.from_numpy(values.astype(np.float32).astype(np.float64)).permute(2, 0, 1)[None]


def points(name: str, network: torch.nn.Module) -> list[torch.nn.Module]:
    if name == "replknet-nano":
        found = list(network.stem)
        for stage, blocks in enumerate(network.stages):
            found += list(blocks.blocks)
            if stage < len(network.transitions):
                found += list(network.transitions[stage])
        return found
    if name == "resnet-nano":
        return [network.maxpool] + [block for stage in range(1, 5) for block in getattr(network, f"layer{stage}")]
    return [network.norm_pre] + [half for block in network.blocks for half in (block.norm2, block)]


def maps(name: str, network: torch.nn.Module, batch: torch.Tensor) -> list[torch.Tensor]:
    seen = []
    hooks = []
    for module in points(name, network):
        # What a transformer's second normalisation takes is what the block's attention gave.
        if name == "vit-nano" and isinstance(module, torch.nn.LayerNorm):
            hooks.append(module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0])))
        else:
            hooks.append(module.register_forward_hook(lambda _, inputs, output: seen.append(output)))
    with torch.no_grad():
        network(batch)
    for hook in hooks:
        hook.remove()
    if name == "vit-nano":
        side = int((seen[0].shape[1] - 1) ** 0.5)
        return [tokens[:, 1:].transpose(1, 2).reshape(1, -1, side, side) for tokens in seen]
    return seen


def amplitudes(z: torch.Tensor) -> list[float]:
    height, width = z.shape[-2:]
    spectrum = (torch.fft.fft2(z).abs() + 1e-6).log().roll((height // 2, width // 2), (2, 3)).mean((0, 1))
    diagonal = spectrum.diagonal()[height // 2:]
    return (diagonal - diagonal[0]).tolist()


def attentions(network: torch.nn.Module, batch: torch.Tensor) -> list[torch.Tensor]:
    """The softmax of each block, [heads, tokens, tokens]."""
    seen = []
    for block in network.blocks:
        def look(module, inputs):
            tokens = inputs[0]
            qkv = module.qkv(tokens).reshape(1, tokens.shape[1], 3, module.num_heads, -1).permute(2, 0, 3, 1, 4)
            seen.append((qkv[0] @ qkv[1].transpose(-2, -1) * qkv.shape[-1] ** -0.5).softmax(-1)[0])
        block.attn.register_forward_pre_hook(look)
    with torch.no_grad():
        network(batch)
    return seen


def distances(attention: torch.Tensor) -> list[float]:
    patches = attention[:, 1:, 1:]
    patches = patches / patches.sum(-1, keepdim=True)
    side = int(patches.shape[-1] ** 0.5)
    places = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij"), -1).reshape(-1, 2)
    apart = torch.cdist(places.double(), places.double()) * (SIDE / side)
    return (patches * apart).sum(-1).mean(-1).tolist()


def field(name: str, network: torch.nn.Module, batch: torch.Tensor) -> np.ndarray:
    batch = batch.clone().requires_grad_()
    seen = []
    last = {"replknet-nano": "norm", "resnet-nano": "layer4"}.get(name)
    module = getattr(network, last) if last else network.blocks[-1]
    hook = module.register_forward_hook(lambda _, inputs, output: seen.append(output))
    network(batch)
    hook.remove()
    if name == "vit-nano":
        side = int((seen[0].shape[1] - 1) ** 0.5)
        middle = seen[0][0, 1 + side // 2 * side + side // 2]
    else:
        middle = seen[0][0, :, seen[0].shape[2] // 2, seen[0].shape[3] // 2]
    middle.relu().sum().backward()
    return batch.grad[0].relu().sum(0).numpy()


def kernels(network: torch.nn.Module) -> list[dict]:
    found = []
    for module_name, module in network.named_modules():
        if not hasattr(module, "lkb_origin") or module.lkb_origin.conv.weight.shape[-1] < 5:
            continue
        raw = module.lkb_origin.conv.weight.detach().numpy()[:, 0]
        weight, small = module.lkb_origin.folded()[0], module.small_conv.folded()[0]
        margin = (weight.shape[-1] - small.shape[-1]) // 2
        merged = (weight + torch.nn.functional.pad(small, [margin] * 4)).detach().numpy()[:, 0]
        radius = raw.shape[-1] // 2
        rows = np.arange(-radius, radius + 1)
        apart = np.hypot(rows[:, None], rows[None]) / np.hypot(radius, radius)
        entry = {"path": module_name + ".lkb_origin.conv"}
        for label, taps in [("merged", merged), ("raw", raw)]:
            summed = (np.abs(taps) * apart).sum((1, 2))
            entry[label] = (summed / np.abs(taps).sum((1, 2))).tolist()
            entry[label + "_sum"] = summed.tolist()
        found.append(entry)
    return found


def blocks_of(values: np.ndarray) -> list[float]:
    """Sums over squares of 4x4 pixels, [row][column][colour], so that the file stays small."""
    rows, columns = values.shape[0] // 4, values.shape[1] // 4
    return values.reshape(rows, 4, columns, 4, -1).sum((1, 3)).ravel().tolist()


def main() -> None:
    picture = image()
    batch = (picture - MEAN) / DEVIATION
    result = {}
    for name, recipe in RECIPES.items():
        network = recipe.make()
        network.load_state_dict(load_file(ROOT / f"models/{name}.safetensors"))
        network = network.eval().double()
        seen = maps(name, network, batch)
        entry = {
            "variance": [float(z.var((-1, -2)).mean()) for z in seen],
            "log_amplitude": [amplitudes(z) for z in seen],
            "receptive_field": blocks_of(field(name, network, batch)[..., None]),
        }
        if name == "replknet-nano":
            entry["kernels"] = kernels(network)
        if name == "vit-nano":
            for block in network.blocks:
                block.attn.fused_attn = False
            rows = attentions(network, batch)
            entry["attention_distance"] = [distances(row) for row in rows]
            entry["class_attention"] = rows[-1][:, 0, 1:].tolist()
        explained = IntegratedGradients(lambda x: network((x - MEAN) / DEVIATION)).attribute(
            picture, baselines=0, target=3, n_steps=50, method="gausslegendre")
        entry["integrated_gradients"] = blocks_of(explained[0].permute(1, 2, 0).detach().numpy())
        result[name] = entry
    FILE.write_text(json.dumps(result))


main()
