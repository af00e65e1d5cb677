"""The emulator's endpoints: vLLM's HTTP API over an emulated worker."""

from __future__ import annotations

import time
import uuid
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.emulator.answers import Lengths, answer
from gateway.emulator.replies import EmbeddingReply, GenerationReply
from gateway.emulator.requests import (
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    Prompt,
    RequestT,
    SamplingRequest,
    TokenizeRequest,
    VllmError,
    chat_prompt,
    parse_body,
    text_prompts,
    token_ids,
)
from gateway.emulator.worker import EmulatedWorker, WorkerMetrics

VERSION = "0.32.0+emulated"


class EmulatorApi:
    """One method for each endpoint. ``models[0]`` names the worker in its metrics, as in vLLM."""

    def __init__(self, models: tuple[str, ...], worker: EmulatedWorker, lengths: Lengths) -> None:
        self.models = models
        self.worker = worker
        self.lengths = lengths
        self.max_model_len = worker.engine.config.max_model_len
        self._registry = CollectorRegistry()
        self._registry.register(WorkerMetrics(worker, models[0]))

    def routes(self) -> list[Route]:
        """The endpoints under vLLM's paths."""
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
        asked, body = await self._read(ChatRequest, request)
        limit = ("max_completion_tokens", asked.max_completion_tokens)
        if asked.max_completion_tokens is None:
            limit = ("max_tokens", asked.max_tokens)
        prompts = [chat_prompt(asked.messages, body)]
        return self._generate(request, asked, prompts, limit)

    async def completions(self, request: Request) -> ASGIApp:
        """POST /v1/completions."""
        asked, body = await self._read(CompletionRequest, request)
        prompts = text_prompts(asked.prompt or "", body, "prompt")
        return self._generate(request, asked, prompts, ("max_tokens", asked.max_tokens))

    def _generate(
        self,
        request: Request,
        asked: SamplingRequest,
        prompts: list[Prompt],
        limit: tuple[str, int | None],
    ) -> ASGIApp:
        choices = answer(
            asked, prompts, self.lengths, limit=limit, max_model_len=self.max_model_len
        )
        chat = isinstance(asked, ChatRequest)
        return GenerationReply(
            self.worker,
            asked,
            choices,
            request_id=_request_id("chatcmpl" if chat else "cmpl", request, asked.request_id),
            model=asked.model or self.models[0],
            prompt_tokens=sum(prompt.tokens for prompt in prompts),
            priority=_priority(request, asked.priority),
            chat=chat,
            load_format=request.headers.get("endpoint-load-metrics-format", ""),
        )

    async def embeddings(self, request: Request) -> ASGIApp:
        """POST /v1/embeddings: prefill only; the same input has the same unit vector."""
        asked, body = await self._read(EmbeddingRequest, request)
        prompts = text_prompts(asked.input, body, "input")
        for prompt in prompts:
            prompt.check_length(self.max_model_len)
        return EmbeddingReply(
            self.worker,
            prompts,
            request_id=_request_id("embd", request, None),
            model=asked.model or self.models[0],
            priority=_priority(request, asked.priority),
            as_base64=asked.encoding_format == "base64",
        )

    async def list_models(self, request: Request) -> Response:
        """GET /v1/models."""
        cards = [_model_card(name, self.models[0], self.max_model_len) for name in self.models]
        return JSONResponse({"object": "list", "data": cards})

    async def tokenize(self, request: Request) -> Response:
        """POST /tokenize."""
        asked, body = await self._read(TokenizeRequest, request)
        if asked.messages is not None:
            prompts = [chat_prompt(asked.messages, body)]
        else:
            prompts = text_prompts(asked.prompt or "", body, "prompt")
        tokens = token_ids(prompts[0])
        answered = {"count": len(tokens), "max_model_len": self.max_model_len, "tokens": tokens}
        return JSONResponse({**answered, "token_strs": None})

    async def health(self, request: Request) -> Response:
        """GET /health."""
        return Response()

    async def version(self, request: Request) -> Response:
        """GET /version."""
        return JSONResponse({"version": VERSION})

    async def metrics(self, request: Request) -> Response:
        """GET /metrics."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    async def _read(
        self, model: type[RequestT], request: Request
    ) -> tuple[RequestT, dict[str, Any]]:
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != "application/json":
            message = "Unsupported Media Type: Only 'application/json' is allowed"
            raise VllmError(f"1 validation error:\n  {message}", kind="Bad Request")
        asked, body = parse_body(model, await request.body())
        if asked.model and asked.model not in self.models:
            message = f"The model `{asked.model}` does not exist."
            raise VllmError(message, status=404, kind="NotFoundError", param="model")
        return asked, body


def _request_id(prefix: str, request: Request, in_body: str | None) -> str:
    # vLLM names the answer after the header; it does not echo the header itself.
    given = request.headers.get("x-request-id") or in_body
    return f"{prefix}-{given or uuid.uuid4().hex}"


def _priority(request: Request, in_body: int) -> int:
    try:
        return int(request.headers["x-vllm-priority"])
    except (KeyError, ValueError):
        return in_body


def _model_card(name: str, root: str, max_model_len: int) -> dict[str, Any]:
    permission = {
        "id": f"modelperm-{uuid.uuid4().hex}",
        "object": "model_permission",
        "created": int(time.time()),
        "allow_create_engine": False,
        "allow_sampling": True,
        "allow_logprobs": True,
        "allow_search_indices": False,
        "allow_view": True,
        "allow_fine_tuning": False,
        "organization": "*",
        "group": None,
        "is_blocking": False,
    }
    return {
        "id": name,
        "object": "model",
        "created": int(time.time()),
        "owned_by": "vllm",
        "root": root,
        "parent": None,
        "max_model_len": max_model_len,
        "permission": [permission],
    }
