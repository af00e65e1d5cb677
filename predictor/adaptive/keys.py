"""Keys of the groups of requests that a request belongs to: 64-bit hashes, never text.

From the widest group to the narrowest: the tenant, the system prompt, the prompt's first words,
the skeleton (the prompt with values masked), the exact prompt answered by any model, and the exact
prompt answered by the requested model.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b

from predictor.adaptive.mode import Mode, mode_of, name_of
from predictor.prompt import Prompt, clip

LEVELS = ("tenant", "system", "opening", "skeleton", "prompt_any", "prompt")
"""The levels of history, widest first."""

TENANT, SYSTEM, OPENING, SKELETON, PROMPT_ANY, PROMPT = range(len(LEVELS))

NO_KEY = -1
"""The key of a level that does not apply: no tenant, no system prompt, or no text."""

_HEAD, _TAIL = 600, 150  # characters of a prompt that the skeleton is made from
_WORDS = 5  # of an opening
_LONGEST = 24  # characters; a longer word is a value such as an address or identifier
_DIGIT = re.compile(r"\d")
_MASK = (1 << 63) - 1  # keys are non-negative int64
_ODD, _MIX = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93

Keys = tuple[int, ...]
"""One key for each level; ``NO_KEY`` for a level that does not apply."""


def keys_of(prompt: Prompt, mode: Mode | None = None, *, salt: bytes = b"", tier: str = "") -> Keys:
    """The keys of a prompt for its model.

    ``salt`` (at most 64 bytes) is the secret of the hashes: only a holder of the salt can compute
    the key of a given text. The keys under which errors are stored depend on ``tier``, because
    errors are relative to a tier's forecast; the key PROMPT, for log tokens, does not. Requests of
    another ``mode`` (default: ``mode_of`` the prompt) have other keys.
    """
    text = clip(prompt.text)
    skeleton = _skeleton(text)
    exact = _exact(prompt, text, salt)
    model = _named("", prompt.model, salt)
    learner = _named(f"{tier}\0{name_of(mode or mode_of(prompt))}", prompt.model, salt)
    keys = (
        _joined(TENANT, _digest(prompt.tenant, salt), learner) if prompt.tenant else NO_KEY,
        _joined(SYSTEM, _digest(clip(prompt.system), salt), learner) if prompt.system else NO_KEY,
        _joined(OPENING, _digest(_opening(skeleton), salt), learner),
        _joined(SKELETON, _digest(f"{prompt.system}\0{skeleton}", salt), learner),
        _joined(PROMPT_ANY, exact, _named(tier, "", salt)),
        _joined(PROMPT, exact, model),
    )
    return keys if text else (*keys[:2], *[NO_KEY] * 4)


def _opening(skeleton: str) -> str:
    """The first words of a text."""
    return " ".join(skeleton.split(None, _WORDS)[:_WORDS])


def _exact(prompt: Prompt, text: str, salt: bytes) -> int:
    """The digest of everything in a prompt that its answer depends on, but not of the model."""
    conversation = (prompt.turns, max(prompt.chars, len(prompt.text)), prompt.last_role)
    messages = (prompt.previous_chars, prompt.last_chars, prompt.first_chars, prompt.tool_results)
    tools = (prompt.tools, prompt.tool_chars, prompt.forced_tool, prompt.parallel_tools)
    form = (prompt.json, prompt.schema_chars, prompt.schema_fields, prompt.answer_limit)
    thinks = (prompt.reasoning, prompt.thinking_budget)
    options = (conversation, messages, tools, form, thinks)
    return _digest(f"{prompt.system}\0{options}\0{text}", salt)


def _skeleton(text: str) -> str:
    """The text without quotations, with words that are long or have digits masked."""
    if len(text) > _HEAD + _TAIL:
        text = f"{text[:_HEAD]} {text[-_TAIL:]}"
    if text.count('"') > 1:
        text = " ".join(text.split('"')[::2])
    has_digit = _DIGIT.search
    return " ".join(
        [
            word if word.isalpha() or (len(word) <= _LONGEST and not has_digit(word)) else "\0"
            for word in text.split()
        ]
    )


@lru_cache(maxsize=1024)
def _named(tier: str, model: str, salt: bytes) -> int:
    return _digest(f"{tier}\0{model}", salt)


def _digest(text: str, salt: bytes) -> int:
    hashed = blake2b(text.encode("utf-8", "replace"), digest_size=8, key=salt)
    return int.from_bytes(hashed.digest(), "little")


def _joined(level: int, group: int, learner: int) -> int:
    """One key from three numbers, by a multiplicative hash."""
    mixed = ((group ^ (learner * _ODD) ^ (level + 1) * _MIX) * _MIX) & 0xFFFFFFFFFFFFFFFF
    return (mixed ^ (mixed >> 29)) & _MASK
