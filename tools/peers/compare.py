"""Times Gauntlet and what one would pick instead, turn by turn, on the same weights and images.

    python -m venv .venv && .venv/bin/pip install -r tools/peers/requirements.txt
    .venv/bin/python tools/peers/compare.py model --threads 1 --turns 5
    .venv/bin/python tools/peers/compare.py depthwise --turns 5

`model` runs a RepLKNet of random weights, merged, or one of timm's networks (`--network resnet50`), through Gauntlet, OpenVINO, ONNX Runtime and PyTorch, checks that
the logits agree and prints images a second and ratios. `depthwise` runs the four large depthwise convolutions of
RepLKNet-31B. Every figure is the median over the turns; in a turn each takes its place once, so that a machine that
slows down slows all.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
GAUNTLET = ROOT / ".build/release/gauntlet"
sys.path.insert(0, str(ROOT / "tools"))
TOLERANCE = 2e-4
PEERS = ["OpenVINO", "ONNX Runtime", "PyTorch channels_last", "PyTorch"]
SHAPES = [(128, 56, 31), (256, 28, 29), (512, 14, 27), (1024, 7, 13)]


def seconds(call, least: float = 1.0) -> float:
    """Seconds a call, over calls that fill `least` seconds after one to warm up."""
    call()
    start, count = time.perf_counter(), 0
    while count == 0 or time.perf_counter() - start < least:
        call()
        count += 1
    return (time.perf_counter() - start) / count


def openvino_runner(model, inputs, threads: int, precision: str = "f32"):
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": 1}
    request = core.compile_model(openvino.convert_model(model), "CPU", settings).create_infer_request()
    return lambda: request.infer([inputs.numpy()])[0]


def onnxruntime_runner(model: str, inputs, threads: int):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: inputs.numpy()})[0]


def torch_runner(network, inputs, channels_last: bool):
    import copy

    import torch

    network = copy.deepcopy(network)
    if channels_last:
        network = network.to(memory_format=torch.channels_last)
        inputs = inputs.to(memory_format=torch.channels_last)

    def run():
        with torch.inference_mode():
            return network(inputs).numpy()

    return run


def peers(network, inputs, folder: Path, threads: int) -> dict:
    import torch

    torch.set_num_threads(threads)
    path = str(folder / "model.onnx")
    torch.onnx.export(network, (inputs,), path, opset_version=17, dynamo=False)
    return {
        "OpenVINO": openvino_runner(path, inputs, threads),
        "ONNX Runtime": onnxruntime_runner(path, inputs, threads),
        "PyTorch channels_last": torch_runner(network, inputs, True),
        "PyTorch": torch_runner(network, inputs, False),
    }


def chosen(runners: dict, arguments) -> dict:
    return {name: run for name, run in runners.items() if not arguments.peer or name in arguments.peer}


def table(title: str, unit: str, figures: dict, more_is_better: bool) -> None:
    print(f"\n{title}, median of {len(figures['Gauntlet'])}")
    own = statistics.median(figures["Gauntlet"])
    for name, values in figures.items():
        value = statistics.median(values)
        ratio = own / value if more_is_better else value / own
        print(f"  {name:24s}{value:10.2f} {unit}   Gauntlet is {ratio:.2f}x" if name != "Gauntlet"
              else f"  {name:24s}{value:10.2f} {unit}   {min(values):.2f} to {max(values):.2f}")


def build(name: str, folder: Path):
    """A network of random weights, its checkpoint and the side of its images."""
    import timm
    from safetensors.torch import load_file, save_file

    if not name.startswith("replknet"):
        import timm_networks

        network = timm_networks.randomise(timm.create_model(name), seed=7)
        checkpoint = folder / f"{name}.safetensors"
        save_file(network.state_dict(), checkpoint)
        return network, checkpoint, network.default_cfg["input_size"][1]
    import replknet

    subprocess.run([sys.executable, ROOT / "tools/replknet.py", name, folder, "--images", "1"], check=True)
    network = replknet.build(name).eval()
    network.merge()
    checkpoint = folder / f"{name}-merged.safetensors"
    network.load_state_dict(load_file(checkpoint))
    return network, checkpoint, replknet.VARIANTS[name].input_size


def compare_model(arguments, folder: Path) -> bool:
    import numpy
    import torch
    from safetensors.torch import save_file

    name = arguments.network
    network, checkpoint, side = build(name, folder)
    side = arguments.side or side
    inputs = torch.randn(arguments.batch, 3, side, side, generator=torch.Generator().manual_seed(1))
    runners = peers(network, inputs, folder, arguments.threads)
    expected = runners["PyTorch"]()
    tolerance = TOLERANCE
    if arguments.precision == "bf16":
        # Every program rounds elsewhere: their differences are printed, and only Gauntlet's own promise is checked.
        tolerance = 0.02
        runners = {"OpenVINO": openvino_runner(str(folder / "model.onnx"), inputs, arguments.threads, "bf16")}
    good = True
    runners = chosen(runners, arguments)
    for peer, run in runners.items():
        difference = float(numpy.abs(run() - expected).max() / numpy.abs(expected).max())
        good = good and (difference <= tolerance or arguments.precision == "bf16")
        print(f"{peer}: logits within {difference:.1e} of PyTorch's largest")
    reference = folder / "reference.safetensors"
    save_file({"images": inputs.permute(0, 2, 3, 1).contiguous(), "logits": torch.from_numpy(expected)}, reference)
    output = subprocess.run(
        [GAUNTLET, "inspect", checkpoint, "--reference", reference, "--architecture", name,
         "--precision", arguments.precision], check=True, capture_output=True, text=True).stdout
    difference = float(re.search(r"ratio ([0-9.e+-]+)", output).group(1))
    good = good and difference <= tolerance
    print(f"Gauntlet: logits within {difference:.1e} of PyTorch's largest")

    def gauntlet(threads: int) -> float:
        command = [GAUNTLET, "bench", "model", name, "--checkpoint", checkpoint, "--threads", str(threads),
                   "--batch", str(max(1, arguments.batch // threads)), "--repeats", "3", "--precision", arguments.precision]
        line = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return float(re.search(r"([0-9.]+) images/s", line).group(1))

    figures: dict = {"Gauntlet": []}
    if arguments.threads > 1:
        figures["Gauntlet, 1 thread"] = []
    for turn in range(arguments.turns):
        figures["Gauntlet"].append(gauntlet(arguments.threads))
        if arguments.threads > 1:
            figures["Gauntlet, 1 thread"].append(gauntlet(1))
        for peer, run in runners.items():
            figures.setdefault(peer, []).append(arguments.batch / seconds(run))
        print(f"turn {turn + 1} of {arguments.turns}", file=sys.stderr)
    table(f"{name} {arguments.precision}, {arguments.threads} thread(s), batch {arguments.batch}", "images/s", figures, True)
    return good


def compare_depthwise(arguments, folder: Path) -> bool:
    import torch

    cases = []
    for channels, side, kernel in SHAPES:
        layer = torch.nn.Sequential(
            torch.nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels), torch.nn.ReLU()).eval()
        inputs = torch.randn(8, channels, side, side)
        own = folder / str(channels)
        own.mkdir()
        runners = chosen(peers(layer, inputs, own, 1), arguments)
        cases.append((f"{channels}x{side}x{side}, {kernel}x{kernel}", runners, {"Gauntlet": []}))
    for turn in range(arguments.turns):
        lines = subprocess.run(
            [GAUNTLET, "bench", "kernels", "--only", "depthwise"], check=True, capture_output=True, text=True).stdout
        own = [float(value) for value in re.findall(r"depthwise .*?([0-9.]+) ms", lines)]
        for (_, runners, figures), value in zip(cases, own, strict=True):
            figures["Gauntlet"].append(value)
            for peer, run in runners.items():
                figures.setdefault(peer, []).append(seconds(run, 0.3) * 1e3)
        print(f"turn {turn + 1} of {arguments.turns}", file=sys.stderr)
    for title, _, figures in cases:
        table(f"depthwise {title}, batch 8, 1 thread", "ms", figures, False)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["model", "depthwise"])
    parser.add_argument("--network", default="replknet-31b", help="replknet-* or one of timm's names")
    parser.add_argument("--side", type=int, help="of the images, where it is not the network's own")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--peer", action="append", choices=PEERS,
                        help="only this one; may be given again (bf16 has OpenVINO alone)")
    arguments = parser.parse_args()
    if not GAUNTLET.exists():
        print("there is no .build/release/gauntlet; run `make build` first", file=sys.stderr)
        return 3
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        compare = compare_model if arguments.what == "model" else compare_depthwise
        return 0 if compare(arguments, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
