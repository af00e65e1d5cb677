"""Job: a request as the scheduler sees it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from scheduler.length import LengthDistribution

REPORT_TOKENS = 16
"""Tokens of a sequence between two reports of its progress: one KV block of vLLM's default."""

LONGEST = 2**20
"""Tokens that no sequence has, where nobody says how long one can become."""

MOST_SEQUENCES = 65_536
"""Sequences that no request has: the largest ``requests.max_sequences``."""


class QueueName(NamedTuple):
    """The jobs of one model, or those of them that only one worker, or only some, may take."""

    model: str
    worker: str = ""
    among: frozenset[str] = frozenset()

    @property
    def lasting(self) -> bool:
        """Whether the queue stays without jobs: it insists on no workers, which come and go."""
        return not self.worker and not self.among

    def allows(self, worker_id: str) -> bool:
        """Whether the queue's jobs may go to a worker, if it serves the model."""
        return self.worker in {"", worker_id} and (not self.among or worker_id in self.among)


@dataclass(slots=True)
class Job:
    """One request, reduced to what scheduling decisions need.

    Args:
        id: unique among the jobs that the scheduler holds.
        model: the requested model.
        arrival: seconds on the driver's clock.
        prompt_tokens: length of the prompt in tokens, summed over the ``prompts``.
        length: distribution of the output length of *one* sequence, in tokens.
        sequences: sequences that the request asks for (``n`` times the number of prompts).
        prompts: prompts of the request.
        deadline: seconds on the driver's clock; a job still waiting then is rejected.
        due: seconds on the driver's clock until which the client wants the whole answer.
        most_tokens: the longest that a sequence can become: the request's limit, or the context.
            What a worker reports beyond is not believed.
        attained: tokens of the longest sequence so far.
        running: sequences that have not ended, None if the driver does not know.
        streams: whether the driver reports the answer's progress; else progress is estimated.
        tenant: who pays for the request; tenants share the workers.
        share: weight of the tenant against other tenants.
        urgency: class of the request; a lower class goes first, whatever the keys.
        affinity: name of a session or a system prompt. The worker that ran the last job of this
            name has the prefix cached.
        worker: the only worker that may take the job, because it has what the job builds on; "" for
            every worker of the model.
        among: the only workers that may take the job; none for every worker of the model.
        shuns: workers that have refused or failed the job; one of them takes it again only where no
            other worker may.
        usual_tokens: mean expected length of the recent requests that the job competes with (see
            ``UsualLengths``). The scheduler sets the value at arrival.
        arrival_turns: the arrival, counted in turns (see ``TurnClock``). The scheduler sets the
            value at arrival.
    """

    id: str
    model: str
    arrival: float
    prompt_tokens: int
    length: LengthDistribution
    sequences: int = 1
    prompts: int = 1
    deadline: float = math.inf
    due: float = math.inf
    most_tokens: int = LONGEST
    attained: int = 0
    running: int | None = None
    streams: bool = True
    tenant: str = ""
    share: float = 1.0
    urgency: int = 0
    affinity: str = ""
    worker: str = ""
    among: frozenset[str] = frozenset()
    shuns: frozenset[str] = frozenset()
    usual_tokens: float = math.inf
    arrival_turns: float = 0.0

    @property
    def queue(self) -> QueueName:
        """The queue in which the job waits: jobs of one queue can run on the same workers."""
        return QueueName(self.model, self.worker, self.among)

    @property
    def most_running(self) -> int:
        """Sequences that are not known to have ended."""
        return self.sequences if self.running is None else self.running

    @property
    def expected_running(self) -> float:
        """Sequences that have not ended: as told, else as expected while the longest one runs."""
        if self.running is not None:
            return self.running
        beyond = self.length.survival(self.attained) if self.sequences > 1 else 1.0
        any_beyond = 1.0 - (1.0 - beyond) ** self.sequences
        return self.sequences * beyond / any_beyond if any_beyond > 0 else 1.0

    def prompt_memory(self, *, prefix_caching: bool) -> tuple[float, float]:
        """Prompt tokens that each running sequence holds, and the most that all hold together.

        Without ``prefix_caching`` each sequence holds its own copy of its prompt.
        """
        tokens = float(self.prompt_tokens)
        each = tokens / min(self.prompts, self.sequences)
        return each, tokens if prefix_caching else each * self.sequences

    def held_prompt_tokens(self, *, prefix_caching: bool) -> float:
        """Prompt tokens held by the sequences that are expected to run."""
        each, most = self.prompt_memory(prefix_caching=prefix_caching)
        return min(each * self.expected_running, most)

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
        return self.expected_running * self.length.mean_remaining(self.attained)
