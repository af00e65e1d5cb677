"""Fallbacks: tries a request's models in turn, and renames the model for the worker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from gateway.metrics import Metrics
from gateway.protocol.errors import ApiError
from gateway.protocol.headers import first_values
from gateway.protocol.multipart import with_form_field
from gateway.requests.model_choice import Choice
from gateway.requests.rejections import WORKER_REFUSED
from gateway.requests.relay import Relay
from gateway.workers.fleet import Fleet

FALLS_BACK = frozenset(
    (
        *("queue_full", "queue_tokens_full", "deadline_unreachable", "no_healthy_worker"),
        *("worker_failed", WORKER_REFUSED, "first_token_timeout"),
    )
)
"""Codes of errors after which the next model is tried: the model is down or full. A model that the
tenant or the request itself is too much for is none of these."""


@dataclass(slots=True)
class Fallbacks:
    """Carries requests to the first of their models that can answer."""

    fleet: Fleet
    metrics: Metrics

    async def run(
        self, choice: Choice, relay: Relay, carry: Callable[[str], Awaitable[None]]
    ) -> None:
        """Carry one request to its end with one of the models of its choice.

        Raises:
            ApiError: the last model that was tried has given no complete answer.
            WorkerErrorRelayed: the answer was the worker's own error.
        """
        reason = choice.reason or "asked"
        for number, model in enumerate(choice.models, 1):
            left = choice.models[number:]
            if left and not self.fleet.served(model) and any(map(self.fleet.served, left)):
                reason = "no_healthy_worker"
                continue
            if choice.name:
                rename(relay, model)
                self.metrics.model_choices.labels(choice.name, model, reason).inc()
            relay.falls_back = bool(left)
            try:
                await carry(model)
                return
            except ApiError as error:
                begun = relay.reply.answering or relay.reply.in_parts or relay.reply.complete
                begun = begun or (relay.carrier is not None and relay.carrier.placed)
                if begun or not left or error.code not in FALLS_BACK:
                    raise
                reason = error.code
                relay.record.dispatched = None


def rename(relay: Relay, model: str) -> None:
    """Give the request the name of the model that the worker knows, if it is another name."""
    request = relay.request
    if request.model == model:
        return
    if request.fields:
        relay.request = request.changed({"model": model})
        if relay.described is not None:
            prompt = replace(relay.described.prompt, model=model)
            relay.described = replace(relay.described, prompt=prompt)
    elif request.model is not None:  # an upload
        content_type = first_values(relay.headers).get("content-type", "")
        body = with_form_field(content_type, request.body, "model", model)
        relay.request = replace(request, model=model, body=body)
