"""Refits: fits the predictor to the served log, at intervals, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.config.settings import Config
from gateway.forecasting.learned_state import LOG, MODELS
from gateway.metrics import Metrics
from predictor.artefact.versions import Versions
from predictor.refit.command import refit_command

log = logging.getLogger("lengthwise")

COUNTED = ("promoted", "kept", "rolled back")
"""Outcomes with a metric. Without enough new answers there is no refit to count."""

_ACTIONS = {"promote": "promoted", "keep": "kept", "rollback": "rolled back"}
"""Action in the history of the models -> outcome of a refit."""

LIMIT_S = 3600.0
"""Seconds that a refit may take. One of 50,000 answers takes minutes."""


MOST_REASON = 200
"""Characters of a reason that are kept."""


@dataclass(frozen=True, slots=True)
class LastRefit:
    """What came of a refit: "promoted", "kept", "rolled back", "waiting" or "failed", and why.

    ``when`` is its end in Unix seconds.
    """

    result: str
    reason: str
    when: float


class Refits:
    """Runs ``lengthwise refit`` on the served log every ``learning.refit_s`` seconds.

    ``Reload`` takes up a promoted model like any new model.
    """

    def __init__(self, config: Config, metrics: Metrics, limit_s: float = LIMIT_S) -> None:
        self._config = config
        self._metrics = metrics
        self._limit_s = limit_s
        self.last = self._before_the_start()
        """The last refit; None where there was none."""

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
            self._failed(f"took longer than {self._limit_s:g} s and was ended")
            return
        finally:  # also where the gateway ends; an unfinished refit changes nothing
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            self._failed("failed: " + errors.decode(errors="replace").strip()[-2000:])
            return
        outcome = json.loads(out)
        if outcome["action"] in COUNTED:
            self._metrics.refits.labels(outcome["action"]).inc()
        self._ended(outcome["action"], outcome["reason"])
        log.info("refit: %s, %s", outcome["action"], outcome["reason"])

    def _failed(self, what: str) -> None:
        self._metrics.refits.labels("failed").inc()
        self._ended("failed", "the log says why")
        log.error("a refit %s", what)

    def _ended(self, result: str, reason: str) -> None:
        self.last = LastRefit(result, reason[:MOST_REASON], time.time())

    def _before_the_start(self) -> LastRefit | None:
        """The last refit of an earlier run, by the history of the models."""
        folder = self._config.learning.folder
        if folder is None:
            return None
        with contextlib.suppress(OSError, KeyError, ValueError):  # the refit itself reports them
            for event in reversed(Versions(folder / MODELS).history()):
                result = _ACTIONS.get(event["action"])
                if event.get("who") == "refit" and result and not event.get("base"):
                    when = datetime.fromisoformat(event["when"]).timestamp()
                    return LastRefit(result, str(event.get("reason", ""))[:MOST_REASON], when)
        return None
