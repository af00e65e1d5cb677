"""An artefact that a refit can change, and its forecasts of logged requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array
from predictor.artefact import format
from predictor.artefact.card import model_card
from predictor.artefact.format import ArtefactError
from predictor.artefact.versions import artefact_id
from predictor.fast.evidence import RANGES, WATCHED, novelty
from predictor.fast.forecast import forecast
from predictor.fast.inputs import (
    AXIS,
    MODEL,
    OWN,
    STRANGENESS,
    UNFAMILIAR,
    ModelMatches,
    TrainedModels,
)
from predictor.fast.learned_words import LearnedWords, effects
from predictor.fast.predictor import LengthPredictor
from predictor.fast.trees import Trees
from predictor.raw_forecast import RawForecasts
from predictor.refit.traffic import LoggedTraffic

_AT_ONCE = 4096  # requests; bounds the memory for their comparison with all ranges


@dataclass(frozen=True, slots=True)
class LearnedModel:
    """A model that was added from served traffic.

    ``offset`` is the model's effect on log length. The model's departure from the mean over all
    models is the departure of the model's relatives plus ``axes`` (AXES) times the text model's
    axis scores; a model is thus learned without any text. ``shape`` (len(LEVELS)) are the model's
    quantiles of residuals, ``endless_rate`` is the model's rate of endless answers, ``records``
    the number of records that the model was learned from.
    """

    name: str
    offset: float
    axes: Array
    shape: Array
    endless_rate: float
    records: int


@dataclass(frozen=True, slots=True)
class EditableArtefact:
    """An artefact's manifest, arrays and boosters (as texts), and the objects made from them.

    ``location`` and ``scale`` are LightGBM boosters; ``learned`` are the models added from
    traffic, by name; ``files`` are the encoder's, which a refit does not change; ``words`` are the
    words learned from the texts of traffic (None: none).
    """

    manifest: dict[str, Any]
    arrays: Mapping[str, NDArray[Any]]
    boosters: Mapping[str, str]
    models: TrainedModels
    location: lgb.Booster
    scale: lgb.Booster
    learned: Mapping[str, LearnedModel]
    files: Mapping[str, bytes] = field(default_factory=dict)
    words: LearnedWords | None = None

    @classmethod
    def read(cls, folder: Path) -> EditableArtefact:
        """The artefact in ``folder``; raises ArtefactError if it cannot be loaded."""
        LengthPredictor.load(folder)
        stored = format.read(folder)
        encoder = [name for name in stored.manifest["files"] if name.startswith("encoder")]
        files = {name: (folder / name).read_bytes() for name in encoder}
        return cls.build(stored.manifest, stored.arrays, stored.boosters, files)

    @classmethod
    def build(
        cls,
        manifest: dict[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        boosters: Mapping[str, str],
        files: Mapping[str, bytes] | None = None,
    ) -> EditableArtefact:
        """The artefact with this content; raises ArtefactError if parts do not fit together."""
        models = TrainedModels(manifest["models"], arrays["offsets"], arrays["levels"])
        return cls(
            manifest,
            arrays,
            boosters,
            models,
            lgb.Booster(model_str=boosters["location"]),
            lgb.Booster(model_str=boosters["scale"]),
            _learned_models(manifest, models, arrays),
            files or {},
            LearnedWords.from_arrays(arrays),
        )

    def write(self, folder: Path) -> None:
        """Publish the artefact as the model directory ``folder``."""
        format.publish(
            folder,
            manifest=self.manifest,
            arrays=self.arrays,
            boosters=self.boosters,
            texts={"README.md": model_card(self.manifest)},
            files=self.files,
        )

    @property
    def lineage(self) -> str:
        """The identity of the offline artefact that this artefact is or was refitted from."""
        return str(self.manifest.get("online", {}).get("base") or artefact_id(self.manifest))

    @property
    def fitted_until(self) -> float:
        """The completion time of the last request that was fitted to, in Unix seconds."""
        return float(self.manifest.get("online", {}).get("until", 0.0))

    def booster_inputs(self, traffic: LoggedTraffic) -> Array:
        """The boosters' inputs of logged requests (n x columns).

        What this artefact has learned of a model is added to the logged ``text_own``. How novel the
        requests are is by the kinds that this artefact knows.
        """
        inputs = traffic.inputs.copy()
        inputs[:, [STRANGENESS, UNFAMILIAR]] = self._novelty(inputs[:, WATCHED])
        own = np.nan_to_num(inputs[:, OWN])
        for model, name in enumerate(traffic.names):
            if name in self.learned:
                rows = traffic.model == model
                own[rows] += inputs[rows][:, AXIS] @ self.learned[name].axes
        inputs[:, MODEL] = self.models.model_inputs(self._matches(traffic), own)
        return inputs

    def raw_forecasts(self, traffic: LoggedTraffic) -> RawForecasts:
        """This artefact's forecasts of logged requests; words of texts not kept have no effect."""
        inputs = self.booster_inputs(traffic)
        return forecast(
            inputs,
            self._matches(traffic),
            models=self.models,
            location=Trees(self.location),
            scale=Trees(self.scale),
            shapes=self.arrays["shapes"],
            endless_rates=self.arrays["capped"],
            learned=effects(traffic.texts.spread(self.words.scores), inputs)
            if self.words
            else None,
        )

    def _novelty(self, watched: Array) -> Array:
        """``evidence.novelty`` of the ``watched`` features of logged requests (n x 2)."""
        low, high = (np.atleast_2d(self.arrays[name]) for name in RANGES)
        parts = np.array_split(watched, len(watched) // _AT_ONCE + 1)
        return np.concatenate([novelty(part, low, high) for part in parts])

    def _matches(self, traffic: LoggedTraffic) -> ModelMatches:
        matches = [self.models.match(name) for name in traffic.names]
        return ModelMatches.from_matches(matches).rows(traffic.model)


def _learned_models(
    manifest: Mapping[str, Any], models: TrainedModels, arrays: Mapping[str, NDArray[Any]]
) -> dict[str, LearnedModel]:
    entries = manifest.get("online", {}).get("learned", {})
    try:
        learned = {}
        for name, entry in entries.items():
            index = models.names.index(name)
            learned[name] = LearnedModel(
                name,
                float(arrays["offsets"][index]),
                np.array(entry["axes"], dtype=np.float64),
                arrays["shapes"][index],
                float(arrays["capped"][index]),
                int(entry["records"]),
            )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ArtefactError(
            f"manifest.json: online.learned is {json.dumps(entries)[:200]}, which does not fit the "
            "models; roll back with `lengthwise rollback`"
        ) from error
    return learned
