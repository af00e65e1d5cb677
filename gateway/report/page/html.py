"""HTML from values: whatever is no ``Html`` already is text, and is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from zlib import crc32

_LONGEST = 120
"""Letters of a name that are shown."""

_VOID = frozenset(("meta", "rect", "line", "circle"))


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | Iterable[str]
"""Text, or several pieces."""


def el(tag: str, *children: Content, **attributes: str | float | None) -> Html:
    """An element. A name that is a Python word ends with ``_``; ``_`` stands for a hyphen.

    An attribute of None is left out.
    """
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in _VOID and not children:
        return Html(f"<{tag}{words}/>" if tag != "meta" else f"<{tag}{words}>")
    return Html(f"<{tag}{words}>{''.join(map(_inner, children))}</{tag}>")


def name(text: str) -> Html:
    """A name that somebody else chose: short, and without letters that change what is beside it."""
    shown = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
    short = shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"
    return el("bdi", short)


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[Content]],
    *,
    texts: Sequence[int] = (),
) -> Html:
    """A table whose first column names the row; the columns ``texts`` beside it are no numbers.

    It scrolls in a box of its own where it is too wide, also by the keyboard.
    """
    numbers = [None if at == 0 or at in texts else "number" for at in range(len(head))]
    top = el("tr", (el("th", h, scope="col", class_=c) for h, c in zip(head, numbers, strict=True)))
    body = el("tbody", (_row(row, numbers) for row in rows))
    return _scrolled(caption, el("thead", top), body)


def grouped_table(
    caption: str, head: Sequence[str], groups: Iterable[tuple[str, Sequence[Sequence[Content]]]]
) -> Html:
    """As ``table``, with rows below names of groups; all columns but the first are numbers."""
    numbers = [None, *["number"] * (len(head) - 1)]
    top = el("tr", (el("th", h, scope="col", class_=c) for h, c in zip(head, numbers, strict=True)))
    bodies = (
        el(
            "tbody",
            el("tr", el("th", group, scope="rowgroup", colspan=len(head))),
            (_row(row, numbers) for row in rows),
        )
        for group, rows in groups
    )
    return _scrolled(caption, el("thead", top), bodies)


def prose(sentence: str) -> list[str]:
    """A sentence, with what stands in backticks as code."""
    parts = sentence.split("`")
    return [el("code", part) if at % 2 else part for at, part in enumerate(parts)]


def _row(row: Sequence[Content], numbers: Sequence[str | None]) -> Html:
    cells = (el("td", cell, class_=c) for cell, c in zip(row[1:], numbers[1:], strict=True))
    return el("tr", el("th", row[0], scope="row"), cells)


def _scrolled(caption: str, *parts: Content) -> Html:
    """The caption stands outside of what scrolls, so that a phone shows it all."""
    title = f"t-{crc32(caption.encode()):x}"
    whole = el("table", *parts, aria_labelledby=title)
    box = el("div", whole, class_="scroll", tabindex="0", role="region", aria_labelledby=title)
    return el("div", el("h3", caption, id=title), box)


def _inner(child: Content) -> str:
    if isinstance(child, Html):
        return child
    return html.escape(child) if isinstance(child, str) else "".join(map(_inner, child))


def _value(value: str | float) -> str:
    return html.escape(value) if isinstance(value, str) else f"{value:g}"
