"""Operators' pages of several fronts as one page. Each function takes the fronts' own pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

Page = Mapping[str, Any]

_WORST = ("draining", "cooling", "on_trial", "drained")


def workers(pages: Sequence[Page]) -> list[dict[str, Any]]:
    """The workers: the trouble of one front shows; what is sent there, each front knows whole."""
    found: dict[str, dict[str, Any]] = {}
    for worker in (one for page in pages for one in page["workers"]):
        known = found.get(worker["url"])
        if known is None:
            found[worker["url"]] = dict(worker)
            continue
        known["healthy"] = known["healthy"] and worker["healthy"]
        for field in (name for name in _WORST if name in worker):
            known[field] = known[field] or worker[field]
        for field in ("problem", "ejected"):
            known[field] = known[field] or worker[field]
    return list(found.values())


def overview(pages: Sequence[Page]) -> dict[str, Any]:
    """``GET /admin/status`` but for what the parent knows itself."""
    queues = [page["queue"] for page in pages]
    problems = [page["keys_problem"] for page in pages if page["keys_problem"]]
    return {
        "paused": any(page["paused"] for page in pages),
        "requests_in_flight": sum(page["requests_in_flight"] for page in pages),
        "workers": workers(pages),
        "queue": max(queues, key=lambda queue: queue["waiting"]),  # each shows the one queue whole
        "forecasts": _forecasts([page["forecasts"] for page in pages]),
        "saved": pages[0]["saved"],
        "configuration": configuration([page["configuration"] for page in pages]),
        "keys_problem": problems[0] if problems else None,
    }


def configuration(states: Sequence[Page]) -> dict[str, Any]:
    """The state of the configuration: a refusal of any front, and what needs a restart at any."""
    refused = [one for one in states if one["last_reload"] != "ok"]
    return {**(refused or states)[0], "needs_restart": _names(states, "needs_restart")}


def _names(pages: Sequence[Page], field: str) -> list[str]:
    """The names that any page has in a field, each once."""
    return list(dict.fromkeys(name for page in pages for name in page[field]))


def _forecasts(pages: Sequence[Page]) -> dict[str, Any]:
    """The forecasts' figures, weighted by the answers that they are about."""
    answers = sum(page["answers"] for page in pages)
    means = {}
    for field in ("interval_coverage", "mean_absolute_error_tokens"):
        known = [(page["answers"], page[field]) for page in pages if page[field] is not None]
        total = sum(weight for weight, _ in known)
        means[field] = round(sum(w * v for w, v in known) / total, 3) if total else None
    fallbacks = sum(page["fallbacks"] for page in pages)
    return {**pages[0], **means, "answers": answers, "fallbacks": fallbacks}


def queue(pages: Sequence[Page], limit: int) -> dict[str, Any]:
    """``GET /admin/queue``: the waiting requests of all fronts, the first to start first."""
    rows = [dict(row) for page in pages for row in page["requests"]]
    rows.sort(key=lambda row: (row["position"], -row["waited_s"]))
    return {
        "waiting": max(page["waiting"] for page in pages),
        "paused": any(page["paused"] for page in pages),
        "requests": rows[:limit],
    }


def top(pages: Sequence[Page], limit: int) -> dict[str, Any]:
    """``GET /admin/top``: each key's requests and tokens over all fronts."""
    rows: dict[str, Counter[str]] = {}
    for row in (one for page in pages for one in page["keys"]):
        figures = {name: value for name, value in row.items() if name != "key"}
        rows.setdefault(row["key"], Counter()).update(figures)
    keys: list[dict[str, Any]] = [{"key": key, **figures} for key, figures in rows.items()]
    keys.sort(key=lambda row: (-row["waiting"] - row["running"], -row["output_tokens"]))
    return {"keys": keys[:limit]}


def drained(pages: Sequence[Page]) -> dict[str, Any]:
    """The answer to a drain or its end: each front adds what it has past the queue there."""
    return {**pages[0], "in_flight": max(page["in_flight"] for page in pages)}


def paused(pages: Sequence[Page]) -> dict[str, Any]:
    """The answer to a pause or its end."""
    waiting = max(page["waiting"] for page in pages)
    return {"paused": any(page["paused"] for page in pages), "waiting": waiting}


def reloaded(pages: Sequence[Page]) -> dict[str, Any]:
    """The answer to a reload: what changed at any front, and an error of any."""
    refused = [page for page in pages if not page["ok"]]
    names = {field: _names(pages, field) for field in ("changed", "restart")}
    return {**(refused or pages)[0], **names}
