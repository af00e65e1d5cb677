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
_WORDS_SHARE, _RUNS_SHARE = 0.5, 0.5


@dataclass(frozen=True, slots=True)
class FittedTextModel:
    """A text model, its out-of-fold ``scores`` (P x columns) and the models' ``offsets`` (M).

    Offsets are the models' effects on log length.
    """

    model: TextModel
    scores: Array
    offsets: Array


def two_way_effects(lengths: Array) -> tuple[Array, Array]:
    """Prompt effects (P) and model effects (M) of a table of mean log lengths (P x M).

    Least squares of length = prompt + model by alternating means. Unmeasured lengths are NaN, and
    a prompt without any length has the effect NaN. The model effects have a mean of 0.
    """
    known = ~np.isnan(lengths)
    values = np.nan_to_num(lengths)
    model = np.zeros(lengths.shape[1])
    prompt = np.zeros(len(lengths))
    for _ in range(30):
        prompt = ((values - model) * known).sum(axis=1) / np.maximum(1, known.sum(axis=1))
        level = (values - prompt[:, None]) * known
        model = level.sum(axis=0) / np.maximum(1, known.sum(axis=0))
    centre = model.mean()
    return np.where(known.any(axis=1), prompt + centre, np.nan), model - centre


def fit(
    features: TextFeatures,
    lengths: Array,
    fold: Indices,
    other_effects: Array | None = None,
) -> FittedTextModel:
    """Fit all columns on P prompts.

    ``lengths`` (P x M) are mean log lengths, NaN where unmeasured. ``fold`` (P) is the fold of each
    prompt; a prompt's scores leave the prompt's fold out. ``other_effects`` (Q) are the effects on
    log length, up to a constant, of Q prompts that only other models answered; the shared columns
    are fitted on these prompts as well. ``features`` (P + Q) has the P prompts first.
    """
    count = len(lengths)
    answered = np.zeros(len(features.words), dtype=np.intp)
    answered[:count] = (~np.isnan(lengths)).sum(axis=1)
    inputs = kernel_inputs(features, answered)
    word_gram = gram(inputs.words)
    prompt, offsets = two_way_effects(lengths)
    noise = 1 + _FEW_MODELS / np.maximum(1, answered[:count])
    if other_effects is not None:
        others = len(other_effects)
        level = _level(word_gram, prompt, noise, other_effects)
        prompt = np.concatenate([prompt, level + other_effects])
        noise = np.concatenate([noise, np.full(others, _OTHER_MODELS)])
        lengths = np.concatenate([lengths, np.full((others, lengths.shape[1]), np.nan)])
        fold = np.concatenate([fold, np.full(others, NEVER_SCORED)])
    words = fit_ridge(word_gram, prompt, _WORDS_PENALTY * noise, fold)

    combined = _WORDS_SHARE * word_gram + _RUNS_SHARE * gram(inputs.runs)
    combined += inputs.landmark_gram()
    everything = fit_ridge(combined, prompt, _ALL_PENALTY * noise, fold)

    linear = word_gram + inputs.linear_gram()
    departures = lengths - offsets - everything.scores[:, None]
    penalty = np.full(len(lengths), _OWN_PENALTY)
    own = [fit_ridge(linear, target, penalty, fold) for target in departures.T]
    model, scores = _assemble(inputs, [words, everything, *own])
    return FittedTextModel(model, scores[:count], offsets)


def _level(kernel: Single, prompt: Array, noise: Array, other_effects: Array) -> float:
    """The constant that shifts ``other_effects`` to the mean predicted from the words."""
    count = len(prompt)
    never = np.full(count, NEVER_SCORED)
    words = fit_ridge(kernel[:count, :count], prompt, _WORDS_PENALTY * noise, never)
    predicted = words.bias + kernel[count:, :count] @ single(words.dual)
    return float(np.mean(predicted - other_effects))


def _assemble(inputs: KernelInputs, columns: list[Ridge]) -> tuple[TextModel, Array]:
    """The text model and its scores; dual weights of linear kernels become weights of inputs."""
    kinds = np.arange(len(columns))
    word_weight = np.where(kinds == ALL, _WORDS_SHARE, 1.0)
    linear_weight = np.where(kinds <= ALL, 0.0, inputs.linear_weight)
    dual = np.column_stack([column.dual for column in columns])
    scores = np.column_stack([column.scores for column in columns])
    middle, axes = _axes(scores[:, 2:])
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
    return model, with_axes(scores, middle, axes)


def _axes(own: Array) -> tuple[Array, Array]:
    """Mean (M) and first principal axes (M x AXES, zero-padded) of the models' departures."""
    middle = own.mean(axis=0)
    _, _, right = np.linalg.svd(own - middle, full_matrices=False)
    axes = np.zeros((own.shape[1], AXES))
    leading = right[:AXES].T
    axes[:, : leading.shape[1]] = leading
    return middle, axes
