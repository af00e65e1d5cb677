"""Promotion of a candidate: write a model directory, try the model, make it current."""

from __future__ import annotations

import datetime
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from predictor.adaptive import save_state
from predictor.artefact.format import ArtefactError
from predictor.fast.predictor import LengthPredictor
from predictor.prompt import Prompt
from predictor.refit.as_served import learned_layer
from predictor.refit.compare import Verdict
from predictor.refit.editable import EditableArtefact
from predictor.refit.start import RefitStart
from predictor.refit.traffic import LoggedTraffic


def promote(
    start: RefitStart,
    candidate: EditableArtefact,
    kind: str,
    fitted_to: LoggedTraffic,
    verdict: Verdict,
) -> str:
    """Promote ``candidate`` and return the new version's name.

    ``kind`` is the kind of candidate, ``fitted_to`` its traffic and ``verdict`` its scores
    against the current version; the manifest holds all three.

    Raises:
        ArtefactError: the candidate's forecasts are no lengths, or the current version changed.
    """
    described = _with_manifest(start, candidate, kind, fitted_to, verdict)
    with tempfile.TemporaryDirectory(prefix=".candidate-", dir=start.versions.folder) as scratch:
        folder = Path(scratch) / "model"
        described.write(folder)
        _try(folder)
        name = start.versions.publish(folder)
    keep_layer(start, name, candidate)
    start.versions.promote(
        name,
        who="refit",
        reason="better on later traffic",
        expected=start.folder,
        figures=verdict.rounded(),
    )
    return name


def keep_layer(start: RefitStart, version: str, artefact: EditableArtefact) -> None:
    """Store what an adaptive layer has learned with ``artefact``, which is to become current.

    The gateway goes on from there, instead of from an empty layer.
    """
    path = start.versions.layer_path(version)
    for old in path.parent.glob(f"*{path.suffix}"):
        old.unlink()
    save_state(learned_layer(artefact, start.traffic), path)


def _with_manifest(
    start: RefitStart,
    candidate: EditableArtefact,
    kind: str,
    fitted_to: LoggedTraffic,
    verdict: Verdict,
) -> EditableArtefact:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    online = {
        **candidate.manifest["online"],
        "until": float(fitted_to.finished.max()),
        "records": len(fitted_to),
        "candidate": kind,
        "compared_with": start.folder.name,
        "compared": verdict.rounded(),
    }
    return replace(candidate, manifest={**candidate.manifest, "created": now, "online": online})


def _try(folder: Path) -> None:
    """Load the model as the gateway does and forecast a prompt for every model."""
    predictor = LengthPredictor.load(folder)
    names = [*predictor.manifest["models"], "unheard-of"]
    tokens, mass = predictor.atoms([Prompt(name, "What is it good for?") for name in names])
    if not (np.isfinite(tokens).all() and np.isfinite(mass).all() and (tokens >= 1).all()):
        raise ArtefactError(f"{folder} forecasts numbers that are no lengths; nothing was promoted")
