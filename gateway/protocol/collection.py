"""Python's collector of cycles, kept out of work that makes many values: it stops every thread."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep Python's collector of cycles from walking values that are about to go, or to stay.

    A walk over some hundred thousand values stops every thread.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
