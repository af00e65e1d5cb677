"""The screen of ``lengthwise status`` and ``top``: drawn once, or again and again in a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from gateway.admin.commands.client import AdminClient, Unanswered

WIDTH = 1000
"""Columns where the output is no terminal: nothing is cut or folded, so that `grep` finds it."""


def console() -> Console:
    """Standard output; of a fixed width and without colours where it is no terminal."""
    width = None if sys.stdout.isatty() else WIDTH
    return Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)


Draw = Callable[[Mapping[str, Any], int], RenderableType]
"""Draws a page for a screen of so many columns."""


def show(client: AdminClient, path: str, draw: Draw, *, once: bool, interval_s: float) -> int:
    """Draw a page again and again; returns the exit code. Ctrl-C is the way out, no fault."""
    screen = console()
    first = draw(client.get(path), screen.width)
    if once or not screen.is_terminal:
        screen.print(first)
        return 0
    try:
        with Live(first, console=screen, screen=True, auto_refresh=False) as live:
            live.refresh()
            while True:
                time.sleep(interval_s)
                live.update(_next_page(client, path, draw, screen.width), refresh=True)
    except KeyboardInterrupt:
        return 0


def _next_page(client: AdminClient, path: str, draw: Draw, width: int) -> RenderableType:
    try:
        return draw(client.get(path), width)
    except Unanswered as error:  # it may be restarted meanwhile
        return Group(Text(str(error), style="bold red"), Text("looking again; Ctrl-C ends"))
