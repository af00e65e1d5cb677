"""What a run of chaos promises, each with the words in which it is broken."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.chaos.faulty_proxy import Attempt, Ending
from tests.chaos.ledger import HUNG_UP, Balance, balance, by_endpoint
from tests.chaos.run import LAST_REQUESTS, RECOVERY_S, SETTINGS, Result
from tests.chaos.watch import growth

MOST_ENDED_FIRST = 0.5
"""Share of the clients that hang up whose requests may have ended before: they were refused, failed
or answered while the client was about to leave, and a client that reads on may get all."""
MOST_GROWTH_MIB = 12.0
"""Resident memory: medians of the last fifth and of the fifth after the first two."""
MOST_GROWTH_FDS = 30
"""Descriptors under load, in the same way: the numbers of clients differ by as many."""
MOST_LEFT_FDS = 15
"""Descriptors after the last client, above those before the first."""
MOST_TOKENS = 8192
"""Tokens of one answer that the gateway believes at most: the workers' context."""
NEVER_SENT = frozenset(
    {"queue_full", "tenant_queue_full", "invalid_json", "invalid_model", "body_timeout"}
)
"""Outcomes that no worker may have heard of."""


@dataclass(slots=True)
class Accounts:
    """The accounts of a run, set against each other."""

    result: Result
    balances: dict[str, Balance]
    attempts: dict[str, list[Attempt]]
    """Attempts at workers by request id."""
    given_up: Counter[str]
    """Attempts by request id that the gateway's log calls failed."""

    @staticmethod
    def of(result: Result) -> Accounts:
        """Set the accounts of a run against each other."""
        counted = by_endpoint(result.scrape.outcomes())
        seen = result.ledger.seen
        balances = {
            endpoint: balance(seen.get(endpoint, {}), counted.get(endpoint, {}))
            for endpoint in sorted(seen.keys() | counted.keys())
        }
        attempts: dict[str, list[Attempt]] = defaultdict(list)
        for attempt in result.attempts:
            attempts[attempt.request_id].append(attempt)
        given_up = Counter(re.findall(r" failed request (chaos-\d+):", result.log))
        return Accounts(result, balances, attempts, given_up)

    @property
    def hung_up(self) -> int:
        """Clients that hung up."""
        return sum(one.hung_up for one in self.balances.values())

    @property
    def ended_first(self) -> Counter[str]:
        """Outcomes of requests that ended before the gateway saw their clients hang up."""
        return sum((one.ended_first for one in self.balances.values()), Counter())

    def broken(self) -> list[str]:
        """Each promise that does not hold, in words."""
        return [
            *self._ends(),
            *self._agreement(),
            *self._workers(),
            *self._tokens(),
            *self._peace(),
            *self._resources(),
        ]

    def _ends(self) -> Iterator[str]:
        lost = self.result.ledger.lost
        if lost:
            yield f"{len(lost)} requests have no end for their clients: {_some(lost)}"
        for bad in ("internal_error",):
            count = sum(counts for _, code, counts in self.result.scrape.outcomes() if code == bad)
            if count:
                yield f"the gateway counts {count:g} {bad}"
        if "Traceback" in self.result.log or re.search(r"\b(ERROR|CRITICAL)\b", self.result.log):
            yield "the gateway's log has an error or a trace"
        if self.result.exit_code != 0:
            yield f"the gateway ended with {self.result.exit_code} on SIGTERM"

    def _agreement(self) -> Iterator[str]:
        for endpoint, one in self.balances.items():
            for words in one.contradictions:
                yield f"{endpoint}: {words}"
        late = self.ended_first.total()
        if late > MOST_ENDED_FIRST * self.hung_up + 5:
            yield f"{late} of {self.hung_up} hang-ups were seen after the request's end"

    def _workers(self) -> Iterator[str]:
        """What reached the workers fits what the clients saw.

        An answer is in vain if the gateway gives its worker up while the answer is on the way, and
        the gateway's log must then say so.
        """
        most = 1 + SETTINGS["requests"]["retries"]
        wrong: Counter[str] = Counter()
        for name, seen in self.result.seen.items():
            tried = self.attempts.get(name, [])
            whole = sum(one.ending is Ending.WHOLE and one.status < 400 for one in tried)
            used = whole - self.given_up[name]
            wrong["requests were sent more often than retries allow"] += len(tried) > most
            wrong["requests were answered by several workers"] += used > 1
            if seen.possible == {"ok"}:
                wrong["answers came from no worker"] += whole < 1
            elif seen.possible.isdisjoint({HUNG_UP, "request_timeout"}):
                wrong["whole answers were replaced by an error"] += used > 0
            if seen.possible <= NEVER_SENT:
                wrong["refused requests reached a worker"] += bool(tried)
        unknown = self.attempts.keys() - self.result.seen.keys()
        wrong["requests at the workers are no client's"] += len(unknown)
        wrong["requests are still open at the workers"] += sum(
            one.ending is Ending.OPEN for one in self.result.attempts
        )
        yield from (f"{count} {words}" for words, count in wrong.items() if count)
        yield from self._refusals()

    def _refusals(self) -> Iterator[str]:
        """The gateway counts each refusal.

        One whose client hung up meanwhile may be missing, and one of a worker found to be down.
        """
        counted = self.result.scrape.total("lengthwise_worker_refusals_total")
        given = [one for one in self.result.attempts if one.ending is Ending.REFUSED]
        sure = sum(
            HUNG_UP not in self.result.seen[one.request_id].possible
            and not self.given_up[one.request_id]
            for one in given
            if one.request_id in self.result.seen
        )
        if not sure <= counted <= len(given):
            yield f"workers refused {sure} to {len(given)} requests, the gateway counts {counted:g}"

    def _tokens(self) -> Iterator[str]:
        least, most = self.token_bounds()
        counted = self.result.scrape.total("lengthwise_generation_tokens_total")
        if not least <= counted <= most:
            yield f"clients got {least} to {most} tokens, the gateway counts {counted:g}"

    def token_bounds(self) -> tuple[int, int]:
        """Tokens of answers, by what the clients read.

        Above the least: answers of workers that lied, and those whose clients hung up at the end.
        """
        honest = unsure = 0
        for name, seen in self.result.seen.items():
            if seen.possible == {"ok"}:
                lied = any(one.lied for one in self.attempts.get(name, []))
                honest += 0 if lied or seen.tokens is None else seen.tokens
                unsure += lied or seen.tokens is None
        return honest, honest + MOST_TOKENS * (unsure + self.ended_first["ok"])

    def _peace(self) -> Iterator[str]:
        if self.result.busy:
            yield f"after the last request the gateway still has {self.result.busy}"
        if self.result.recovered_s is None:
            workers = self.result.ready["workers"]
            yield f"not all workers serve {RECOVERY_S:g} s after the last fault: {workers}"
        if self.result.last_ok < LAST_REQUESTS:
            missing = LAST_REQUESTS - self.result.last_ok
            yield f"{missing} of {LAST_REQUESTS} requests after the chaos were not answered"

    def _resources(self) -> Iterator[str]:
        samples = self.result.usage.samples
        memory = growth([(second, mib) for second, mib, _ in samples])
        open_files = growth([(second, float(count)) for second, _, count in samples])
        if memory > MOST_GROWTH_MIB:
            yield f"memory grew by {memory:.1f} MiB"
        if open_files > MOST_GROWTH_FDS:
            yield f"the number of descriptors grew by {open_files:g}"
        left = samples[-1][2] - samples[0][2]
        if left > MOST_LEFT_FDS:
            yield f"{left} descriptors are still open after the last client"
        if self.result.unanswered:
            yield f"{self.result.unanswered} times /health had no answer within 10 s"


def _some(lines: list[str]) -> str:
    return "; ".join(f"{count} x {line}" for line, count in Counter(lines).most_common(5))
