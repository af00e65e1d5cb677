"""What a refit starts from: the store's versions and the usable records of the served log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from predictor import served_log
from predictor.artefact.format import ArtefactError
from predictor.artefact.versions import Versions, artefact_id
from predictor.fast.predictor import DEFAULT
from predictor.refit.editable import EditableArtefact
from predictor.refit.traffic import NO_TEXT_KEPT, Axes, LoggedTraffic, usable_traffic


@dataclass(frozen=True, slots=True)
class RefitStart:
    """The store, its versions ``base`` (trained offline) and ``current``, and the traffic.

    ``folder`` is the directory of ``current``; ``skipped`` are numbers of unusable records by
    reason.
    """

    versions: Versions
    base: EditableArtefact
    current: EditableArtefact
    folder: Path
    traffic: LoggedTraffic
    skipped: dict[str, int]


def adopt_offline_model(versions: Versions, model: Path | None) -> None:
    """Promote the model trained offline if the store has none, or if ``model`` is another one."""
    base = versions.base()
    if base is not None and model is None:
        return
    source = model or DEFAULT
    given = EditableArtefact.read(source)
    if base is not None and EditableArtefact.read(base).lineage == artefact_id(given.manifest):
        return
    name = versions.publish(source)
    versions.promote(name, who="refit", reason="trained offline", base=True)


def read_start(versions: Versions, log: Path, window: int) -> RefitStart:
    """The versions of the store and the latest ``window`` records of the served log ``log``.

    Raises:
        ArtefactError: the store has no current version, or a version that is no refit of the base.
        LogError: the log cannot be read.
    """
    folder, base_folder = versions.current(), versions.base()
    if folder is None or base_folder is None:
        raise ArtefactError(f"{versions.folder} has no current version; refit with --model-dir")
    current, base = EditableArtefact.read(folder), EditableArtefact.read(base_folder)
    if current.lineage != base.lineage:
        raise ArtefactError(
            f"{folder} was not refitted from {base_folder}; refit with --model-dir and the model "
            "trained offline"
        )
    traffic, skipped = usable_traffic(
        served_log.read(log, limit=window),
        feature_hash=str(base.manifest["feature_hash"]),
        artefacts=_artefacts(versions, base.lineage),
        with_text=current.words is not None,
    )
    return RefitStart(versions, base, current, folder, traffic, skipped)


def _artefacts(versions: Versions, lineage: str) -> dict[str, Axes]:
    """The axes that each promoted artefact of a lineage has learned, deleted artefacts included."""
    return {
        event["identity"]: {
            name: np.array(entry["axes"], dtype=np.float64)
            for name, entry in event.get("learned", {}).items()
        }
        for event in versions.history()
        if event["action"] == "promote" and event.get("lineage") == lineage
    }


def why_no_traffic(log: Path, skipped: dict[str, int]) -> str:
    """The reason why the log has no usable records, and the remedy."""
    if not skipped:
        return f"{log} has no records yet"
    counts = ", ".join(f"{count} {reason}" for reason, count in skipped.items())
    return (
        f"{log} has no records that this model can learn from ({counts}); run the gateway with the "
        "store's current version, or give --model-dir the model that made the log's forecasts"
        f"{texts_missing(skipped)}"
    )


def texts_missing(skipped: dict[str, int]) -> str:
    """The remedy where records were ``skipped`` for lack of a text; "" elsewhere."""
    if NO_TEXT_KEPT not in skipped:
        return ""
    return (
        f"; {skipped[NO_TEXT_KEPT]} answers have no text, and the current version has learned "
        "words: set learning.keep_text, or roll back to a version without"
    )
