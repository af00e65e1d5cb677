"""Handoff: what the parent tells a front of its place, as one word of its command line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FLAG = "--as-front"
"""The flag that takes the word. It is for the parent alone, so no help shows it."""


@dataclass(frozen=True, slots=True)
class Handoff:
    """A front's place among the fronts of one gateway."""

    index: int
    """From 0; for people a front's number is one more."""
    count: int
    """The number of fronts."""
    folder: str
    """The folder of this gateway's private sockets and files, which its owner alone may use."""
    sockets: tuple[int, ...]
    """Descriptors of the listening sockets, which all fronts share."""
    link: int
    """Descriptor of a socket to the parent: it ends with the parent, and hears of readiness."""

    def as_word(self) -> str:
        """The word."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def of_word(cls, word: str) -> Handoff:
        """What ``as_word`` was called on."""
        fields = json.loads(word)
        return cls(**{**fields, "sockets": tuple(fields["sockets"])})

    @property
    def number(self) -> int:
        """The front's number for people, from 1."""
        return self.index + 1

    @property
    def salt(self) -> bytes:
        """Secret bytes, the same for all fronts: a key has one pseudonym everywhere."""
        return (Path(self.folder) / SALT).read_bytes()


SALT = "salt"
ACCOUNTS = "accounts"
"""In the folder: what holders use at the moment, for the limits of all fronts together."""

SCHEDULER = "scheduler.sock"
"""In the folder: where the scheduler's process serves the fronts."""

WHOLE = "gateway.sock"
"""In the folder: where fronts ask for the pages of the whole gateway."""


def state_file(folder: Path, index: int) -> Path:
    """Where a front finds, as it starts, what the others have learned."""
    return folder / f"learned-{index + 1}.npz"


def front_socket(folder: Path, index: int) -> Path:
    """Where a front answers the parent."""
    return folder / f"front-{index + 1}.sock"


def counts_folder(folder: Path, index: int) -> Path:
    """Where a front keeps what it counts, for the parent to read after its death."""
    return folder / f"counts-{index + 1}"
