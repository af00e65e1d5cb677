"""Regulars: the keys without a name in the configuration that have earned a share of their own.

The gateway checks no keys, so a client can make up a fresh one for every request. A fresh key that
counted as a tenant would go before every tenant that has been served.
"""

from __future__ import annotations

from collections import OrderedDict

ANSWERS = 10
"""Answered requests after which a key is a regular's."""

IDLE_S = 3600.0
"""Seconds without a request after which a regular may lose its place to another key."""

MOST_COUNTED = 50_000
"""Keys whose answers are counted, some 8 MB; the least recently answered is forgotten first."""


class Regulars:
    """Keys by their pseudonyms, at most ``most``. Times are seconds on one clock."""

    def __init__(self, most: int) -> None:
        self.most = most
        """A lower number than before lets none go: they lose their places when they are idle."""
        self._seen: OrderedDict[str, float] = OrderedDict()  # regular -> time of its last answer
        self._answers: OrderedDict[str, int] = OrderedDict()

    def __contains__(self, pseudonym: object) -> bool:
        return pseudonym in self._seen

    def __len__(self) -> int:
        return len(self._seen)

    def answered(self, pseudonym: str, now: float) -> None:
        """Note that a request of this key has been answered."""
        if pseudonym in self._seen:
            self._seen[pseudonym] = now
            self._seen.move_to_end(pseudonym)
            return
        self._answers[pseudonym] = self._answers.get(pseudonym, 0) + 1
        self._answers.move_to_end(pseudonym)
        if len(self._answers) > MOST_COUNTED:
            self._answers.popitem(last=False)
        if self._answers.get(pseudonym, 0) >= ANSWERS and self._has_room(now):
            del self._answers[pseudonym]
            self._seen[pseudonym] = now

    def _has_room(self, now: float) -> bool:
        if len(self._seen) < self.most:
            return True
        longest = next(iter(self._seen), None)
        if longest is None or now - self._seen[longest] < IDLE_S:
            return False
        del self._seen[longest]
        return True
