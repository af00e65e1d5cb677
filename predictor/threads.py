"""Giving way: long work in Python beside an event loop that must not wait for it."""

from __future__ import annotations

from time import sleep

from threadpoolctl import threadpool_limits

_NAP_S = 2e-5


def give_way() -> None:
    """Let other threads of this process run, whichever processor they wait for.

    Python hands over its interpreter lock on time, but an event loop that wakes on the processor
    of the thread that holds it has to wait until the kernel's slice is up as well: some 3 ms. Only
    a sleep ends the slice. Costs about 0.1 ms.
    """
    sleep(_NAP_S)


def one_thread() -> None:
    """Keep numpy's linear algebra to the calling thread, in the whole process.

    A forecast's products are so small that a second thread only costs, and on a busy machine it
    costs milliseconds: the first waits for it.
    """
    threadpool_limits(1, user_api="blas")
