"""One refit: from the served log to a promoted version, or to none."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from predictor import served
from predictor.artefact.format import ArtefactError
from predictor.artefact.versions import Versions, artefact_id
from predictor.fast.predictor import DEFAULT, LengthPredictor
from predictor.files import exclusive
from predictor.online.boost import continued, recalibrated
from predictor.online.compare import Comparison, compare
from predictor.online.extend import extended, learn_models
from predictor.online.parts import Parts
from predictor.online.traffic import Axes, Traffic, collect
from predictor.prompt import Prompt

LEAST = 200
"""Ended answers since the last fit, without which there is no refit."""

LEAST_PROMPTS = 20
"""Different prompts among them: residuals are taken out of fold, whole prompts at a time."""

WINDOW = 50_000
"""Records, the latest, that a refit reads."""

LEAST_WATCHED = 200
"""Requests served by a promoted version before it is judged again."""

_EARLIER = 0.8  # of what is new is fitted to; the later part decides

Action = Literal["promoted", "kept", "rolled back", "waiting"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a refit did, why, and on which figures."""

    action: Action
    reason: str
    version: str
    figures: dict[str, Any] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where a refit starts."""

    versions: Versions
    base: Parts
    current: Parts
    folder: Path
    traffic: Traffic
    skipped: dict[str, int]

    def outcome(self, action: Action, reason: str, **figures: Any) -> Outcome:
        here = self.versions.current()
        return Outcome(action, reason, here.name if here else "", figures, self.skipped)


def refit(
    log: Path,
    store: Path,
    *,
    model: Path | None = None,
    least: int = LEAST,
    window: int = WINDOW,
) -> Outcome:
    """Refit to the served log ``log``; promote in ``store`` what does better on later traffic.

    Refits start from the artefact trained offline, ``model`` (by default what the store has, else
    the one that ships), and not from each other: trees do not pile up, nor does traffic count
    twice. A promoted version that does worse than the one before is rolled back first.

    Raises:
        LockedError: another refit runs.
        LogError, ArtefactError: the log, the store or the model cannot be used.
    """
    versions = Versions(store)
    with exclusive(versions.folder / "refit.lock"):
        _adopt(versions, model)
        stand = _stand(versions, log, window)
        if not len(stand.traffic):
            return stand.outcome("waiting", _nothing(log, stand.skipped))
        verdict = _judged(stand)
        if verdict and verdict.worse:
            reason = f"worse than the version before by {-verdict.gain:.2f} tokens CRPS a request"
            versions.rollback(who="refit", reason=reason)
            return stand.outcome("rolled back", reason, **verdict.figures())
        return _attempt(stand, least)


def watch(log: Path, store: Path, *, window: int = WINDOW) -> Comparison | None:
    """The current version (second) against the one before on what was served since its promotion.

    Both are recomputed from logged inputs. None: there is no such version, or too little traffic.
    ``worse`` says that a rollback is due.
    """
    versions = Versions(store)
    if versions.current() is None:
        return None
    return _judged(_stand(versions, log, window))


def _adopt(versions: Versions, model: Path | None) -> None:
    """Put the offline artefact in, if the store has none or another one is given."""
    base = versions.base()
    if base is not None and model is None:
        return
    source = model or DEFAULT
    given = Parts.read(source)
    if base is not None and Parts.read(base).lineage == artefact_id(given.manifest):
        return
    name = versions.publish(source)
    versions.promote(name, who="refit", reason="trained offline", base=True)


def _stand(versions: Versions, log: Path, window: int) -> _Stand:
    folder, base = versions.current(), versions.base()
    if folder is None or base is None:
        raise ArtefactError(f"{versions.folder} has no current version; refit with --model-dir")
    current, start = Parts.read(folder), Parts.read(base)
    if current.lineage != start.lineage:
        raise ArtefactError(
            f"{folder} was not refitted from {base}; refit with --model-dir and the model trained "
            "offline"
        )
    traffic, skipped = collect(
        served.read(log, limit=window),
        feature_hash=str(start.manifest["feature_hash"]),
        artefacts=_artefacts(versions, start.lineage),
    )
    return _Stand(versions, start, current, folder, traffic, skipped)


def _artefacts(versions: Versions, lineage: str) -> dict[str, Axes]:
    """The artefacts of one lineage, those deleted since too, and what they had learned."""
    return {
        event["identity"]: {
            name: np.array(how["axes"], dtype=np.float64)
            for name, how in event.get("learned", {}).items()
        }
        for event in versions.history()
        if event["action"] == "promote" and event.get("lineage") == lineage
    }


def _nothing(log: Path, skipped: dict[str, int]) -> str:
    if not skipped:
        return f"{log} has no records yet"
    counts = ", ".join(f"{count} {reason}" for reason, count in skipped.items())
    return (
        f"{log} has no records that this model can learn from ({counts}); serve with the store's "
        "current version, or refit with --model-dir and the model that served"
    )


def _judged(stand: _Stand) -> Comparison | None:
    before = stand.versions.previous()
    if before is None:
        return None
    previous = Parts.read(before)
    if previous.lineage != stand.current.lineage:
        return None
    since = stand.versions.promoted_at(stand.folder.name)
    later = stand.traffic.where(stand.traffic.finished > max(since, stand.current.until))
    return compare(previous, stand.current, later) if len(later) >= LEAST_WATCHED else None


def _attempt(stand: _Stand, least: int) -> Outcome:
    traffic, current = stand.traffic, stand.current
    new = traffic.finished > current.until
    count = int(np.sum(new & traffic.ended))
    if count < least:
        return stand.outcome("waiting", f"{count} answers ended since the last fit, need {least}")
    prompts = len(np.unique(traffic.prompt[new & traffic.ended]))
    if prompts < LEAST_PROMPTS:
        reason = f"{prompts} different prompts since the last fit, need {LEAST_PROMPTS}"
        return stand.outcome("waiting", reason)
    cut = float(np.quantile(traffic.finished[new], _EARLIER))
    earlier, later = (traffic.where(part) for part in (_upto(traffic, cut), ~_upto(traffic, cut)))
    found = [
        (compare(current, candidate, later), kind, candidate)
        for kind, candidate in _candidates(stand.base, current, earlier)
    ]
    best, kind, candidate = max(found, key=lambda one: one[0].gain)
    if not best.better:
        reason = "the best candidate is not better on later traffic by more than noise"
        stand.versions.keep(who="refit", reason=reason, figures=best.figures())
        return stand.outcome("kept", reason, candidate=kind, **best.figures())
    name = _publish(stand, _noted(stand, candidate, earlier, kind, best), best)
    saved = f"{best.gain:.2f} tokens CRPS a request saved on {best.records} later ones"
    return replace(stand.outcome("promoted", saved, candidate=kind, **best.figures()), version=name)


def _upto(traffic: Traffic, moment: float) -> Any:
    return traffic.finished <= moment


def _candidates(base: Parts, current: Parts, earlier: Traffic) -> Iterator[tuple[str, Parts]]:
    """What may follow: new models alone, boosters alone, both."""
    learned = learn_models(base, current, earlier)
    yield "boosters", continued(extended(base, []), earlier)
    if learned:
        more = extended(base, learned)
        yield "models", recalibrated(more, earlier)
        yield "models and boosters", continued(more, earlier)


def _noted(stand: _Stand, candidate: Parts, earlier: Traffic, kind: str, best: Comparison) -> Parts:
    """The candidate with a manifest that says how it came about."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    online = {
        **candidate.manifest["online"],
        "until": float(earlier.finished.max()),
        "records": len(earlier),
        "candidate": kind,
        "compared_with": stand.folder.name,
        "compared": best.figures(),
    }
    return replace(candidate, manifest={**candidate.manifest, "created": now, "online": online})


def _publish(stand: _Stand, candidate: Parts, best: Comparison) -> str:
    """Write, load as the gateway does, try, and switch."""
    with tempfile.TemporaryDirectory(prefix=".candidate-", dir=stand.versions.folder) as place:
        folder = Path(place) / "model"
        candidate.write(folder)
        _try(folder)
        name = stand.versions.publish(folder)
    stand.versions.promote(
        name,
        who="refit",
        reason="better on later traffic",
        expected=stand.folder,
        figures=best.figures(),
    )
    return name


def _try(folder: Path) -> None:
    predictor = LengthPredictor.load(folder)
    names = [*predictor.manifest["models"], "unheard-of"]
    tokens, mass = predictor.atoms([Prompt(name, "What is it good for?") for name in names])
    if not (np.isfinite(tokens).all() and np.isfinite(mass).all() and (tokens >= 1).all()):
        raise ArtefactError(f"{folder} forecasts nonsense; nothing was promoted")
