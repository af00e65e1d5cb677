"""The files of usage: one for each process of a gateway, summed where they are read."""

from __future__ import annotations

import re
from pathlib import Path

_OTHERS = re.compile(r"\.front-\d+$")


def file_of_front(file: Path, number: int) -> Path:
    """The database of a front by its number from 1: the first has ``usage.file`` itself."""
    return file if number == 1 else file.with_name(f"{file.name}.front-{number}")


def files_beside(file: Path) -> list[Path]:
    """The other databases of the same gateway: of all fronts that have ever counted beside it."""
    first = file.with_name(_OTHERS.sub("", file.name))
    if not file.parent.is_dir():
        return []
    found = file.parent.glob(f"{_escaped(first.name)}.front-*")
    further = (one for one in found if _OTHERS.fullmatch(one.name.removeprefix(first.name)))
    return sorted(one for one in {first, *further} - {file} if one.is_file())


def _escaped(name: str) -> str:
    """A name that stands for itself in a pattern of ``glob``."""
    return re.sub(r"([*?[])", r"[\1]", name)
