"""Observation: what one ended answer teaches, for a process that has not seen the request."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.forecasting.prompt_parts import PromptParts
from predictor.adaptive import Forecast


@dataclass(frozen=True, slots=True)
class Observation:
    """An answer, and what was forecast of it. A few KB when pickled."""

    model: str
    parts: PromptParts
    prompt_tokens: int
    """By the worker's count; 0: unknown."""
    output_tokens: int
    """0: nothing is to be learned from the length, as of several sequences."""
    censored: bool
    """Whether the answer was cut, so that it is at least so long."""
    artefact: str
    """Identity of the model that has forecast; "" for none."""
    forecasts: tuple[Forecast, ...]
