"""Shadow: feeds a process of low priority that replays the requests, and keeps its last page."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from gateway.config.shadow import ShadowSettings
from gateway.shadow.feed import Feed
from gateway.shadow.records import packed

log = logging.getLogger("lengthwise")

_NICE = ("nice", "-n", "19") if shutil.which("nice") else ()
COMMAND = (*_NICE, sys.executable, "-P", "-m", "gateway.replay")
"""The process has the lowest priority from its first moment on, and takes no code (-P) from the
folder in which the gateway was started."""

FEWEST = 100
"""Ended requests with which the process begins: an idle gateway needs none."""

FLUSH_S = 1.0
"""Seconds between two batches."""

MOST_UNSENT = 8 * 2**20
"""Bytes that the pipe may hold back. The records that come beyond are lost."""

PAUSES_S = (1.0, 60.0)
"""Seconds before a process that has ended is started again: at first, and at most."""

STALE_PERIODS, STALE_S = 3.0, 60.0
"""A page is old after so many times the seconds until the next one, and so many more."""

FIRST_PAGE_S = 300.0
"""Seconds after which a process without its first page is stale rather than starting."""

LINE_BYTES = 2**20
"""Longest page."""

STATES = (
    *("ok", "off", "starting", "few_requests", "model_off"),
    *("unlike_workers", "behind", "stale", "down"),
)
"""``ok``, or why there are no figures."""

Page = Mapping[str, Any]


class Shadow:
    """The feed, the process behind it, and what the process has found."""

    def __init__(
        self,
        settings: Callable[[], ShadowSettings],
        setup: Callable[[], dict[str, Any]],
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self.feed: Feed | None = Feed() if wanted(settings()) else None
        """What requests tell; None where the shadow is off."""
        self.restarts = 0
        """Times that the process was started again after it had ended."""
        self._settings = settings
        self.setup = setup
        """What the process needs to know of the gateway."""
        self.command = command
        """The command line of the process."""
        self._page: Page = {}
        self._page_at = 0.0
        self._running = False
        self._begun = 0.0
        self._lost_before = 0
        self._lost_in_window = 0.0

    @property
    def page(self) -> Page:
        """The last page, ``state`` and ``age_s`` as they are now. Without figures where not ok."""
        state = self._state()
        page = {**self._page, "state": state}
        if state not in ("ok", "model_off"):
            page = {name: page[name] for name in page if name not in ("arms", "saved", "model")}
        age = round(monotonic() - self._page_at, 1) if self._page else None
        lost = 0 if self.feed is None else self.feed.lost
        return {**page, "age_s": age, "lost_records": lost, "restarts": self.restarts}

    def _state(self) -> str:
        if self.feed is None:
            return "off"
        now = monotonic()
        if not self._page:
            if self._running and now - self._begun > self._settings().interval_s + FIRST_PAGE_S:
                return "stale"
            return "down" if self.restarts and not self._running else "starting"
        if now - self._page_at > STALE_PERIODS * self._page["next_s"] + STALE_S:
            return "stale" if self._running else "down"
        if now < self._lost_in_window:
            return "behind"
        return str(self._page["state"])

    async def watch(self) -> None:
        """Keep the process running and fed, until cancelled; nothing to do where it is off."""
        if self.feed is None:
            return
        pause_s = PAUSES_S[0]
        while len(self.feed.ended) < FEWEST:  # noqa: ASYNC110 - requests set no event: it costs
            await asyncio.sleep(FLUSH_S)
        while True:
            begun = monotonic()
            reason = await self._run(self.feed)
            pause_s = (
                PAUSES_S[0] if monotonic() - begun > PAUSES_S[1] else min(2 * pause_s, PAUSES_S[1])
            )
            level = logging.INFO if self.restarts else logging.WARNING  # told once
            log.log(
                level,
                "the shadow's process has ended (%s), and starts again in %g s",
                reason,
                pause_s,
            )
            await asyncio.sleep(pause_s)
            self.restarts += 1

    async def _run(self, feed: Feed) -> str:
        """Run the process to its end; returns the last line of its errors, or its exit code."""
        process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            limit=LINE_BYTES,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        self._running, self._begun = True, monotonic()
        feeding = asyncio.create_task(self._feed(feed, process))
        feeding.add_done_callback(
            lambda _: _kill(process)
        )  # a process that gets nothing is useless
        last_words = asyncio.create_task(_last_line(process))
        try:
            await self._read(process)
        finally:  # also where the gateway ends
            self._running = False
            feeding.cancel()
            _kill(process)
            await asyncio.gather(feeding, return_exceptions=True)
            await process.wait()
        return await last_words or f"exit code {process.returncode}"

    async def _feed(self, feed: Feed, process: Process) -> None:
        """Send a batch every second. What the process does not take in time is lost."""
        pipe, sent = process.stdin, None
        assert pipe is not None
        while not pipe.is_closing():
            begun, ended = feed.take()
            if pipe.transport.get_write_buffer_size() > MOST_UNSENT:
                feed.lost += len(begun) + len(ended)
            else:
                setup = self.setup()
                news = None if setup == sent else setup
                pipe.write(packed({"begun": begun, "ended": ended, "setup": news}))
                sent = setup
            self._note_losses(feed)
            await asyncio.sleep(FLUSH_S)

    def _note_losses(self, feed: Feed) -> None:
        """While a window may lack requests that were lost, there are no figures."""
        if feed.lost > self._lost_before:
            self._lost_before = feed.lost
            self._lost_in_window = monotonic() + 2 * self._settings().window_s

    async def _read(self, process: Process) -> None:
        """Take pages until the process has ended."""
        assert process.stdout is not None
        async for line in process.stdout:
            self._page, self._page_at = json.loads(line), monotonic()


def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()


async def _last_line(process: Process) -> str:
    """The last line of what the process writes of its errors: a trace ends with its reason."""
    last = b""
    assert process.stderr is not None
    while part := await process.stderr.read(65536):
        last = (last + part)[-4096:]
    lines = last.decode(errors="replace").split("\n")
    return next((line.strip()[:500] for line in reversed(lines) if line.strip()), "")


def wanted(settings: ShadowSettings) -> bool:
    """Whether the settings ask for a shadow on this machine."""
    return settings.enabled == "on" or (settings.enabled == "auto" and _cores() > 1)


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1
