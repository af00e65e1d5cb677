"""Parts: an artefact taken apart, and what it says of logged requests."""

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
from predictor.fast.forecast import forecast
from predictor.fast.inputs import (
    AXIS,
    LIMIT,
    OFFSET,
    OWN,
    ROUTE,
    TEXT_ALL,
    ModelMatches,
    TrainedModels,
)
from predictor.fast.predictor import LengthPredictor
from predictor.online.traffic import Traffic
from predictor.raw_forecast import RawForecasts


@dataclass(frozen=True, slots=True)
class LearnedState:
    """A model that was added from served traffic.

    Its level is ``offset``; its departure from what all models do is that of its relatives plus
    ``axes`` (AXES) times the text model's axis scores, so that no text is needed to learn it.
    ``shape`` and ``capped`` are its quantiles of residuals and its rate of answers without end;
    ``records`` taught it.
    """

    name: str
    offset: float
    axes: Array
    shape: Array
    capped: float
    records: int


@dataclass(frozen=True, slots=True)
class Parts:
    """An artefact: its arrays, and models and boosters ready for use."""

    manifest: dict[str, Any]
    arrays: Mapping[str, NDArray[Any]]
    boosters: Mapping[str, str]
    models: TrainedModels
    location: lgb.Booster
    scale: lgb.Booster
    learned: Mapping[str, LearnedState]
    files: Mapping[str, bytes] = field(default_factory=dict)
    """The encoder's, as they are: a refit leaves the refined tier alone."""

    @classmethod
    def read(cls, folder: Path) -> Parts:
        """The artefact in ``folder``; raises ArtefactError if it cannot be served."""
        LengthPredictor.load(folder)
        stored = format.read(folder)
        encoder = [name for name in stored.manifest["files"] if name.startswith("encoder")]
        files = {name: (folder / name).read_bytes() for name in encoder}
        return cls.of(stored.manifest, stored.arrays, stored.boosters, files)

    @classmethod
    def of(
        cls,
        manifest: dict[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        boosters: Mapping[str, str],
        files: Mapping[str, bytes] | None = None,
    ) -> Parts:
        """The artefact that consists of these."""
        models = TrainedModels(manifest["models"], arrays["offsets"])
        return cls(
            manifest,
            arrays,
            boosters,
            models,
            lgb.Booster(model_str=boosters["location"]),
            lgb.Booster(model_str=boosters["scale"]),
            _learned(manifest, models, arrays),
            files or {},
        )

    def write(self, folder: Path) -> None:
        """Publish as a model directory."""
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
        """The identity of the offline artefact that this one is, or was refitted from."""
        return str(self.manifest.get("online", {}).get("base") or artefact_id(self.manifest))

    @property
    def until(self) -> float:
        """When the last request that it was refitted to had finished, in Unix seconds."""
        return float(self.manifest.get("online", {}).get("until", 0.0))

    def see(self, traffic: Traffic) -> tuple[Array, Array]:
        """The boosters' inputs of logged requests and the base of their locations (n)."""
        inputs = traffic.inputs.copy()
        own = np.nan_to_num(inputs[:, OWN])
        for model, name in enumerate(traffic.names):
            if name in self.learned:
                rows = traffic.model == model
                own[rows] += inputs[rows][:, AXIS] @ self.learned[name].axes
        inputs[:, [OFFSET, OWN, ROUTE]], base = self.models.model_inputs(
            self._places(traffic), own=own, text_all=inputs[:, TEXT_ALL], limit=inputs[:, LIMIT]
        )
        return inputs, base

    def raw_forecasts(self, traffic: Traffic) -> RawForecasts:
        """What this artefact says of logged requests."""
        inputs, base = self.see(traffic)
        return forecast(
            inputs,
            base,
            self._places(traffic),
            models=self.models,
            location=self.location,
            scale=self.scale,
            shapes=self.arrays["shapes"],
            capped=self.arrays["capped"],
        )

    def _places(self, traffic: Traffic) -> ModelMatches:
        return ModelMatches.of([self.models.match(name) for name in traffic.names]).rows(
            traffic.model
        )


def _learned(
    manifest: Mapping[str, Any], models: TrainedModels, arrays: Mapping[str, NDArray[Any]]
) -> dict[str, LearnedState]:
    noted = manifest.get("online", {}).get("learned", {})
    try:
        found = {}
        for name, how in noted.items():
            at = models.names.index(name)
            found[name] = LearnedState(
                name,
                float(arrays["offsets"][at]),
                np.array(how["axes"], dtype=np.float64),
                arrays["shapes"][at],
                float(arrays["capped"][at]),
                int(how["records"]),
            )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ArtefactError(
            f"manifest.json: online.learned is {json.dumps(noted)[:200]}, which does not fit the "
            "models; roll back with `lengthwise rollback`"
        ) from error
    return found
