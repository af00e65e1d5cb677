"""``GET /ready`` of several fronts: ready while the scheduler and one of them serve."""

from __future__ import annotations

import json
from typing import Any

from gateway.fronts import joined
from gateway.fronts.group import Group


async def ready_state(group: Group, *, whole: bool) -> tuple[dict[str, Any], int]:
    """The body, with queue and workers if ``whole``, and the status."""
    answers = await group.ask("GET", "/ready")
    pages = {name: json.loads(one.body) for name, one in answers.items() if one is not None}
    status = _status(group, pages)
    code = 200 if status == "ready" else 503
    if not whole:
        return {"status": status}, code
    state: dict[str, Any] = {
        "status": status,
        "fronts": {name: _own(name, state, pages) for name, state in group.states().items()},
    }
    shown = [page for page in pages.values() if "workers" in page]
    if shown:
        state |= {
            "paused": any(page["paused"] for page in shown),
            "waiting": max((page["waiting"] for page in shown), key=lambda one: sum(one.values())),
            "turn_s": max(page["turn_s"] for page in shown),
            "workers": joined.workers(shown),
            "background": {
                name: all(page["background"].get(name, True) for page in shown)
                for name in shown[0]["background"]
            },
        }
        for field in ("configuration", "keys_problem"):
            found = [page[field] for page in shown if field in page]
            if found:
                state[field] = joined.configuration(found) if field == "configuration" else found[0]
    return state, code


def _own(name: str, state: str, pages: dict[str, dict[str, Any]]) -> str:
    """How a process is: a front that serves says so itself, or is ``silent``."""
    if name in pages:
        return str(pages[name]["status"])
    return "silent" if name.startswith("front") and state == "serving" else state


def _status(group: Group, pages: dict[str, dict[str, Any]]) -> str:
    """``ready``, or the word for why the gateway should get no requests.

    One front is enough: the fronts share a socket, so those that serve take every connection.
    """
    if group.leaving:
        return "draining"
    for child in group.others:
        if child.state != "serving":
            return _word(child.name, child.state)
    states = [(one.name, _own(one.name, one.state, pages)) for one in group.fronts]
    if any(state == "ready" for _, state in states):
        return "ready"
    name, state = states[0]
    return state if name in pages else _word(name, state)


def _word(name: str, state: str) -> str:
    return f"{name.replace(' ', '_')}_{state}"
