"""How long computations share the processor with an event loop."""

from __future__ import annotations

from time import sleep

from threadpoolctl import threadpool_limits

_NAP_S = 2e-5


def give_way() -> None:
    """Let the other threads of the process run; takes about 0.1 ms.

    Python releases its interpreter lock in time. But an event loop that wakes on the processor of
    the computing thread also waits for the end of the kernel's time slice, some 3 ms. Only a sleep
    ends the slice.
    """
    sleep(_NAP_S)


def one_thread() -> None:
    """Make numpy's linear algebra use the calling thread only, in the whole process.

    The matrix products of a forecast are too small for a second thread. On a busy machine the
    calling thread would wait milliseconds for the second one.
    """
    threadpool_limits(1, user_api="blas")
