"""LearnedState: the adaptive layer's state and the served log, kept in a folder over restarts."""

from __future__ import annotations

import asyncio
import errno
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.config.forecasting import Learning
from predictor.adaptive import AdaptiveLayer, StateError, load_state, save_state
from predictor.files import PRIVATE_FOLDER, narrow, private_folder

if TYPE_CHECKING:
    from predictor.served_log import ServedLog

log = logging.getLogger("lengthwise")

LOG, STATE, MODELS = "served", "adaptive.npz", "models"
"""Entries of the folder: the served log, the adaptive layer's state, refitted models."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Numbers of the errors of a disk, or of a quota, that is full."""

SAVE_S = 300.0
"""Seconds between two writings of the state. A crash loses the changes since the last writing."""


class LearningError(Exception):
    """The folder cannot be used; the message names the folder and the remedy."""


@dataclass(slots=True)
class LearnedState:
    """The adaptive layer and the served log. Without a folder: no log, and nothing is saved."""

    adaptive: AdaptiveLayer
    folder: Path | None = None
    log: ServedLog | None = None
    write_failures: int = 0
    """Times that the state could not be saved."""

    @classmethod
    def open(cls, settings: Learning) -> LearnedState:
        """Open the served log and load the state of an earlier run.

        A full disk costs the records of this run, not its start.

        Raises:
            LearningError: the folder cannot be written, or another gateway writes to it.
        """
        if settings.folder is None:
            return cls(AdaptiveLayer())
        from predictor.served_log import LogError, ServedLog  # noqa: PLC0415 - Arrow takes 30 MB

        try:
            _keep_private(settings.folder)
            served = ServedLog(settings.folder / LOG, max_bytes=settings.max_bytes)
        except OSError as error:
            cause = error.__cause__ if isinstance(error, LogError) else error
            if getattr(cause, "errno", None) not in _FULL:
                raise LearningError(f"learning.folder: {error}") from error
            log.error("learning.folder: %s; nothing is recorded until a restart", error)
            return cls(_load_adaptive(settings.folder / STATE), settings.folder)
        learned = cls(_load_adaptive(settings.folder / STATE), settings.folder, served)
        learned._save()  # keeps the salt: a new salt after a crash would rename the tenants
        return learned

    @property
    def records(self) -> dict[str, int]:
        """Records for the served log since the start, by what became of them."""
        if self.log is None:
            return {"written": 0, "dropped": 0}
        return {"written": self.log.written, "dropped": self.log.dropped}

    async def keep_saving(self) -> None:
        """Save the state every ``SAVE_S`` seconds, until cancelled."""
        while self.folder is not None:
            await asyncio.sleep(SAVE_S)
            await asyncio.to_thread(self._save)

    def close(self) -> None:
        """Save the state and close the served log."""
        self._save()
        if self.log is not None:
            self.log.close()

    def _save(self) -> None:
        if self.folder is None:
            return
        try:
            save_state(self.adaptive, self.folder / STATE)
        except OSError as error:
            self.write_failures += 1
            log.error("the learned state cannot be saved in %s: %s", self.folder, error)


def _keep_private(folder: Path) -> None:
    """Keep other users from the prompts of the log, the salt of the state and what refits learned.

    Raises:
        OSError: the folder cannot be made.
    """
    folder.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
    narrow(folder)
    narrow(folder / STATE)
    if (folder / MODELS).is_dir():
        private_folder(folder / MODELS)


def _load_adaptive(path: Path) -> AdaptiveLayer:
    """The adaptive layer of an earlier run; a new layer if there is none or it is unreadable."""
    if not path.exists():
        return AdaptiveLayer()
    try:
        return load_state(path)
    except StateError as error:
        log.error("the learned state of earlier runs is lost: %s", error)
        return AdaptiveLayer()
