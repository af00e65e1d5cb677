"""Activation peaks: the largest activation of each channel, by which activations are rounded."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from predictor.arrays import Single
from predictor.training.refined.net import Net

OUTLIER_PRODUCTS = ("up", "down")
"""The products of a layer whose inputs have outlier channels: one or two far above the others."""


def activation_peaks(net: Net, batches: Iterable[tuple[Tensor, Tensor]]) -> dict[str, Single]:
    """The largest absolute input of each channel, by product: ``layers.0.up``, ...

    ``batches`` are ids and masks as ``Net.forward`` takes them.
    """
    peaks: dict[str, Tensor] = {}

    def watch(name: str, product: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def note(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            largest = inputs[0].detach().float().abs().flatten(0, -2).amax(0).cpu()
            peaks[name] = torch.maximum(peaks.get(name, largest), largest)

        return product.register_forward_pre_hook(note)

    handles = [
        watch(f"layers.{number}.{name}", getattr(layer, name))
        for number, layer in enumerate(net.layers)
        for name in OUTLIER_PRODUCTS
    ]
    with torch.inference_mode():
        for ids, mask in batches:
            net(ids, mask)
    for handle in handles:
        handle.remove()
    return {name: largest.numpy() for name, largest in peaks.items()}
