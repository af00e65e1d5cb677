"""Job: what the scheduler knows of a request."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scheduler.length import LengthDistribution


@dataclass(slots=True)
class Job:
    """One request, as far as decisions need it.

    ``length`` is the distribution of the output of *one* sequence in tokens and ``sequences`` how
    many the request asks for (``n`` times the number of prompts). ``arrival`` and ``deadline`` are
    seconds on the driver's clock; a job still waiting at its deadline is rejected. ``attained``
    are the tokens of its longest sequence so far.
    """

    id: str
    model: str
    arrival: float
    prompt_tokens: int
    length: LengthDistribution
    sequences: int = 1
    deadline: float = math.inf
    attained: int = 0

    @property
    def kv_tokens(self) -> float:
        """KV tokens it is expected to hold, averaged over what remains of its life.

        The final size would admit too few: answers end at different times, so at any one moment
        the running ones are, on average, half-way through what they still have to write.
        """
        remaining = self.length.remaining(self.attained).mean
        return self.prompt_tokens + self.sequences * (self.attained + remaining / 2)
