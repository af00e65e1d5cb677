"""What operators do to a running gateway: drain a worker, pause the queue."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request

from gateway.admin.errors import AdminError
from gateway.admin.parts import Parts
from gateway.config.worker_url import without_credentials
from gateway.config.workers import WorkerConfig
from gateway.requests.leaving import Stage

MOST_BODY_BYTES = 65_536


async def asked_worker(request: Request, parts: Parts) -> str:
    """The id of the worker that a request names, as ``{"worker": URL}`` in its body.

    Raises:
        AdminError: no worker is named, or there is none of this URL.
    """
    fields = await _fields(request)
    url = fields.get("worker")
    if not isinstance(url, str) or not url:
        raise AdminError(
            400,
            "no_worker_named",
            'Name the worker in a JSON body: {"worker": "http://gpu-1:8000"}.',
        )
    members = [member.id for member in parts.fleet.members]
    try:
        worker_id = WorkerConfig.model_validate({"url": url}).shown_url
    except ValidationError:
        worker_id = ""
    if worker_id not in members:
        known = ", ".join(members) or "none"
        shown = without_credentials(url)[:200]
        raise AdminError(404, "unknown_worker", f"There is no worker {shown}. Workers: {known}.")
    return worker_id


async def drain(parts: Parts, worker_id: str, *, drained: bool) -> dict[str, Any]:
    """Send a worker nothing new, or go on; the answer says what runs there."""
    parts.fleet.drain(worker_id, drained)
    await asyncio.to_thread(parts.fleet.drained.save)
    member, known = parts.fleet[worker_id], parts.scheduler.workers.get(worker_id)
    models = member.backend.models
    return {
        "worker": worker_id,
        "drained": member.drained,
        "draining": member.draining,
        "kept_over_restarts": parts.fleet.drained.kept,
        "in_flight": (len(known) if known else 0) + member.at_once,
        "models_without_worker": [model for model in models if not parts.fleet.served(model)],
    }


def pause(parts: Parts, *, paused: bool) -> dict[str, Any]:
    """Send the workers nothing from the queue, or go on.

    Raises:
        AdminError: the gateway is about to end; what waits must be answered.
    """
    if paused and parts.leaving.stage >= Stage.DRAINING:
        raise AdminError(
            409, "draining", "The gateway ends; a pause would end what waits with an error."
        )
    parts.dispatcher.pause(paused)
    return {"paused": parts.scheduler.paused, "waiting": parts.scheduler.waiting}


async def _fields(request: Request) -> dict[str, Any]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            raise AdminError(413, "body_too_large", f"A body has at most {MOST_BODY_BYTES} bytes.")
    try:
        fields = json.loads(body or b"{}")
    except ValueError:
        raise AdminError(400, "invalid_json", "The body is no JSON.") from None
    return fields if isinstance(fields, dict) else {}
