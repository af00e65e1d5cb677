"""The one definition of what is read of a prompt, for training and for serving.

``feature_hash`` identifies the definition by its behaviour: a changed word list, regular
expression or hash changes what the probes give, and an artefact trained before is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from predictor.arrays import Array, Indices, Single
from predictor.features import asked_length, lexicon, ngrams, request, surface, tokens, word_vectors
from predictor.features.lexicon_table import find
from predictor.features.model_names import canonical, traits
from predictor.prompt import Prompt, clip

__all__ = ["Prompt", "TextFeatures", "extract", "feature_hash"]

LEXICAL_NAMES = (*surface.NAMES, *asked_length.NAMES)
CONTEXT_NAMES = request.NAMES

_NO_CONTEXT = np.empty((0, len(CONTEXT_NAMES)))

_PROBES = (
    Prompt("m", ""),
    Prompt("m", "What is the capital of France? Answer in one word."),
    Prompt("m", "Write three short paragraphs about Öl und Wärme:\n\n1. heat\n2) oil\n- x_y\n"),
    Prompt(
        "m", "def f(a_b):\n    return a_b[0] <= 10**9  # ```py``` A) B) \\frac{1}{2} 日本", chars=9
    ),
    Prompt(
        "m",
        "Limit your reply to \u201cok\u201d if it\u2019s clear. " + "No end. " * 60 + "In 9 words.",
    ),
    Prompt(
        "m", "List 5 tips. " * 500 + "Be brief, step by step, yes or no?", system="In 50 words."
    ),
)
_PROBE_NAMES = ("Qwen/Qwen2.5-7B-Instruct-AWQ", "Mixtral-8x7B-v0.1", "alias", "Llama-3.2-1B")


@dataclass(frozen=True, slots=True)
class TextFeatures:
    """Features of n prompts: of the text (n x len(LEXICAL_NAMES)), of the rest of the request
    (n x len(CONTEXT_NAMES)), hashed words and byte runs, and what the words mean (``vectors``).
    """

    lexical: Array
    context: Array
    words: ngrams.Counts
    runs: ngrams.Counts
    vectors: Single

    def dense(self, at: Indices) -> TextFeatures:
        """The dense features of some prompts, with no words and runs."""
        nothing = ngrams.Counts(at[:0], at[:0], np.zeros(1, np.intp))
        return TextFeatures(self.lexical[at], self.context[at], nothing, nothing, self.vectors[at])


def extract(prompts: Sequence[Prompt]) -> TextFeatures:
    """Features of the prompts; the cost of each is bounded by what ``clip`` keeps."""
    texts = [clip(prompt.text.strip()) for prompt in prompts]
    parts = [_block(prompts[part], texts[part]) for part in tokens.blocks(texts)]
    about = request.describe(prompts)
    if len(parts) == 1:
        return replace(parts[0], context=about)
    nothing = np.empty((0, word_vectors.PARTS * word_vectors.SIZE), dtype=np.float32)
    return TextFeatures(
        np.concatenate([np.empty((0, len(LEXICAL_NAMES))), *(part.lexical for part in parts)]),
        about,
        ngrams.merge([part.words for part in parts]),
        ngrams.merge([part.runs for part in parts]),
        np.concatenate([nothing, *(part.vectors for part in parts)]),
    )


def _block(prompts: Sequence[Prompt], texts: Sequence[str]) -> TextFeatures:
    """The features of a block of texts, but for the context."""
    read = tokens.read(texts)
    two = tokens.pairs(read.hashes)
    found, counted = find(read, two), ngrams.count(read, two)
    chars = np.array([_chars(prompt) for prompt in prompts])
    requests = asked_length.requests(read, found)
    systems = [at for at, prompt in enumerate(prompts) if prompt.system]
    for part in tokens.blocks([clip(prompts[at].system) for at in systems]):
        rows = systems[part]
        told = tokens.read([clip(prompts[at].system) for at in rows])
        also = asked_length.requests(told, find(told, tokens.pairs(told.hashes)))
        requests[rows] = np.fmax(requests[rows], also)
    shape = surface.describe(read, found, chars=chars, distinct=counted.vocabulary)
    return TextFeatures(
        np.concatenate([shape, requests], axis=1),
        _NO_CONTEXT,
        counted.words,
        counted.runs,
        word_vectors.means(read),
    )


def _chars(prompt: Prompt) -> int:
    """Characters of the text before it was clipped, as far as the request tells."""
    whole = prompt.chars - len(prompt.system) if prompt.turns <= 1 else 0
    return max(whole, len(prompt.text))


@cache
def feature_hash() -> str:
    """Hexadecimal digest of the definition: names, and values on fixed probes to 6 digits."""
    probes = extract(_PROBES)
    rounded = [[f"{value:.6g}" for value in row] for row in probes.lexical]
    rounded += [[f"{value:.6g}" for value in row] for row in probes.context]
    rounded += [[f"{value:.4f}" for value in row] for row in probes.vectors]
    parts = [(found.buckets, found.counts, found.until) for found in (probes.words, probes.runs)]
    hashed = [[numbers.tolist() for numbers in part] for part in parts]
    known = [[canonical(name), str(traits(name))] for name in _PROBE_NAMES]
    words = [lexicon.WORDS, lexicon.PHRASES, lexicon.OPENERS, lexicon.ITEMS, lexicon.LIMITING]
    words += [lexicon.MEASURES, lexicon.CURT, lexicon.SAYING, lexicon.ASSENT]
    numbers = [lexicon.NUMBER_WORDS, lexicon.UNIT_TOKENS]
    definition = json.dumps([LEXICAL_NAMES, CONTEXT_NAMES, rounded, hashed, known, words, numbers])
    return hashlib.sha256(definition.encode()).hexdigest()[:32]
