"""The mode of a request: whether the model thinks, has tools, or has to answer in JSON.

Answers of two modes of a model can differ in length by a factor of ten.
"""

from __future__ import annotations

from predictor.features.reasoning import thinking
from predictor.prompt import Prompt

NAMES = ("thinking", "effort", "tools", "forced", "json")
"""The numbers of a mode, in order; all are 0 for a plain request."""

Mode = tuple[float, ...]
"""The numbers of a request's mode, one for each of ``NAMES``."""

_MIDDLE = 0.6  # the effort "medium", at which the number ``effort`` is 0


def mode_of(prompt: Prompt) -> Mode:
    """The numbers of the prompt's mode.

    ``thinking``, ``tools``, ``forced`` (the answer has to be a tool call) and ``json`` are 0 or 1.
    ``effort`` is the effort of the thinking relative to a medium effort, from -0.6 to 0.4; 0
    without thinking.
    """
    effort = _thinking(prompt)
    thinks = effort > 0
    relative = effort - _MIDDLE if thinks else 0.0
    forced = float(prompt.forced_tool > 0)
    return (float(thinks), relative, float(prompt.tools > 0), forced, float(prompt.json))


def name_of(mode: Mode) -> str:
    """The mode in words, such as "thinking high, tools"; "plain" without any."""
    thinking, effort, *others = mode
    level = "low" if effort < -0.15 else "high" if effort > 0.15 else "medium"
    words = [f"thinking {level}"] * (thinking > 0)
    words += [word for word, on in zip(("tools", "forced", "json"), others, strict=True) if on]
    return ", ".join(words) or "plain"


def _thinking(prompt: Prompt) -> float:
    """The request's switch counts whatever the model's name says: an operator chooses the name."""
    return thinking(prompt) if prompt.reasoning is None else max(0.0, prompt.reasoning)
