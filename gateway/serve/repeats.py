"""Repeats: entries of one kind that come again and again are counted instead of logged."""

from __future__ import annotations

import logging
from time import monotonic

PERIOD_S = 60.0

_MOST_KINDS = 1000
"""Kinds that are counted; a library whose messages all differ must not fill the memory."""


class Repeats(logging.Filter):
    """Lets so many entries of one kind through in a minute. A kind is a message before its values.

    The last one that passes says that more are left out, and the first of the next minute how many.
    """

    def __init__(self, most_per_min: int) -> None:
        super().__init__()
        self.most_per_min = most_per_min
        self._kinds: dict[object, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether an entry goes into the log."""
        most = self.most_per_min
        if not most or not isinstance(record.msg, str):  # an access record is no text
            return True
        kind, now = (record.name, record.levelno, record.msg), monotonic()
        begun, count = self._kinds.get(kind, (now, 0))
        if now - begun >= PERIOD_S:
            left_out, begun, count = max(0, count - most), now, 0
            if left_out:
                record.msg = f"{record.msg} (after {left_out} more of the kind in a minute)"
        if len(self._kinds) >= _MOST_KINDS:
            self._kinds.clear()
        self._kinds[kind] = begun, count + 1
        if count + 1 == most:
            record.msg = f"{record.msg} (more of the kind are left out for up to a minute)"
        return count < most
