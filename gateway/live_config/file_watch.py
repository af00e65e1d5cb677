"""Watches a file by its fingerprint, until a change has settled.

Five looks a second, in place of the kernel's notices: those follow an inode or a folder, so each
way to replace a file needs a case of its own (editors rename a new file over the old one,
Kubernetes swaps a link in the folder above, network and container file systems tell nothing), and
a notice that is missed stays missed. A look takes a thread some 50 microseconds, and sees them all.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

LOOK_S = 0.2
"""Seconds between two looks."""

SETTLE_S = 0.1
"""Seconds for which a change must stay the same before it counts: the file may be half written."""

Fingerprint = tuple[int, int, int, int] | None
"""Device, inode, size, and time of modification in ns; None for a file that is not there."""


def fingerprint(path: Path) -> Fingerprint:
    """What changes with a file's content, links followed."""
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


async def changes(path: Path) -> AsyncIterator[None]:
    """Yield once at first, and then after each change that has settled; without end."""
    used: Fingerprint | str = "none yet"
    before = await asyncio.to_thread(fingerprint, path)
    while True:
        if before != used:
            used = before
            yield
        await asyncio.sleep(LOOK_S)
        found = await asyncio.to_thread(fingerprint, path)
        while found != before:
            before = found
            await asyncio.sleep(SETTLE_S)
            found = await asyncio.to_thread(fingerprint, path)
