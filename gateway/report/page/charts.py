"""Plots as inline SVG. Positions are shares of the width, so that letters keep their size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from gateway.report.page.html import Html, el

_HEIGHT = 150.0
_TOP, _BOTTOM = 8.0, 20.0
_TICKS = 4


@dataclass(frozen=True, slots=True)
class Dot:
    """A value with the ends of its interval, if it has one."""

    label: Html
    value: float
    low: float | None = None
    high: float | None = None


def columns(values: Sequence[int], labels: Sequence[str], about: str) -> Html:
    """A column for each value; ``labels`` are their beginnings, of which a few are shown."""
    most, count = max(values, default=0) or 1, len(values)
    room = _HEIGHT - _TOP - _BOTTOM
    bars = (
        el(
            "rect",
            el("title", f"{label}: {value:,}"),
            x=f"{100 * (at + 0.1) / count:.3f}%",
            width=f"{80 / count:.3f}%",
            y=_TOP + room * (1 - value / most),
            height=room * value / most,
            class_="mark",
        )
        for at, (value, label) in enumerate(zip(values, labels, strict=True))
    )
    lines = (
        el("line", x1="0%", x2="100%", y1=y, y2=y, class_="grid")
        for y in (_TOP, _TOP + room / 2, _TOP + room)
    )
    scale = el("div", el("span", f"{most:,}"), el("span", "0"), class_="scale", aria_hidden="true")
    step = -(-count // _TICKS)
    ticks = (
        el("text", labels[at], x=f"{100 * (at + 0.1) / count:.3f}%", y=_HEIGHT - 5)
        for at in range(0, count, step)
    )
    plot = el("svg", lines, bars, ticks, height=_HEIGHT, role="img", aria_label=about)
    return el("figure", el("div", scale, plot, class_="plot"))


def stacks(
    rows: Iterable[tuple[str, Sequence[float], str]], parts: Sequence[tuple[str, str]], about: str
) -> Html:
    """Shares of wholes: (label, parts, note) of each row; ``parts`` are (name, class)."""
    legend = el("ul", (el("li", el("i", class_=cls), text) for text, cls in parts), class_="legend")
    drawn = (
        (
            el("span", label),
            el("svg", _stack(values, [cls for _, cls in parts]), height=18, aria_hidden="true"),
            el("span", note, class_="number"),
        )
        for label, values, note in rows
    )
    return el("figure", legend, el("div", *drawn, class_="rows", role="img", aria_label=about))


def _stack(values: Sequence[float], classes: Sequence[str]) -> Iterator[Html]:
    total, begin = sum(values) or 1.0, 0.0
    for value, cls in zip(values, classes, strict=True):
        x, size = f"{100 * begin / total:.3f}%", f"{100 * value / total:.3f}%"
        yield el("rect", x=x, width=size, y=1, height=16, class_=cls)
        begin += value


def dots(
    rows: Sequence[Dot],
    shown: Callable[[float], str],
    about: str,
    *,
    ends: tuple[float, float] | None = None,
    mark: float = 0.0,
    band: tuple[float, float] | None = None,
) -> Html:
    """Values on one scale, with a line at ``mark`` and the ``band`` in which all is well."""
    low, high = ends or _ends(rows, mark)

    def place(value: float) -> str:
        return f"{100 * (min(max(value, low), high) - low) / (high - low):.3f}%"

    drawn = (
        (el("span", row.label), _dot(row, place, mark, band), _note(row, shown)) for row in rows
    )
    scale = el(
        "svg",
        el("text", shown(low), x="0%", y=12),
        el("text", shown(mark), x=place(mark), y=12, text_anchor="middle", class_="middle"),
        el("text", shown(high), x="100%", y=12, text_anchor="end"),
        height=16,
        aria_hidden="true",
    )
    bottom = (el("span"), scale, el("span"))
    return el("figure", el("div", *drawn, bottom, class_="rows", role="img", aria_label=about))


def _note(row: Dot, shown: Callable[[float], str]) -> Html:
    return el("span", shown(row.value), class_="number")


def _dot(
    row: Dot, place: Callable[[float], str], mark: float, band: tuple[float, float] | None
) -> Html:
    parts = []
    if band is not None:
        left = place(band[0])
        size = float(place(band[1])[:-1]) - float(left[:-1])
        parts.append(el("rect", x=left, width=f"{size:.3f}%", y=0, height=20, class_="band"))
    parts.append(el("line", x1=place(mark), x2=place(mark), y1=0, y2=20, class_="axis"))
    if row.low is not None and row.high is not None:
        parts.append(
            el("line", x1=place(row.low), x2=place(row.high), y1=10, y2=10, class_="reach")
        )
    parts.append(el("circle", cx=place(row.value), cy=10, r=4.5, class_="dot"))
    return el("svg", parts, height=20, aria_hidden="true")


def _ends(rows: Sequence[Dot], mark: float) -> tuple[float, float]:
    """Ends of the scale on both sides of the mark, the same distance away."""
    values = [v for row in rows for v in (row.value, row.low, row.high) if v is not None]
    reach = max((abs(value - mark) for value in values), default=0.0)
    reach = next((r for r in (0.05, 0.1, 0.2, 0.5, 1.0) if reach <= r), reach or 1.0)
    return mark - reach, mark + reach
