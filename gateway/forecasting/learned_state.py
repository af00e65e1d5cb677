"""Learned: the folder in which what traffic teaches outlives a restart."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from gateway.config.forecasting import Learning
from predictor.adaptive import AdaptiveLayer, StateError, load_state, save_state
from predictor.served import LogError, ServedLog

log = logging.getLogger("lengthwise")

LOG, STATE, MODELS = "served", "adaptive.npz", "models"
"""What lies in the folder: the served log, what the adaptive layer knows, refitted models."""

SAVE_S = 300.0
"""Seconds between two writings of the state: what a crash may cost."""


class LearningError(Exception):
    """The folder cannot be used; the message names it and the remedy."""


@dataclass(slots=True)
class LearnedState:
    """What was learned so far, and where it is kept; without a folder, in memory alone."""

    adaptive: AdaptiveLayer
    folder: Path | None = None
    log: ServedLog | None = None

    @classmethod
    def open(cls, settings: Learning) -> LearnedState:
        """Take up what an earlier run learned, and the served log.

        Raises:
            LearningError: the folder cannot be written, or another gateway writes to it.
        """
        if settings.folder is None:
            return cls(AdaptiveLayer())
        try:
            served = ServedLog(settings.folder / LOG, max_bytes=settings.max_bytes)
        except LogError as error:
            raise LearningError(f"learning.folder: {error}") from error
        learned = cls(_remembered(settings.folder / STATE), settings.folder, served)
        learned._save()  # the salt, without which a crash would give all tenants new names
        return learned

    async def keep_saving(self) -> None:
        """Write the state down every few minutes, until cancelled."""
        while self.folder is not None:
            await asyncio.sleep(SAVE_S)
            await asyncio.to_thread(self._save)

    def close(self) -> None:
        """Write down what is in memory."""
        self._save()
        if self.log is not None:
            self.log.close()

    def _save(self) -> None:
        if self.folder is None:
            return
        try:
            save_state(self.adaptive, self.folder / STATE)
        except OSError as error:
            log.error("what was learned cannot be kept in %s: %s", self.folder, error)


def _remembered(path: Path) -> AdaptiveLayer:
    if not path.exists():
        return AdaptiveLayer()
    try:
        return load_state(path)
    except StateError as error:
        log.error("what was learned before is lost: %s", error)
        return AdaptiveLayer()
