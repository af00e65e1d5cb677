"""ApiError: an error in the shape that OpenAI's clients read."""

from __future__ import annotations

import json


class ApiError(Exception):
    """An error that goes to the client, in OpenAI's shape.

    ``code`` is the machine-readable reason, ``param`` the field at fault, ``retry_after`` the
    seconds in the header Retry-After.
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

    @property
    def body(self) -> bytes:
        """The error as JSON."""
        kind = "invalid_request_error" if self.status < 429 else "server_error"
        kind = "rate_limit_error" if self.status == 429 else kind
        error = {"message": str(self), "type": kind, "param": self.param, "code": self.code}
        return json.dumps({"error": error}).encode()

    @property
    def event(self) -> bytes:
        """The error as a server-sent event, for a stream that has begun."""
        return b"data: " + self.body + b"\n\n"
