"""Report: usage summed by what is asked for, as a table, CSV or JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TextIO

from gateway.usage.counts import Counts, Totals, date_of

GROUPS = ("day", "key", "model")
"""What counts can be summed by."""

COUNTED = ("requests", "failed", "prompt_tokens", "output_tokens", "queue_s", "worker_s")
_TITLES = ("requests", "failed", "prompt tokens", "output tokens", "queued", "at workers")

MOST_COLUMNS = 1000


@dataclass(frozen=True, slots=True)
class Report:
    """Counts of the days ``since`` to ``until``, for each value of what they are summed ``by``."""

    since: date
    until: date
    by: tuple[str, ...]
    rows: dict[tuple[str, ...], Counts]

    @classmethod
    def of(cls, totals: Totals, since: date, until: date, by: Sequence[str]) -> Report:
        """Sum: days in order, and below each other those who used most first."""
        rows: dict[tuple[str, ...], Counts] = {}
        for row, counts in totals.items():
            values = {"day": date_of(row.day).isoformat(), "key": row.key, "model": row.model}
            rows.setdefault(tuple(values[name] for name in by), Counts()).add(counts)
        at = by.index("day") if "day" in by else None

        def place(item: tuple[tuple[str, ...], Counts]) -> tuple[Any, ...]:
            names, counts = item
            return (names[at] if at is not None else "", -counts.tokens, -counts.requests, names)

        return cls(since, until, tuple(by), dict(sorted(rows.items(), key=place)))

    @property
    def total(self) -> Counts:
        """The sum of all rows."""
        total = Counts()
        for counts in self.rows.values():
            total.add(counts)
        return total

    def write_csv(self, output: TextIO) -> None:
        """A line for each row, with a header."""
        writer = csv.writer(output, lineterminator="\n")
        writer.writerow((*self.by, *COUNTED))
        writer.writerows(
            (*names, *_figures(counts).values()) for names, counts in self.rows.items()
        )

    def as_json(self) -> str:
        """One object."""
        rows = [
            dict(zip(self.by, names, strict=True)) | _figures(counts)
            for names, counts in self.rows.items()
        ]
        head = {"since": str(self.since), "until": str(self.until), "by": self.by}
        return json.dumps({**head, "rows": rows, "total": _figures(self.total)}, indent=2)

    def lines(self) -> Iterator[tuple[str, ...]]:
        """The cells of a table: titles, rows, and the sum as the last line."""
        yield (*self.by, *_TITLES)
        for names, counts in self.rows.items():
            yield (*map(_printable, names), *_cells(counts))
        yield ("total", *[""] * (len(self.by) - 1), *_cells(self.total))


def print_table(report: Report, output: TextIO) -> None:
    """Print a report for people: as it is, or with colours where ``output`` is a terminal."""
    from rich.console import Console  # noqa: PLC0415 - rich takes 50 ms and `serve` needs none
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    titles, *rows, total = report.lines()
    names, failed = len(report.by), len(report.by) + COUNTED.index("failed")
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=True)
    for number, (title, sum_) in enumerate(zip(titles, total, strict=True)):
        table.add_column(
            title.replace(" ", "\n") if output.isatty() else title,
            Text(sum_, style="bold"),
            justify="left" if number < names else "right",
            overflow="fold",
        )
    for row in rows:
        shown = [Text(cell) for cell in row]
        shown[failed].stylize("" if row[failed] == "0" else "yellow")
        table.add_row(*shown)
    width = None if output.isatty() else MOST_COLUMNS  # no name is cut
    console = Console(file=output, width=width, highlight=False)
    console.print(f"{report.since} to {report.until}, days in UTC", style="dim")
    console.print(table)


def duration(seconds: float) -> str:
    """Seconds as people read them: 4.2 s, 3 min 20 s, 2 h 5 min, 1,234 h."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 100 else f"{hours:,} h"


def _figures(counts: Counts) -> dict[str, float]:
    return {name: round(getattr(counts, name), 6) for name in COUNTED}


def _cells(counts: Counts) -> tuple[str, ...]:
    whole = (counts.requests, counts.failed, counts.prompt_tokens, counts.output_tokens)
    return (*(f"{n:,}" for n in whole), duration(counts.queue_s), duration(counts.worker_s))


def _printable(text: str) -> str:
    """A name as it is: nothing in it steers the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)
