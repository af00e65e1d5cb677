"""KeyedHeap: items by name, the item of the smallest key first."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Generic, TypeVar

Key = TypeVar("Key")
Item = TypeVar("Item")


class KeyedHeap(Generic[Key, Item]):
    """A heap with lazy removal: push, pop and remove take logarithmic amortised time.

    Items of equal key leave in the order of their pushes.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[Key, int, str]] = []
        self._live: dict[str, tuple[int, Item]] = {}
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
        ticket = next(self._tickets)
        self._live[name] = (ticket, item)
        heappush(self._heap, (key, ticket, name))
        if len(self._heap) > 2 * len(self._live) + 16:
            self._compact()

    def remove(self, name: str) -> Item:
        """Take an item out, from any place in the order.

        Raises:
            KeyError: no item has that name.
        """
        _, item = self._live.pop(name)
        return item

    def peek(self) -> tuple[Key, Item] | None:
        """The smallest key and its item, None if the heap is empty."""
        while self._heap:
            key, ticket, name = self._heap[0]
            live = self._live.get(name)
            if live is not None and live[0] == ticket:
                return key, live[1]
            heappop(self._heap)
        return None

    def in_order(self) -> Iterator[tuple[Key, Item]]:
        """The keys and items, smallest key first; the first k take O(k log k).

        Valid until the heap changes.
        """
        self.peek()  # drops the removed items at the top
        places = [(self._heap[0], 0)] if self._heap else []
        while places:
            (key, ticket, name), place = heappop(places)
            for child in (2 * place + 1, 2 * place + 2):
                if child < len(self._heap):
                    heappush(places, (self._heap[child], child))
            live = self._live.get(name)
            if live is not None and live[0] == ticket:
                yield key, live[1]

    def _compact(self) -> None:
        # Removed items must not hold memory until their entries come to the top.
        tickets = {ticket for ticket, _ in self._live.values()}
        self._heap = [entry for entry in self._heap if entry[1] in tickets]
        heapify(self._heap)
