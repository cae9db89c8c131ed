"""Where the time of an evaluation goes: JPEG files through live ImageNet-C and a network, worker threads watched.

    python tools/pipeline.py [--network replknet-31b] [--corruptions gaussian_noise ...] [--severity 3]

Needs `make build`, and tools/requirements.txt. Draws the pictures (500x375) and random weights once, runs `gauntlet run` on them, and prints what the worker says of its
compute threads. Fails if they waited for images and shards for more than `--allowed` percent of their time.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GAUNTLET = ROOT / ".build/release/gauntlet"
MANIFEST = """
run: pipeline
models:
  - {{name: {network}, architecture: {network}, checkpoint: "{checkpoint}"}}
benchmarks:
  - {{kind: imagenet-c, from: "{photographs}", corruptions: [{corruptions}], severities: [{severity}]}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="replknet-31b")
    parser.add_argument("--corruptions", nargs="+", default=["gaussian_noise", "glass_blur", "zoom_blur"])
    parser.add_argument("--severity", type=int, default=3)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--streams", type=int, default=2)
    parser.add_argument("--allowed", type=float, default=3.0, help="percent of the compute threads' time")
    parser.add_argument("--folder", type=Path, default=ROOT / "runs/pipeline")
    options = parser.parse_args()

    photographs = options.folder / f"photographs-{options.images}"
    if not (photographs / "drawn").exists():
        command = [GAUNTLET, "bench", "photographs", photographs, "--count", str(options.images)]
        subprocess.run(command, check=True)
        (photographs / "drawn").touch()
    checkpoint = options.folder / f"{options.network}.safetensors"
    if not checkpoint.exists():
        script = "tools/replknet.py" if options.network.startswith("replknet") else "tools/timm_networks.py"
        subprocess.run([sys.executable, ROOT / script, options.network, options.folder, "--images", "1"], check=True)

    manifest = options.folder / "manifest.yaml"
    manifest.write_text(MANIFEST.format(
        network=options.network, checkpoint=checkpoint, photographs=photographs,
        corruptions=", ".join(options.corruptions), severity=options.severity))
    run = options.folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    start = time.monotonic()
    command = [GAUNTLET, "run", manifest, "--run", run, "--workers", "1", "--streams", str(options.streams)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - start

    logs = "".join(file.read_text() for file in sorted((run / "logs").glob("*")))
    found = re.search(r"(\d+) images; computing.* preparing [\d.]+ % in parallel", logs)
    if found is None:
        raise SystemExit(f"no worker in {run / 'logs'} tells its times")
    shares = {name.strip(): float(share) for name, share in re.findall(r"([a-z ]+?) ([\d.]+) %", found.group(0))}
    waited = shares["waiting for images"] + shares["waiting for shards"]
    print(found.group(0))
    print(f"{int(found.group(1)) / seconds:.2f} images/s in {seconds:.0f} s; compute threads waited {waited:.1f} %")
    if waited > options.allowed:
        raise SystemExit(f"more than {options.allowed} %")


if __name__ == "__main__":
    main()
