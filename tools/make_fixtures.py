"""Writes the small networks that NetworksTests compares with PyTorch and timm: weights in every layout, images, logits.

    python tools/make_fixtures.py
"""

from __future__ import annotations

import argparse
import json
import zipfile
from pathlib import Path

import numpy
import torch
from safetensors.torch import save_file
from timm.layers import resample_abs_pos_embed
from timm.models.vision_transformer import VisionTransformer

import checkpoint_forms
import onnx_fixtures
import onnx_networks
import slak
import timm_networks

from gradients import with_gradients
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


def as_google_has_it(weights: dict[str, torch.Tensor]) -> dict[str, numpy.ndarray]:
    """BiT's tensors under the names of its published .npz files, kernels as [rows, columns, inputs, outputs]."""
    kinds = {"conv": "standardized_conv2d", "norm": "group_norm"}
    result = {}
    for name, tensor in weights.items():
        *path, part = name.split(".")
        array = tensor.numpy().transpose(2, 3, 1, 0) if tensor.dim() == 4 else tensor.numpy()
        if path[0] == "stages":
            layer = path[4]
            unit = "abc"[0 if layer == "downsample" else int(layer[-1]) - 1]
            folder = f"block{int(path[1]) + 1}/unit{int(path[3]) + 1:02d}/{unit}"
            folder += "/proj/standardized_conv2d" if layer == "downsample" else "/" + kinds[layer[:-1]]
        else:
            folder = {"stem": "root_block/standardized_conv2d", "norm": "group_norm", "head": "head/conv2d"}[path[0]]
        leaf = {"weight": "gamma" if "group_norm" in folder else "kernel",
                "bias": "beta" if "group_norm" in folder else "bias"}[part]
        result[f"resnet/{folder}/{leaf}"] = array
    return result


def write_resized() -> None:
    """tiny-vit's logits for larger and for smaller images, its positions resampled by timm."""
    small = timm_networks.randomise(timm_networks.miniatures()["tiny-vit"][0], seed=7)
    for side in [48, 24]:
        network = VisionTransformer(
            img_size=side, patch_size=8, num_classes=10, embed_dim=48, depth=2, num_heads=3).eval()
        weights = dict(small.state_dict())
        weights["pos_embed"] = resample_abs_pos_embed(weights["pos_embed"], [side // 8, side // 8], num_prefix_tokens=1)
        network.load_state_dict(weights)
        images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(8))
        save_file({"images": images.permute(0, 2, 3, 1).contiguous(), "logits": network(images)},
                  FOLDER / f"tiny-vit-{side}-reference.safetensors")


def write_fuzz_seeds(folder: Path) -> None:
    """The smallest valid files of every format, for the fuzzer to damage."""
    folder.mkdir(exist_ok=True)
    generator = torch.Generator().manual_seed(9)
    weights = {"conv.weight": torch.randn(2, 3, 3, 3, generator=generator), "scale": torch.ones(4).half(),
               "steps": torch.tensor(7), "mean": torch.randn(3, generator=generator).bfloat16()}
    save_file(weights, folder / "small.safetensors")
    torch.save({"state_dict": weights, "epoch": 3, "args": {"lr": 0.1, "names": ["a", "b"]}}, folder / "small.pth")
    torch.save({"model": weights}, folder / "small.pt", _use_new_zipfile_serialization=False)
    arrays = {name: tensor.float().numpy() for name, tensor in weights.items()}
    numpy.savez(folder / "small.npz", **arrays)
    numpy.savez_compressed(folder / "packed.npz", **arrays)
    onnx_networks.write("blend", onnx_fixtures.Blend(), 8, folder, 17, "torchscript")
    (folder / "blend-reference.safetensors").unlink()
    arguments = argparse.Namespace(arch="none", no_decay={"bias"}, draws=numpy.random.RandomState(1).get_state())
    torch.save({"args": arguments, "state_dict": {"module." + name: tensor for name, tensor in weights.items()}},
               folder / "protocol5.pth", pickle_protocol=5)
    numpy.savez(folder / "vit.npz", **google_block(generator))


def google_block(generator: torch.Generator) -> dict:
    """The least of what Google's ViT holds: a block's attention."""
    shapes = {"query/kernel": (4, 2, 2), "key/kernel": (4, 2, 2), "value/kernel": (4, 2, 2), "out/kernel": (2, 2, 4),
              "query/bias": (2, 2), "key/bias": (2, 2), "value/bias": (2, 2), "out/bias": (4,)}
    prefix = "Transformer/encoderblock_0/MultiHeadDotProductAttention_1/"
    return {prefix + name: torch.randn(shape, generator=generator).numpy() for name, shape in shapes.items()}


def write_hostile(folder: Path) -> None:
    """Shapes whose product overflows though one extent is 0, in the order in which each format's strides are made."""
    shape = [1 << 40, 1 << 40, 0]
    table = json.dumps({"none": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}}).encode()
    (folder / "hostile.safetensors").write_bytes(len(table).to_bytes(8, "little") + table)
    header = f"{{'descr': '<f4', 'fortran_order': True, 'shape': {tuple(shape)}, }}".ljust(117) + "\n"
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    with zipfile.ZipFile(folder / "hostile.npz", "w") as archive:
        archive.writestr("none.npy", array)


def write_npz(network: torch.nn.Module) -> None:
    """BiT's .npz, in half precision so that it stays small; the reference is of the same rounded weights."""
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(8))
    network.load_state_dict({name: tensor.half().float() for name, tensor in network.state_dict().items()})
    arrays = as_google_has_it({name: tensor.half() for name, tensor in network.state_dict().items()})
    # A training step beside the weights, and one array in Fortran's order.
    arrays["resnet/head/conv2d/kernel"] = numpy.asfortranarray(arrays["resnet/head/conv2d/kernel"])
    numpy.savez(FOLDER / "tiny-bit.npz", **arrays)
    numpy.savez_compressed(FOLDER / "tiny-bit-packed.npz", **arrays)
    save_file({"images": images.permute(0, 2, 3, 1).contiguous(), "logits": network(images)},
              FOLDER / "tiny-bit-half-reference.safetensors")


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
        with torch.enable_grad():
            gradients = with_gradients(network, images)
        network.merge()
        save_file(network.state_dict(), FOLDER / f"{name}-merged.safetensors")
        save_file({"images": images.permute(0, 2, 3, 1).contiguous(), "logits": logits, **gradients},
                  FOLDER / f"{name}-reference.safetensors")
    for name, (network, side) in timm_networks.miniatures().items():
        timm_networks.write(name, network, side, FOLDER, images=2)
    write_npz(timm_networks.randomise(timm_networks.miniatures()["tiny-bit"][0], seed=7))
    for branches in ["LoRA", "Decom"]:
        timm_networks.write(f"tiny-slak-{branches.lower()}", slak.tiny(branches), 64, FOLDER, images=2)
    write_resized()
    write_hostile(FOLDER)
    write_fuzz_seeds(FOLDER / "fuzz")
    checkpoint_forms.write_forms(FOLDER / "forms")
    checkpoint_forms.write_published(FOLDER, FOLDER / "forms")
    checkpoint_forms.write_outputs(FOLDER / "outputs")
    onnx_fixtures.write(FOLDER)


if __name__ == "__main__":
    main()
