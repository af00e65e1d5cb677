"""Recent: the last answers with their forecasts, and the last errors, for the live page."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from gateway.requests.access_log import Ended
from gateway.requests.told import UNTOLD

MOST_ANSWERS = 1000
MOST_ERRORS = 40
MOST_REASON = 400
"""Characters of a reason that are kept: it may hold a client's or a worker's words."""

NO_ERRORS = {"ok", "client_gone", "cancelled"}
"""Outcomes that are nobody's fault."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: times in seconds, lengths in tokens."""

    tokens: int
    e2e: float
    queue_wait: float | None
    ttft: float | None
    forecast: tuple[int, int, int] | None
    """Ends and middle of the forecast's central 80 % interval: the levels 0.1, 0.5 and 0.9. None
    without a forecast, and for a request of several sequences, whose lengths are not told apart."""


@dataclass(slots=True)
class Failure:
    """An error, and how often the same one has come."""

    outcome: str
    reason: str
    model: str
    worker: str
    request_id: str = ""
    last: float = 0.0
    """When it came last, in seconds of the epoch."""
    times: int = 0


Same = tuple[str, str, str, str]
"""Errors that differ in none of these are one entry: outcome, model, worker, reason."""


@dataclass(slots=True)
class Recent:
    """What ended last. Both lists are bounded, and an error that repeats fills none."""

    answers: deque[Answer] = field(default_factory=lambda: deque(maxlen=MOST_ANSWERS))
    errors: OrderedDict[Same, Failure] = field(default_factory=OrderedDict)
    """The last one last."""
    answered: int = 0
    """Answers since the start; also how far ``answers`` has moved."""
    failed: int = 0
    """Errors since the start."""

    def ended(self, ended: Ended, outcome: str, reason: str, request_id: str) -> None:
        """Take a request that has ended; ``reason`` is the text of its error, "" for none."""
        if outcome == "ok":
            self._answered(ended)
        elif outcome not in NO_ERRORS:
            self._failed(ended, outcome, reason[:MOST_REASON], request_id)

    def _answered(self, ended: Ended) -> None:
        relay = ended.relay
        if relay is None or relay.record.e2e is None or not relay.record.output_tokens:
            return
        record, forecast = relay.record, relay.told.forecast
        interval = None
        if forecast is not None and forecast.tier != "none" and relay.request.sequences.total == 1:
            low, median, high = (round(forecast.length.quantile(at)) for at in (0.1, 0.5, 0.9))
            interval = low, median, high
        self.answered += 1
        self.answers.append(
            Answer(record.output_tokens, relay.record.e2e, record.queue_wait, record.ttft, interval)
        )

    def _failed(self, ended: Ended, outcome: str, reason: str, request_id: str) -> None:
        told = UNTOLD if ended.relay is None else ended.relay.told
        same = (outcome, ended.model, told.worker, reason)
        failure = self.errors.pop(same, None) or Failure(outcome, reason, ended.model, told.worker)
        failure.last, failure.request_id = time.time(), request_id
        failure.times += 1
        self.failed += 1
        self.errors[same] = failure
        if len(self.errors) > MOST_ERRORS:
            self.errors.popitem(last=False)
