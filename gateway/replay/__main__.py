"""The process: reads batches of records from stdin, and writes a page a line to stdout.

A thread reads, so that the gateway never waits for a replay. The process ends with its parent.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from queue import Empty, Queue
from typing import Any

from gateway.replay.judge import judge
from gateway.replay.seen import History
from gateway.shadow.records import Begun, Ended, read_message

LOWEST_PRIORITY = 19
"""The niceness of a process that runs when nobody else wants to."""

FIRST_S = 2.0
"""Seconds before the first replay."""

REST = 4.0
"""Seconds of rest for each second of a replay: at most a fifth of a core."""


MOST_MESSAGES = 60
"""Batches that wait for a replay's end. Then the pipe fills, and the gateway counts losses."""


def main() -> None:
    """Replay again and again until stdin ends."""
    os.nice(LOWEST_PRIORITY - os.nice(0))
    messages: Queue[dict[str, Any]] = Queue(MOST_MESSAGES)
    threading.Thread(target=_read, args=(messages,), daemon=True).start()
    history, rest_s = History(), FIRST_S
    setup = _taken(messages.get(), history, {})
    while True:
        setup = _rest(messages, history, setup, rest_s)
        begun = time.monotonic()
        page = _page(history, setup, begun)
        rest_s = max(setup["interval_s"], REST * (time.monotonic() - begun))
        print(json.dumps({**page, "next_s": round(rest_s, 1)}), flush=True)


def _read(messages: Queue[dict[str, Any]]) -> None:
    while (message := read_message(sys.stdin.buffer)) is not None:
        messages.put(message)
    os._exit(0)  # the gateway is gone; a replay in the main thread has no reader any more


def _rest(
    messages: Queue[dict[str, Any]],
    history: History,
    setup: Mapping[str, Any],
    seconds: float,
) -> Mapping[str, Any]:
    """Take messages for so many seconds; returns the present setup."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        try:
            message = messages.get(timeout=left)
        except Empty:
            break
        setup = _taken(message, history, setup)
    return setup


def _taken(
    message: Mapping[str, Any], history: History, setup: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Take a message's records; returns the present setup, which a message has if it is new."""
    setup = message["setup"] or setup
    history.add(map(Begun._make, message["begun"]), map(Ended._make, message["ended"]))
    history.forget(setup["most_requests"])
    return setup


def _page(history: History, setup: Mapping[str, Any], now: float) -> dict[str, Any]:
    """The page of the present window. The clock is the gateway's: both are monotonic."""
    return judge(history.window(now, setup["window_s"], setup["most_requests"]), setup)


if __name__ == "__main__":
    main()
