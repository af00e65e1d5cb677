"""Lost: what of a served log could not be read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lost:
    """What of a log could not be read: ``files``, and ``lines`` or rows of other files."""

    files: int = 0
    lines: int = 0

    def __add__(self, other: Lost) -> Lost:
        return Lost(self.files + other.files, self.lines + other.lines)
