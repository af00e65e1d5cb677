"""Memory: what large bodies, answers and models took goes back to the system when they are gone."""

from __future__ import annotations

import contextlib
import ctypes

LARGE_BYTES = 2**20
"""Blocks from this size on have pages of their own, which go back when the block is freed."""

_M_MMAP_THRESHOLD = -3
"""The parameter of glibc's ``mallopt``."""


def give_large_blocks_back() -> None:
    """Keep the C library from holding on to large blocks.

    glibc raises its threshold to the largest block freed so far, up to 32 MiB: after one large body
    all others leave gaps, which small objects keep open. Other libraries have no such setting.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)


def give_free_memory_back() -> None:
    """Give back what the C library keeps of freed memory: 20 MB after a model was read.

    Takes some milliseconds. Other libraries than glibc have no such call.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
