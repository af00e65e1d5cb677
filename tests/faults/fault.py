"""Fault: one hand-made defect, and the test that must fail because of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Fault:
    """A replacement of source text that breaks one promise of the code.

    ``old`` occurs exactly once in ``file`` (path from the repository's root) and becomes ``new``.
    ``test`` is the pytest id of the test that must then fail; ``why`` says what is broken.
    """

    file: str
    old: str
    new: str
    test: str
    why: str

    @property
    def name(self) -> str:
        """The fault in one line: the file and what is broken."""
        return f"{self.file}: {self.why}"

    def applied_to(self, source: str) -> str:
        """``source`` with the fault in it.

        Raises:
            ValueError: ``old`` does not occur exactly once.
        """
        count = source.count(self.old)
        if count != 1:
            raise ValueError(f"{self.file} has the text {self.old!r} {count} times, not once")
        return source.replace(self.old, self.new)

    def put_into(self, root: Path) -> str:
        """Put the fault into the tree below ``root``; returns the sound source."""
        path = root / self.file
        sound = path.read_text(encoding="utf-8")
        path.write_text(self.applied_to(sound), encoding="utf-8")
        return sound
