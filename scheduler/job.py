"""Job: a request as the scheduler sees it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scheduler.length import LengthDistribution

REPORT_TOKENS = 16
"""Tokens of a sequence between two reports of its progress: one KV block of vLLM's default."""


@dataclass(slots=True)
class Job:
    """One request, reduced to what scheduling decisions need.

    Args:
        id: unique among the jobs that the scheduler holds.
        model: the requested model.
        arrival: seconds on the driver's clock.
        prompt_tokens: length of the prompt in tokens.
        length: distribution of the output length of *one* sequence, in tokens.
        sequences: sequences that the request asks for (``n`` times the number of prompts).
        deadline: seconds on the driver's clock; a job still waiting then is rejected.
        attained: tokens of the longest sequence so far.
        streams: whether the driver reports the answer's progress; else progress is estimated.
        tenant: who pays for the request; tenants share the workers.
        share: weight of the tenant against other tenants.
        urgency: class of the request; a lower class goes first, whatever the keys.
        affinity: name of a session or a system prompt. The worker that ran the last job of this
            name has the prefix cached.
        model_mean_tokens: mean expected length of the model's recent requests. The scheduler sets
            the value at arrival.
        arrival_turns: the arrival, counted in turns (see ``TurnClock``). The scheduler sets the
            value at arrival.
    """

    id: str
    model: str
    arrival: float
    prompt_tokens: int
    length: LengthDistribution
    sequences: int = 1
    deadline: float = math.inf
    attained: int = 0
    streams: bool = True
    tenant: str = ""
    share: float = 1.0
    urgency: int = 0
    affinity: str = ""
    model_mean_tokens: float = math.inf
    arrival_turns: float = 0.0

    @property
    def expected_tokens(self) -> float:
        """Expected output tokens, summed over the sequences."""
        return self.sequences * self.length.mean

    @property
    def geometric_mean_tokens(self) -> float:
        """Geometric mean of one sequence's output tokens, times the sequences."""
        return self.sequences * self.length.geometric_mean

    @property
    def remaining_tokens(self) -> float:
        """Expected output tokens yet to come, summed over the sequences, given ``attained``."""
        return self.sequences * self.length.mean_remaining(self.attained)
