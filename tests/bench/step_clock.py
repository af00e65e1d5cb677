"""A clock that an engine drives by its own account: its seconds are those of a steady machine.

At a load near 1 a queue grows with the difference of two rates, and a machine that is a tenth
slower in one run than in the next makes every latency another. No loop beside the engine tells how
slow the engine itself is (over 198 seconds of a saturated engine the CPU time per token had a
coefficient of variation of 0.15; loops of arithmetic, of objects, of memory left 0.12 to 0.14 of
it). So the clock asks what vLLM's metrics count, the steps and what was done in them, and prices
that by costs that a calibration gave: requests sent by it meet the load that is asked for, and
latencies told by it compare. What an arm costs the engine's core in CPU time it does not tell.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.sharedctypes import SynchronizedArray

from scheduler.costs import StepCosts
from tests.bench.load import Clock
from tests.vllm.engine import VllmServer, read_metrics

_EVERY = 0.1
"""Seconds between two looks. One costs the engine's core some 5 ms, which no step is charged."""

SECONDS = "; seconds are those of the engine's steps, priced by its calibration"
"""What a report says of them."""


@dataclass(frozen=True, slots=True)
class Account:
    """What an engine has done since it began, and what it holds now."""

    steps: float
    written: float
    """Output tokens: sequences, summed over the steps."""
    computed: float
    """Prompt tokens."""
    entered: float
    """Requests with a first token."""
    preempted: float
    running: float
    kv_tokens: float

    @classmethod
    def of(cls, metrics: dict[str, float], capacity: float) -> Account:
        """The account that vLLM's ``metrics`` give; its KV cache holds ``capacity`` tokens."""
        written = metrics["vllm:generation_tokens_total"]
        return cls(
            steps=metrics["vllm:iteration_tokens_total_count"],
            written=written,
            computed=metrics["vllm:iteration_tokens_total_sum"] - written,
            entered=metrics["vllm:time_to_first_token_seconds_count"],
            preempted=metrics["vllm:num_preemptions_total"],
            running=metrics["vllm:num_requests_running"],
            kv_tokens=capacity * metrics["vllm:kv_cache_usage_perc"],
        )

    def seconds_since(self, before: Account, costs: StepCosts) -> float:
        """What a steady engine takes for what this one has done since ``before``.

        A preempted answer is computed again, which vLLM does not count: its context is that of the
        mean running one.
        """
        steps = self.steps - before.steps
        again = (self.preempted - before.preempted) * self.kv_tokens / max(1.0, self.running)
        return (
            costs.base * steps
            + costs.per_sequence * (self.written - before.written)
            + costs.per_kv_token * self.kv_tokens * steps
            + costs.per_prefill_token * (self.computed - before.computed + again)
            + costs.per_request * (self.entered - before.entered)
        )


def passed(before: Account, now: Account, real: float, costs: StepCosts) -> float:
    """Seconds that pass between two looks, ``real`` ones apart: real ones while nothing runs."""
    if now.steps == before.steps and not now.running:
        return real
    return now.seconds_since(before, costs)


@dataclass(frozen=True, slots=True)
class Hand:
    """The clock's hand between two looks: it makes the way of the last ``span`` real seconds.

    So it is one look late, and never goes back.
    """

    behind: float
    ahead: float
    since: float
    span: float

    def at(self, now: float) -> float:
        """The reading at ``now``, in real seconds."""
        share = min(1.0, max(0.0, now - self.since) / self.span)
        return self.behind + share * (self.ahead - self.behind)

    def next(self, now: float, seconds: float) -> Hand:
        """The hand after a look ``now`` that found so many seconds passed."""
        return Hand(self.at(now), self.ahead + seconds, now, now - self.since)


@contextmanager
def step_clock(server: VllmServer, costs: StepCosts) -> Iterator[Clock]:
    """Seconds of the engine that ``costs`` describe, driven by this one, which is looked at.

    A process of its own looks.
    """
    url, capacity = server.url, float(server.cache_config()["kv_cache_size_tokens"])
    context = multiprocessing.get_context("spawn")
    state = context.Array("d", [0.0, 0.0, time.monotonic(), _EVERY])
    watch = context.Process(target=_watch, args=(state, url, capacity, costs), daemon=True)
    watch.start()

    def clock() -> float:
        if not watch.is_alive():
            raise RuntimeError(f"nobody reads {url}/metrics any more: the step clock stands still")
        return _read(state).at(time.monotonic())

    try:
        yield clock
    finally:
        watch.kill()
        watch.join()


def _read(state: SynchronizedArray[float]) -> Hand:
    with state.get_lock():
        return Hand(*state[:])


def _watch(state: SynchronizedArray[float], url: str, capacity: float, costs: StepCosts) -> None:
    hand, before = _read(state), Account.of(read_metrics(url), capacity)
    while True:
        time.sleep(_EVERY)
        account, now = Account.of(read_metrics(url), capacity), time.monotonic()
        hand = hand.next(now, passed(before, account, now - hand.since, costs))
        before = account
        with state.get_lock():
            state[:] = [hand.behind, hand.ahead, hand.since, hand.span]
