"""One refit: from the served log to a promoted version, or to none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from predictor import served_log
from predictor.arrays import Flags
from predictor.artefact.versions import Versions
from predictor.files import exclusive
from predictor.refit.as_served import served_crps, served_forecasts
from predictor.refit.boost import continue_location, recalibrate_learned
from predictor.refit.compare import Verdict, judge, request_crps
from predictor.refit.editable import EditableArtefact
from predictor.refit.extend import learn_models, with_models
from predictor.refit.familiarity import familiar_with
from predictor.refit.promote import keep_layer, promote
from predictor.refit.start import (
    RefitStart,
    adopt_offline_model,
    read_start,
    texts_missing,
    why_no_traffic,
)
from predictor.refit.traffic import LoggedTraffic

LEAST = 200
"""Ended answers since the last fit that a refit needs."""

LEAST_PROMPTS = 20
"""Different prompts that a refit needs among the ended answers; a prompt lies in one fold."""

WINDOW = 50_000
"""The most records that a refit reads; the latest are read."""

LEAST_COMPARED = 200
"""Requests since a version's promotion that a rollback of the version needs."""

_FITTED, _CHOSEN = 0.7, 0.85
"""Shares of the new records: up to the first, candidates are fitted; up to the second, one is
chosen; the rest decides. A choice among candidates flatters the chosen one where it was chosen."""

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
    served_log.check(log)  # before a store is made beside a misspelt log
    if model is not None:
        EditableArtefact.read(model)
    versions = Versions(store)
    with exclusive(versions.folder / "refit.lock"):
        adopt_offline_model(versions, model)
        start = read_start(versions, log, window)
        if not len(start.traffic):
            return _outcome(start, "waiting", why_no_traffic(log, start.skipped))
        verdict = _compare_with_previous(start)
        if verdict and verdict.convincing:
            return _roll_back(start, verdict)
        return _fit_candidates(start, least)


def _outcome(start: RefitStart, action: Action, reason: str, **figures: Any) -> RefitOutcome:
    current = start.versions.current()
    return RefitOutcome(action, reason, current.name if current else "", figures, start.skipped)


def _compare_with_previous(start: RefitStart) -> Verdict | None:
    """The current version against the previous one, on the traffic since its promotion.

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
    later = start.traffic.finished > since
    if later.sum() < LEAST_COMPARED:
        return None
    return judge(start.current, previous, start.traffic, later)


def _roll_back(start: RefitStart, verdict: Verdict) -> RefitOutcome:
    loss = max(verdict.served.gain, verdict.raw.gain)
    reason = f"worse than the previous version by {loss:.2f} tokens of CRPS per request"
    back = start.versions.previous()
    if back is not None:
        keep_layer(start, back.name, EditableArtefact.read(back))
    start.versions.rollback(who="refit", reason=reason)
    return _outcome(start, "rolled back", reason, **verdict.rounded())


def _fit_candidates(start: RefitStart, least: int) -> RefitOutcome:
    """Fit candidates to earlier traffic, choose one; promote it if later traffic confirms it."""
    traffic, current = start.traffic, start.current
    new = traffic.finished > current.fitted_until
    if reason := _too_little(traffic.where(new & traffic.ended), least):
        return _outcome(start, "waiting", reason + texts_missing(start.skipped))
    fitted, chosen, judged = slices(traffic, new)
    earlier = traffic.where(fitted)
    kind, candidate = _choose(_candidates(start.base, current, earlier), traffic, chosen)
    verdict = judge(current, candidate, traffic, judged)
    if not verdict.convincing:
        reason = "the best candidate is not better on later traffic by more than noise"
        start.versions.record_kept(who="refit", reason=reason, figures=verdict.rounded())
        return _outcome(start, "kept", reason, candidate=kind, **verdict.rounded())
    name = promote(start, candidate, kind, earlier, verdict)
    outcome = _outcome(start, "promoted", _gain(verdict), candidate=kind, **verdict.rounded())
    return replace(outcome, version=name)


def _gain(verdict: Verdict) -> str:
    served, raw = verdict.served, verdict.raw
    return (
        f"saves {served.gain:.2f} tokens of CRPS per request as served and {raw.gain:.2f} before "
        f"the adaptive layer, on {served.records} later requests"
    )


def slices(traffic: LoggedTraffic, new: Flags) -> tuple[Flags, Flags, Flags]:
    """The requests (n) to fit candidates to, to choose one of them on, and to decide on."""
    first, second = np.quantile(traffic.finished[new], (_FITTED, _CHOSEN))
    fitted, seen = traffic.finished <= first, traffic.finished <= second
    return fitted, seen & ~fitted, ~seen


def _choose(
    candidates: Iterable[tuple[str, EditableArtefact]], traffic: LoggedTraffic, chosen: Flags
) -> tuple[str, EditableArtefact]:
    """The candidate with the best forecasts of the ``chosen`` requests, with a layer and without.

    With a layer, candidates differ by little; without, by what they know of new kinds.
    """
    rows = traffic.where(chosen)

    def crps(entry: tuple[str, EditableArtefact]) -> float:
        served = served_crps(served_forecasts(entry[1], traffic, chosen), rows)
        return float(np.mean(served + request_crps(entry[1].raw_forecasts(rows), rows)))

    return min(candidates, key=crps)


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
    """The candidates with their kinds: continued boosters, models, both, each with words too.

    Boosters learn what is usual in the traffic, so that its kinds are familiar to them.
    """
    learned, known = learn_models(base, current, earlier), familiar_with(base, earlier)
    yield from _boosted("boosters", with_models(known, []), earlier)
    if learned:
        yield "models", recalibrate_learned(with_models(base, learned), earlier)
        yield from _boosted("models and boosters", with_models(known, learned), earlier)


def _boosted(
    kind: str, start: EditableArtefact, earlier: LoggedTraffic
) -> Iterator[tuple[str, EditableArtefact]]:
    """``start`` with continued boosters, and the same with the words that its texts teach."""
    continued = continue_location(start, earlier)
    yield kind, continued.artefact()
    if (words := continued.words) is not None:
        yield f"{kind} with words", continued.artefact(words)
