"""Directory: whose each key is, and what its holder may do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.access.api_key import digest
from gateway.access.key_file import Holders, KeptHolder
from gateway.access.refusals import Refused
from gateway.config.access import Access, Group, Limits, Rights

NO_RIGHTS = Rights()
MOST_NAMED = 10
"""Holders that a message names."""


@dataclass(frozen=True, slots=True)
class Together:
    """All holders of a group, who share limits."""

    name: str
    """Name of the group."""
    rights: Limits

    @property
    def title(self) -> str:
        """Whose limits they are, at the beginning of a sentence."""
        return f"The group {self.name}, all its keys together,"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who may use the gateway."""

    name: str
    group: str
    rights: Rights
    """The holder's own rights with those of the group where they are unset."""
    together: Together | None = None
    """The limits that the group's holders share; None without any."""

    @property
    def title(self) -> str:
        """Whose limits they are, at the beginning of a sentence."""
        return f"The key of {self.name}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's line of the directory. Times are seconds since 1970."""

    holder: Holder
    expires: float = math.inf
    revoked: bool = False
    disabled: bool = False
    """Whether nobody knows what the key's holder may do: the settings lack his group."""

    def fault(self, now: float) -> Refused | None:
        """Why the key opens nothing now; None if it does."""
        if self.revoked:
            return Refused.REVOKED
        if self.disabled:
            return Refused.DISABLED
        return Refused.EXPIRED if self.expires <= now else None


class Directory:
    """Keys by their digests, of the settings and of the file.

    The keys of a holder whose group the settings do not have open nothing: without the group's
    bounds they would open everything. All other keys do.
    """

    def __init__(self, settings: Access, holders: Holders) -> None:
        self._groups: Mapping[str, Group] = {group.name: group for group in settings.groups}
        self._default = settings.default_group
        self._entries: dict[str, Entry] = {}
        self._without_group: dict[str, str] = {}  # name -> group
        for kept in holders.values():
            self._add_kept(kept)
        for name, key in (settings.api_keys or {}).items():
            group = name if name in self._groups else ""
            self._entries[digest(key.get_secret_value())] = Entry(self.holder(name, group))

    def _add_kept(self, kept: KeptHolder) -> None:
        disabled = bool(kept.group) and kept.group not in self._groups
        if disabled:
            self._without_group[kept.name] = kept.group
        holder = self.holder(kept.name, kept.group, kept.rights)
        for key in kept.keys:
            expires = math.inf if key.expires is None else key.expires
            self._entries[key.hash] = Entry(holder, expires, key.revoked is not None, disabled)

    @property
    def problem(self) -> str:
        """Whose keys open nothing since their group is unknown, with the remedy; "" for nobody."""
        if not self._without_group:
            return ""
        names = [f"{name} ({group})" for name, group in self._without_group.items()]
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        first = next(iter(self._without_group))
        return (
            "access.keys_file: these holders have a group that access.groups lacks, so their keys "
            f"open nothing: {', '.join(names[:MOST_NAMED])}{more}. Add the group there, or give "
            f"the holder another one: lengthwise keys group {first} GROUP"
        )

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, key_digest: str) -> Entry | None:
        """The line of a key."""
        return self._entries.get(key_digest)

    def first_group(self, names: Iterable[str]) -> str:
        """The first of these groups that the settings have, "" for none."""
        return next((name for name in names if name in self._groups), "")

    def holder(self, name: str, group: str, own: Rights = NO_RIGHTS) -> Holder:
        """A holder with the rights of the group, or of the default group where there is none."""
        group = group or self._default
        found = self._groups.get(group)
        if found is None:
            return Holder(name, group, own)
        shared = found.shared
        together = Together(group, shared) if shared.model_fields_set else None
        return Holder(name, group, own.over(found), together)

    def members(self, group: str) -> set[str]:
        """Names of the holders of keys in a group."""
        holders = (entry.holder for entry in self._entries.values())
        return {holder.name for holder in holders if holder.group == group}
