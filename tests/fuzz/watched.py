"""``lengthwise`` with a heartbeat in its event loop: python -m tests.fuzz.watched FILE serve ...

FILE gets a line for each pause of the loop above ``TOLD_S``: when it ended, on the clock of
``time.time``, the seconds of processor time that the loop's thread used in it, those of all
threads, and the seconds on the wall. A busy machine lengthens the last alone; another thread that
holds the interpreter the last two.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from gateway.cli import main

BEAT_S = 0.005
TOLD_S = 0.03

_run = asyncio.Runner.run


async def _beat(pauses: Path) -> None:
    with pauses.open("a", buffering=1, encoding="utf-8") as file:
        while True:
            clocks = time.perf_counter(), time.process_time(), time.thread_time()
            await asyncio.sleep(BEAT_S)
            wall = time.perf_counter() - clocks[0] - BEAT_S
            if wall > TOLD_S:
                everywhere = time.process_time() - clocks[1]
                here = time.thread_time() - clocks[2]
                file.write(f"{time.time():.3f} {here:.4f} {everywhere:.4f} {wall:.4f}\n")


def _run_with_heartbeat(
    runner: asyncio.Runner, work: Coroutine[Any, Any, Any], **settings: Any
) -> Any:
    async def both() -> Any:
        heartbeat = asyncio.create_task(_beat(Path(PAUSES)))
        try:
            return await work
        finally:
            heartbeat.cancel()

    return _run(runner, both(), **settings)


if __name__ == "__main__":
    PAUSES = sys.argv.pop(1)
    asyncio.Runner.run = _run_with_heartbeat  # type: ignore[method-assign,assignment]
    sys.exit(main(sys.argv[1:]))
