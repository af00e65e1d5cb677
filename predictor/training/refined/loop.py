"""The training loop of the encoder: batches of similar lengths, loss, learning rates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from predictor.refined.word_pieces import Ids
from predictor.training.progress import log
from predictor.training.refined.net import Layer, Net
from predictor.training.refined.targets import Targets

_POOL = 12  # batches; the prompts of so many batches are sorted by length, to reduce padding
_HUBER = 0.5  # error, in units of the targets' spread, beyond which the loss is linear
_SCALE_SHARE = 0.1  # weight in the loss of the column with the size of the error
_LARGEST_GRADIENT = 1.0  # the gradient's norm is clipped at this
_LOG_STEPS = 50


@dataclass(frozen=True, slots=True)
class Settings:
    """How the encoder is trained.

    ``layers`` is the number of the BERT's first layers that are kept, ``tokens`` the largest number
    of tokens read of a prompt. Layers from number ``unpaired_layers`` on (counted from 0) work on
    pairs of tokens. ``rate`` is the learning rate of the last layer, ``head_rate`` the learning
    rate of the head; each earlier layer has ``layer_decay`` times the rate of the next layer.
    ``warm_up`` is the share of the steps in which the rates rise. ``least_count`` is the number of
    occurrences from which a word piece is kept.
    """

    layers: int = 4
    unpaired_layers: int = 3
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
    """A GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def narrow_numbers(place: torch.device) -> torch.autocast:
    """Half of the bits for products where the processor computes them fast; else nothing changes.

    A CPU without instructions for bfloat16 emulates them, which takes many times as long as plain
    single precision.
    """
    fast = place.type != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.autocast(place.type, torch.bfloat16, enabled=bool(fast))


def train(net: Net, ids: list[Ids], targets: Targets, settings: Settings) -> None:
    """Train ``net`` in place on the prompts' token ``ids``."""
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
            with narrow_numbers(place):
                out = net(tokens.to(place), mask.to(place))
            loss = _loss(out.float().cpu(), values[rows], weight[rows])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), _LARGEST_GRADIENT)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
            if len(losses) % _LOG_STEPS == 0:
                recent = float(np.mean(losses[-_LOG_STEPS:]))
                log.info(
                    "epoch %d, step %d of %d: loss %.4f", epoch + 1, len(losses), steps, recent
                )
    net.to("cpu").eval()


def _rate(step: int, steps: int, warm_up: float) -> float:
    """Linear rise over the share ``warm_up`` of the steps, then half a cosine down to zero."""
    done = step / max(1, steps)
    if done < warm_up:
        return done / warm_up
    return 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))


def _groups(net: Net, settings: Settings) -> list[dict[str, object]]:
    """Parameters with learning rate and weight decay; only matrices decay."""
    return [
        {
            "params": [parameter for parameter in params if (parameter.dim() > 1) == matrices],
            "lr": learning_rate,
            "weight_decay": settings.weight_decay if matrices else 0.0,
        }
        for params, learning_rate in _learning_rates(net, settings)
        for matrices in (True, False)
    ]


def _learning_rates(net: Net, settings: Settings) -> list[tuple[list[torch.nn.Parameter], float]]:
    """Parameters with their learning rates, which fall with the distance from the head."""
    parts: list[tuple[list[torch.nn.Parameter], float]] = []
    head = [*net.head.parameters(), *net.attend.parameters()]
    parts.append((head, settings.head_rate))
    rate = settings.rate
    for layer in reversed(net.layers):
        assert isinstance(layer, Layer)
        parts.append((list(layer.parameters()), rate))
        rate *= settings.layer_decay
    embeddings = [*net.words.parameters(), *net.positions.parameters(), *net.norm.parameters()]
    parts.append((embeddings, rate))
    return parts


def _loss(out: Tensor, values: Tensor, weight: Tensor) -> Tensor:
    """Huber's loss of the columns, plus the negative Laplace log-likelihood of the error sizes."""
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
    """Random batches of prompts of similar length; every prompt occurs once, in random order."""
    order = rng.permutation(len(lengths))
    rows: list[list[int]] = []
    for start in range(0, len(order), size * _POOL):
        pool = sorted(order[start : start + size * _POOL].tolist(), key=lambda row: lengths[row])
        rows.extend(pool[first : first + size] for first in range(0, len(pool), size))
    for index in rng.permutation(len(rows)):
        yield rows[index]


def padded(ids: list[Ids]) -> tuple[Tensor, Tensor]:
    """The ids as one tensor (n x t, t even, padded with 0), and the mask of its tokens."""
    longest = max(len(row) for row in ids)
    longest += longest % 2
    tokens = torch.zeros(len(ids), longest, dtype=torch.long)
    mask = torch.zeros(len(ids), longest, dtype=torch.bool)
    for index, row in enumerate(ids):
        tokens[index, : len(row)] = torch.from_numpy(row)
        mask[index, : len(row)] = True
    return tokens, mask
