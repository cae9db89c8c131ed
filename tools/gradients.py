"""Gradients of a network's input by PyTorch: what Gauntlet's are compared with."""

from __future__ import annotations

import torch


def input_gradients(network: torch.nn.Module, batch: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    """Of the sum of cross-entropies and of the sum of the labels' logits, with respect to the images."""
    result = {}
    for name in ["cross_entropy_gradient", "logit_gradient"]:
        images = batch.clone().requires_grad_()
        logits = network(images)
        if name == "logit_gradient":
            loss = logits.gather(1, labels[:, None]).sum()
        else:
            loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
        result[name] = torch.autograd.grad(loss, images)[0].permute(0, 2, 3, 1).contiguous()
    return result


def with_gradients(network: torch.nn.Module, batch: torch.Tensor) -> dict[str, torch.Tensor]:
    """Labels, gradients computed in float64, and the relative error (2-norm) of those that PyTorch computes in float32."""
    labels = torch.arange(len(batch)) * 7 % network(batch).shape[1]
    single = input_gradients(network, batch, labels)
    exact = input_gradients(network.double(), batch.double(), labels)
    network.float()
    result = {"labels": labels.float()}
    for name, values in exact.items():
        error = (single[name].double() - values).norm() / values.norm()
        result |= {name: values.float(), name + "_error": error.float().reshape(1)}
    return result
