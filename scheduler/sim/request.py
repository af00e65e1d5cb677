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
        length: the forecast that the scheduler gets if the run has no ``Forecaster``.
        model: the requested model.
        tenant: who pays for the request.
        number: the request's number in its source, by which a ``Forecaster`` finds the prompt.
        cut: whether the answer was cut, so that it would have had more than ``output_tokens``.
        streamed: whether the answer is streamed, so that its progress is known.
    """

    prompt_tokens: int
    output_tokens: int
    length: LengthDistribution
    model: str = ""
    tenant: str = ""
    number: int = 0
    cut: bool = False
    streamed: bool = True
