"""Fine-tuning the encoder on lengths."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from predictor.arrays import Array, Single
from predictor.refined.word_pieces import Ids, WordPieces, prune
from predictor.training.refined import weights
from predictor.training.refined.loop import Say, Settings, device, padded, train
from predictor.training.refined.net import Net
from predictor.training.refined.peaks import peaks
from predictor.training.refined.targets import Targets

__all__ = ["Say", "Settings", "Trained", "averaged", "columns", "fit", "further", "predict"]


_EVAL_BATCH = 64
_PEAK_TEXTS = 256  # read to see how large activations get


@dataclass(frozen=True, slots=True)
class Trained:
    """A fine-tuned encoder: the net, its tokenizer's JSON, and how its columns read as log tokens.

    ``centre`` (C) and ``spread`` as in ``Targets``; the net gives a shared column, C departures
    from it and the log size of the error. ``peaks`` as in ``peaks.peaks``: none, and the exported
    graph rounds spiked channels with all others.
    """

    net: Net
    tokenizer: str
    settings: Settings
    centre: Array
    spread: float
    peaks: dict[str, Single] = field(default_factory=dict)

    @property
    def pieces(self) -> WordPieces:
        """The tokenizer, ready to use."""
        return WordPieces(self.tokenizer, limit=self.settings.tokens)


def fit(
    targets: Targets,
    *,
    settings: Settings,
    base: Path | None = None,
    vocabulary_of: list[str] | None = None,
    say: Say,
) -> Trained:
    """Fine-tune the BERT in ``base`` (by default the package's) on ``targets``.

    The same inputs, seed and number of threads give the same weights on the same machine.
    ``vocabulary_of`` are the texts whose word pieces are kept (default: the targets').

    Raises:
        DataError: there are no weights to start from; the message says what to install.
    """
    start = weights.read(weights.find(base))
    tokenizer, kept = prune(
        start.tokenizer, vocabulary_of or targets.texts, least=settings.least_count
    )
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    size = weights.size_of(
        start,
        vocabulary=len(kept),
        positions=settings.tokens,
        layers=settings.layers,
        whole=settings.whole,
        outputs=targets.values.shape[1] + 2,
    )
    net = Net(size)
    weights.start(net, start, pieces=kept, layers=list(range(settings.layers)))
    trained = Trained(net, tokenizer, settings, targets.centre, targets.spread)
    ids = trained.pieces(targets.texts)
    each = float(np.mean([len(row) for row in ids]))
    say(f"{len(ids)} prompts of {each:.0f} tokens on average, {len(kept)} word pieces")
    train(net, ids, targets, settings, say)
    return _peaked(trained, ids)


def further(trained: Trained, targets: Targets, *, settings: Settings, say: Say) -> Trained:
    """``trained`` trained on with more prompts; ``settings`` as to epochs, rates and seed.

    Goes on from what is learned: a fraction of what starting again on all prompts would take.
    """
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    net = copy.deepcopy(trained.net)
    lengths = targets.centre + targets.spread * targets.values
    again = replace(targets, values=(lengths - trained.centre) / trained.spread)
    say(f"going on with {len(targets.texts)} prompts")
    ids = trained.pieces(targets.texts)
    train(net, ids, again, settings, say)
    return _peaked(replace(trained, net=net), ids)


def averaged(encoders: Sequence[Trained], texts: list[str]) -> Trained:
    """One encoder with the means of several's weights; ``texts`` tell its activations' peaks.

    They must have started from the same weights and read columns alike. The mean answers nearly as
    well as all of them together, in the time of one (Wortsman et al. 2022, arXiv 2203.05482).
    """
    first = encoders[0]
    net = copy.deepcopy(first.net)
    states = [each.net.state_dict() for each in encoders]
    net.load_state_dict({name: sum(s[name] for s in states) / len(states) for name in states[0]})
    return _peaked(replace(first, net=net), first.pieces(texts[:_PEAK_TEXTS]))


def _peaked(trained: Trained, ids: list[Ids]) -> Trained:
    some = [padded([row]) for row in ids[:_PEAK_TEXTS]]
    return replace(trained, peaks=peaks(trained.net, some))


def predict(trained: Trained, texts: list[str]) -> Single:
    """What the encoder says of each text: ``columns`` in float32, as the exported graph does."""
    net = trained.net.to(device()).eval()
    ids = trained.pieces(texts)
    order = np.argsort([len(row) for row in ids], kind="stable")
    out = np.empty((len(texts), len(trained.centre) + 1), dtype=np.float32)
    for start in range(0, len(order), _EVAL_BATCH):
        rows = order[start : start + _EVAL_BATCH]
        tokens, mask = padded([ids[row] for row in rows])
        with torch.inference_mode(), torch.autocast(device().type, torch.bfloat16):
            raw = net(tokens.to(device()), mask.to(device()))
        out[rows] = columns(raw.float().cpu().numpy(), trained.centre, trained.spread)
    net.to("cpu")
    return out


def columns(raw: Single, centre: Array, spread: float) -> Single:
    """The net's outputs as log tokens of each column, and last the log size of the error."""
    lengths = centre + spread * (raw[:, :1] + raw[:, 1 : len(centre) + 1])
    size = raw[:, len(centre) + 1 :] + math.log(spread)
    return np.concatenate([lengths, size], axis=1).astype(np.float32)
