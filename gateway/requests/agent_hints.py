"""Agent hints: the forecast and the order in the fields that NVIDIA Dynamo's router reads."""

from __future__ import annotations

from typing import Any

from gateway.protocol.openai import ApiRequest
from scheduler.job import Job

TAKEN = frozenset(("chat/completions", "completions"))
"""Endpoints of Dynamo that take the object ``nvext``."""


def with_agent_hints(request: ApiRequest, job: Job, priority: int | None) -> ApiRequest:
    """The request with ``nvext.agent_hints`` for Dynamo; hints of the client's own stay.

    ``osl``: expected tokens of one answer. ``priority``: the larger goes first, so it is vLLM's
    ``priority`` with the other sign; None for none. What has another type than Dynamo's stays as
    it is: what is wrong with it, the worker says.
    """
    nvext = _object(request.fields.get("nvext"))
    hints = None if nvext is None else _object(nvext.get("agent_hints"))
    if request.endpoint not in TAKEN or nvext is None or hints is None:
        return request
    ours = {"osl": max(1, round(job.length.mean))}
    if priority is not None:
        ours["priority"] = -priority
    return request.changed({"nvext": {**nvext, "agent_hints": {**ours, **hints}}})


def _object(value: Any) -> dict[str, Any] | None:
    """An object that may be absent; None for a value of another type."""
    if value is None:
        return {}
    return value if isinstance(value, dict) else None
