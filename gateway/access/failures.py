"""Failures: how many wrong keys may come from one address."""

from __future__ import annotations

from collections import OrderedDict

from gateway.access.bucket import Bucket

MOST_ADDRESSES = 20_000
"""Addresses that are counted, some 5 MB; the one without a failure for longest is forgotten first.
"""

MOST_KNOWN = 20_000
"""Pairs of address and key that are remembered as right."""


class Failures:
    """Wrong keys by address. Times are seconds on one clock.

    Once an address has sent too many, keys from there are no longer tried: its client learns
    nothing about them. Others behind the same proxy go on, if their keys have been right before.
    """

    def __init__(self, most_per_min: int) -> None:
        self.most_per_min = most_per_min
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait_s(self, address: str, key_digest: str, now: float) -> float:
        """Seconds until a key from this address is tried; 0: now."""
        bucket = self._buckets.get(address)
        if bucket is None or not self.most_per_min or (address, key_digest) in self._known:
            return 0.0
        seconds = bucket.take(1, self.most_per_min, now)
        if not seconds:
            bucket.correct(-1)
        return seconds

    def failed(self, address: str, now: float) -> None:
        """Note a wrong key."""
        if not self.most_per_min:
            return
        bucket = self._buckets.setdefault(address, Bucket())
        bucket.take(1, self.most_per_min, now)
        self._buckets.move_to_end(address)
        if len(self._buckets) > MOST_ADDRESSES:
            self._buckets.popitem(last=False)

    def succeeded(self, address: str, key_digest: str) -> None:
        """Note a right key."""
        if not self.most_per_min:
            return
        self._known[address, key_digest] = None
        self._known.move_to_end((address, key_digest))
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
