"""``GET /ready`` of several fronts: ready while all of them, and the scheduler, serve."""

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
    own = {name: page["status"] for name, page in pages.items()}
    state: dict[str, Any] = {
        "status": status,
        "fronts": {name: own.get(name, state) for name, state in group.states().items()},
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
                state[field] = found[0]
    return state, code


def _status(group: Group, pages: dict[str, dict[str, Any]]) -> str:
    """``ready``, or the word for why the gateway should get no requests."""
    if group.leaving:
        return "draining"
    for child in (*group.fronts, *group.others):
        if child.state != "serving":
            return f"{child.name.replace(' ', '_')}_{child.state}"
    for child in group.fronts:
        page = pages.get(child.name)
        if page is None:
            return f"{child.name.replace(' ', '_')}_silent"
        if page["status"] != "ready":
            return str(page["status"])
    return "ready"
