"""Errors in the shapes of OpenAI and Anthropic, with vLLM's type names and messages."""

from __future__ import annotations

from typing import Any


class VllmError(Exception):
    """An error reply: its HTTP status, vLLM's name of its type, and the parameter at fault.

    The message ends with the parameter and its value, as vLLM's messages do.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "BadRequestError",
        param: str | None = None,
        value: object = None,
    ) -> None:
        details = [f"parameter={param}"] if param and status == 400 else []
        details += [f"value={value}"] if value is not None else []
        super().__init__(f"{message} ({', '.join(details)})" if details else message)
        self.status = status
        self.kind = kind
        self.param = param

    def body(self) -> dict[str, Any]:
        """The JSON of the reply."""
        error = {
            "message": str(self),
            "type": self.kind,
            "param": self.param,
            "code": self.status,
        }
        return {"error": error}

    def anthropic_body(self) -> dict[str, Any]:
        """The JSON of the reply in Anthropic's shape, for /v1/messages."""
        return {"type": "error", "error": {"type": self.kind, "message": str(self)}}
