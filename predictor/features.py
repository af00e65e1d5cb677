"""The one definition of what is read of a prompt, for training and for serving.

``feature_hash`` identifies the definition by its behaviour: a changed word list, regular
expression or hash changes what the probes give, and an artefact trained before is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from predictor import lexical, lexicon, ngrams
from predictor.names import canonical, traits
from predictor.prompt import Prompt, clip

__all__ = ["Prompt", "TextFeatures", "extract", "feature_hash"]

LEXICAL_NAMES = lexical.NAMES

_PROBES = (
    Prompt("m", ""),
    Prompt("m", "What is the capital of France? Answer in one word."),
    Prompt("m", "Write three short paragraphs about Öl und Wärme:\n\n1. heat\n2) oil\n- x_y\n"),
    Prompt(
        "m", "def f(a_b):\n    return a_b[0] <= 10**9  # ```py``` A) B) \\frac{1}{2} 日本", chars=9
    ),
    Prompt(
        "m", "List 5 tips. " * 500 + "Be brief, step by step, yes or no?", system="In 50 words."
    ),
)
_PROBE_NAMES = ("Qwen/Qwen2.5-7B-Instruct-AWQ", "Mixtral-8x7B-v0.1", "alias", "Llama-3.2-1B")


@dataclass(frozen=True, slots=True)
class TextFeatures:
    """Features of n prompts: hand-made (n x len(LEXICAL_NAMES)), hashed words and byte runs."""

    lexical: NDArray[np.float64]
    words: list[ngrams.Terms]
    runs: list[ngrams.Terms]


def extract(prompts: Sequence[Prompt]) -> TextFeatures:
    """Features of the prompts' texts; the cost of each is bounded by what ``clip`` keeps."""
    rows = np.empty((len(prompts), len(LEXICAL_NAMES)))
    words: list[ngrams.Terms] = []
    runs: list[ngrams.Terms] = []
    for row, prompt in zip(rows, prompts, strict=True):
        text = clip(prompt.text)
        row[:] = lexical.describe(text, clip(prompt.system), prompt.chars)
        for kept, found in zip((words, runs), ngrams.terms(text), strict=True):
            kept.append(found)
    return TextFeatures(rows, words, runs)


@cache
def feature_hash() -> str:
    """Hexadecimal digest of the definition: names, and values on fixed probes to 6 digits."""
    probes = extract(_PROBES)
    rounded = [[f"{value:.6g}" for value in row] for row in probes.lexical]
    terms = (*probes.words, *probes.runs)
    hashed = [[buckets.tolist(), counts.tolist()] for buckets, counts in terms]
    known = [[canonical(name), str(traits(name))] for name in _PROBE_NAMES]
    words = [lexicon.WORDS, lexicon.PHRASES, lexicon.OPENERS, lexicon.ITEMS]
    numbers = [lexicon.NUMBER_WORDS, lexicon.UNIT_TOKENS]
    definition = json.dumps([LEXICAL_NAMES, rounded, hashed, known, words, numbers])
    return hashlib.sha256(definition.encode()).hexdigest()[:32]
