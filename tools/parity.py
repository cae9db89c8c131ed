"""Compares Gauntlet with PyTorch: full-size random networks of every family, ONNX models, and the miniature's accuracy.

    python tools/parity.py [--networks replknet-31b ...] [--onnx resnet50 ...] [--run runs/miniature]

Random weights are written as .pth and .safetensors (RepLKNet's merged as well) or as ONNX by both of PyTorch's exporters,
and `gauntlet inspect --reference` computes the same images: the largest difference must be within 2e-5 of the largest
logit, or 5e-5 where the reference is timm. The accuracy of every model of the miniature's archive of `--run` must be
PyTorch's on the same checkpoint and images.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import timm

ROOT = Path(__file__).resolve().parent.parent
GAUNTLET = ROOT / ".build/release/gauntlet"
TOLERANCE = 2e-5
ONNX = ["resnet50", "convnext_base", "vit_base_patch16_224", "swin_base_patch4_window7_224", "resnetv2_50x1_bit",
        "efficientnet_b0", "mobilenetv3_large_100", "regnety_016", "mixer_b16_224"]


def all_networks() -> list[str]:
    """Every architecture but the miniature's."""
    lines = subprocess.run([GAUNTLET, "models"], check=True, capture_output=True, text=True).stdout.splitlines()[1:]
    return [line.split()[0] for line in lines if "-nano" not in line]


def difference(checkpoint: Path, reference: Path, options: list[str], tolerance: float) -> bool:
    command = [GAUNTLET, "inspect", checkpoint, "--reference", reference, *options]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    ratio = float(re.search(r"ratio ([0-9.e+-]+)", output).group(1))
    print(f"{checkpoint.name}: largest difference {ratio:.2e} of the largest logit (at most {tolerance:.0e})", flush=True)
    return ratio <= tolerance


def compare_onnx(name: str, exporter: str, opset: int, folder: Path) -> bool:
    script = [ROOT / "tools/onnx_networks.py", name, folder, "--opset", str(opset), "--exporter", exporter]
    subprocess.run([sys.executable, *script], check=True, capture_output=True)
    print(f"{exporter}, operator set {opset}: ", end="")
    return difference(folder / f"{name}.onnx", folder / f"{name}-reference.safetensors", [], 5e-5)


def compare_network(name: str, folder: Path) -> bool:
    is_timm = not name.startswith("replknet")
    script = "tools/timm_networks.py" if is_timm else "tools/replknet.py"
    tolerance = 5e-5 if is_timm else TOLERANCE
    if is_timm and name != "slak" and not timm.is_model(name):
        print(f"{name}: timm has no network of this name; its family's others are compared")
        return True
    subprocess.run([sys.executable, ROOT / script, name, folder, "--images", "2"], check=True)
    reference = folder / f"{name}-reference.safetensors"
    files = [f"{name}.pth", f"{name}.safetensors"] + ([] if is_timm else [f"{name}-merged.safetensors"])
    return all([difference(folder / file, reference, ["--architecture", name], tolerance) for file in files])


def compare_miniature(name: str, run: Path) -> bool:
    import h5py
    import numpy
    import torch
    from PIL import Image
    from safetensors.torch import load_file

    sys.path.insert(0, str(ROOT / "tools"))
    from nano import RECIPES

    network = RECIPES[name].make().eval()
    network.load_state_dict(load_file(ROOT / f"models/{name}.safetensors"))
    with h5py.File(run / "archive.h5") as archive:
        group = archive[f"{name}/imagenet-val"]
        logits, labels = group["logits"][:], group["label"][:]
        paths = [path.decode() if isinstance(path, bytes) else path for path in group["path"][:]]
        root = group.attrs["data_root"]
        root = Path(root.decode() if isinstance(root, bytes) else root)
    mean = numpy.array([0.485, 0.456, 0.406], dtype=numpy.float32)
    deviation = numpy.array([0.229, 0.224, 0.225], dtype=numpy.float32)
    rows = []
    with torch.no_grad():
        for start in range(0, len(paths), 50):
            images = [numpy.asarray(Image.open(root / path).convert("RGB")) for path in paths[start:start + 50]]
            batch = (numpy.stack(images).astype(numpy.float32) / 255 - mean) / deviation
            rows.append(network(torch.from_numpy(batch).permute(0, 3, 1, 2)).numpy())
    theirs = numpy.concatenate(rows)
    ours_right = int((logits.argmax(1) == labels).sum())
    theirs_right = int((theirs.argmax(1) == labels).sum())
    difference = float(abs(logits - theirs).max() / abs(theirs).max())
    print(f"{name}, clean: Gauntlet {ours_right} of {len(labels)} right, PyTorch {theirs_right}")
    print(f"{name}, clean: largest difference {difference:.2e} of the largest logit")
    return ours_right == theirs_right and difference <= TOLERANCE


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="*", help="architectures; all unless given")
    parser.add_argument("--onnx", nargs="*", default=ONNX, help="timm's networks to export")
    parser.add_argument("--folder", type=Path, help="where large files are written for a while")
    parser.add_argument("--run", type=Path, default=ROOT / "runs/miniature")
    options = parser.parse_args()
    if not GAUNTLET.exists():
        print("there is no .build/release/gauntlet; run `make build` first", file=sys.stderr)
        return 3
    good = True
    for name in all_networks() if options.networks is None else options.networks:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            good = compare_network(name, Path(folder)) and good
    for name in options.onnx:
        for exporter, opset in [("torchscript", 17), ("dynamo", 18)]:
            with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                good = compare_onnx(name, exporter, opset, Path(folder)) and good
    if (options.run / "archive.h5").exists():
        good = all([compare_miniature(path.stem, options.run) for path in sorted(ROOT.glob("models/*.safetensors"))]) and good
    else:
        print(f"{options.run} holds no archive; run `make run` to compare the miniature", file=sys.stderr)
    print("agrees" if good else "DIFFERS")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
