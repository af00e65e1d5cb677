"""UnderWay: the requests that wait or run, by the id that clients know, and counts by key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from gateway.requests.in_flight import InFlightRequest
from gateway.requests.told import Told

MOST_KEYS = 1000
"""Keys with counts of their own; further ones are counted together as ``OTHERS``."""

MOST_FOUND = 20
"""Requests of one id that are found: clients choose their ids, and may repeat them."""

OTHERS = "others"
NO_KEY = "no key"


@dataclass(slots=True)
class KeyTotals:
    """What the requests of one key came to since the start: ended ones, and tokens."""

    ended: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0


class UnderWay:
    """The requests between their forecast and their end. Nothing is decided by it."""

    def __init__(self) -> None:
        self.totals: dict[str, KeyTotals] = {}
        self.by_key: Counter[str] = Counter()
        """Requests that wait or run."""
        self._requests: dict[str, dict[str, InFlightRequest]] = {}
        """By the id that clients know, which several may have, then by the job's."""

    def snapshot(self) -> list[InFlightRequest]:
        """The requests that are under way now."""
        return [one for same in self._requests.values() for one in same.values()]

    def by_job(self, job_id: str) -> InFlightRequest | None:
        """The request with this id of a job; None once it has ended."""
        return self._requests.get(job_id.rpartition("-")[0], {}).get(job_id)

    def find(self, request_id: str) -> list[InFlightRequest]:
        """The requests with this ``X-Request-Id``, or the one with this id of a job."""
        found = self._requests.get(request_id)
        if found is not None:
            return list(islice(found.values(), MOST_FOUND))
        one = self.by_job(request_id)
        return [] if one is None else [one]

    @contextmanager
    def request(self, in_flight: InFlightRequest) -> Iterator[None]:
        """The length of a request."""
        request_id, key = in_flight.relay.reply.request_id, in_flight.key or NO_KEY
        self._requests.setdefault(request_id, {})[in_flight.job.id] = in_flight
        self.by_key[key] += 1
        try:
            yield
        finally:
            in_flight.relay.told = Told(in_flight.key, in_flight.worker, in_flight.forecast)
            same = self._requests[request_id]
            del same[in_flight.job.id]
            if not same:
                del self._requests[request_id]
            self.by_key[key] -= 1
            if not self.by_key[key]:
                del self.by_key[key]
            self._count(key, in_flight)

    def _count(self, key: str, in_flight: InFlightRequest) -> None:
        if key not in self.totals and len(self.totals) >= MOST_KEYS:
            key = OTHERS
        totals = self.totals.setdefault(key, KeyTotals())
        totals.ended += 1
        totals.prompt_tokens += in_flight.relay.usage.prompt_tokens or 0
        totals.output_tokens += in_flight.relay.output_tokens or 0
