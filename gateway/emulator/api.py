"""The emulator's endpoints, under vLLM's paths."""

from __future__ import annotations

import uuid
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.emulator.answers import TokenLimit, make_choices
from gateway.emulator.embeddings import EmbeddingReply
from gateway.emulator.errors import VllmError
from gateway.emulator.lengths import Lengths
from gateway.emulator.metrics import WorkerMetrics
from gateway.emulator.model_card import model_card
from gateway.emulator.prompts import EmulatorPrompt, chat_prompt, text_prompts, token_ids
from gateway.emulator.replies import GenerationReply
from gateway.emulator.schemas import (
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    RequestT,
    SamplingRequest,
    TokenizeRequest,
    parse_body,
)
from gateway.emulator.worker import EmulatedWorker

VERSION = "0.32.0+emulated"


class EmulatorApi:
    """One method per endpoint. ``models[0]`` is the model in the metrics, as in vLLM."""

    def __init__(self, models: tuple[str, ...], worker: EmulatedWorker, lengths: Lengths) -> None:
        self.models = models
        self.worker = worker
        self.lengths = lengths
        self.max_model_len = worker.engine.config.max_model_len
        self._registry = CollectorRegistry()
        self._registry.register(WorkerMetrics(worker, models[0]))

    def routes(self) -> list[Route]:
        """The routes of all endpoints."""
        return [
            Route("/v1/chat/completions", self.chat, methods=["POST"]),
            Route("/v1/completions", self.completions, methods=["POST"]),
            Route("/v1/embeddings", self.embeddings, methods=["POST"]),
            Route("/v1/models", self.list_models),
            Route("/tokenize", self.tokenize, methods=["POST"]),
            Route("/health", self.health),
            Route("/version", self.version),
            Route("/metrics", self.metrics),
        ]

    async def chat(self, request: Request) -> ASGIApp:
        """POST /v1/chat/completions."""
        parsed, body = await self._parse(ChatRequest, request)
        limit = TokenLimit("max_completion_tokens", parsed.max_completion_tokens)
        if limit.tokens is None:
            limit = TokenLimit("max_tokens", parsed.max_tokens)
        prompts = [chat_prompt(parsed.messages, body)]
        return self._generate(request, parsed, prompts, limit)

    async def completions(self, request: Request) -> ASGIApp:
        """POST /v1/completions."""
        parsed, body = await self._parse(CompletionRequest, request)
        prompts = text_prompts(parsed.prompt or "", body, "prompt")
        limit = TokenLimit("max_tokens", parsed.max_tokens)
        return self._generate(request, parsed, prompts, limit)

    def _generate(
        self,
        request: Request,
        parsed: SamplingRequest,
        prompts: list[EmulatorPrompt],
        limit: TokenLimit,
    ) -> ASGIApp:
        choices = make_choices(
            parsed, prompts, self.lengths, limit=limit, max_model_len=self.max_model_len
        )
        chat = isinstance(parsed, ChatRequest)
        return GenerationReply(
            self.worker,
            parsed,
            choices,
            request_id=_request_id("chatcmpl" if chat else "cmpl", request, parsed.request_id),
            model=parsed.model or self.models[0],
            prompt_tokens=sum(prompt.tokens for prompt in prompts),
            priority=_priority(request, parsed.priority),
            chat=chat,
            load_format=request.headers.get("endpoint-load-metrics-format", ""),
        )

    async def embeddings(self, request: Request) -> ASGIApp:
        """POST /v1/embeddings: prefill only; the same input has the same unit vector."""
        parsed, body = await self._parse(EmbeddingRequest, request)
        prompts = text_prompts(parsed.input, body, "input")
        for prompt in prompts:
            prompt.check_length(self.max_model_len)
        return EmbeddingReply(
            self.worker,
            prompts,
            request_id=_request_id("embd", request, None),
            model=parsed.model or self.models[0],
            priority=_priority(request, parsed.priority),
            as_base64=parsed.encoding_format == "base64",
        )

    async def list_models(self, request: Request) -> Response:
        """GET /v1/models."""
        cards = [model_card(name, self.models[0], self.max_model_len) for name in self.models]
        return JSONResponse({"object": "list", "data": cards})

    async def tokenize(self, request: Request) -> Response:
        """POST /tokenize."""
        parsed, body = await self._parse(TokenizeRequest, request)
        if parsed.messages is not None:
            prompts = [chat_prompt(parsed.messages, body)]
        else:
            prompts = text_prompts(parsed.prompt or "", body, "prompt")
        tokens = token_ids(prompts[0])
        return JSONResponse(
            {
                "count": len(tokens),
                "max_model_len": self.max_model_len,
                "tokens": tokens,
                "token_strs": None,
            }
        )

    async def health(self, request: Request) -> Response:
        """GET /health."""
        return Response()

    async def version(self, request: Request) -> Response:
        """GET /version."""
        return JSONResponse({"version": VERSION})

    async def metrics(self, request: Request) -> Response:
        """GET /metrics."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    async def _parse(
        self, schema: type[RequestT], request: Request
    ) -> tuple[RequestT, dict[str, Any]]:
        media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if media_type != "application/json":
            message = "Unsupported Media Type: Only 'application/json' is allowed"
            raise VllmError(f"1 validation error:\n  {message}", kind="Bad Request")
        parsed, body = parse_body(schema, await request.body())
        if parsed.model and parsed.model not in self.models:
            message = f"The model `{parsed.model}` does not exist."
            raise VllmError(message, status=404, kind="NotFoundError", param="model")
        return parsed, body


def _request_id(prefix: str, request: Request, in_body: str | None) -> str:
    # vLLM derives the id of the answer from the header; it does not echo the header.
    given = request.headers.get("x-request-id") or in_body
    return f"{prefix}-{given or uuid.uuid4().hex}"


def _priority(request: Request, in_body: int) -> int:
    """The header's priority, else the body's."""
    try:
        return int(request.headers["x-vllm-priority"])
    except (KeyError, ValueError):
        return in_body
