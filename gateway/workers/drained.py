"""Drained: the workers that operators have drained, remembered over restarts in a small file."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from predictor.files import PRIVATE_FILE, atomic_write

log = logging.getLogger("lengthwise")

FILE = "drained.json"


class Drained:
    """Ids of workers; without a folder they are forgotten with the gateway.

    A file that cannot be read or written costs the memory of it, with a line in the log, and
    neither a start nor a command.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / FILE
        self._ids = set(self._read())

    @property
    def kept(self) -> bool:
        """Whether a restart finds them again."""
        return self._path is not None

    def __contains__(self, worker_id: str) -> bool:
        return worker_id in self._ids

    def set(self, worker_id: str, drained: bool) -> None:
        """Note that a worker is drained, or is no more."""
        (self._ids.add if drained else self._ids.discard)(worker_id)

    def save(self) -> None:
        """Write them down."""
        if self._path is None:
            return
        try:
            with atomic_write(self._path, mode=PRIVATE_FILE) as file:
                file.write(json.dumps(sorted(self._ids), indent=1).encode() + b"\n")
        except OSError as error:
            log.warning("%s: a restart forgets drained workers: %s", self._path, error.strerror)

    def _read(self) -> list[str]:
        if self._path is None:
            return []
        try:
            found = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "no JSON"
            log.warning("%s: which workers were drained is not known: %s", self._path, why)
            return []
        return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
