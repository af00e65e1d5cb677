"""Learning words from the texts of served traffic: which mean longer answers than was forecast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.arrays import Array, Indices, Single
from predictor.fast.formulas import trusted
from predictor.fast.learned_words import MOST, LearnedWords, effects
from predictor.fast.location import damping
from predictor.refit.texts import NO_TEXT
from predictor.refit.traffic import LoggedTraffic
from predictor.training.kernel_ridge import Ridge, fit_ridge
from predictor.training.text_kernels import gram, tf_idf_matrix

LEAST_TEXTS = 50
"""Different texts that are needed to learn words."""

MOST_TEXTS = 4_000
"""The most different texts, the latest ones, that words are learned from; the ridge takes memory
by the square of their number."""

PENALTIES = (0.125, 0.5, 2.0)
"""Penalties (noise variances) of a text that was answered often, among which errors out of fold
choose. Those of the training are 0.25 to 1."""

_FEW_ANSWERS = 3.0  # extra noise, in penalties, of a text that was answered once
_CERTAIN = 2.0  # standard errors by which words have to lower the error out of fold
_FOLDS = 4


@dataclass(frozen=True, slots=True)
class FittedWords:
    """Learned ``words``, and their ``effects`` (n, log tokens) on the requests fitted to.

    The effect on a request leaves out the fold of its text.
    """

    words: LearnedWords
    effects: Array


@dataclass(frozen=True, slots=True)
class _Targets:
    """T texts (their ``number``): mean log tokens ``left`` unexplained, and ``noise`` (T)."""

    number: Indices
    left: Array
    noise: Array


def learn_words(
    traffic: LoggedTraffic, inputs: Array, left: Array, idf: Single
) -> FittedWords | None:
    """The words that tell what a forecast has ``left`` (n, log tokens) of the lengths.

    A ridge regression on the weights of words and pairs of words (``idf`` of the text model), one
    row for each text. ``inputs`` (n x len(COLUMNS)) are the boosters'. The constant stays with the
    boosters and the adaptive layer. None where there are too few texts, or where words do not lower
    the error on texts left out by more than noise.
    """
    targets = _targets(traffic, damping(trusted(inputs)), left)
    if len(targets.number) < LEAST_TEXTS:
        return None
    weights = tf_idf_matrix(traffic.texts.words, idf)
    rows = weights[targets.number]
    fold = np.random.default_rng(2).integers(_FOLDS, size=len(targets.number))
    ridge = _best_ridge(gram(rows), targets, fold)
    if ridge is None:
        return None
    learned = np.asarray(rows.T @ ridge.dual).astype(np.float16).astype(np.float32)
    words = LearnedWords(learned, idf)
    by_text = np.append(words.scores(traffic.texts.words), 0.0)
    by_text[targets.number] = np.clip(ridge.scores[0] - ridge.bias, -MOST, MOST)
    return FittedWords(words, effects(by_text[traffic.texts.number], inputs))


def _targets(traffic: LoggedTraffic, share: Array, left: Array) -> _Targets:
    """What is ``left`` (n) by text; of a request, only the ``share`` (n) moves with its words."""
    rows = np.flatnonzero(traffic.texts.number != NO_TEXT)
    number, text = np.unique(traffic.texts.number[rows], return_inverse=True)
    last = np.zeros(len(number), dtype=np.intp)
    np.maximum.at(last, text, rows)
    weight = np.bincount(text, share[rows] ** 2, len(number))
    bounded = share * np.clip(left, -MOST, MOST)
    mean = np.bincount(text, bounded[rows], len(number)) / np.maximum(weight, 1e-9)
    kept = np.sort(np.argsort(last)[-MOST_TEXTS:])
    noise = 1 + _FEW_ANSWERS / np.maximum(weight, 1e-3)
    return _Targets(number[kept], np.clip(mean, -MOST, MOST)[kept], noise[kept])


def _best_ridge(kernel: Single, targets: _Targets, fold: Indices) -> Ridge | None:
    """The ridge of the penalty with the least error out of fold; None if it is not worth it."""
    best, most = None, 0.0
    for penalty in PENALTIES:
        ridge = fit_ridge(kernel, targets.left, penalty * targets.noise, fold)
        around = targets.left - ridge.bias
        gain = (around**2 - (targets.left - ridge.scores[0]) ** 2) / targets.noise
        error = float(gain.std() / np.sqrt(len(gain)))
        if gain.mean() > max(most, _CERTAIN * error):
            best, most = ridge, float(gain.mean())
    return best
