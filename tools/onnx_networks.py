"""timm's networks with seeded random weights as ONNX models, and their logits: what Gauntlet's ONNX import is compared
with.

    python tools/onnx_networks.py efficientnet_b0 FOLDER [--opset 17] [--exporter torchscript]

writes NAME.onnx and NAME-reference.safetensors.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file

from gradients import with_gradients
from timm_networks import create, randomise

EXPORTERS = ("torchscript", "dynamo")


def write(
    name: str, network: torch.nn.Module, side: int, folder: Path, opset: int, exporter: str, images: int = 2
) -> None:
    """Exports with a dynamic batch, which torch's newer exporter is shown two images for."""
    network = randomise(network, seed=7)
    batch = torch.randn(images, 3, side, side, generator=torch.Generator().manual_seed(8))
    path = folder / f"{name}.onnx"
    names = dict(input_names=["image"], output_names=["logits"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if exporter == "dynamo":
            torch.onnx.export(network, (batch,), path, dynamo=True, opset_version=opset, verbose=False,
                              dynamic_shapes=({0: torch.export.Dim("batch")},), **names)
        else:
            torch.onnx.export(network, (batch,), path, dynamo=False, opset_version=opset,
                              dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}}, **names)
    gradients = with_gradients(network, batch)
    with torch.no_grad():
        logits = network(batch).contiguous()
    save_file({"images": batch.permute(0, 2, 3, 1).contiguous(), "logits": logits, **gradients},
              folder / f"{name}-reference.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--opset", type=int, default=17)
    parser.add_argument("--exporter", choices=EXPORTERS, default="torchscript")
    options = parser.parse_args()
    network, side = create(options.name)
    write(options.name, network, side, options.folder, options.opset, options.exporter)


if __name__ == "__main__":
    main()
