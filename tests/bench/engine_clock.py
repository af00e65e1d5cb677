"""A clock that counts what a core can do instead of seconds.

A virtual machine's core shares a processor with strangers: the same loop takes 0.8 ms or 1.3,
changing every few seconds and on each core by itself. At a load near 1 that decides every latency.
Requests sent by this clock keep the load that is asked for, and latencies told by it compare.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from multiprocessing.sharedctypes import SynchronizedArray
from statistics import median

Clock = Callable[[], float]

_ROUNDS = 20_000  # of a loop: a millisecond
_EVERY = 0.05  # seconds: 2 % of the core
_RECENT = 5


@contextmanager
def engine_clock(cpus: Set[int]) -> Iterator[Clock]:
    """Seconds of the cores ``cpus`` at their best: they pass slower while the cores are slow.

    A process on them times a loop, by its CPU time, twenty times a second. The clock never goes
    back.
    """
    context = multiprocessing.get_context("spawn")
    state = context.Array("d", [0.0, time.monotonic(), 1.0])  # reading, when, rate
    probe = context.Process(target=_run, args=(state, cpus), daemon=True)
    probe.start()
    try:
        yield lambda: _read(state)
    finally:
        probe.kill()
        probe.join()


def _read(state: SynchronizedArray[float]) -> float:
    with state.get_lock():
        reading, at, rate = state[:]
    return float(reading + (time.monotonic() - at) * rate)


def _run(state: SynchronizedArray[float], cpus: Set[int]) -> None:
    os.sched_setaffinity(0, cpus)
    taken: deque[float] = deque(maxlen=_RECENT)
    best = _loop()
    while True:
        taken.append(_loop())
        best = min(best, taken[-1])
        now = time.monotonic()
        with state.get_lock():
            reading, at, rate = state[:]
            state[:] = [reading + (now - at) * rate, now, best / median(taken)]
        time.sleep(_EVERY)


def _loop() -> float:
    """CPU seconds of a loop."""
    begun, total = time.thread_time(), 0
    for at in range(_ROUNDS):
        total += at * at
    return time.thread_time() - begun
