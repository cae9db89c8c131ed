"""Small ONNX models that together have every operator of the import, and PyTorch's logits of them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from timm.layers import StdConv2d
from timm.models import efficientnet, mlp_mixer, mobilenetv3, regnet
from timm.models.resnetv2 import ResNetV2
from timm.models.swin_transformer import SwinTransformer
from torch import nn
from torch.nn import functional as F

import checkpoint_forms
import onnx_networks
import timm_networks

from gradients import with_gradients


class Medley(nn.Module):
    """What no network of timm's has: oblong, dilated, grouped and one-sided convolutions, pools that round up, products
    of what both depend on the image, and functions of every kind."""

    def __init__(self) -> None:
        super().__init__()
        self.oblong = nn.Conv2d(3, 8, (1, 7), padding=(0, 3))
        self.dilated = nn.Conv2d(8, 12, 3, padding=2, dilation=2)
        self.grouped = nn.Conv2d(12, 12, 3, groups=3, stride=2)
        self.even = nn.Conv2d(12, 12, 2, groups=12)
        self.slope = nn.PReLU(12)
        self.norm = nn.BatchNorm2d(12)
        self.groups = nn.GroupNorm(3, 12)
        self.query, self.key, self.value = nn.Linear(12, 8), nn.Linear(12, 8), nn.Linear(12, 12)
        self.head = nn.Linear(12, 7)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.dilated(F.pad(torch.tanh(self.oblong(images)), (1, 0, 0, 1)))[:, :, :-1, 1:]
        x = self.norm(F.leaky_relu(self.oblong(images), 0.1).mean(1, keepdim=True) + x)
        x = F.max_pool2d(x, 3, 2, ceil_mode=True) + F.avg_pool2d(F.pad(x, (0, 1, 0, 1)), 2, 2, count_include_pad=False)[
            :, :, : (x.shape[2] + 1) // 2, : (x.shape[3] + 1) // 2] * 0.5
        x = self.groups(F.elu(self.slope(self.even(self.grouped(x)))))
        x = torch.cat([x[:, 6:], x[:, :6]], 1).flatten(2).transpose(1, 2)
        scores = self.query(x) @ self.key(x).transpose(1, 2) * 0.3
        x = torch.softmax(scores, -1) @ self.value(x) + F.hardswish(x)
        x = torch.maximum(F.mish(x), F.softplus(x) - 1).clamp(-2, 3) ** 2
        x = torch.exp(-x.abs()) + torch.sqrt(x + 1) / (1 + torch.sigmoid(x)) + F.gelu(x, approximate="tanh")
        largest = x.amax(1) - x.amin(1) + x.norm(dim=1).reciprocal() + x.sum(1) * 0.1
        return self.head(torch.minimum(largest, 1 - largest) + torch.log(1 + largest.square()))


class Forks(nn.Module):
    """Values that several layers read, so that each adds its gradient to the others': convolutions of patches, batch
    normalisations that no layer takes in; and means that leave the padding out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.patches = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 2, stride=2)
        self.norm, self.head = nn.BatchNorm2d(8), nn.Linear(8, 6)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = torch.tanh(self.stem(images))
        patches = self.patches(x)
        normalised = torch.sigmoid(self.norm(x))
        pooled = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        return self.head((patches * pooled + F.max_pool2d(normalised, 2, 2)).mean((2, 3)))


class Swapped(nn.Module):
    """Attention from one projection whose parts stand in another order than query, key, value."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.qkv, self.head = nn.Conv2d(3, 16, 8, stride=8), nn.Linear(16, 48), nn.Linear(16, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.stem(images).flatten(2).transpose(1, 2)
        value, query, key = self.qkv(x).reshape(-1, 16, 3, 2, 8).permute(2, 0, 3, 1, 4).unbind(0)
        x = x + F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(-1, 16, 16)
        return self.head(x.mean(1))


class Blend(nn.Module):
    """A little of everything, small enough for a million runs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4)
        self.depthwise, self.grouped = nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.Conv2d(4, 4, 1, groups=2)
        self.qkv, self.project, self.layer = nn.Linear(4, 12), nn.Linear(4, 4), nn.LayerNorm(4)
        self.group, self.head = nn.GroupNorm(2, 4), nn.Linear(4, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm(self.stem(images)))
        x = self.group(x + F.silu(self.depthwise(F.pad(x, (1, 1, 1, 1))))[:, :, 1:-1, 1:-1] * self.grouped(x))
        x = F.max_pool2d(x, 3, 1, 1) + F.avg_pool2d(x, 3, 1, 1)
        x = self.layer(x.flatten(2).transpose(1, 2))
        q, k, v = self.qkv(x).reshape(-1, 16, 3, 2, 2).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = (q * 2 ** -0.5 @ k.transpose(-2, -1)).softmax(-1) @ v
        x = x + F.gelu(self.project(mixed.transpose(1, 2).reshape(-1, 16, 4)))
        return self.head(torch.cat([x[:, :1], x[:, 8:]], 1).mean(1))


def networks() -> list[tuple[str, nn.Module, int, int, str]]:
    """Name, network, side, operator set, exporter."""
    tiny = timm_networks.miniatures()
    bit = ResNetV2((1,), channels=(128,), num_classes=10, stem_chs=32, stem_type="fixed",
                   conv_layer=partial(StdConv2d, eps=1e-8))
    swin = SwinTransformer(img_size=64, patch_size=4, num_classes=10, embed_dim=8, depths=(2, 1), num_heads=(2, 4),
                           window_size=4)
    half = dict(channel_multiplier=0.25, num_classes=10)
    return [
        ("onnx-resnet", *tiny["tiny-resnet"], 13, "torchscript"),
        ("onnx-resnet-dynamo", *tiny["tiny-resnet-basic"], 18, "dynamo"),
        ("onnx-bit", bit, 32, 17, "torchscript"),
        ("onnx-vit", *tiny["tiny-vit"], 14, "torchscript"),
        ("onnx-vit-dynamo", *tiny["tiny-vit"], 20, "dynamo"),
        ("onnx-convnext", *tiny["tiny-convnext"], 16, "torchscript"),
        ("onnx-swin", swin, 64, 17, "torchscript"),
        ("onnx-efficientnet", efficientnet._gen_efficientnet("efficientnet_b0", depth_multiplier=0.1, **half), 32, 17,
         "torchscript"),
        ("onnx-mobilenet", mobilenetv3._gen_mobilenet_v3(
            "mobilenetv3_small_050", channel_multiplier=0.1, num_classes=10), 32, 15, "torchscript"),
        ("onnx-regnet", regnet.RegNet(regnet.RegNetCfg(
            w0=24, wa=12.0, wm=1.5, group_size=12, depth=6, se_ratio=0.25), num_classes=10), 32, 17, "torchscript"),
        ("onnx-mixer", mlp_mixer.MlpMixer(num_classes=10, img_size=32, patch_size=8, num_blocks=2, embed_dim=24), 32, 20,
         "torchscript"),
        ("onnx-medley", Medley(), 24, 17, "torchscript"),
        ("onnx-forks", Forks(), 16, 17, "torchscript"),
        ("onnx-swapped", Swapped(), 32, 17, "torchscript"),
        ("onnx-attention", checkpoint_forms.Attentive(), 32, 23, "dynamo"),
    ]


def linear_model(operation: str, batch: int, external: dict[str, str] | None = None) -> onnx.ModelProto:
    """An image's mean over its pixels, an operation, four logits."""
    weight = helper.make_tensor("weight", TensorProto.FLOAT, [3, 4], [float(i) for i in range(12)])
    if external is not None:
        weight.ClearField("float_data")
        weight.data_location = TensorProto.EXTERNAL
        for key, value in external.items():
            entry = weight.external_data.add()
            entry.key, entry.value = key, value
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node(operation, ["flat"], ["odd"], name="the-odd-one"),
        helper.make_node("MatMul", ["odd", "weight"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes, "linear", [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, 4])], [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def small_model(nodes: list, constants: dict[str, tuple[int, list[int], list]], kind: int = TensorProto.FLOAT) -> onnx.ModelProto:
    """Nodes from `image`, [1, 3, 8, 8], to `logits`, with constants: type, shape, numbers."""
    graph = helper.make_graph(
        nodes, "small", [helper.make_tensor_value_info("image", kind, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor(name, *constant) for name, constant in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def hostile_models() -> dict[str, onnx.ModelProto]:
    """What no exporter writes: shapes that do not fit, constants that fill memory, inputs of bytes."""
    node, whole, number = helper.make_node, TensorProto.INT64, TensorProto.FLOAT
    mean = [node("GlobalAveragePool", ["image"], ["mean"]), node("Flatten", ["mean"], ["flat"])]
    last = [node("Add", ["flat", "one"], ["logits"])]
    return {
        "onnx-pool-of-many": small_model(
            [node("Reshape", ["image", "shape"], ["many"]), node("MaxPool", ["many"], ["pool"], kernel_shape=[2, 2]),
             node("Flatten", ["pool"], ["logits"], axis=0)], {"shape": (whole, [4], [3, 1, 8, 8])}),
        "onnx-huge-constant": small_model(
            mean + [node("Expand", ["one", "shape"], ["huge"]), node("ReduceSum", ["huge"], ["sum"]),
                    node("Add", ["flat", "sum"], ["logits"])],
            {"one": (number, [1], [1.0]), "shape": (whole, [1], [1 << 28])}),
        "onnx-empty-and-huge": small_model(
            mean + [node("Transpose", ["none"], ["turned"]), node("ReduceSum", ["turned"], ["sum"]),
                    node("Add", ["flat", "sum"], ["logits"])], {"none": (number, [1 << 40, 1 << 40, 0], [])}),
        "onnx-response-of-a-row": small_model(
            [node("GlobalAveragePool", ["image"], ["mean"]), node("Flatten", ["mean"], ["flat"]),
             node("LRN", ["flat"], ["logits"], name="response", size=3)], {}),
        "onnx-largest": small_model([node("ReduceMax", ["image"], ["logits"], axes=[2, 3], keepdims=0)], {}),
        "onnx-of-bytes": small_model([node("Cast", ["image"], ["floats"], to=number)] + [
            node("GlobalAveragePool", ["floats"], ["mean"]), node("Flatten", ["mean"], ["flat"])] + last,
            {"one": (number, [1], [1.0])}, TensorProto.UINT8),
    }


def arithmetic_model() -> onnx.ModelProto:
    """Logits are the image's means plus 0.5 + 1 + 2: casts keep fractions, whole numbers stay whole."""
    node, whole, number = helper.make_node, TensorProto.INT64, TensorProto.FLOAT
    return small_model(
        [node("GlobalAveragePool", ["image"], ["mean"]), node("Flatten", ["mean"], ["flat"]),
         node("CastLike", ["three", "half"], ["three-point"]), node("Div", ["three-point", "six"], ["a"]),
         node("Cast", ["half"], ["truth"], to=TensorProto.BOOL), node("Cast", ["truth"], ["b"], to=number),
         node("Abs", ["minus-five"], ["five"]), node("Div", ["five", "two"], ["two-whole"]),
         node("Cast", ["two-whole"], ["c"], to=number),
         node("Sum", ["a", "b", "c"], ["shift"]), node("Add", ["flat", "shift"], ["logits"])],
        {"three": (whole, [1], [3]), "six": (number, [1], [6.0]), "half": (number, [1], [0.5]),
         "minus-five": (whole, [1], [-5]), "two": (whole, [1], [2])})


class Response(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 10, 5, stride=2), nn.Linear(10, 6)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = F.local_response_norm(F.relu(self.conv(images)), 5, alpha=0.8, beta=0.75, k=2.0)
        x = F.avg_pool2d(x, 2, 2)
        # PyTorch's even windows reach further back, ONNX's further on.
        x = F.local_response_norm(x.flip(1), 4, alpha=0.5, beta=0.75, k=1.0).flip(1)
        return self.head(x.mean((2, 3)))


def write_response(folder: Path) -> None:
    """Responses normalised over their neighbours, an operator that PyTorch's exporters take apart."""
    node = helper.make_node
    torch.manual_seed(9)
    network = Response()
    nodes = [
        node("Conv", ["image", "0.weight", "0.bias"], ["a"], strides=[2, 2]),
        node("Relu", ["a"], ["b"]),
        node("LRN", ["b"], ["c"], size=5, alpha=0.8, beta=0.75, bias=2.0),
        node("AveragePool", ["c"], ["d"], kernel_shape=[2, 2], strides=[2, 2]),
        node("LRN", ["d"], ["e"], size=4, alpha=0.5),
        node("GlobalAveragePool", ["e"], ["f"]), node("Flatten", ["f"], ["g"]),
        node("Gemm", ["g", "1.weight", "1.bias"], ["logits"], transB=1),
    ]
    weights = {f"{i}.{part}": getattr(layer, part).detach() for i, layer in enumerate([network.conv, network.head])
               for part in ("weight", "bias")}
    graph = helper.make_graph(
        nodes, "response", [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 24, 24])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 6])],
        [numpy_helper.from_array(value.numpy(), name) for name, value in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "onnx-response.onnx")
    images = torch.randn(2, 3, 24, 24)
    gradients = with_gradients(network, images)
    with torch.no_grad():
        logits = network(images)
    save_file({"images": images.permute(0, 2, 3, 1).contiguous(), "logits": logits, **gradients},
              folder / "onnx-response-reference.safetensors")


def write(folder: Path) -> None:
    write_response(folder)
    for name, network, side, opset, exporter in networks():
        onnx_networks.write(name, network, side, folder, opset, exporter)
        for part in folder.glob(f"{name}.onnx.data"):
            model = onnx.load(folder / f"{name}.onnx")
            part.unlink()
            onnx.save(model, folder / f"{name}.onnx")
    numbers = torch.arange(12, dtype=torch.float32).numpy().tobytes()
    (folder / "onnx-external.data").write_bytes(b"\0" * 16 + numbers)
    cases = {
        "onnx-unsupported": linear_model("Sinh", 1),
        "onnx-batch": linear_model("Relu", 8),
        "onnx-external": linear_model("Relu", 1, {"location": "onnx-external.data", "offset": "16", "length": "48"}),
        "onnx-escaping": linear_model("Relu", 1, {"location": "../onnx-external.data", "offset": "16"}),
        "onnx-short": linear_model("Relu", 1, {"location": "onnx-external.data", "offset": "20"}),
    }
    cases |= hostile_models() | {"onnx-arithmetic": arithmetic_model()}
    for name, model in cases.items():
        onnx.save(model, folder / f"{name}.onnx")
