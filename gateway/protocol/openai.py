"""The fields of an OpenAI request that the gateway reads or adds."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from gateway.protocol.errors import ApiError

GENERATING = frozenset({"chat/completions", "completions", "responses", "messages"})
"""Endpoints under /v1/ whose answers have a length worth forecasting."""

MOST_SEQUENCES = 65_536
"""More than any engine runs: what is counted of an absurd ``n``, which the worker will refuse."""

USAGE_IN_STREAM = frozenset({"chat/completions", "completions"})
"""Endpoints that know ``stream_options.include_usage``."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """What the gateway reads of a request's body; the rest is the worker's business."""

    endpoint: str
    """Path under /v1/, for instance ``chat/completions``."""
    model: str | None
    """None where the endpoint takes none (a GET)."""
    body: bytes
    """As the client sent it."""
    fields: dict[str, Any]
    """The parsed body; empty when it is no JSON object (a file upload, a GET)."""

    @property
    def generates(self) -> bool:
        """Whether the answer is generated text."""
        return self.endpoint in GENERATING

    @property
    def stream(self) -> bool:
        """Whether the client asked for server-sent events."""
        return self.fields.get("stream") is True

    @property
    def wants_usage(self) -> bool:
        """Whether the client asked for the usage chunk of a stream."""
        options = self.fields.get("stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True

    @property
    def sequences(self) -> int:
        """Sequences the engine will run for it: completions per prompt times prompts."""
        n = self.fields.get("n")
        prompt = self.fields.get("prompt")
        prompts = 1
        if isinstance(prompt, list) and prompt and isinstance(prompt[0], str | list):
            prompts = len(prompt)  # a list of numbers is one prompt, in tokens
        return prompts * (min(n, MOST_SEQUENCES) if isinstance(n, int) and n > 1 else 1)

    @property
    def max_tokens(self) -> int | None:
        """The client's bound on output tokens, None where it gave none."""
        for name in ("max_completion_tokens", "max_tokens", "max_output_tokens"):
            value = self.fields.get(name)
            if type(value) is int and value > 0:  # true is an int, too
                return value
        return None

    def for_worker(self, priority: int | None) -> bytes:
        """The body to send on: the client's own, with the priority and the usage chunk asked for.

        Where it can be, the fields are spliced in before the client's bytes, so that nothing of a
        large prompt is decoded and encoded again.
        """
        extra: dict[str, Any] = {}
        if priority is not None and self.generates:
            extra["priority"] = priority
        if self.stream and self.endpoint in USAGE_IN_STREAM and not self.wants_usage:
            options = self.fields.get("stream_options")
            options = dict(options) if isinstance(options, dict) else {}
            options.pop("continuous_usage_stats", None)  # means nothing without include_usage
            extra["stream_options"] = {**options, "include_usage": True}
        if not extra or not self.fields:  # a GET or an upload: no object to add to
            return self.body
        if extra.keys().isdisjoint(self.fields):
            start = self.body.index(b"{") + 1
            return b"".join(
                (b"{", json.dumps(extra).encode()[1:-1], b", ", memoryview(self.body)[start:])
            )
        return json.dumps({**self.fields, **extra}).encode()


def parse(endpoint: str, method: str, content_type: str, body: bytes) -> ApiRequest:
    """Read a request as far as the gateway needs it.

    Raises:
        ApiError: 400, naming the field, for a body that is no JSON object or names no model.
    """
    if method != "POST":
        return ApiRequest(endpoint, None, body, {})
    if content_type.startswith("multipart/form-data"):
        field = re.search(rb'name="model"\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]*)\r\n', body)
        return ApiRequest(endpoint, field and field[1].decode(errors="replace"), body, {})
    try:
        fields = json.loads(body.decode())  # not the bytes: only UTF-8 is JSON over HTTP
    except (ValueError, RecursionError) as error:
        raise ApiError(
            400, f"The body is not valid JSON: {error}. Send a JSON object.", code="invalid_json"
        ) from None
    if not isinstance(fields, dict):
        raise ApiError(
            400,
            f"The body must be a JSON object, got {type(fields).__name__}.",
            code="invalid_json",
        )
    model = fields.get("model")
    if not isinstance(model, str) or not model:
        shown = "nothing" if model is None else json.dumps(model)[:100]
        raise ApiError(
            400,
            f"model must name a model, got {shown}. GET /v1/models lists the names.",
            code="invalid_model",
            param="model",
        )
    return ApiRequest(endpoint, model, body, fields)
