"""Sequences: how many an engine runs for one request, by the fields that its endpoint reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gateway.protocol.generating import api_of
from gateway.protocol.lax import whole


class Sequences(NamedTuple):
    """The sequences of one request."""

    n: int = 1
    """Answers to each prompt. A beam search runs as many beams."""
    prompts: int = 1
    prompt_field: str = ""
    """The field that holds several prompts, "" where there is one prompt."""

    @property
    def total(self) -> int:
        """All sequences of the request."""
        return self.n * self.prompts


_ONE = Sequences()
"""What most requests ask for."""


def sequences_of(endpoint: str, fields: Mapping[str, Any]) -> Sequences:
    """The sequences that a body asks for.

    A field that the endpoint does not read multiplies nothing, whatever a client writes into it.
    """
    api = api_of(endpoint)
    n = whole(fields.get("n")) if api.takes_n else None
    counts = {name: _prompts(fields.get(name)) for name in api.batches}
    prompts = sum(counts.values()) or 1
    if (n or 1) <= 1 and prompts == 1:
        return _ONE
    several = next((name for name, count in counts.items() if count > 1), "")
    return Sequences(max(n or 1, 1), prompts, several)


def _prompts(given: object) -> int:
    """The prompts in a field: a list of texts, of token ids, or of conversations is several."""
    if not isinstance(given, list) or not given:
        return 0 if given is None or given == [] else 1
    # Numbers are one prompt in tokens, and objects are the messages of one conversation.
    return len(given) if isinstance(given[0], str | list) else 1
