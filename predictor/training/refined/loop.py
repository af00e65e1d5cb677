"""The loop that fine-tunes the encoder: batches of like lengths, loss, rates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from predictor.refined.word_pieces import Ids
from predictor.training.refined.net import Layer, Net
from predictor.training.refined.targets import Targets

Say = Callable[[str], None]

_POOL = 12  # batches whose prompts are sorted by length together, so that little is padding
_HUBER = 0.5  # in units of the targets' spread: beyond it an error counts linearly
_SCALE_SHARE = 0.1  # of the loss: the column that tells the size of the error
_STEEPEST = 1.0  # the gradient's norm is cut at this
_TELL_EVERY = 50


@dataclass(frozen=True, slots=True)
class Settings:
    """How the encoder is made: ``layers`` of the base's first, ``tokens`` read of a prompt.

    From layer ``whole`` on (counted from 0), tokens go in pairs: by default never.
    """

    layers: int = 4
    whole: int = 3
    tokens: int = 112
    epochs: int = 5
    batch: int = 32
    rate: float = 1.5e-4
    head_rate: float = 2e-3
    layer_decay: float = 0.9
    weight_decay: float = 0.01
    warm_up: float = 0.06
    least_count: int = 3
    seed: int = 0
    threads: int = 2


def device() -> torch.device:
    """A GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(net: Net, ids: list[Ids], targets: Targets, settings: Settings, say: Say) -> None:
    """Train ``net`` in place on prompts' ``ids``."""
    place = device()
    net.to(place).train()
    optimiser = torch.optim.AdamW(_groups(net, settings))
    steps = settings.epochs * math.ceil(len(ids) / settings.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: _rate(step, steps, settings.warm_up)
    )
    rng = np.random.default_rng(settings.seed)
    values = torch.as_tensor(targets.values, dtype=torch.float32)
    weight = torch.as_tensor(targets.weight, dtype=torch.float32)
    lengths = [len(row) for row in ids]
    losses: list[float] = []
    for epoch in range(settings.epochs):
        for rows in batches(lengths, settings.batch, rng):
            tokens, mask = padded([ids[row] for row in rows])
            with torch.autocast(place.type, torch.bfloat16):
                out = net(tokens.to(place), mask.to(place))
            loss = _loss(out.float().cpu(), values[rows], weight[rows])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), _STEEPEST)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
            if len(losses) % _TELL_EVERY == 0:
                recent = float(np.mean(losses[-_TELL_EVERY:]))
                say(f"epoch {epoch + 1}, step {len(losses)} of {steps}: loss {recent:.4f}")
    net.to("cpu").eval()


def _rate(step: int, steps: int, warm_up: float) -> float:
    """Linear rise over the share ``warm_up`` of the steps, then half a cosine down to zero."""
    done = step / max(1, steps)
    if done < warm_up:
        return done / warm_up
    return 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))


def _groups(net: Net, settings: Settings) -> list[dict[str, object]]:
    """Parameters with their rates: slower the farther from the head."""
    parts: list[tuple[list[torch.nn.Parameter], float]] = []
    head = [*net.head.parameters(), *net.attend.parameters()]
    parts.append((head, settings.head_rate))
    rate = settings.rate
    for layer in reversed(net.layers):
        assert isinstance(layer, Layer)
        parts.append((list(layer.parameters()), rate))
        rate *= settings.layer_decay
    low = [*net.words.parameters(), *net.places.parameters(), *net.norm.parameters()]
    parts.append((low, rate))
    return [
        {
            "params": [p for p in params if (p.dim() > 1) == matrices],
            "lr": at,
            "weight_decay": settings.weight_decay if matrices else 0.0,
        }
        for params, at in parts
        for matrices in (True, False)
    ]


def _loss(out: Tensor, values: Tensor, weight: Tensor) -> Tensor:
    """Huber's loss of the columns, plus the Laplace likelihood of the size of their errors."""
    columns = values.shape[1]
    known = weight > 0
    target = torch.where(known, values, 0.0)
    predicted = out[:, :1] + out[:, 1 : columns + 1]
    error = functional.smooth_l1_loss(predicted, target, beta=_HUBER, reduction="none")
    size = (predicted.detach() - target).abs()
    log_scale = out[:, columns + 1 :]
    likelihood = size * torch.exp(-log_scale) + log_scale
    return ((error + _SCALE_SHARE * likelihood) * weight).sum() / len(values)


def batches(lengths: list[int], size: int, rng: np.random.Generator) -> Iterator[list[int]]:
    """Random batches of prompts of like length: all of them once, in random order."""
    order = rng.permutation(len(lengths))
    found: list[list[int]] = []
    for start in range(0, len(order), size * _POOL):
        pool = sorted(order[start : start + size * _POOL].tolist(), key=lambda row: lengths[row])
        found.extend(pool[at : at + size] for at in range(0, len(pool), size))
    for at in rng.permutation(len(found)):
        yield found[at]


def padded(ids: list[Ids]) -> tuple[Tensor, Tensor]:
    """The ids as one tensor (n x t, t even, padded with 0), and which of them are tokens."""
    longest = max(len(row) for row in ids)
    longest += longest % 2
    tokens = torch.zeros(len(ids), longest, dtype=torch.long)
    mask = torch.zeros(len(ids), longest, dtype=torch.bool)
    for at, row in enumerate(ids):
        tokens[at, : len(row)] = torch.from_numpy(row)
        mask[at, : len(row)] = True
    return tokens, mask
