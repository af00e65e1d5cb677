"""Refits: fits the predictor to the served log, at intervals, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from asyncio.subprocess import PIPE
from collections.abc import Sequence

from gateway.config.settings import Config
from gateway.forecasting.learned_state import LOG, MODELS
from gateway.metrics import Metrics
from predictor.refit.command import refit_command

log = logging.getLogger("lengthwise")

COUNTED = ("promoted", "kept", "rolled back")
"""Outcomes with a metric. Without enough new answers there is no refit to count."""

LIMIT_S = 3600.0
"""Seconds that a refit may take. One of 50,000 answers takes minutes."""


class Refits:
    """Runs ``lengthwise refit`` on the served log every ``learning.refit_s`` seconds.

    ``Reload`` takes up a promoted model like any new model.
    """

    def __init__(self, config: Config, metrics: Metrics, limit_s: float = LIMIT_S) -> None:
        self._config = config
        self._metrics = metrics
        self._limit_s = limit_s

    async def watch(self) -> None:
        """Refit every ``learning.refit_s`` seconds, until cancelled."""
        learning = self._config.learning
        if not learning.refit_s or learning.folder is None:
            return
        command = refit_command(
            learning.folder / LOG, learning.folder / MODELS, model=self._config.predictor.path
        )
        while True:
            await asyncio.sleep(learning.refit_s)
            await self._refit(command)

    async def _refit(self, command: Sequence[str]) -> None:
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
        try:
            async with asyncio.timeout(self._limit_s):
                out, errors = await process.communicate()
        except TimeoutError:
            self._metrics.refits.labels("failed").inc()
            log.error("a refit took longer than %g s and was ended", self._limit_s)
            return
        finally:  # also where the gateway ends; an unfinished refit changes nothing
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            self._metrics.refits.labels("failed").inc()
            log.error("a refit failed: %s", errors.decode(errors="replace").strip()[-2000:])
            return
        outcome = json.loads(out)
        if outcome["action"] in COUNTED:
            self._metrics.refits.labels(outcome["action"]).inc()
        log.info("refit: %s, %s", outcome["action"], outcome["reason"])
