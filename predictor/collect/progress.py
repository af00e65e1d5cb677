"""A progress bar: redrawn in place on a terminal, a line every 30 s in a file."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

_BAR = 24
_REDRAW_S = 0.1
_LINE_S = 30.0


@dataclass(slots=True)
class ProgressBar:
    """The progress of a run: ``done`` of ``total``, some of it possibly by earlier runs."""

    total: int
    done: int
    stream: TextIO
    clock: Callable[[], float] = time.monotonic
    unit: str = "samples"
    _begun: float = field(init=False)
    _before: int = field(init=False)
    _shown: float = field(init=False)
    _width: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._begun = self._shown = self.clock()
        self._before = self.done
        self._show()

    def step(self, count: int = 1) -> None:
        """Count ``count`` more as done."""
        self.done += count
        now = self.clock()
        pause = _REDRAW_S if self.stream.isatty() else _LINE_S
        if now - self._shown >= pause or self.done == self.total:
            self._shown = now
            self._show()

    def note(self, text: str) -> None:
        """Print ``text`` on a line of its own."""
        self._clear()
        print(text, file=self.stream, flush=True)
        if self.stream.isatty():
            self._show()

    def close(self) -> None:
        """End the bar's line."""
        if self.stream.isatty():
            print(file=self.stream, flush=True)

    def text(self) -> str:
        """Done and total, this run's rate per second, and the time left at that rate."""
        made, passed = self.done - self._before, self.clock() - self._begun
        text = f"{self.done:,}/{self.total:,} {self.unit}"
        if made and passed > 0:
            rate = made / passed
            left = (self.total - self.done) / rate
            text += f"  {rate:.3g}/s  {_duration(left)} left"
        return text

    def _show(self) -> None:
        if not self.stream.isatty():
            print(self.text(), file=self.stream, flush=True)
            return
        full = _BAR * self.done // max(1, self.total)
        line = f"[{'#' * full}{'-' * (_BAR - full)}] {self.text()}"
        line = line[: shutil.get_terminal_size().columns - 1]
        print("\r" + line.ljust(self._width), end="", file=self.stream, flush=True)
        self._width = len(line)

    def _clear(self) -> None:
        if self.stream.isatty():
            print("\r" + " " * self._width + "\r", end="", file=self.stream)


def _duration(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
