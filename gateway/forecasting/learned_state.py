"""LearnedState: the adaptive layer's state and the served log, kept in a folder over restarts."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from gateway.config.forecasting import Learning
from predictor.adaptive import AdaptiveLayer, StateError, load_state, save_state
from predictor.served_log import LogError, ServedLog

log = logging.getLogger("lengthwise")

LOG, STATE, MODELS = "served", "adaptive.npz", "models"
"""Entries of the folder: the served log, the adaptive layer's state, refitted models."""

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

    @classmethod
    def open(cls, settings: Learning) -> LearnedState:
        """Open the served log and load the state of an earlier run.

        Raises:
            LearningError: the folder cannot be written, or another gateway writes to it.
        """
        if settings.folder is None:
            return cls(AdaptiveLayer())
        try:
            served = ServedLog(settings.folder / LOG, max_bytes=settings.max_bytes)
        except LogError as error:
            raise LearningError(f"learning.folder: {error}") from error
        learned = cls(_load_adaptive(settings.folder / STATE), settings.folder, served)
        learned._save()  # keeps the salt: a new salt after a crash would rename the tenants
        return learned

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
            log.error("the learned state cannot be saved in %s: %s", self.folder, error)


def _load_adaptive(path: Path) -> AdaptiveLayer:
    """The adaptive layer of an earlier run; a new layer if there is none or it is unreadable."""
    if not path.exists():
        return AdaptiveLayer()
    try:
        return load_state(path)
    except StateError as error:
        log.error("the learned state of earlier runs is lost: %s", error)
        return AdaptiveLayer()
