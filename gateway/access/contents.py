"""Contents: all keys by one reading of settings and file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gateway.access.directory import Directory
from gateway.access.key_file import Holders, read_holders
from gateway.config.access import Access
from gateway.protocol.collection import no_collection

Stamp = tuple[int, int, int] | None
"""What changes with a file; None where there is no file."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The keys, and what they were read from."""

    settings: Access
    stamp: Stamp
    """Of the file, before it was read."""
    holders: Holders
    directory: Directory


def read_contents(settings: Access, known: Contents | None = None) -> Contents:
    """The keys by these settings; ten thousand of them in a file take a second.

    A file that is the same as in ``known`` is not read again.

    Raises:
        KeyFileError: the file cannot be used.
    """
    path, stamp = settings.keys_file, stamp_of(settings.keys_file)
    with no_collection():
        if known is not None and (path, stamp) == (known.settings.keys_file, known.stamp):
            holders = known.holders
        else:
            holders = read_holders(path) if path is not None else {}
        return Contents(settings, stamp, holders, Directory(settings, holders))


def stamp_of(path: Path | None) -> Stamp:
    """What changes with a file."""
    try:
        found = os.stat(path) if path is not None else None
    except OSError:
        return None
    return found and (found.st_mtime_ns, found.st_size, found.st_ino)
