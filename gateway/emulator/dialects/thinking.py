"""How far a request makes the emulated model think before it answers."""

from __future__ import annotations

from typing import Any, Literal

from predictor.request.thinking import read_thinking

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""The efforts that vLLM knows; Anthropic's API has no "none" and no "minimal"."""

UNBOUNDED = 1 << 20
"""Tokens; an answer thinks for half of its length at most."""


def thinking_tokens(body: dict[str, Any]) -> int:
    """The most tokens of thinking: 0 unless the request asks for it, in any API's words."""
    effort, budget = read_thinking(body, "", "")
    if not effort and not (budget and effort is None):
        return 0
    return UNBOUNDED if budget is None else budget
