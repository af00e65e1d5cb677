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

    ``tenant`` names who pays for it and ``share`` is that tenant's weight against others;
    ``urgency`` is its class (a lower one goes first, whatever the keys); jobs of one ``affinity``
    (a session, a system prompt) find their prefix cached where the last of them ran.

    The scheduler sets what recent traffic is like (``scheduler.traffic``): ``usual_tokens`` are
    expected of a request for its model in the mean; ``turn`` is its arrival, counted in the time
    for which a typical request is served.
    """

    id: str
    model: str
    arrival: float
    prompt_tokens: int
    length: LengthDistribution
    sequences: int = 1
    deadline: float = math.inf
    attained: int = 0
    tenant: str = ""
    share: float = 1.0
    urgency: int = 0
    affinity: str = ""
    usual_tokens: float = math.inf
    turn: float = 0.0

    @property
    def expected_tokens(self) -> float:
        """Output tokens to expect of all its sequences."""
        return self.sequences * self.length.mean

    @property
    def typical_tokens(self) -> float:
        """Output tokens of all its sequences, were each of typical length (geometric mean)."""
        return self.sequences * self.length.geometric_mean

    @property
    def remaining_tokens(self) -> float:
        """Output tokens still to expect of all its sequences, given what they have."""
        return self.sequences * self.length.mean_remaining(self.attained)
