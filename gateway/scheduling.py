"""Scheduling: the configured scheduler, and what a request tells it beside its length."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from gateway.config import Config
from gateway.openai import ApiRequest
from scheduler.placement import Placement
from scheduler.policy import POLICIES, LeastSlack, Policy
from scheduler.scheduler import Scheduler

PRIORITY_STEPS = 1000
"""vLLM's priority is an integer: the key in thousandths keeps the order to a millisecond."""

CLASS_STEPS = 10**12
"""Between two classes in vLLM's priority (64 bits): more than keys differ by in 15 years."""

PREFIX_CHARS = 4096
"""Of a system prompt or a first message, enough to tell it from others."""


def make_scheduler(config: Config) -> Scheduler:
    """The scheduler as configured, without workers."""
    scheduling, queue = config.scheduling, config.queue
    slack = 0.0 if scheduling.affinity == "none" else scheduling.affinity_slack
    return Scheduler(
        policy(config),
        placement=Placement(slack),
        max_waiting=queue.max_waiting,
        max_waiting_per_tenant=tenant_bound(config),
        no_worker_grace=queue.no_worker_grace_s,
    )


def tenant_bound(config: Config) -> int | None:
    """Requests of one tenant that may wait; None where tenants are not told apart.

    Not configured, it is half the queue: a flood must not have the others turned away.
    """
    if not config.tenants.fair:
        return None
    return config.tenants.max_waiting or max(1, config.queue.max_waiting // 2)


def policy(config: Config) -> Policy:
    """The configured policy; the order by objective takes the objective itself."""
    scheduling = config.scheduling
    if scheduling.policy == "slo":
        return LeastSlack(ttft=config.slo.ttft_s, tpot=config.slo.tpot_s)
    return POLICIES[scheduling.policy](scheduling.ageing, scheduling.level)


def priority(urgency: int, key: float) -> int:
    """vLLM's ``priority``, lower first: the class before the key."""
    bound = CLASS_STEPS // 2 - 1
    return urgency * CLASS_STEPS + max(-bound, min(bound, round(key * PRIORITY_STEPS)))


def affinity(kind: str, request: ApiRequest, headers: Mapping[str, str]) -> str:
    """What requests have in common that find their prefix cached at one worker; "" for nothing.

    ``kind`` is the setting ``scheduling.affinity``. Sessions are named by the client; prefixes are
    the system prompt, or the first message where there is none, each for its model.
    """
    if kind == "none" or not request.generates:
        return ""
    shared = _session(request, headers) if kind == "session" else _prefix(request.fields)
    if not shared:
        return ""
    text = f"{request.model}\n{shared[:PREFIX_CHARS]}".encode("utf-8", "replace")
    return blake2b(text, digest_size=8).hexdigest()


def _session(request: ApiRequest, headers: Mapping[str, str]) -> str:
    given = {name.lower(): value for name, value in headers.items()}
    named = (given.get("x-session-id"), *map(request.fields.get, ("prompt_cache_key", "user")))
    return next((name for name in named if isinstance(name, str) and name), "")


def _prefix(fields: Mapping[str, Any]) -> str:
    """The text that stands first in the prompt, wherever this endpoint has it."""
    for name in ("system", "instructions", "messages", "input", "prompt"):
        if text := _first_text(fields.get(name)):
            return text
    return ""


def _first_text(value: Any) -> str:
    """The first text in a string, a message, or a list of those or of content parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return next((text for part in value if (text := _first_text(part))), "")
    if isinstance(value, dict):
        return _first_text(value.get("content")) or _first_text(value.get("text"))
    return ""
