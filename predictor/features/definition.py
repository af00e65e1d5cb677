"""The one definition of a prompt's features, for training and for forecasts.

``feature_hash`` identifies the definition by its behaviour: a changed word list, tokeniser or hash
function changes the features of the probes, and an artefact trained before is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from predictor.arrays import Array, Indices, Single
from predictor.features import (
    asked_length,
    demand_words,
    demands,
    length_table,
    lexicon,
    ngrams,
    request,
    script,
    surface,
    tokens,
    word_vectors,
)
from predictor.features.lexicon_table import match_lexicon
from predictor.features.model_facts import FACTS
from predictor.features.model_names import canonical, traits
from predictor.features.reasoning import RULES
from predictor.prompt import Prompt, clip

__all__ = ["Prompt", "TextFeatures", "extract", "feature_hash"]

LEXICAL_NAMES = (*surface.NAMES, *asked_length.NAMES, *script.NAMES, *demands.NAMES)
CONTEXT_NAMES = request.NAMES

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
    Prompt(
        "qwen3-8b",
        "And now?",
        turns=2,
        chars=900,
        json=True,
        previous_chars=700,
        last_chars=40,
        first_chars=60,
        tools=2,
        tool_results=1,
        tool_chars=800,
        schema_chars=90,
        schema_fields=4,
        thinking_budget=512,
    ),
    Prompt(
        "m",
        "请写一篇文章。ひらがな、カタカナ？ 한국어 ไทย Привет «мир» ٣ سؤال؟ हिन्दी। ＡＢ １２ ελ 😀",
        chars=99,
    ),
)
_PROBE_NAMES = (
    "Qwen/Qwen2.5-7B-Instruct-AWQ",
    "Mixtral-8x7B-v0.1",
    "alias",
    "Llama-3.2-1B",
    "llama3.1:8b",
)
"""Prompts and model names whose features go into ``feature_hash``."""


@dataclass(frozen=True, slots=True)
class TextFeatures:
    """Features of n prompts.

    ``lexical`` (n x len(LEXICAL_NAMES)) are hand-made features of the text. ``context`` (n x
    len(CONTEXT_NAMES)) are features of the rest of the request. ``words`` counts hashed words and
    pairs of words, ``runs`` counts hashed runs of four bytes. ``vectors`` (n x (PARTS * SIZE), see
    ``word_vectors``) are mean word vectors.
    """

    lexical: Array
    context: Array
    words: ngrams.BucketCounts
    runs: ngrams.BucketCounts
    vectors: Single

    def first(self, count: int) -> TextFeatures:
        """The features of the first ``count`` prompts without words and runs."""
        return self.dense(np.arange(count))

    def dense(self, rows: Indices) -> TextFeatures:
        """The features of the prompts ``rows`` without words and runs."""
        empty = ngrams.BucketCounts(rows[:0], rows[:0], np.zeros(1, np.intp))
        return TextFeatures(
            self.lexical[rows], self.context[rows], empty, empty, self.vectors[rows]
        )


def extract(prompts: Sequence[Prompt]) -> TextFeatures:
    """Features of the prompts; ``clip`` bounds the cost of each prompt."""
    texts = [clip(prompt.text.strip()) for prompt in prompts]
    context = request.request_features(prompts)
    spans = list(tokens.blocks(texts))
    parts = [_block(prompts[part], texts[part], context[part]) for part in spans]
    if len(parts) == 1:
        return parts[0]
    no_vectors = np.empty((0, word_vectors.PARTS * word_vectors.SIZE), dtype=np.float32)
    return TextFeatures(
        np.concatenate([np.empty((0, len(LEXICAL_NAMES))), *(part.lexical for part in parts)]),
        context,
        ngrams.merge([part.words for part in parts]),
        ngrams.merge([part.runs for part in parts]),
        np.concatenate([no_vectors, *(part.vectors for part in parts)]),
    )


def _block(prompts: Sequence[Prompt], texts: Sequence[str], context: Array) -> TextFeatures:
    """The features of a block of texts; ``context`` are those of their requests."""
    read = tokens.tokenise(texts)
    pairs = tokens.bigrams(read.hashes)
    matches, counted = match_lexicon(read, pairs), ngrams.count_ngrams(read, pairs)
    chars = np.array([_chars(prompt) for prompt in prompts])
    asked = asked_length.asked_lengths(read, matches)
    demanded = demands.demands(read)
    _add_system_prompts(asked, demanded, prompts)
    counts = read.byte_counts()
    shape = surface.surface_features(
        read, matches, counts=counts, chars=chars, distinct=counted.vocabulary
    )
    scripts = script.script_features(read, counts=counts, chars=chars)
    return TextFeatures(
        np.concatenate([shape, asked, scripts, demanded], axis=1),
        context,
        counted.words,
        counted.runs,
        word_vectors.mean_vectors(read),
    )


def _add_system_prompts(asked: Array, demanded: Array, prompts: Sequence[Prompt]) -> None:
    """Raise each prompt's asked lengths and demands, in place, to the system prompt's."""
    systems = [row for row, prompt in enumerate(prompts) if prompt.system]
    for part in tokens.blocks([clip(prompts[row].system) for row in systems]):
        rows = systems[part]
        read = tokens.tokenise([clip(prompts[row].system) for row in rows])
        matches = match_lexicon(read, tokens.bigrams(read.hashes))
        asked[rows] = np.fmax(asked[rows], asked_length.asked_lengths(read, matches))
        demanded[rows] = np.maximum(demanded[rows], demands.system_demands(read))


def _chars(prompt: Prompt) -> int:
    """Characters of the user's text before clipping (of ``text`` if there are several turns)."""
    return max(request.first_chars(prompt) if prompt.turns <= 1 else 0, len(prompt.text))


@cache
def feature_hash() -> str:
    """Hexadecimal digest of the definition: names, word lists, and the probes' features."""
    probes = extract(_PROBES)
    rounded = [[f"{value:.6g}" for value in row] for row in probes.lexical]
    rounded += [[f"{value:.6g}" for value in row] for row in probes.context]
    rounded += [[f"{value:.4f}" for value in row] for row in probes.vectors]
    parts = [(part.buckets, part.counts, part.offsets) for part in (probes.words, probes.runs)]
    hashed = [[numbers.tolist() for numbers in part] for part in parts]
    known: list[object] = [[canonical(name), str(traits(name))] for name in _PROBE_NAMES]
    known += [*RULES, *map(str, FACTS)]
    words = [lexicon.WORDS, lexicon.PHRASES, lexicon.OPENERS]
    words += [lexicon.YES_OR_NO, lexicon.REPLYING, lexicon.ASSENT]
    numbers = [lexicon.NUMBER_WORDS, length_table.contents()]
    hashed += [demand_words.TABLE.keys.tolist(), demand_words.TABLE.masks.tolist()]
    definition = json.dumps([LEXICAL_NAMES, CONTEXT_NAMES, rounded, hashed, known, words, numbers])
    return hashlib.sha256(definition.encode()).hexdigest()[:32]
