"""What every endpoint needs: the worker, the models, and how a request is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from gateway.emulator.body import GenerationRequest, ModelRequest, RequestT, parse_body
from gateway.emulator.errors import VllmError
from gateway.emulator.lengths import Lengths
from gateway.emulator.refused import refuse_unfollowed
from gateway.emulator.worker import EmulatedWorker


@dataclass(frozen=True, slots=True)
class Context:
    """The emulated server: ``models[0]`` is its model, the other names are aliases."""

    models: tuple[str, ...]
    worker: EmulatedWorker
    lengths: Lengths

    @property
    def max_model_len(self) -> int:
        """The context in tokens."""
        return self.worker.engine.config.max_model_len

    def model(self, request: ModelRequest) -> str:
        """The name of the model as the request has it."""
        return request.model or self.models[0]

    async def parse(
        self, schema: type[RequestT], request: Request
    ) -> tuple[RequestT, dict[str, Any]]:
        """The request as ``schema``, and as the JSON object.

        Raises:
            VllmError: 400 for a body that does not fit, 404 for another model.
        """
        media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if media_type != "application/json":
            message = "Unsupported Media Type: Only 'application/json' is allowed"
            raise VllmError(f"1 validation error:\n  {message}", kind="Bad Request")
        parsed, body = parse_body(schema, await request.body())
        if parsed.model and parsed.model not in self.models:
            message = f"The model `{parsed.model}` does not exist."
            raise VllmError(message, status=404, kind="NotFoundError", param="model")
        if isinstance(parsed, GenerationRequest):
            refuse_unfollowed(body, request.url.path)
            parsed.check_sampling()
        return parsed, body


def given_id(request: Request, in_body: str | None) -> str | None:
    """The id that the client gave; vLLM derives the answer's id from it, and echoes no header."""
    return request.headers.get("x-request-id") or in_body


def priority(request: Request, in_body: int) -> int:
    """The header's priority, else the body's."""
    try:
        return int(request.headers["x-vllm-priority"])
    except (KeyError, ValueError):
        return in_body
