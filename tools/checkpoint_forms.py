"""One little network in every form that people's checkpoints have, and ONNX models by what their output is."""

from __future__ import annotations

import argparse
import collections
import io
import json
import re
import zipfile
from pathlib import Path

import numpy
import onnx
import safetensors.torch
import timm
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from safetensors.torch import load_file, save_file
from torch import nn


class Settings(collections.OrderedDict):
    """A subclass, as configurations have them."""


class Python2:
    """As Python 2 pickles an OrderedDict: from a list of pairs."""

    def __init__(self, state: dict) -> None:
        self.state = state

    def __reduce__(self) -> tuple:
        return collections.OrderedDict, ([[name, tensor] for name, tensor in self.state.items()],)


def weights() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(11)
    return {"conv.weight": torch.randn(2, 3, 1, 2, generator=generator), "fc.bias": torch.randn(4, generator=generator)}


def big_endian(path: Path, state: dict) -> None:
    """What a machine that keeps the largest byte first would write."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("byteorder"):
                content = b"big"
            elif "/data/" in name:
                content = numpy.frombuffer(content, "<f4").astype(">f4").tobytes()
            target.writestr(name, content)


def write_forms(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    state = weights()

    def below(prefix: str) -> dict:
        return {prefix + name: tensor for name, tensor in state.items()}

    arguments = argparse.Namespace(arch="resnet18", no_decay={"bias"}, rate=0.1)
    random_state = numpy.random.RandomState(1).get_state()
    forms = {
        "plain": state,
        "data-parallel": below("module."),
        "compiled": below("_orig_mod."),
        "compiled-parallel": below("module._orig_mod."),
        "lightning": {"epoch": 3, "state_dict": below("model.") | {"criterion.weight": torch.ones(2)}, "callbacks": {}},
        "tutorial": {"epoch": 1, "model_state_dict": state, "optimizer_state_dict": {"state": {0: state}}, "loss": 0.1},
        "ema": {"ema": state, "step": 1},
        "averaged": {"n_averaged": torch.tensor(5), **below("module.")},
        "subclass": Settings(state),
        "python2": Python2(state),
        "default": collections.defaultdict(list, state),
        "imagenet-example": {"epoch": 90, "arch": "resnet18", "state_dict": below("module."),
                             "best_acc1": torch.tensor(69.76)},
        "random-state": {"state_dict": state, "torch_rng": torch.get_rng_state()},
        "unusual": {"my_weights": state, "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}}},
        "two-nets": {"model": state, "model_ema": state, "args": arguments},
        "fsdp": {"_fsdp_wrapped_module." + name.replace(".", "._fsdp_wrapped_module."): tensor
                 for name, tensor in state.items()},
        "parameters": {name: nn.Parameter(tensor) for name, tensor in state.items()},
    }
    for name, content in forms.items():
        torch.save(content, folder / f"{name}.pth")
    for protocol in range(2, 6):
        content = {"state_dict": state, "args": arguments, "numpy_random": random_state, "ids": frozenset({1, 2})}
        torch.save(content, folder / f"protocol{protocol}.pth", pickle_protocol=protocol)
        torch.save(content, folder / f"protocol{protocol}.pt", pickle_protocol=protocol,
                   _use_new_zipfile_serialization=False)
    big_endian(folder / "big-endian.pth", state)
    numpy.savez(folder / "big-endian.npz", **{name: tensor.numpy().astype(">f4") for name, tensor in state.items()})
    names = sorted(state)
    for number, name in enumerate(names, 1):
        save_file({name: state[name]}, folder / f"model-{number:05}-of-00002.safetensors")
    files = {name: f"model-{number:05}-of-00002.safetensors" for number, name in enumerate(names, 1)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))
    # What is refused.
    network = nn.Sequential(collections.OrderedDict(conv=nn.Conv2d(3, 2, (1, 2)), fc=nn.Linear(2, 4)))
    torch.save(network, folder / "refused-whole.pth")
    torch.save({"epoch": 1, "model": network}, folder / "refused-whole-below.pth")
    torch.jit.save(torch.jit.script(nn.Sequential(nn.ReLU())), folder / "refused-script.pt")
    torch.save({**state, "fc.bias": state["fc.bias"].to(torch.float8_e4m3fn)}, folder / "refused-float8.pth")
    torch.save({"encoder": state, "decoder": state}, folder / "refused-two.pth")
    write_thicket(folder / "refused-thicket.pth")


def linear(path: Path, end: list[onnx.NodeProto], opset: int = 17, ir: int = 8, shape: list | None = None) -> None:
    """A flattened image times a matrix, and what comes after `z`, up to `y`."""
    random = numpy.random.default_rng(5)
    tensors = [numpy_helper.from_array(random.normal(size=(48, 5)).astype("f4"), "W"),
               numpy_helper.from_array(random.normal(size=(48, 5)).astype("f4"), "V"),
               numpy_helper.from_array(numpy.array([2.0], "f4"), "two"),
               numpy_helper.from_array(numpy.array([0.5], "f4"), "half"),
               numpy_helper.from_array(numpy.array([-1, 1, 5], "i8"), "stacked"),
               numpy_helper.from_array(numpy.array([-1, 5, 1, 1], "i8"), "tall"),
               numpy_helper.from_array(numpy.array([-1, 5], "i8"), "row")]
    nodes = [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("MatMul", ["f", "W"], ["z"]), *end]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape or ["N", 5])], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir), path)


def write_outputs(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    node = helper.make_node
    second = [node("MatMul", ["f", "V"], ["w"]), node("Softmax", ["z"], ["p"], axis=1),
              node("Softmax", ["w"], ["q"], axis=1)]
    sums = [node("ReduceSum", ["e"], ["s"], axes=[1], keepdims=1), node("Div", ["e", "s"], ["y"])]
    ends = {
        "plain": [node("Identity", ["z"], ["y"])],
        "softmax": [node("Softmax", ["z"], ["y"], axis=1)],
        "softmax-identity-reshape": [node("Softmax", ["z"], ["a"]), node("Identity", ["a"], ["b"]),
                                     node("Reshape", ["b", "row"], ["y"])],
        "softmax-of-map": [node("Reshape", ["z", "tall"], ["a"]), node("Softmax", ["a"], ["b"], axis=1),
                           node("Flatten", ["b"], ["y"])],
        "log-softmax": [node("LogSoftmax", ["z"], ["y"], axis=-1)],
        "log-of-softmax": [node("Softmax", ["z"], ["a"]), node("Log", ["a"], ["y"])],
        "exp-of-log-softmax": [node("LogSoftmax", ["z"], ["a"]), node("Exp", ["a"], ["y"])],
        "ensemble": [*second, node("Add", ["p", "q"], ["a"]), node("Div", ["a", "two"], ["y"])],
        "ensemble-of-stack": [*second, node("Reshape", ["p", "stacked"], ["a"]), node("Reshape", ["q", "stacked"], ["b"]),
                              node("Concat", ["a", "b"], ["c"], axis=1),
                              node("ReduceMean", ["c"], ["y"], axes=[1], keepdims=0)],
        "sigmoid": [node("Sigmoid", ["z"], ["y"])],
        "softmax-within": [node("Softmax", ["z"], ["p"]), node("Mul", ["p", "z"], ["y"])],
        "nan": [node("Abs", ["z"], ["a"]), node("Neg", ["a"], ["b"]), node("Log", ["b"], ["y"])],
        "log-softmax-within": [node("LogSoftmax", ["z"], ["p"]), node("Mul", ["p", "z"], ["y"])],
    }
    for name, end in ends.items():
        linear(folder / f"{name}.onnx", end)
    linear(folder / "exp-over-sum.onnx", [node("Exp", ["z"], ["e"]), *sums], opset=12)
    linear(folder / "softmax-11.onnx", [node("Softmax", ["z"], ["y"])], opset=11)
    for opset in (7, 23, 25, 99):
        linear(folder / f"set-{opset}.onnx", ends["plain"], opset=opset, ir=8)
    new = [node("RMSNormalization", ["z", "scale"], ["a"]), node("Swish", ["a"], ["b"]),
           node("Swish", ["b"], ["y"], alpha=0.5),
           node("Constant", [], ["scale"], value=numpy_helper.from_array(numpy.arange(1, 6).astype("f4")))]
    linear(folder / "set-24.onnx", [new[3], *new[:3]], opset=24, ir=11)
    images = numpy.random.default_rng(6).uniform(0.2, 1, size=(2, 3, 4, 4)).astype("f4")
    reference = {"images": torch.from_numpy(images).permute(0, 2, 3, 1).contiguous()}
    for path in folder.glob("*.onnx"):
        if path.stem != "set-99":
            output = ReferenceEvaluator(str(path)).run(None, {"x": images})[0]
            reference[path.stem] = torch.from_numpy(numpy.ascontiguousarray(output))
    save_file(reference, folder / "reference.safetensors")


class Attentive(nn.Module):
    """Attention with and without a bias, as exporters write it from operator set 23 on."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.qkv, self.head = nn.Conv2d(3, 16, 8, stride=8), nn.Linear(16, 48), nn.Linear(16, 5)
        self.bias = nn.Parameter(torch.randn(1, 2, 16, 16))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.stem(images).flatten(2).transpose(1, 2)
        for bias in (None, self.bias):
            query, key, value = self.qkv(x).reshape(-1, 16, 3, 2, 8).permute(2, 0, 3, 1, 4).unbind(0)
            scale = 0.2 if bias is not None else None
            attended = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=scale)
            x = x + attended.transpose(1, 2).reshape(-1, 16, 16)
        return self.head(x.mean(1))


def authors_convnext(state: dict) -> dict:
    """timm's names as the authors' code has them."""
    names = {}
    for name in state:
        new = re.sub(r"^stem\.", "downsample_layers.0.", name)
        new = re.sub(r"^stages\.(\d)\.downsample\.", r"downsample_layers.\1.", new)
        new = re.sub(r"^stages\.(\d)\.blocks\.", r"stages.\1.", new)
        for old, own in (("conv_dw", "dwconv"), ("mlp.fc1", "pwconv1"), ("mlp.fc2", "pwconv2"), ("head.fc", "head"),
                         ("head.norm", "norm")):
            new = new.replace(old, own)
        names[new] = state[name]
    return names


def authors_swin(state: dict) -> dict:
    """As Microsoft's code has them: what merges patches belongs to the stage before."""
    return {re.sub(r"^layers\.(\d+)\.downsample", lambda match: f"layers.{int(match[1]) - 1}.downsample", name)
            .replace("head.fc.", "head."): tensor for name, tensor in state.items()}


def write_thicket(path: Path, entries: int = 400) -> None:
    """A pickle whose entries hold each other: a search that follows each takes entries to the third power."""
    pickle = b"\x80\x02" + b"X\x05\x00\x00\x00modelq\x00" + b"0"
    pickle += b"}q\x01(" + b"h\x00N" * entries + b"u0"
    pickle += b"}q\x02(" + b"h\x00h\x01" * entries + b"u0"
    pickle += b"}q\x03(" + b"h\x00h\x02" * entries + b"u."
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in (("a/data.pkl", pickle), ("a/version", b"3\n")):
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content)


def google_vit(state: dict, heads: int) -> dict:
    """As Google's .npz files have a ViT."""
    width, result = state["cls_token"].shape[-1], {}
    result["cls"], result["Transformer/posembed_input/pos_embedding"] = state["cls_token"], state["pos_embed"]
    result["embedding/kernel"] = state["patch_embed.proj.weight"].permute(2, 3, 1, 0)
    result["embedding/bias"] = state["patch_embed.proj.bias"]
    block = 0
    while f"blocks.{block}.norm1.weight" in state:
        prefix, own = f"Transformer/encoderblock_{block}/", f"blocks.{block}."
        attention = prefix + "MultiHeadDotProductAttention_1/"
        parts = zip(("query", "key", "value"), state[own + "attn.qkv.weight"].chunk(3), state[own + "attn.qkv.bias"].chunk(3))
        for name, weight, bias in parts:
            result[attention + name + "/kernel"] = weight.t().reshape(width, heads, width // heads)
            result[attention + name + "/bias"] = bias.reshape(heads, width // heads)
        result[attention + "out/kernel"] = state[own + "attn.proj.weight"].t().reshape(heads, width // heads, width)
        result[attention + "out/bias"] = state[own + "attn.proj.bias"]
        for number, name in ((0, "norm1"), (2, "norm2")):
            result[prefix + f"LayerNorm_{number}/scale"] = state[own + name + ".weight"]
            result[prefix + f"LayerNorm_{number}/bias"] = state[own + name + ".bias"]
        for number, name in ((0, "mlp.fc1"), (1, "mlp.fc2")):
            result[prefix + f"MlpBlock_3/Dense_{number}/kernel"] = state[own + name + ".weight"].t()
            result[prefix + f"MlpBlock_3/Dense_{number}/bias"] = state[own + name + ".bias"]
        block += 1
    result["Transformer/encoder_norm/scale"], result["Transformer/encoder_norm/bias"] = state["norm.weight"], state["norm.bias"]
    result["head/kernel"], result["head/bias"] = state["head.weight"].t(), state["head.bias"]
    return {name: numpy.ascontiguousarray(tensor.numpy()) for name, tensor in result.items()}


def write_published(fixtures: Path, folder: Path) -> None:
    """The little networks under the names of their authors, and the tables of whole networks without their numbers."""
    half = {name: {key: tensor.half() if tensor.is_floating_point() else tensor for key, tensor in load_file(
        fixtures / f"tiny-{name}.safetensors").items()} for name in ("convnext", "swin", "vit")}
    torch.save({"model": authors_convnext(half["convnext"])}, folder / "authors-convnext.pth")
    torch.save({"model": authors_swin(half["swin"])}, folder / "authors-swin.pth")
    numpy.savez(folder / "authors-vit.npz", **google_vit(half["vit"], heads=3))
    for name in ("deit_tiny_patch16_224", "resnet18"):
        state = timm.create_model(name).state_dict()
        buffer = safetensors.torch.save({key: tensor.contiguous() for key, tensor in state.items()})
        (folder / f"{name}.table").write_bytes(buffer[:8 + int.from_bytes(buffer[:8], "little")])
