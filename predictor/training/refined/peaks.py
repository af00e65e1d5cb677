"""How large a net's activations get, channel by channel: what rounding them to bytes goes by."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from predictor.arrays import Single
from predictor.training.refined.net import Net

SPIKED = ("up", "down")
"""The products of a layer whose inputs have a channel or two that tower above all others."""


def peaks(net: Net, batches: Iterable[tuple[Tensor, Tensor]]) -> dict[str, Single]:
    """The largest absolute input of each channel (inputs), by product: ``layers.0.up``, ...

    ``batches`` are ids and masks as ``Net.forward`` takes them.
    """
    found: dict[str, Tensor] = {}

    def watch(name: str, product: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def note(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            largest = inputs[0].detach().float().abs().flatten(0, -2).amax(0).cpu()
            found[name] = torch.maximum(found.get(name, largest), largest)

        return product.register_forward_pre_hook(note)

    handles = [
        watch(f"layers.{at}.{name}", getattr(layer, name))
        for at, layer in enumerate(net.layers)
        for name in SPIKED
    ]
    with torch.inference_mode():
        for ids, mask in batches:
            net(ids, mask)
    for handle in handles:
        handle.remove()
    return {name: largest.numpy() for name, largest in found.items()}
