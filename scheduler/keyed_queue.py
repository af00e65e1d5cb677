"""KeyedQueue: items by name, the item of the smallest key first."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import count
from typing import Generic, TypeVar

Key = TypeVar("Key")
Item = TypeVar("Item")

CHUNK = 512
"""Entries of a chunk that has just been split: few to move for each change, so that chunks are few
to search among a million entries."""


class KeyedQueue(Generic[Key, Item]):
    """Items in the order of their keys, in chunks of sorted entries.

    Push, remove and a look at the first take time that hardly grows with the items: two binary
    searches, and a move within a chunk. A heap with lazy removal is no match, as every decision
    looks at the first few items: those that went past others that wait stay among the first.

    Items of equal key leave in the order of their pushes.
    """

    def __init__(self) -> None:
        self._chunks: list[list[tuple[Key, int, str]]] = []
        self._lasts: list[tuple[Key, int, str]] = []
        """The last entry of each chunk."""
        self._live: dict[str, tuple[tuple[Key, int, str], Item]] = {}
        self._tickets = count()

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, name: object) -> bool:
        return name in self._live

    def __iter__(self) -> Iterator[Item]:
        """The items, in no particular order."""
        return (item for _, item in self._live.values())

    def get(self, name: str) -> Item | None:
        """The item of that name, None if absent."""
        live = self._live.get(name)
        return None if live is None else live[1]

    def push(self, name: str, item: Item, key: Key) -> None:
        """Add an item; a second push under one name replaces item and key."""
        if (before := self._live.get(name)) is not None:
            self._take_out(before[0])
        entry = key, next(self._tickets), name
        self._live[name] = entry, item
        at = bisect_left(self._lasts, entry)
        if at < len(self._chunks):
            chunk = self._chunks[at]
            insort(chunk, entry)
        elif self._chunks:
            at -= 1
            chunk = self._chunks[at]
            chunk.append(entry)
            self._lasts[at] = entry
        else:
            self._chunks, self._lasts = [[entry]], [entry]
            return
        if len(chunk) > 2 * CHUNK:
            self._chunks[at : at + 1] = chunk[:CHUNK], chunk[CHUNK:]
            self._lasts.insert(at, chunk[CHUNK - 1])

    def remove(self, name: str) -> Item:
        """Take an item out, from any place in the order.

        Raises:
            KeyError: no item has that name.
        """
        entry, item = self._live.pop(name)
        self._take_out(entry)
        return item

    def _take_out(self, entry: tuple[Key, int, str]) -> None:
        at = bisect_left(self._lasts, entry)
        chunk = self._chunks[at]
        del chunk[bisect_left(chunk, entry)]
        if not chunk:
            del self._chunks[at], self._lasts[at]
        elif self._lasts[at] == entry:
            self._lasts[at] = chunk[-1]

    def peek(self) -> tuple[Key, Item] | None:
        """The smallest key and its item, None if there is none."""
        if not self._chunks:
            return None
        key, _, name = self._chunks[0][0]
        return key, self._live[name][1]

    def in_order(self) -> Iterator[tuple[Key, Item]]:
        """The keys and items, smallest key first; the first k take O(k).

        Valid until an item comes or goes.
        """
        for chunk in self._chunks:
            for key, _, name in chunk:
                yield key, self._live[name][1]
