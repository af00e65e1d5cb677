"""Request: one request of a simulation."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.length import LengthDistribution


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Args:
        prompt_tokens: true length of the prompt.
        output_tokens: true length of the answer.
        length: the forecast that the scheduler gets.
        model: the requested model.
        tenant: who pays for the request.
    """

    prompt_tokens: int
    output_tokens: int
    length: LengthDistribution
    model: str = ""
    tenant: str = ""
