"""Which models get a text column of their own, and the levels of all others by their traits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from predictor.arrays import Array, Indices
from predictor.data.records import Records
from predictor.features.model_names import canonical, traits

MOST_MODELS = 16
"""The most models with a text column of their own; each adds to the artefact's size."""

_LEAST_PROMPTS = 100  # that such a model answered, unless all models answered fewer
_CORPORA_SHARE = 0.5  # of the most corpora that a model has answers in
_FEW = 20.0  # prompts; a model that answered so few counts half in the fit of the traits


def own_models_first(records: Records) -> tuple[Records, int]:
    """The records with their models reordered, and the number M of models with a text column.

    The first M models answered prompts of the most corpora, then the most prompts. A model of few
    corpora gets no column, since its column would say more about these corpora than about it.
    """
    answered = np.unique(np.column_stack([records.model, records.prompt]), axis=0)
    prompts = np.bincount(answered[:, 0], minlength=len(records.models))
    of_corpus = np.unique(records.corpus, return_inverse=True)[1]
    pairs = np.unique(np.column_stack([answered[:, 0], of_corpus[answered[:, 1]]]), axis=0)
    corpora = np.bincount(pairs[:, 0], minlength=len(records.models))
    least = min(_LEAST_PROMPTS, int(prompts.max(initial=0)))
    broad = (prompts >= least) & (corpora >= _CORPORA_SHARE * corpora.max(initial=0))
    order = np.lexsort((-prompts, -corpora, ~broad))
    count = min(MOST_MODELS, int(broad.sum()))
    own = sorted(order[:count].tolist(), key=lambda index: records.models[index])
    names = [records.models[index] for index in [*own, *order[count:].tolist()]]
    return records.of_models(names), count


def trait_weights(model: Indices, models: int) -> Array:
    """How much each model counts in the fit of the traits (M), by its number of cells."""
    cells = np.bincount(model, minlength=models)
    return np.asarray(cells / (cells + _FEW), dtype=np.float64)


def families_of(names: Sequence[str]) -> Indices:
    """A number for the family of each model (N); a model of no known family is one of its own."""
    known = [traits(name).family or canonical(name) for name in names]
    return np.asarray(np.unique(known, return_inverse=True)[1], dtype=np.intp)
