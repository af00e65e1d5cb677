"""The kind of a request, as a label of metrics: few, so that the series stay few."""

from __future__ import annotations

from predictor.adaptive.mode import NAMES, mode_of
from predictor.prompt import Prompt

KINDS = ("thinking", "tools", "json", "conversation", "plain")
"""Thinking counts before tools, tools before JSON: what changes the length of answers most."""

_THINKING, _TOOLS, _JSON = (NAMES.index(name) for name in ("thinking", "tools", "json"))


def kind_of(prompt: Prompt) -> str:
    """The kind of the request: one of ``KINDS``. A conversation has several turns."""
    mode = mode_of(prompt)
    if mode[_THINKING]:
        return "thinking"
    if mode[_TOOLS]:
        return "tools"
    if mode[_JSON]:
        return "json"
    return "conversation" if prompt.turns > 1 else "plain"
