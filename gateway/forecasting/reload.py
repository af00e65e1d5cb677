"""Reload: a model put in the place of the one in service is taken up, without a restart."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from gateway.config.settings import Config
from gateway.forecasting.forecaster import Forecaster
from gateway.forecasting.learned_state import MODELS
from gateway.metrics import Metrics
from predictor import ArtefactError
from predictor.adaptive import AdaptiveLayer
from predictor.artefact.format import MANIFEST
from predictor.inference.tiered import TieredPredictor

log = logging.getLogger("lengthwise")

Fingerprint = tuple[str, int, int] | None


def model_path(config: Config) -> Path | None:
    """Where the model to serve lies: the latest refit, else the configured one (None: shipped)."""
    learning = config.learning
    if learning.refit_s and learning.folder is not None:
        current = learning.folder / MODELS / "current"
        if current.exists():
            return current
    return config.predictor.path


def load_serving(config: Config, adaptive: AdaptiveLayer) -> TieredPredictor | None:
    """The configured predictor; None, and why in the log, where there is none to be used.

    A gateway without it still serves, on recent lengths: a broken model must not keep a restart
    from coming up at 3 a.m.
    """
    if not config.predictor.enabled:
        return None
    try:
        return TieredPredictor.load(
            model_path(config), refine=config.predictor.refine, adaptive=adaptive
        )
    except ArtefactError as error:
        log.error("no length predictor, recent lengths are used instead: %s", error)
        return None


class Reload:
    """Looks for a new model, by its manifest's identity: a retrained one, or a promoted refit."""

    def __init__(
        self, config: Config, forecaster: Forecaster, adaptive: AdaptiveLayer, metrics: Metrics
    ) -> None:
        self._config = config
        self._adaptive = adaptive
        self._forecaster = forecaster
        self._metrics = metrics
        self._seen = self._fingerprint()

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while self._config.predictor.enabled:
            await asyncio.sleep(self._config.predictor.reload_s)
            await self._look()

    async def _look(self) -> None:
        """Take up the model if it is another one; a broken one leaves the present in service."""
        found = self._fingerprint()
        if found is None or found == self._seen:
            return
        self._seen = found
        try:
            serving = await asyncio.to_thread(self._load)
        except ArtefactError as error:
            self._metrics.predictor_reloads.labels("refused").inc()
            log.error("the new length predictor is refused, the present one stays: %s", error)
            return
        if serving.artefact == self._forecaster.artefact:
            return  # a copy of what serves
        self._adaptive.rebase()  # what was learned is relative to the model before
        self._forecaster.serve(serving)
        self._metrics.predictor_reloads.labels("ok").inc()
        log.info("a new length predictor serves, made %s", serving.model.manifest.get("created"))

    def _load(self) -> TieredPredictor:
        return TieredPredictor.load(
            model_path(self._config),
            refine=self._config.predictor.refine,
            adaptive=self._adaptive,
        )

    def _fingerprint(self) -> Fingerprint:
        path = model_path(self._config)
        if path is None:
            return None
        try:
            folder = path.resolve(strict=True)
            state = (folder / MANIFEST).stat()
        except OSError:
            return None
        return str(folder), state.st_mtime_ns, state.st_ino
