"""The endpoints of the Responses API."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.emulator.answers.choice import Choice
from gateway.emulator.context import Context, priority
from gateway.emulator.dialects.generate import choices_of, reply_of
from gateway.emulator.dialects.reply import Frame
from gateway.emulator.dialects.responses.answer import ResponsesDialect
from gateway.emulator.dialects.responses.background import BackgroundResponses
from gateway.emulator.dialects.responses.request import ResponsesRequest
from gateway.emulator.dialects.responses.store import ResponseStore
from gateway.emulator.dialects.usage import new_id
from gateway.emulator.errors import VllmError
from gateway.emulator.json_text import JsonReply
from gateway.emulator.prompts.parts import as_text
from gateway.emulator.prompts.prompt import Turn


class ResponsesEndpoints:
    """Responses, made and stored."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._store = ResponseStore()
        self._background = BackgroundResponses(context.worker)

    def routes(self) -> list[Route]:
        """The routes of these endpoints."""
        one = "/v1/responses/{response_id}"
        return [
            Route("/v1/responses", self.create, methods=["POST"]),
            Route(one, self.retrieve, methods=["GET"]),
            Route(one, self.delete, methods=["DELETE"]),
            Route(f"{one}/cancel", self.cancel, methods=["POST"]),
        ]

    async def create(self, request: Request) -> ASGIApp:
        """POST /v1/responses."""
        parsed, body = await self.context.parse(ResponsesRequest, request)
        earlier: list[Turn] = []
        if parsed.previous_response_id:
            stored = self._store.get(parsed.previous_response_id)
            earlier = stored.turns
        prompts = [parsed.prompt(earlier, body)]
        choices = choices_of(self.context, parsed.demand(body), prompts)
        frame = Frame(
            request_id=parsed.request_id or new_id("resp_"),
            model=self.context.model(parsed),
            prompt_tokens=prompts[0].tokens,
        )
        asked = [*earlier, *parsed.turns()]

        def keep(response: dict[str, Any], choice: Choice) -> None:
            if parsed.store is not False:
                self._store.put(response, [*asked, _answer(choice)])

        limit = self.context.max_model_len - prompts[0].tokens
        limit = min(limit, parsed.max_output_tokens or limit)
        dialect = ResponsesDialect(parsed, frame, limit, keep)
        if not parsed.background:
            return reply_of(self.context, request, parsed, dialect, choices)
        queued = dialect.response("queued")
        self._store.put(queued, asked)
        self._background.start(dialect, choices, priority(request, parsed.priority))
        return JsonReply(queued)

    async def retrieve(self, request: Request) -> Response:
        """GET /v1/responses/{response_id}."""
        if request.query_params.get("stream", "").lower() in ("1", "true"):
            message = "The emulated worker keeps responses, not their events."
            raise VllmError(message, param="stream")
        return JsonReply(self._store.get(request.path_params["response_id"]).body)

    async def delete(self, request: Request) -> Response:
        """DELETE /v1/responses/{response_id}: OpenAI's; vLLM has no such endpoint."""
        response_id = request.path_params["response_id"]
        self._store.delete(response_id)
        self._background.cancel(response_id)
        return JsonReply({"id": response_id, "object": "response", "deleted": True})

    async def cancel(self, request: Request) -> Response:
        """POST /v1/responses/{response_id}/cancel."""
        response_id = request.path_params["response_id"]
        stored = self._store.get(response_id)
        if self._background.cancel(response_id):
            stored.body["status"] = "cancelled"
            return JsonReply(stored.body)
        message = "Cannot cancel a synchronous response."
        raise VllmError(message, kind="invalid_request_error", param="response_id")


def _answer(choice: Choice) -> Turn:
    """An answer as the model reads it in the next request."""
    calls = [as_text({"name": part.name, "arguments": part.text}) for part in choice.calls]
    said = choice.texts("text")
    return Turn("assistant", "\n".join([said, *calls] if said else calls))
