"""Ledger: what each client saw of its request, against what the gateway counted.

A client knows one outcome of its request, or a few that look alike to it: Anthropic's errors have
no code, and a client that hangs up cannot know whether the gateway saw that before the request's
end. The books agree if every request can be given one of the outcomes that its client allows, so
that the sums are the gateway's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

HUNG_UP = "hung up"
"""What a client saw that hung up itself. The gateway may count its request as anything."""

COUNTED_GONE = "client_gone"


@dataclass(slots=True)
class Ledger:
    """Requests by endpoint and by the outcomes that their clients hold possible."""

    seen: dict[str, Counter[frozenset[str]]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    """Requests without an end: what their clients saw instead of an answer."""

    def add(self, endpoint: str, *possible: str) -> None:
        """Note the end of a request."""
        self.seen.setdefault(endpoint, Counter())[frozenset(possible)] += 1

    def lose(self, endpoint: str, why: str) -> None:
        """Note a request whose client saw neither an answer nor an error."""
        self.lost.append(f"{endpoint}: {why}")

    @property
    def total(self) -> int:
        """Requests that ended."""
        return sum(counts.total() for counts in self.seen.values())

    def table(self) -> Counter[str]:
        """Requests by what their clients saw, over all endpoints."""
        table: Counter[str] = Counter()
        for counts in self.seen.values():
            for possible, count in counts.items():
                table[" or ".join(sorted(possible))] += count
        return table


@dataclass(slots=True)
class Balance:
    """How the clients' requests of one endpoint fit the gateway's counts."""

    contradictions: list[str] = field(default_factory=list)
    hung_up: int = 0
    """Clients that hung up."""
    ended_first: Counter[str] = field(default_factory=Counter)
    """Requests of clients that hung up, which the gateway counts as ended otherwise."""


def balance(seen: Mapping[frozenset[str], int], counted: Mapping[str, int]) -> Balance:
    """Give each client's request a count of the gateway, one that its client allows.

    What the clients that hung up leave over is a contradiction too.
    """
    left, result = Counter(counted), Balance()
    given: dict[frozenset[str], Counter[str]] = {}
    for possible, count in sorted(seen.items(), key=lambda item: len(item[0])):
        if HUNG_UP in possible:
            result.hung_up += count
            continue
        given[possible] = Counter()
        missing = sum(not _give(possible, given, left) for _ in range(count))
        if missing:
            result.contradictions.append(
                f"{count} clients saw {' or '.join(sorted(possible))}, and the gateway counts "
                f"{missing} fewer"
            )
    gone = left.pop(COUNTED_GONE, 0)
    result.ended_first = +left
    counted_up = gone + result.ended_first.total()
    if counted_up != result.hung_up:
        result.contradictions.append(
            f"{result.hung_up} clients hung up, and the gateway counts {counted_up} such requests "
            f"({gone} {COUNTED_GONE}, others {dict(result.ended_first)})"
        )
    return result


def _give(
    possible: frozenset[str],
    given: dict[frozenset[str], Counter[str]],
    left: Counter[str],
    tried: frozenset[str] = frozenset(),
) -> bool:
    """Give one request of the clients that hold ``possible`` one of the counts that are left.

    Where none is left, another request gives its own up if it may have another one.
    """
    for outcome in sorted(possible - tried):
        if left[outcome]:
            left[outcome] -= 1
            given[possible][outcome] += 1
            return True
    for outcome in sorted(possible - tried):
        tried |= {outcome}
        for other, counts in given.items():
            if other != possible and counts[outcome] and _give(other, given, left, tried):
                counts[outcome] -= 1
                given[possible][outcome] += 1
                return True
    return False


def by_endpoint(lines: Iterator[tuple[str, str, float]]) -> dict[str, Counter[str]]:
    """The gateway's counts (endpoint, outcome, count) by endpoint."""
    counts: dict[str, Counter[str]] = {}
    for endpoint, outcome, count in lines:
        counts.setdefault(endpoint, Counter())[outcome] += round(count)
    return counts
