"""The fields of an OpenAI request that the gateway reads or adds."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from gateway.protocol.errors import ApiError

GENERATING = frozenset({"chat/completions", "completions", "responses", "messages"})
"""Endpoints under /v1/ that generate text. The gateway forecasts the length of this text."""

MOST_SEQUENCES = 65_536
"""Upper bound of the sequences counted for one request. The worker refuses a larger ``n``."""

USAGE_IN_STREAM = frozenset({"chat/completions", "completions"})
"""Endpoints that accept ``stream_options.include_usage``."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request's body and the fields that the gateway reads."""

    endpoint: str
    """Path under /v1/, for instance ``chat/completions``."""
    model: str | None
    """Name of the model; None for a request that names none (a GET)."""
    body: bytes
    """Bytes of the body, as the client sent them."""
    fields: dict[str, Any]
    """The parsed body; empty for a body that is not JSON (a file upload, a GET)."""

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
        """Sequences the engine runs for the request: completions per prompt times prompts."""
        n = self.fields.get("n")
        prompt = self.fields.get("prompt")
        prompts = 1
        if isinstance(prompt, list) and prompt and isinstance(prompt[0], str | list):
            prompts = len(prompt)  # a list of numbers is one prompt in tokens
        return prompts * (min(n, MOST_SEQUENCES) if isinstance(n, int) and n > 1 else 1)

    @property
    def max_tokens(self) -> int | None:
        """The client's limit of output tokens; None without one."""
        for name in ("max_completion_tokens", "max_tokens", "max_output_tokens"):
            value = self.fields.get(name)
            if type(value) is int and value > 0:  # bool is a subclass of int
                return value
        return None

    def for_worker(self, priority: int | None) -> bytes:
        """The client's body with ``priority`` and a request for usage added, for a worker.

        Fields that the client did not send are inserted before the client's bytes, so a large
        prompt is not encoded again.
        """
        extra: dict[str, Any] = {}
        if priority is not None and self.generates:
            extra["priority"] = priority
        if self.stream and self.endpoint in USAGE_IN_STREAM and not self.wants_usage:
            options = self.fields.get("stream_options")
            options = dict(options) if isinstance(options, dict) else {}
            options.pop("continuous_usage_stats", None)  # the client has not asked for usage
            extra["stream_options"] = {**options, "include_usage": True}
        if not extra or not self.fields:  # a GET or an upload: there is no JSON object
            return self.body
        if extra.keys().isdisjoint(self.fields):
            start = self.body.index(b"{") + 1
            return b"".join(
                (b"{", json.dumps(extra).encode()[1:-1], b", ", memoryview(self.body)[start:])
            )
        return json.dumps({**self.fields, **extra}).encode()


def parse(endpoint: str, method: str, content_type: str, body: bytes) -> ApiRequest:
    """Read the fields that the gateway needs from a request.

    Raises:
        ApiError: 400, for a body that is not a JSON object or names no model.
    """
    if method != "POST":
        return ApiRequest(endpoint, None, body, {})
    if content_type.startswith("multipart/form-data"):
        field = re.search(rb'name="model"\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]*)\r\n', body)
        return ApiRequest(endpoint, field and field[1].decode(errors="replace"), body, {})
    try:
        fields = json.loads(body.decode())  # json.loads would accept UTF-16 bytes too
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
