"""Compares Gauntlet with PyTorch: full-size random networks, and the miniature's accuracy.

    python tools/parity.py [--networks replknet-31b ...] [--run runs/miniature]

Random weights are written unmerged (.pth and .safetensors) and merged, and `gauntlet inspect --reference` computes the
same images: the largest difference must be within 2e-5 of the largest logit, or 5e-5 where the reference is timm. The miniature's clean accuracy in the
archive of `--run` must be PyTorch's on the same checkpoint and images.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GAUNTLET = ROOT / ".build/release/gauntlet"
TOLERANCE = 2e-5
DEFAULT = ["replknet-31b", "resnet50", "resnetv2_50x1_bit", "vit_base_patch16_224", "convnext_base",
           "swin_base_patch4_window7_224"]


def compare_network(name: str, folder: Path) -> bool:
    is_timm = not name.startswith("replknet")
    script = "tools/timm_networks.py" if is_timm else "tools/replknet.py"
    tolerance = 5e-5 if is_timm else TOLERANCE
    subprocess.run([sys.executable, ROOT / script, name, folder, "--images", "2"], check=True)
    reference = folder / f"{name}-reference.safetensors"
    good = True
    for checkpoint in [f"{name}.pth", f"{name}.safetensors"] + ([] if is_timm else [f"{name}-merged.safetensors"]):
        command = [GAUNTLET, "inspect", folder / checkpoint, "--reference", reference, "--architecture", name]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        ratio = float(re.search(r"ratio ([0-9.e+-]+)", output).group(1))
        good = good and ratio <= tolerance
        print(f"{checkpoint}: largest difference {ratio:.2e} of the largest logit (at most {tolerance:.0e})")
    return good


def compare_miniature(run: Path) -> bool:
    import h5py
    import numpy
    import torch
    from PIL import Image
    from safetensors.torch import load_file

    sys.path.insert(0, str(ROOT / "tools"))
    import replknet

    network = replknet.build("replknet-nano").eval()
    network.load_state_dict(load_file(ROOT / "models/replknet-nano.safetensors"))
    with h5py.File(run / "archive.h5") as archive:
        group = archive["replknet-nano/imagenet-val"]
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
    print(f"miniature, clean: Gauntlet {ours_right} of {len(labels)} right, PyTorch {theirs_right}")
    print(f"miniature, clean: largest difference {difference:.2e} of the largest logit")
    return ours_right == theirs_right and difference <= TOLERANCE


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="*", default=DEFAULT)
    parser.add_argument("--run", type=Path, default=ROOT / "runs/miniature")
    options = parser.parse_args()
    if not GAUNTLET.exists():
        print("there is no .build/release/gauntlet; run `make build` first", file=sys.stderr)
        return 3
    good = True
    for name in options.networks:
        with tempfile.TemporaryDirectory() as folder:
            good = compare_network(name, Path(folder)) and good
    if (options.run / "archive.h5").exists():
        good = compare_miniature(options.run) and good
    else:
        print(f"{options.run} holds no archive; run `make run` to compare the miniature", file=sys.stderr)
    print("agrees" if good else "DIFFERS")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
