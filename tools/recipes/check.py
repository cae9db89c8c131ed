"""Sees that what a patch of this folder adds works, in the program that was built with it: check.py NAME.

Prints what it saw in one line, beside values of other programs where there are some; an assertion fails where it is not so.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy
from PIL import Image, ImageOps

ROOT = Path.cwd()
DATA = ROOT / "runs" / "recipes" / "miniature"
MODEL = "resnet-nano"
random = numpy.random.default_rng(7)


def gauntlet(*words: object, **variables: str) -> str:
    """What the program prints."""
    done = subprocess.run([ROOT / ".build/release/gauntlet", *map(str, words)], capture_output=True, text=True,
                          env=os.environ | variables)
    assert done.returncode == 0, f"gauntlet {' '.join(map(str, words))}: {done.returncode}, {done.stderr[-600:]}"
    return done.stdout


def manifest(scratch: Path, *benchmarks: dict) -> Path:
    """A manifest of one small network on the miniature."""
    gauntlet("miniature", DATA, "--images", 40)
    file = scratch / "recipe.yaml"
    network = {"name": MODEL, "architecture": MODEL, "checkpoint": str(ROOT / f"models/{MODEL}.safetensors"),
               "preprocess": {"mean": "imagenet", "std": "imagenet"}}
    # JSON is YAML, too.
    file.write_text(json.dumps({"run": "recipe", "seed": 7, "models": [network], "benchmarks": [
        benchmark if "from" in benchmark else {"root": str(DATA / "val"), **benchmark} for benchmark in benchmarks]}))
    return file


def run(scratch: Path, *benchmarks: dict) -> Path:
    """The folder of a run that is done."""
    gauntlet("run", manifest(scratch, *benchmarks), "--run", scratch / "run")
    return scratch / "run"


def launched(scratch: Path, engine: str) -> Path:
    """The folder of a run that an engine's processes have done."""
    folder = scratch / "run"
    gauntlet("launch", manifest(scratch, {"kind": "imagenet-val"}), "--run", folder, "--engine", engine, "--workers", 2)
    gauntlet("status", folder, "--watch")
    gauntlet("collect", folder)
    return folder


def values(folder: Path, benchmark: str, *names: str) -> list[numpy.ndarray]:
    """Variables of the archive."""
    with h5py.File(folder / "archive.h5") as archive:
        return [numpy.array(archive[f"{MODEL}/{benchmark}/{name}"]) for name in names]


def softmax(logits: numpy.ndarray) -> numpy.ndarray:
    powers = numpy.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def picture(scratch: Path, side: int) -> tuple[Path, numpy.ndarray]:
    """A picture of noise, and its values as [1, 3, side, side], with mean 0.5 and deviation 0.25."""
    pixels = random.integers(0, 256, (side, side, 3), dtype=numpy.uint8)
    Image.fromarray(pixels).save(scratch / "picture.png")
    return scratch / "picture.png", ((pixels / 255.0 - 0.5) / 0.25).astype(numpy.float32).transpose(2, 0, 1)[None]


def predicted(model: Path, picture: Path, side: int) -> dict[int, float]:
    """The logits of the likeliest classes."""
    words = ("--resize", side, "--mean", 0.5, "--std", 0.25, "--json")
    return {guess["index"]: guess["logit"] for guess in json.loads(gauntlet("predict", model, picture, *words))["guesses"]}


def largest_difference(found: dict[int, float], wanted: numpy.ndarray) -> float:
    """Between logits, over the largest."""
    assert list(found) == list(numpy.argsort(-wanted, kind="stable")[:5]), (found, wanted)
    difference = max(abs(found[index] - wanted[index]) for index in found) / float(abs(wanted).max())
    assert difference < 1e-5, (found, wanted)
    return difference


def benchmark(scratch: Path) -> str:
    folder = run(scratch, {"kind": "imagenet-val"}, {"kind": "rotation", "degrees": [-15, 0, 15]})
    plain, = values(folder, "imagenet-val", "logits")
    logits, labels, top1 = values(folder, "rotation", "logits", "label", "top1")
    assert (logits[1] == plain).all() and not (logits[0] == plain).all()
    assert numpy.allclose(top1, (logits.argmax(-1) == labels).mean(-1))
    return f"top-1 {' / '.join(f'{share:.1%}' for share in top1)} at -15, 0 and 15 degrees, at 0 the logits of imagenet-val"


def corruption(scratch: Path) -> str:
    made = {"kind": "imagenet-c", "from": str(DATA / "val"), "corruptions": ["posterize"]}
    file = manifest(scratch, {"kind": "imagenet-val"}, made)
    found = {}
    for name in ("imagenet-val", "imagenet-c"):
        gauntlet("export", file, "--benchmark", name, "--images", 4, "--output", scratch / name)
        with open(scratch / name / "index.csv") as index:
            for line in csv.DictReader(index):
                found[line["image"], line.get("severity")] = Image.open(scratch / name / line["file"])
    assert len(found) == 24
    for (image, severity), changed in found.items():
        if severity:
            wanted = ImageOps.posterize(found[image, None], 6 - int(severity))
            assert (numpy.array(changed) == numpy.array(wanted)).all(), (image, severity)
    return "20 pictures are those of Pillow's posterize, bit for bit"


def figure(scratch: Path) -> str:
    folder = run(scratch, {"kind": "imagenet-val"})
    logits, labels, found = values(folder, "imagenet-val", "logits", "label", "overconfidence")
    wanted = softmax(logits.astype(float)).max(-1).mean() - (logits.argmax(-1) == labels).mean()
    assert abs(found - wanted) < 1e-12, (found, wanted)
    gauntlet("verify", folder)
    text = gauntlet("report", folder)
    assert "overconfidence" in text and "overconfidence" in (folder / "report.html").read_text()
    return f"overconfidence {100 * found:.2f} points, NumPy {100 * wanted:.2f}; verify and report know it"


def plot(scratch: Path) -> str:
    made = {"kind": "imagenet-c", "from": str(DATA / "val"), "corruptions": ["gaussian_noise", "fog", "contrast"]}
    folder = run(scratch, made)
    gauntlet("report", folder, "--csv", scratch)
    page = (folder / "report.html").read_text()
    drawn = re.findall(r"<title>top-1 of the hardest conditions in percent</title><desc>([^<]*)</desc>", page)
    with open(scratch / "conditions.csv") as lines:
        conditions = [(float(line["top1"]), line["condition"]) for line in csv.DictReader(lines)]
    wanted = [name for _, name in sorted(conditions, key=lambda each: each[0])][:10]
    assert len(drawn) == 1 and [bar.split()[0] for bar in drawn[0].split("; ")] == wanted, (drawn, wanted)
    return f"the page has 10 bars in the order of conditions.csv, from {drawn[0].split('; ')[0]} %"


def engine(scratch: Path) -> str:
    folder = launched(scratch, "shell")
    jobs = json.loads((folder / "launched.json").read_text())["jobs"]
    assert [job["engine"] for job in jobs] == ["shell"] * 3, jobs
    (scratch / "local").mkdir()
    wanted = values(run(scratch / "local", {"kind": "imagenet-val"}), "imagenet-val", "logits")[0]
    assert (values(folder, "imagenet-val", "logits")[0] == wanted).all()
    return "a coordinator and 2 workers by /bin/sh, the logits of gauntlet run"


def wire_message(scratch: Path) -> str:
    folder = launched(scratch, "local")
    log = (folder / "logs/coordinator.log").read_text()
    jobs = json.loads((folder / "launched.json").read_text())["jobs"]
    workers = {job["id"] for job in jobs if job["role"] == "workers"}
    notes = [line for line in log.splitlines() if "a worker notes" in line]
    noted = {process for line in notes for process in re.findall(r"process (\d+)", line)}
    assert workers <= noted, (workers, log)
    return "the coordinator's log has the notes of both workers, with their process ids"


def family(scratch: Path) -> str:
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(7)
    network = timm.create_model("vgg11").eval()
    file, values = picture(scratch, 224)
    with torch.no_grad():
        # As drawn, all classes are as likely: the logits' deviation becomes 3.
        network.head.fc.weight *= 3 / float(network(torch.from_numpy(values)).std())
        wanted = network(torch.from_numpy(values))[0].double().numpy()
    save_file(network.state_dict(), scratch / "vgg.safetensors")
    difference = largest_difference(predicted(scratch / "vgg.safetensors", file, 224), wanted)
    listed = re.search(r"^vgg11 +([\d.]+) +([\d.]+)", gauntlet("models"), re.MULTILINE)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert listed and listed[1] == f"{count / 1e6:.1f}", (listed, count)
    return f"vgg11: {listed[1]} M parameters, {listed[2]} G multiply-adds; logits within {difference:.0e} of timm's"


def onnx(operator: str, scratch: Path, **attributes: float) -> str:
    from onnx import TensorProto, checker, helper, numpy_helper, save
    from onnx.reference import ReferenceEvaluator

    file, values = picture(scratch, 32)
    names = {"weight": random.normal(size=(7, 3)), "bias": random.normal(size=7)}
    nodes = [helper.make_node(operator, ["image"], ["x"], **attributes), helper.make_node("GlobalAveragePool", ["x"], ["y"]),
             helper.make_node("Flatten", ["y"], ["z"]), helper.make_node("Gemm", ["z", "weight", "bias"], ["out"], transB=1)]
    graph = helper.make_graph(
        nodes, "recipe", [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 7])],
        [numpy_helper.from_array(value.astype(numpy.float32), name) for name, value in names.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    save(model, scratch / "model.onnx")
    wanted = ReferenceEvaluator(model).run(None, {"image": values})[0][0]
    difference = largest_difference(predicted(scratch / "model.onnx", file, 32), wanted)
    return f"a model with {operator}: logits within {difference:.0e} of ONNX's reference"


def instruction_set(scratch: Path) -> str:
    manifest(scratch, {"kind": "imagenet-val"})
    pictures = sorted((DATA / "val").rglob("*.JPEG"))[:10]
    told = {}
    for name in ("scalar", "avx2", "avx"):
        # Refused where the processor or the program has no such set.
        told[name] = [gauntlet("predict", ROOT / f"models/{model}-nano.safetensors", *pictures, "--json",
                               GAUNTLET_INSTRUCTION_SET=name) for model in ("replknet", "resnet", "vit")]
    assert told["avx"] == told["scalar"] == told["avx2"]
    assert "avx" in re.findall(r"\w+", gauntlet("bench", "kernels", "--help"))
    return "three networks on 10 pictures: the logits of scalar and avx2, bit for bit"


CHECKS: dict[str, Callable[[Path], str]] = {
    "benchmark": benchmark, "corruption": corruption, "figure": figure, "plot": plot, "engine": engine,
    "wire-message": wire_message, "family": family, "instruction-set": instruction_set,
    "onnx-operator": lambda scratch: onnx("Celu", scratch, alpha=0.5),
    "onnx-layer": lambda scratch: onnx("ThresholdedRelu", scratch, alpha=0.25),
}

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(CHECKS[sys.argv[1]](Path(scratch)))
