"""Orphan: a process of Ray whose node has ended without it ends too.

A process outlives the raylet that is killed, and Ray takes its node for dead some 15 s later.
"""

from __future__ import annotations

import asyncio
import logging
import os

log = logging.getLogger("lengthwise")

CHECK_S = 1.0

AFTER_S = 60.0
"""Seconds that it goes on: until Ray has noticed, clients still come to it and are served."""


async def end_with_node() -> None:
    """End this process a minute after its raylet, which has started it."""
    raylet = os.getppid()
    while os.getppid() == raylet:  # noqa: ASYNC110 - the system does not tell of it
        await asyncio.sleep(CHECK_S)
    log.warning("the raylet of this node has ended; this process ends in %.0f s", AFTER_S)
    await asyncio.sleep(AFTER_S)
    os._exit(1)
