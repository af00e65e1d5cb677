"""Reload: takes up a new model that replaces the present one on disk, without a restart."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from gateway.config.in_force import pause
from gateway.config.settings import Config
from gateway.forecasting.forecaster import Forecaster
from gateway.forecasting.learned_state import MODELS
from gateway.forecasting.trials import Trials
from gateway.metrics import Metrics
from predictor import ArtefactError
from predictor.adaptive import AdaptiveLayer, StateError, load_state
from predictor.artefact.format import MANIFEST
from predictor.artefact.versions import Versions
from predictor.inference.tiered import TieredPredictor

log = logging.getLogger("lengthwise")

Fingerprint = tuple[str, int, int] | None
"""Resolved directory, modification time in ns and inode of a model's manifest; None: no model."""


def model_path(config: Config) -> Path | None:
    """Directory of the latest refit, else of the configured model; None: the shipped model."""
    learning = config.learning
    if learning.refit_s and learning.folder is not None:
        current = learning.folder / MODELS / "current"
        if current.exists():
            return current
    return config.predictor.path


async def load_predictor(
    config: Config, adaptive: AdaptiveLayer, trials: Trials | None = None
) -> TieredPredictor | None:
    """The configured predictor; None if the predictor is disabled or cannot be used.

    A refitted model that cannot be used, as after a change of the features, gives way to the
    configured model or the one that ships. The log names the reason. A broken model must not keep
    the gateway from starting: without a predictor the forecasts are recent lengths.
    """
    if not config.predictor.enabled:
        return None
    trials, refitted, own = trials or Trials(), model_path(config), config.predictor.path
    if refitted != own:
        try:
            return await _load(refitted, config, adaptive, trials)
        except ArtefactError as error:
            instead = own or "the model that ships"
            log.warning("the refitted predictor is refused, %s is used: %s", instead, error)
    try:
        return await _load(own, config, adaptive, trials)
    except ArtefactError as error:
        log.error("no length predictor, recent lengths are used instead: %s", error)
        return None


async def _load(
    path: Path | None, config: Config, adaptive: AdaptiveLayer, trials: Trials
) -> TieredPredictor:
    """Load a model that has passed its trial in another process.

    Raises:
        ArtefactError: the model cannot be used.
    """
    refine = config.predictor.refine
    await trials.check(path, refine=refine)
    return await asyncio.to_thread(TieredPredictor.load, path, refine=refine, adaptive=adaptive)


def learned_layer(path: Path | None) -> AdaptiveLayer | None:
    """What the refit that promoted the model ``path`` learned with it; None if there is nothing."""
    if path is None:
        return None
    folder = path.resolve()
    try:
        return load_state(Versions(folder.parent.parent).layer_path(folder.name))
    except StateError:
        return None


class Reload:
    """Looks for a new model, retrained or refitted: a change of the model's manifest file."""

    def __init__(
        self, config: Config, forecaster: Forecaster, adaptive: AdaptiveLayer, metrics: Metrics
    ) -> None:
        self._config = config
        self._adaptive = adaptive
        self._forecaster = forecaster
        self._metrics = metrics
        self._trials = Trials()
        self._seen = self._fingerprint()

    async def watch(self) -> None:
        """Check for a new model every ``predictor.reload_s`` seconds, until cancelled."""
        while self._config.predictor.enabled:
            await pause(lambda: self._config.predictor.reload_s)
            await self._look()

    async def _look(self) -> None:
        """Use a new model; a new model that cannot be loaded leaves the present model in use."""
        fingerprint = self._fingerprint()
        if fingerprint is None or fingerprint == self._seen:
            return
        self._seen = fingerprint
        try:
            predictor = await self._tried(fingerprint)
        except ArtefactError as error:
            self._metrics.predictor_reloads.labels("refused").inc()
            log.error("the new length predictor is refused, the present one stays: %s", error)
            return
        if predictor.artefact_id == self._forecaster.artefact_id:
            return  # a copy of the model in use
        learned = await asyncio.to_thread(learned_layer, model_path(self._config))
        self._adaptive.rebase(learned)  # its corrections are relative to the previous model
        self._forecaster.use(predictor)
        self._metrics.predictor_reloads.labels("ok").inc()
        created = predictor.model.manifest.get("created")
        log.info("a new length predictor is in use, made %s", created)

    async def _tried(self, fingerprint: Fingerprint) -> TieredPredictor:
        """The new model, if it passes its trial and has not changed meanwhile.

        Raises:
            ArtefactError: the model cannot be used.
        """
        path, refine = model_path(self._config), self._config.predictor.refine
        await self._trials.check(path, refine=refine)
        if self._fingerprint() != fingerprint:
            self._seen = None  # the next look tries what is there now
            raise ArtefactError(f"{path} has changed during its trial; it is tried again")
        return await _load(path, self._config, self._adaptive, self._trials)

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
