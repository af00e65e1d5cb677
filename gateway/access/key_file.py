"""The file of keys: one holder a line as JSON, with the digests of the holder's keys."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError

from gateway.config.access import Name, Rights
from gateway.config.errors import ConfigError
from gateway.config.section import Section
from predictor.files import PRIVATE_FILE, LockedError, acquire, atomic_write, release

MOST_VALID = 2
"""Keys of one holder that are valid at a time: a new one and, until all users have it, the old."""

_PATIENCE_S = 5.0


class KeyFileError(ConfigError):
    """The file of keys cannot be used; the message names file, line and remedy."""


class KeptKey(Section):
    """A key as it is kept. Times are seconds since 1970."""

    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}$")]
    """The first digits of the digest, to tell a holder's keys apart."""
    hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """The key's SHA-256."""
    created: float = 0.0
    expires: float | None = None
    """When the key ends; None: never."""
    revoked: float | None = None
    """When the key was taken back; None: it was not."""

    def state(self, now: float) -> str:
        """``valid``, ``expired`` or ``revoked``, as errors and `lengthwise keys list` say it."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "valid"


class KeptHolder(Section):
    """A line of the file: who has keys, and the rights beside those of the group."""

    name: Name
    group: str = ""
    keys: tuple[KeptKey, ...] = ()
    rights: Rights = Field(default=Rights())

    def valid(self, now: float) -> tuple[KeptKey, ...]:
        """The keys that are valid now."""
        return tuple(key for key in self.keys if key.state(now) == "valid")


Holders = dict[str, KeptHolder]
"""The holders of a file by name."""


def read_holders(path: Path) -> Holders:
    """The holders in a file.

    Raises:
        KeyFileError: the file cannot be read, or a line is wrong.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise KeyFileError(
            f"{path} (access.keys_file) is not there. Make a first key: lengthwise keys add NAME "
            f"--file {path}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        remedy = ". Run the command as the user that the gateway runs as, who owns the file"
        mine = remedy if isinstance(error, PermissionError) else ""
        raise KeyFileError(f"{path} (access.keys_file) cannot be read: {why}{mine}.") from None
    holders: Holders = {}
    digests: set[str] = set()
    for number, line in enumerate(lines, 1):
        if line.strip():
            holder = _holder(f"{path}:{number}", line)
            new = {key.hash for key in holder.keys}
            if holder.name in holders or new & digests:
                raise KeyFileError(f"{path}:{number}: the name or a key stands there twice.")
            digests |= new
            holders[holder.name] = holder
    return holders


def _holder(place: str, line: str) -> KeptHolder:
    try:
        return KeptHolder.model_validate_json(line)
    except ValidationError as error:  # its text would show the line
        fault = error.errors()[0]
        field = ".".join(map(str, fault["loc"])) or "the line"
        raise KeyFileError(
            f"{place}: {field}: {fault['msg']}. Mend or remove the line; lengthwise keys writes "
            "such files."
        ) from None


def write_holders(path: Path, holders: Mapping[str, KeptHolder]) -> None:
    """Write a file that only its owner may read, in one step."""
    with atomic_write(path, mode=PRIVATE_FILE) as file:
        for holder in holders.values():
            fields = holder.model_dump(mode="json", exclude_defaults=True)
            file.write(json.dumps(fields).encode() + b"\n")


@contextmanager
def changing(path: Path) -> Iterator[Holders]:
    """The holders of a file, which are written back at the end of the block; new if absent.

    Other processes that change the file wait for each other, for up to 5 s.

    Raises:
        KeyFileError, OSError: the file cannot be used.
    """
    path = path.resolve()  # a link stays a link
    descriptor = _locked(path.with_name(path.name + ".lock"))
    try:
        holders = read_holders(path) if path.exists() else {}
        yield holders
        write_holders(path, holders)
    finally:
        release(descriptor)


def _locked(lock: Path) -> int:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return acquire(lock)
        except LockedError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)
