"""UnderWay: the requests that wait or run, by the id that clients know, and counts by key."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass

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
        self._requests: dict[str, InFlightRequest] = {}
        """By the id that clients know: the first one of each id."""
        self._others: dict[str, dict[str, InFlightRequest]] = {}
        """Further ones with the id of one that is under way, then by the job's id."""

    def snapshot(self) -> list[InFlightRequest]:
        """The requests that are under way now."""
        others = (one for same in self._others.values() for one in same.values())
        return [*self._requests.values(), *others]

    def _same(self, request_id: str) -> list[InFlightRequest]:
        """The requests with an id."""
        first = self._requests.get(request_id)
        others = self._others.get(request_id, {}).values()
        return [*([] if first is None else [first]), *others]

    def by_job(self, job_id: str) -> InFlightRequest | None:
        """The request with this id of a job; None once it has ended."""
        request_id = job_id.rpartition("-")[0]
        first = self._requests.get(request_id)
        if first is not None and first.job.id == job_id:
            return first
        return self._others.get(request_id, {}).get(job_id)

    def find(self, request_id: str) -> list[InFlightRequest]:
        """The requests with this ``X-Request-Id``, or the one with this id of a job."""
        if found := self._same(request_id):
            return found[:MOST_FOUND]
        one = self.by_job(request_id)
        return [] if one is None else [one]

    def request(self, in_flight: InFlightRequest) -> AbstractContextManager[None]:
        """A context for the length of a request."""
        return _Present(self, in_flight)

    def begin(self, in_flight: InFlightRequest) -> None:
        """A request has its forecast."""
        request_id = in_flight.relay.reply.request_id
        if self._requests.setdefault(request_id, in_flight) is not in_flight:
            self._others.setdefault(request_id, {})[in_flight.job.id] = in_flight
        self.by_key[in_flight.key or NO_KEY] += 1

    def end(self, in_flight: InFlightRequest) -> None:
        """A request has ended."""
        request_id, key = in_flight.relay.reply.request_id, in_flight.key or NO_KEY
        in_flight.relay.told = Told(in_flight.key, in_flight.worker, in_flight.forecast)
        if self._requests.get(request_id) is in_flight:
            del self._requests[request_id]
        else:
            others = self._others[request_id]
            del others[in_flight.job.id]
            if not others:
                del self._others[request_id]
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


class _Present:
    """One request under way. A generator in its place would take four times the memory."""

    __slots__ = ("_all", "_in_flight")

    def __init__(self, under_way: UnderWay, in_flight: InFlightRequest) -> None:
        self._all, self._in_flight = under_way, in_flight

    def __enter__(self) -> None:
        self._all.begin(self._in_flight)

    def __exit__(self, *_: object) -> None:
        self._all.end(self._in_flight)
