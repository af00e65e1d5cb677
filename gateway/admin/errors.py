"""AdminError: an error that operators get, as JSON with a machine-readable reason."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse


class AdminError(Exception):
    """An error of an operator's request: status, reason (one word) and what to do."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason

    def response(self) -> JSONResponse:
        """The answer, shaped as OpenAI's errors are."""
        error = {"message": str(self), "code": self.reason}
        headers = {"www-authenticate": "Bearer"} if self.status == 401 else None
        return JSONResponse({"error": error}, self.status, headers)


async def answer_error(_: Request, error: Exception) -> JSONResponse:
    """Answer an operator's request with the error that it raised."""
    assert isinstance(error, AdminError)
    return error.response()
