"""Fine-tuning a BERT's first layers on lengths."""

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
from predictor.training.progress import log
from predictor.training.refined import weights
from predictor.training.refined.loop import Settings, device, narrow_numbers, padded, train
from predictor.training.refined.net import Net
from predictor.training.refined.peaks import activation_peaks
from predictor.training.refined.targets import Targets

_EVAL_BATCH = 64
_PEAK_TEXTS = 256  # texts that the activation peaks are measured on


@dataclass(frozen=True, slots=True)
class FittedEncoder:
    """A fine-tuned encoder: the net, the tokenizer's JSON, and the scaling of its columns.

    The net's outputs are a shared column, C departures from the shared column, and the log size of
    the error. The function ``columns`` turns the outputs into log tokens by ``centre`` (C) and
    ``spread``, as in ``Targets``. ``peaks`` are the result of ``activation_peaks``; without peaks
    the exported graph rounds outlier channels like all other channels.
    """

    net: Net
    tokenizer: str
    settings: Settings
    centre: Array
    spread: float
    peaks: dict[str, Single] = field(default_factory=dict)

    @property
    def pieces(self) -> WordPieces:
        """The tokenizer, ready for use."""
        return WordPieces(self.tokenizer, limit=self.settings.tokens)


def fit(
    targets: Targets,
    *,
    settings: Settings,
    base: Path | None = None,
    vocabulary_texts: list[str] | None = None,
) -> FittedEncoder:
    """Fine-tune the BERT in the directory ``base`` (default: the package's) on ``targets``.

    The same inputs, seed and number of threads give the same weights on the same machine. The
    word pieces of ``vocabulary_texts`` (default: the targets' texts) are kept.

    Raises:
        DataError: there are no weights to start from; the message says what to install.
    """
    start = weights.read(weights.find(base))
    tokenizer, kept = prune(
        start.tokenizer, vocabulary_texts or targets.texts, least=settings.least_count
    )
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    size = weights.size_of(
        start,
        vocabulary=len(kept),
        positions=settings.tokens,
        layers=settings.layers,
        unpaired_layers=settings.unpaired_layers,
        outputs=targets.values.shape[1] + 2,
    )
    net = Net(size)
    weights.start(net, start, pieces=kept, layers=list(range(settings.layers)))
    encoder = FittedEncoder(net, tokenizer, settings, targets.centre, targets.spread)
    ids = encoder.pieces(targets.texts)
    mean = float(np.mean([len(row) for row in ids]))
    log.info("%d prompts of %.0f tokens on average, %d word pieces", len(ids), mean, len(kept))
    train(net, ids, targets, settings)
    return _with_peaks(encoder, ids)


def fit_further(encoder: FittedEncoder, targets: Targets, *, settings: Settings) -> FittedEncoder:
    """A copy of ``encoder`` that is trained further on ``targets``.

    ``settings`` give epochs, rates and seed. Further training takes a fraction of the time of a
    fit from the start.
    """
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    net = copy.deepcopy(encoder.net)
    lengths = targets.centre + targets.spread * targets.values
    rescaled = replace(targets, values=(lengths - encoder.centre) / encoder.spread)
    log.info("training further on %d prompts", len(targets.texts))
    ids = encoder.pieces(targets.texts)
    train(net, ids, rescaled, settings)
    return _with_peaks(replace(encoder, net=net), ids)


def average(encoders: Sequence[FittedEncoder], texts: list[str]) -> FittedEncoder:
    """One encoder whose weights are the means of the encoders' weights.

    The encoders must have started from the same weights and have the same columns. The average is
    nearly as accurate as all of them together, in the time of one (Wortsman et al. 2022, arXiv
    2203.05482). The activation peaks are measured on ``texts``.
    """
    first = encoders[0]
    net = copy.deepcopy(first.net)
    states = [encoder.net.state_dict() for encoder in encoders]
    net.load_state_dict({name: sum(s[name] for s in states) / len(states) for name in states[0]})
    return _with_peaks(replace(first, net=net), first.pieces(texts[:_PEAK_TEXTS]))


def _with_peaks(encoder: FittedEncoder, ids: list[Ids]) -> FittedEncoder:
    batches = [padded([row]) for row in ids[:_PEAK_TEXTS]]
    return replace(encoder, peaks=activation_peaks(encoder.net, batches))


def predict(encoder: FittedEncoder, texts: list[str]) -> Single:
    """The columns of each text (n x (C + 1)), in the order of the exported graph's outputs."""
    net = encoder.net.to(device()).eval()
    ids = encoder.pieces(texts)
    order = np.argsort([len(row) for row in ids], kind="stable")
    out = np.empty((len(texts), len(encoder.centre) + 1), dtype=np.float32)
    for start in range(0, len(order), _EVAL_BATCH):
        rows = order[start : start + _EVAL_BATCH]
        tokens, mask = padded([ids[row] for row in rows])
        with torch.inference_mode(), narrow_numbers(device()):
            outputs = net(tokens.to(device()), mask.to(device()))
        out[rows] = columns(outputs.float().cpu().numpy(), encoder.centre, encoder.spread)
    net.to("cpu")
    return out


def columns(outputs: Single, centre: Array, spread: float) -> Single:
    """The net's ``outputs`` (n x (C + 2)) as log tokens (n x C), and last the log error size."""
    lengths = centre + spread * (outputs[:, :1] + outputs[:, 1 : len(centre) + 1])
    size = outputs[:, len(centre) + 1 :] + math.log(spread)
    return np.concatenate([lengths, size], axis=1).astype(np.float32)
