"""What ``lengthwise keys list`` prints: holders, their keys, and the rights of their own."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from gateway.access.key_file import KeptHolder, KeptKey
from gateway.config.access import Rights

_TITLES = ("name", "group", "key", "state", "created", "expires")


def json_lines(holders: Iterable[KeptHolder]) -> Iterator[str]:
    """One holder a line, as in the file but without digests, for programs."""
    for holder in holders:
        fields = holder.model_dump(mode="json", exclude_defaults=True)
        for key in fields.get("keys", ()):
            del key["hash"]
        yield json.dumps(fields)


def lines(
    holders: Iterable[KeptHolder], now: float, groups: Collection[str] | None
) -> Iterator[str]:
    """A table for people: a line for each key, and below a holder's keys the rights of his own.

    Args:
        holders: who is shown.
        now: seconds since 1970.
        groups: the groups of the configuration; None where nobody knows them.
    """
    rows: list[Sequence[str]] = [_TITLES]
    notes: dict[int, list[str]] = {}  # by the number of the row above them
    for holder in holders:
        unknown = groups is not None and bool(holder.group) and holder.group not in groups
        rows += [_row(holder, key, now, unknown) for key in holder.keys] or [
            (holder.name, holder.group, "none", "", "", "")
        ]
        own = rights_text(holder.rights)
        notes[len(rows) - 1] = [
            *([f"access.groups has no group {holder.group}: the keys open nothing"] * unknown),
            *([f"own rights: {own}"] if own else []),
        ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
        yield from (f"    {note}" for note in notes.get(number, ()))


def _row(holder: KeptHolder, key: KeptKey, now: float, unknown_group: bool) -> Sequence[str]:
    state = key.state(now)
    if state == "valid" and unknown_group:
        state = "disabled"
    created = f"{datetime.fromtimestamp(key.created, UTC):%Y-%m-%d}"
    return holder.name, holder.group, key.id, state, created, shown_time(key.expires)


def rights_text(rights: Rights) -> str:
    """The rights that are set, by the names that the configuration has for them."""
    fields = rights.model_dump(exclude_none=True)
    return "; ".join(f"{name} {_value(value)}" for name, value in fields.items())


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{alias} -> {model}" for alias, model in value.items()) or "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return ("no", "yes")[value] if isinstance(value, bool) else f"{value}"


def shown_time(when: float | None) -> str:
    """A time in UTC; "" for never."""
    return "" if when is None else f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d %H:%M}Z"
