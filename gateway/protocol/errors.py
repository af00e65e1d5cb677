"""ApiError: an error of the gateway, in the shape of the API that the client asked."""

from __future__ import annotations

import json
from enum import Enum, auto
from typing import Any

from gateway.protocol.headers import Headers


class Shape(Enum):
    """The shapes that clients read errors in."""

    OPENAI = auto()
    """``{"error": {"message", "type", "param", "code"}}``; in a stream the same, as one event."""
    RESPONSES = auto()
    """As OpenAI; in a stream, the event ``error`` of the Responses API."""
    ANTHROPIC = auto()
    """``{"type": "error", "error": {"type", "message"}}``; in a stream, the event ``error``."""


_ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
"""Anthropic's names for statuses. Other statuses: invalid_request_error, from 500 on api_error."""


class ApiError(Exception):
    """An error that goes to the client.

    ``code`` is the machine-readable reason (Anthropic's shape has no place for it), ``param`` the
    field at fault, ``retry_after`` the seconds in the header Retry-After.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.retry_after = retry_after
        self.headers: Headers = []
        """Headers of the answer beside the usual ones."""

    def body(self, shape: Shape = Shape.OPENAI) -> bytes:
        """The error as JSON."""
        return json.dumps(self._fields(shape)).encode()

    def event(self, shape: Shape = Shape.OPENAI) -> bytes:
        """The error as a server-sent event, for a stream that has begun."""
        if shape is Shape.OPENAI:
            return b"data: " + self.body(shape) + b"\n\n"
        fields = self._fields(shape)
        if (
            shape is Shape.RESPONSES
        ):  # as documented, and with `error`, which OpenAI's clients raise
            fields = {**fields["error"], **fields, "type": "error", "sequence_number": 0}
        return b"event: error\ndata: " + json.dumps(fields).encode() + b"\n\n"

    def _fields(self, shape: Shape) -> dict[str, Any]:
        if shape is Shape.ANTHROPIC:
            default = "api_error" if self.status >= 500 else "invalid_request_error"
            kind = _ANTHROPIC_TYPES.get(self.status, default)
            return {"type": "error", "error": {"type": kind, "message": str(self)}}
        kind = "invalid_request_error" if self.status < 429 else "server_error"
        kind = "rate_limit_error" if self.status == 429 else kind
        error = {"message": str(self), "type": kind, "param": self.param, "code": self.code}
        return {"error": error}
