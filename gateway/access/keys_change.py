"""Changes of the file of keys: what `lengthwise keys` does to a holder's line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from gateway.access.api_key import digest, new_key
from gateway.access.key_file import MOST_VALID, Holders, KeptHolder, KeptKey
from gateway.config.access import Rights

_ID_DIGITS = 8
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_KEPT_S = 90 * 86_400.0
"""Seconds for which a key that has ended stays in the file, so that its user is told why."""


class KeysError(ValueError):
    """What was asked cannot be done; the message names the remedy."""


def moment(text: str, now: float) -> float | None:
    """A time as people write it: ``30d`` from now, a date in UTC, ``now`` or ``never`` (None).

    Raises:
        KeysError: it is none of these.
    """
    if text == "never":
        return None
    if text == "now":
        return now
    if found := re.fullmatch(r"(\d{1,6})([smhdw])", text):
        return now + int(found[1]) * _UNITS[found[2]]
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        raise KeysError(
            f"{text[:40]!r} is no time: write 30d (s, m, h, d, w from now), 2027-01-31, "
            "2027-01-31T18:00+01:00, now or never"
        ) from None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def add(holders: Holders, name: str, group: str, rights: Rights, expires: float | None) -> str:
    """Add a holder; returns the new key."""
    if name in holders:
        raise KeysError(f"{name} is there already: lengthwise keys rotate {name} makes a new key")
    key, kept = _new(_now(), expires)
    holders[name] = KeptHolder(name=name, group=group, keys=(kept,), rights=rights)
    return key


def rotate(holders: Holders, name: str, ends: float, expires: float | None) -> str:
    """Give a holder a new key; the one so far is valid until ``ends``. Returns the new key."""
    holder, now = _known(holders, name), _now()
    valid = holder.valid(now)
    if ends > now and len(valid) >= MOST_VALID:
        ids = " or ".join(f"--id {key.id}" for key in valid)
        raise KeysError(
            f"{name} has {len(valid)} valid keys, the most there may be: first end one with "
            f"lengthwise keys revoke {name} {ids}, or rotate with --keep 0s to end both"
        )
    key, kept = _new(now, expires)
    old = (
        one.model_copy(update={"expires": min(ends, one.expires or ends)}) if one in valid else one
        for one in _lately(holder.keys, now)
    )
    holders[name] = holder.model_copy(update={"keys": (*old, kept)})
    return key


def revoke(holders: Holders, name: str, key_id: str = "") -> int:
    """Take back a holder's key, or all of them; returns how many were valid."""
    holder, now = _known(holders, name), _now()
    meant = [one for one in holder.keys if not key_id or one.id == key_id]
    if not meant:
        raise KeysError(_no_such_key(holder, key_id))
    keys = (
        one.model_copy(update={"revoked": now}) if one in meant and one.revoked is None else one
        for one in holder.keys
    )
    holders[name] = holder.model_copy(update={"keys": tuple(keys)})
    return sum(one.state(now) == "valid" for one in meant)


def expire(holders: Holders, name: str, expires: float | None, key_id: str = "") -> int:
    """Set when a holder's keys end that are not revoked; returns how many there are."""
    holder = _known(holders, name)
    meant = [one for one in holder.keys if one.revoked is None and key_id in ("", one.id)]
    if not meant:
        raise KeysError(_no_such_key(holder, key_id))
    keys = (
        one.model_copy(update={"expires": expires}) if one in meant else one for one in holder.keys
    )
    holders[name] = holder.model_copy(update={"keys": tuple(keys)})
    return len(meant)


def regroup(holders: Holders, name: str, group: str) -> str:
    """Put a holder into another group; returns the one so far."""
    holder = _known(holders, name)
    holders[name] = holder.model_copy(update={"group": group})
    return holder.group


def _known(holders: Holders, name: str) -> KeptHolder:
    if name not in holders:
        names = ", ".join(holders) or "nobody"
        raise KeysError(f"{name[:64]!r} has no key. Holders: {names[:500]}")
    return holders[name]


def _no_such_key(holder: KeptHolder, key_id: str) -> str:
    ids = ", ".join(one.id for one in holder.keys if one.revoked is None) or "none"
    return f"{holder.name} has no key {key_id[:20]!r} that is not revoked. Keys: {ids}"


def _lately(keys: Iterable[KeptKey], now: float) -> list[KeptKey]:
    """The keys without those that have ended long ago."""
    ends = ((key, key.revoked or key.expires) for key in keys)
    return [key for key, end in ends if end is None or end > now - _KEPT_S]


def _new(now: float, expires: float | None) -> tuple[str, KeptKey]:
    key = new_key()
    found = digest(key)
    return key, KeptKey(id=found[:_ID_DIGITS], hash=found, created=now, expires=expires)


def _now() -> float:
    return datetime.now(UTC).timestamp()
