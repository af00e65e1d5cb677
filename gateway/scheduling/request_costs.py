"""RequestCosts: what a request costs its worker beside its tokens, learned from complete answers.

A request takes its place for its turnaround too, and its prefill holds up all that run beside it.
Where short answers go first, a rate in tokens alone is that of requests, and too low for the long
ones behind them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scheduler.job import Job

RECENT = 256
"""Latest complete answers of a model that count."""

LEAST, OFTEN = 16, 64
"""Answers from which on anything is said, and after which it is later worked out anew: 0.3 ms."""

DOUBT = 0.02
"""How much a cost beside the tokens must explain of the times, for each such cost."""

MOST = 1000.0
"""Tokens that no request costs beside its own."""

_Floats = NDArray[np.float64]


@dataclass(slots=True)
class _Model:
    """What is known of one model."""

    running: dict[str, tuple[float, int]] = field(default_factory=dict)
    """When each job that runs started, and how many had before it, by its id."""
    starts: int = 0
    ended: int = 0
    answers: deque[tuple[float, float, float, float]] = field(
        default_factory=lambda: deque(maxlen=RECENT)
    )
    """Of complete answers: seconds, tokens of the longest sequence, jobs that started meanwhile,
    and jobs that ran."""
    tokens: float = 0.0
    """What a request costs."""


class RequestCosts:
    """Learns how the time of answers goes with their tokens, and with the starts beside them."""

    def __init__(self) -> None:
        self._models: dict[str, _Model] = {}

    def started(self, job: Job, now: float) -> None:
        """Note that a job has gone to a worker."""
        model = self._models.get(job.model)
        if model is None:
            model = self._models[job.model] = _Model()
        model.running[job.id] = now, model.starts
        model.starts += 1

    def ended(self, job: Job, tokens: int | None, now: float) -> None:
        """Note that a job has left its worker: with so many tokens of its longest sequence, or
        None without a complete answer."""
        model = self._models.get(job.model)
        begun = None if model is None else model.running.pop(job.id, None)
        if model is None or begun is None or not tokens:
            return
        seconds, beside = now - begun[0], model.starts - begun[1]
        if seconds > 0:
            model.answers.append((seconds, float(tokens), float(beside), 1.0 + len(model.running)))
            model.ended += 1
            if not model.ended % (LEAST if model.ended < OFTEN else OFTEN):
                model.tokens = _request_tokens(np.array(model.answers))

    def tokens(self, model: str) -> float:
        """Weighted tokens that take as long as a request without any; 0 before it is known."""
        known = self._models.get(model)
        return 0.0 if known is None else known.tokens


def _request_tokens(answers: _Floats) -> float:
    """What a request costs, by the times of answers.

    The time of an answer is that of its tokens, its own beside them, and a part of each request
    that starts while it runs. All shares of the time that they explain are to add up to 1.
    """
    seconds, tokens, beside, running = answers.T
    parts = np.stack((tokens, np.ones(len(tokens)), beside)) / seconds
    of_token, own, of_start = min(_fits(parts), key=lambda fit: fit[0])[1]
    request = own + of_start * float(running.mean())
    return float(min(MOST, request / of_token)) if of_token > 0 else MOST


def _fits(parts: _Floats) -> Iterator[tuple[float, _Floats]]:
    """The error of each choice of costs of which none is negative, and the costs."""
    for many in range(3):
        for chosen in combinations((1, 2), many):
            used = parts[[0, *chosen]]
            found: Any = np.linalg.lstsq(used.T, np.ones(used.shape[1]), rcond=None)[0]
            if (found >= 0).all():
                costs = np.zeros(3)
                costs[[0, *chosen]] = found
                error = float(np.abs(found @ used - 1.0).mean())
                yield error * (1.0 + DOUBT * many) + 1e-3 * many, costs
