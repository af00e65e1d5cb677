"""What ``lengthwise queue`` and ``lengthwise top`` draw."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.admin.commands.pages import NARROW, Page, plain, table
from gateway.admin.commands.words import duration

_ALL = (">", "id", "key", "model", ">class", ">prompt", ">expected", ">waited", ">starts in")
_SHORT = (">", "id", "key", ">expected", ">waited", ">starts in")
"""What the queue shows on a narrow screen; its id finds the rest: `lengthwise queue ID`."""


def queue_table(page: Page, width: int) -> RenderableType:
    """The first waiting requests."""
    rows = [_row(row) for row in page["requests"]]
    titles = _SHORT if width < NARROW else _ALL
    shown = [[row[title] for title in titles] for row in rows]
    state = ", paused" if page["paused"] else ""
    return Group(Text(f"{page['waiting']} requests wait{state}"), table("", titles, shown))


def _row(row: Page) -> dict[str, object]:
    return {
        ">": row["position"],
        "id": row["id"],
        "key": row["key"] or "-",
        "model": row["model"],
        ">class": row["class"],
        ">prompt": f"{row['prompt_tokens']:,}",
        ">expected": f"{row['expected_tokens']:,}",
        ">waited": duration(row["waited_s"]),
        ">starts in": duration(row["starts_in_s"]),
    }


def request_lines(page: Page) -> RenderableType:
    """The state of the requests of one id."""
    return Group(*(_one(request) for request in page["requests"]))


def _one(request: Page) -> Text:
    forecast = request["forecast"]
    lines = {
        "id": request["id"],
        "key": request["key"] or "-",
        "model": request["model"],
        "state": request["state"],
        "waited": duration(request["queued_s"]),
        "expected": f"{forecast['median']} tokens ({forecast['low']} to {forecast['high']})",
    }
    if request["state"] == "waiting":
        lines["position"] = request["position"] or "-"
        lines["starts in"] = duration(request["starts_in_s"])
    else:
        lines |= {"worker": request["worker"], "tokens": request["tokens"]}
    text = Text()
    for name, value in lines.items():
        text.append(f"{name:10} ", style="bold").append_text(plain(value)).append("\n")
    return text


def top_table(page: Page, width: int) -> Table:
    """What each key has in the gateway."""
    numbers = ("waiting", "running", "expected_tokens", "ended", "prompt_tokens", "output_tokens")
    between = " " if width >= NARROW else "\n"
    columns = ("key", *(f">{name.replace('_', between)}" for name in numbers))
    rows = [(row["key"], *(f"{row[name]:,}" for name in numbers)) for row in page["keys"]]
    title = f"since the start, {duration(page['uptime_s'])} ago; waiting and running: now"
    return table(title, columns, rows)
