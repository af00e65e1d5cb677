"""Request: what the simulator is given of one."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.length import LengthDistribution


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its true size in tokens, and what the scheduler is told of its length."""

    prompt_tokens: int
    output_tokens: int
    length: LengthDistribution
    model: str = ""
    tenant: str = ""
