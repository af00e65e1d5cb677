"""Fitting the text model: kernel ridge regression of prompt effects on the text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.arrays import Array, Indices, Single
from predictor.fast.text_model import ALL, AXES, TextModel, with_axes
from predictor.features.definition import TextFeatures
from predictor.training.kernel_ridge import NEVER_SCORED, Ridge, fit_ridge, single
from predictor.training.text_kernels import KernelInputs, gram, kernel_inputs

# Penalties (noise variances) of a prompt that many models answered, and kernel weights. Both were
# chosen by out-of-fold error and by tau on held-out prompts of CASTILLO. The models' own columns
# have fewer answers and smaller effects.
_WORDS_PENALTY, _ALL_PENALTY, _OWN_PENALTY = 0.5, 0.25, 1.0
_FEW_MODELS = 3.0  # extra noise, in penalties, of a prompt that one model answered
_OTHER_MODELS = 2.0  # noise, in penalties, of a prompt that only other models answered
_OTHERS_BESIDE_KINDS = 4.0  # factor on that noise where there are kinds of traffic of our own
_FEW_PROMPTS = 10.0  # of a kind, whose errors count half beside those of all kinds
_WORDS_SHARE, _RUNS_SHARE = 0.5, 0.5


@dataclass(frozen=True, slots=True)
class TextTargets:
    """What the text model learns of P prompts, all in log tokens of the answers.

    ``effect`` (P, NaN: no answer) is each prompt's effect, ``answered`` (P) the number of models
    that answered it. ``departures`` (P x M, NaN: not answered) are the M models' lengths beyond
    prompt and model. ``fold`` and ``kind`` (P) are two partitions of the prompts.
    """

    effect: Array
    answered: Indices
    departures: Array
    fold: Indices
    kind: Indices

    def rows(self, rows: Indices) -> TextTargets:
        """The targets of the prompts ``rows``."""
        return TextTargets(
            self.effect[rows],
            self.answered[rows],
            self.departures[rows],
            self.fold[rows],
            self.kind[rows],
        )


@dataclass(frozen=True, slots=True)
class FittedTextModel:
    """A text model and its out-of-fold scores (P x columns).

    A prompt's ``scores`` leave its fold out, its ``kind_scores`` all prompts of its kind.
    """

    model: TextModel
    scores: Array
    kind_scores: Array


def fit(features: TextFeatures, targets: TextTargets, other_effects: Array) -> FittedTextModel:
    """Fit all columns; ``features`` (P + Q) has the P prompts first.

    ``other_effects`` (Q) are the effects, up to a constant, of Q prompts that only other models
    answered; the shared columns are fitted on these prompts as well.
    """
    count, others = len(targets.effect), len(other_effects)
    folds = tuple(
        np.append(part, np.full(others, NEVER_SCORED)) for part in (targets.fold, targets.kind)
    )
    answered = np.append(targets.answered, np.zeros(others, np.intp))
    inputs = kernel_inputs(features, answered, folds[1])
    word_gram = gram(inputs.words)
    noise = 1 + _FEW_MODELS / np.maximum(1, targets.answered)
    level = _level(word_gram, targets.effect, noise, other_effects) if others else 0.0
    prompt = np.append(targets.effect, level + other_effects)
    noise = np.append(noise, np.full(others, _OTHER_MODELS))
    words = fit_ridge(word_gram, prompt, _WORDS_PENALTY * noise, *folds)

    combined = _WORDS_SHARE * word_gram + _RUNS_SHARE * gram(inputs.runs)
    combined += inputs.landmark_gram()
    if len(np.unique(targets.kind)) > 1:
        first = fit_ridge(combined, prompt, _ALL_PENALTY * noise, folds[0])
        noise[:count] *= _kind_noise(targets, first.scores[0, :count])
        noise[count:] *= _OTHERS_BESIDE_KINDS
    everything = fit_ridge(combined, prompt, _ALL_PENALTY * noise, *folds)

    linear = word_gram + inputs.linear_gram()
    departures = np.full((count + others, targets.departures.shape[1]), np.nan)
    missed = targets.effect - everything.scores[0, :count]
    departures[:count] = targets.departures + missed[:, None]
    penalty = np.full(count + others, _OWN_PENALTY)
    own = [fit_ridge(linear, target, penalty, *folds) for target in departures.T]
    model, scores = _assemble(inputs, [words, everything, *own], folds)
    return FittedTextModel(model, scores[0][:count], scores[1][:count])


def _kind_noise(targets: TextTargets, score: Array) -> Array:
    """The factor on each prompt's noise (P) by the errors of the out-of-fold ``score`` of its kind.

    Tasks of one template tell their length within a fifth, puzzles within a factor of three: with
    one noise for all, the loud kinds blur what is learned of the quiet ones. The factor is the
    root of the kind's mean squared error, in proportion to the others'.
    """
    squares = (targets.effect - score) ** 2
    known = np.flatnonzero(~np.isnan(squares))
    kinds, part = np.unique(targets.kind, return_inverse=True)
    count = np.bincount(part[known], minlength=len(kinds))
    total = np.bincount(part[known], squares[known], len(kinds))
    mean = (total + _FEW_PROMPTS * squares[known].mean()) / (count + _FEW_PROMPTS)
    usual = np.average(np.log(mean), weights=count)
    return np.asarray(np.exp((np.log(mean) - usual) / 2)[part])


def _level(kernel: Single, prompt: Array, noise: Array, other_effects: Array) -> float:
    """The constant that shifts ``other_effects`` to the mean predicted from the words."""
    count = len(prompt)
    never = np.full(count, NEVER_SCORED)
    words = fit_ridge(kernel[:count, :count], prompt, _WORDS_PENALTY * noise, never)
    predicted = words.bias + kernel[count:, :count] @ single(words.dual)
    return float(np.mean(predicted - other_effects))


def _assemble(
    inputs: KernelInputs, columns: list[Ridge], folds: tuple[Indices, ...]
) -> tuple[TextModel, list[Array]]:
    """The text model, and its scores by each of the ``folds``.

    Dual weights of linear kernels become weights of inputs.
    """
    kinds = np.arange(len(columns))
    word_weight = np.where(kinds == ALL, _WORDS_SHARE, 1.0)
    linear_weight = np.where(kinds <= ALL, 0.0, inputs.linear_weight)
    dual = np.column_stack([column.dual for column in columns])
    scores = np.stack([column.scores for column in columns], axis=2)
    middle, axes = _axes(scores[0, :, 2:])
    model = TextModel(
        word_idf=inputs.word_idf,
        run_idf=inputs.run_idf,
        scaling=inputs.scaling,
        words=single(inputs.words.T @ (dual * word_weight)),
        runs=single(inputs.runs.T @ (_RUNS_SHARE * dual[:, ALL])),
        lexical=inputs.standard.T @ dual * linear_weight,
        kernel=inputs.kernel,
        dual=single(inputs.root @ (inputs.near.T @ dual[:, ALL])),
        bias=np.array([column.bias for column in columns]),
        middle=middle,
        axes=axes,
    )
    return model, [
        with_axes(part, middle, axes, inputs.novelty(fold))
        for part, fold in zip(scores, folds, strict=True)
    ]


def _axes(own: Array) -> tuple[Array, Array]:
    """Mean (M) and first principal axes (M x AXES, zero-padded) of the models' departures."""
    middle = own.mean(axis=0)
    _, _, right = np.linalg.svd(own - middle, full_matrices=False)
    axes = np.zeros((own.shape[1], AXES))
    leading = right[:AXES].T
    axes[:, : leading.shape[1]] = leading
    return middle, axes
