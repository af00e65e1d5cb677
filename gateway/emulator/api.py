"""The emulator's endpoints, under vLLM's paths."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.emulator.context import Context, given_id, priority
from gateway.emulator.dialects.endpoints import GenerationEndpoints
from gateway.emulator.dialects.responses.endpoints import ResponsesEndpoints
from gateway.emulator.dialects.tokenize import TokenEndpoints
from gateway.emulator.dialects.usage import new_id
from gateway.emulator.embeddings import EmbeddingReply, EmbeddingRequest
from gateway.emulator.json_text import JsonReply
from gateway.emulator.metrics import WorkerMetrics
from gateway.emulator.model_card import model_card
from gateway.emulator.prompts.prompt import text_prompts

VERSION = "0.32.0+emulated"


class EmulatorApi:
    """The endpoints that generate no text; ``routes`` has those of the whole emulator."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._registry = CollectorRegistry()
        self._registry.register(WorkerMetrics(context.worker, context.models[0]))

    def routes(self) -> list[Route]:
        """The routes of all endpoints."""
        return [
            *GenerationEndpoints(self.context).routes(),
            *ResponsesEndpoints(self.context).routes(),
            *TokenEndpoints(self.context).routes(),
            Route("/v1/embeddings", self.embeddings, methods=["POST"]),
            Route("/v1/models", self.list_models),
            Route("/health", self.health),
            Route("/version", self.version),
            Route("/metrics", self.metrics),
        ]

    async def embeddings(self, request: Request) -> ASGIApp:
        """POST /v1/embeddings: prefill only; the same input has the same unit vector."""
        context = self.context
        parsed, body = await context.parse(EmbeddingRequest, request)
        parsed.check_dimensions(context.model(parsed))
        prompts = text_prompts(parsed.input, body, "input")
        for prompt in prompts:
            prompt.check_length(context.max_model_len)
        given = given_id(request, None)
        return EmbeddingReply(
            context.worker,
            prompts,
            request_id=f"embd-{given}" if given else new_id("embd-"),
            model=context.model(parsed),
            priority=priority(request, parsed.priority),
            as_base64=parsed.encoding_format == "base64",
        )

    async def list_models(self, request: Request) -> Response:
        """GET /v1/models."""
        models, context = self.context.models, self.context.max_model_len
        cards = [model_card(name, models[0], context) for name in models]
        return JsonReply({"object": "list", "data": cards})

    async def health(self, request: Request) -> Response:
        """GET /health."""
        return Response()

    async def version(self, request: Request) -> Response:
        """GET /version."""
        return JsonReply({"version": VERSION})

    async def metrics(self, request: Request) -> Response:
        """GET /metrics."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)
