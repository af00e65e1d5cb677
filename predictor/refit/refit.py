"""One refit: from the served log to a promoted version, or to none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from predictor.artefact.versions import Versions
from predictor.files import exclusive
from predictor.refit.boost import continue_boosters, recalibrate_learned
from predictor.refit.compare import Comparison, compare
from predictor.refit.editable import EditableArtefact
from predictor.refit.extend import learn_models, with_models
from predictor.refit.promote import promote
from predictor.refit.start import RefitStart, adopt_offline_model, read_start, why_no_traffic
from predictor.refit.traffic import LoggedTraffic

LEAST = 200
"""Ended answers since the last fit that a refit needs."""

LEAST_PROMPTS = 20
"""Different prompts that a refit needs among the ended answers; a prompt lies in one fold."""

WINDOW = 50_000
"""The most records that a refit reads; the latest are read."""

LEAST_COMPARED = 200
"""Requests since a version's promotion that a rollback of the version needs."""

_FITTED_SHARE = 0.8  # share of the new records to fit to, earliest first; the rest decide

Action = Literal["promoted", "kept", "rolled back", "waiting"]


@dataclass(frozen=True, slots=True)
class RefitOutcome:
    """What a refit did and why.

    ``version`` is the current version afterwards, ``figures`` the comparison that decided,
    ``skipped`` the numbers of unusable records by reason.
    """

    action: Action
    reason: str
    version: str
    figures: dict[str, Any] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)


def refit(
    log: Path,
    store: Path,
    *,
    model: Path | None = None,
    least: int = LEAST,
    window: int = WINDOW,
) -> RefitOutcome:
    """Refit to the served log ``log``; promote in ``store`` a version with better forecasts.

    Every refit starts from the artefact trained offline, ``model`` (default: the store's, else
    the model that ships), and not from another refit. The number of trees is thus bounded, and
    traffic counts once. If the current version is worse than the previous version, the refit rolls
    back to the previous version and fits nothing.

    Raises:
        LockedError: another refit runs.
        LogError, ArtefactError: the log, the store or the model cannot be used.
    """
    versions = Versions(store)
    with exclusive(versions.folder / "refit.lock"):
        adopt_offline_model(versions, model)
        start = read_start(versions, log, window)
        if not len(start.traffic):
            return _outcome(start, "waiting", why_no_traffic(log, start.skipped))
        comparison = _compare_with_previous(start)
        if comparison and comparison.worse:
            return _roll_back(start, comparison)
        return _fit_candidates(start, least)


def _outcome(start: RefitStart, action: Action, reason: str, **figures: Any) -> RefitOutcome:
    current = start.versions.current()
    return RefitOutcome(action, reason, current.name if current else "", figures, start.skipped)


def _compare_with_previous(start: RefitStart) -> Comparison | None:
    """The previous version against the current one, on the traffic since its promotion.

    Both forecasts are computed again from the logged inputs. None if there is no previous version
    of the same lineage, or too little traffic.
    """
    folder = start.versions.previous()
    if folder is None:
        return None
    previous = EditableArtefact.read(folder)
    if previous.lineage != start.current.lineage:
        return None
    since = max(start.versions.promoted_at(start.folder.name), start.current.fitted_until)
    later = start.traffic.where(start.traffic.finished > since)
    return compare(previous, start.current, later) if len(later) >= LEAST_COMPARED else None


def _roll_back(start: RefitStart, comparison: Comparison) -> RefitOutcome:
    loss = -comparison.gain
    reason = f"worse than the previous version by {loss:.2f} tokens of CRPS per request"
    start.versions.rollback(who="refit", reason=reason)
    return _outcome(start, "rolled back", reason, **comparison.rounded())


def _fit_candidates(start: RefitStart, least: int) -> RefitOutcome:
    """Fit candidates to earlier traffic; promote the best if later traffic confirms the gain."""
    traffic, current = start.traffic, start.current
    new = traffic.finished > current.fitted_until
    if reason := _too_little(traffic.where(new & traffic.ended), least):
        return _outcome(start, "waiting", reason)
    fitted = traffic.finished <= np.quantile(traffic.finished[new], _FITTED_SHARE)
    earlier, later = traffic.where(fitted), traffic.where(~fitted)
    compared = [
        (compare(current, candidate, later), kind, candidate)
        for kind, candidate in _candidates(start.base, current, earlier)
    ]
    best, kind, candidate = max(compared, key=lambda entry: entry[0].gain)
    if not best.better:
        reason = "the best candidate is not better on later traffic by more than noise"
        start.versions.record_kept(who="refit", reason=reason, figures=best.rounded())
        return _outcome(start, "kept", reason, candidate=kind, **best.rounded())
    name = promote(start, candidate, kind, earlier, best)
    reason = f"saves {best.gain:.2f} tokens of CRPS per request on {best.records} later requests"
    outcome = _outcome(start, "promoted", reason, candidate=kind, **best.rounded())
    return replace(outcome, version=name)


def _too_little(new: LoggedTraffic, least: int) -> str:
    """Why the ``new`` ended answers are too few for a refit; "" if they are enough."""
    if len(new) < least:
        return f"{len(new)} answers ended since the last fit, need {least}"
    prompts = len(np.unique(new.prompt))
    if prompts < LEAST_PROMPTS:
        return f"{prompts} different prompts since the last fit, need {LEAST_PROMPTS}"
    return ""


def _candidates(
    base: EditableArtefact, current: EditableArtefact, earlier: LoggedTraffic
) -> Iterator[tuple[str, EditableArtefact]]:
    """The candidates with their kinds: continued boosters, learned models, both."""
    learned = learn_models(base, current, earlier)
    yield "boosters", continue_boosters(with_models(base, []), earlier)
    if learned:
        extended = with_models(base, learned)
        yield "models", recalibrate_learned(extended, earlier)
        yield "models and boosters", continue_boosters(extended, earlier)
