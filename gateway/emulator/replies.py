"""The emulator's replies: they run a request in the worker and answer in vLLM's shapes."""

from __future__ import annotations

import base64
import json
import math
import struct
import time
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from gateway.emulator.answers import Choice, answer_rng
from gateway.emulator.frames import DONE, FINGERPRINT, Frames, usage_body
from gateway.emulator.requests import Prompt, SamplingRequest
from gateway.emulator.worker import EmulatedWorker, Generation

VECTOR_SIZE = 16
SSE_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8")]


@dataclass(frozen=True, slots=True)
class GenerationReply:
    """The ASGI response of a completion: runs it in the worker, and aborts it if the client goes.

    ``prompt_tokens`` counts each prompt once, however many choices it has.
    """

    worker: EmulatedWorker
    asked: SamplingRequest
    choices: list[Choice]
    request_id: str
    model: str
    prompt_tokens: int
    priority: int
    chat: bool
    load_format: str = ""
    created: int = field(default_factory=lambda: int(time.time()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        streaming = bool(self.asked.stream)
        async with self.worker.serve(
            self.choices, receive, priority=self.priority, streaming=streaming
        ) as generation:
            if streaming:
                await self._stream(generation, send)
            elif await generation.tokens():
                reply = JSONResponse(self._whole(), headers=self._load_header())
                await reply(scope, receive, send)

    async def _stream(self, generation: Generation, send: Send) -> None:
        frames = Frames.make(
            self.request_id,
            self.created,
            self.model,
            chat=self.chat,
            options=self.asked.stream_options,
        )
        # The headers go out at once, as from vLLM: a client can hang up on them while it waits.
        await send({"type": "http.response.start", "status": 200, "headers": SSE_HEADERS})
        events = [frames.role(c.index, c.prompt_tokens) for c in self.choices] if self.chat else []
        while tokens := await generation.tokens():
            events += [frames.token(choice, *choice.next_piece()) for choice in tokens]
            await send({"type": "http.response.body", "body": b"".join(events), "more_body": True})
            events.clear()
        if frames.include_usage:
            events.append(frames.last_usage(self.prompt_tokens, self._completion_tokens))
        events.append(DONE)
        await send({"type": "http.response.body", "body": b"".join(events), "more_body": False})

    @property
    def _completion_tokens(self) -> int:
        return sum(choice.output_tokens for choice in self.choices)

    def _whole(self) -> dict[str, Any]:
        body = {
            "id": self.request_id,
            "object": "chat.completion" if self.chat else "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": [(chat_choice if self.chat else text_choice)(c) for c in self.choices],
            "service_tier": None,
            "system_fingerprint": FINGERPRINT,
            "usage": full_usage(self.prompt_tokens, self._completion_tokens),
        }
        extras = ("prompt_logprobs", "prompt_token_ids", "prompt_text") if self.chat else ()
        unset = (*extras, "kv_transfer_params", "ec_transfer_params", "metrics")
        return {**body, **dict.fromkeys(unset)}

    def _load_header(self) -> dict[str, str]:
        # The ORCA load report vLLM adds to replies that are not streamed, for those who ask.
        engine = self.worker.engine
        load = {
            "kv_cache_usage_perc": engine.kv_usage,
            "num_requests_waiting": float(engine.waiting),
        }
        if self.load_format.lower() == "json":
            return {"endpoint-load-metrics": f"JSON {json.dumps({'named_metrics': load})}"}
        if self.load_format.lower() == "text":
            named = ", ".join(f"named_metrics.{name}={value}" for name, value in load.items())
            return {"endpoint-load-metrics": f"TEXT {named}"}
        return {}


@dataclass(frozen=True, slots=True)
class EmbeddingReply:
    """The ASGI response of an embedding: the engine's prefill, then vectors made up from the text.

    The vectors have 16 components and length 1; the same text has the same vector.
    """

    worker: EmulatedWorker
    prompts: list[Prompt]
    request_id: str
    model: str
    priority: int
    as_base64: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        jobs = [Choice(i, p.tokens, 0, "stop", b"") for i, p in enumerate(self.prompts)]
        async with self.worker.serve(jobs, receive, priority=self.priority) as generation:
            await generation.tokens()
            if not generation.closed:
                await JSONResponse(self._body())(scope, receive, send)

    def _body(self) -> dict[str, Any]:
        vectors = [_vector(prompt.text) for prompt in self.prompts]
        data = [
            {"index": i, "object": "embedding", "embedding": self._encode(vector)}
            for i, vector in enumerate(vectors)
        ]
        return {
            "id": self.request_id,
            "object": "list",
            "created": int(time.time()),
            "model": self.model,
            "data": data,
            "usage": full_usage(sum(prompt.tokens for prompt in self.prompts), 0),
        }

    def _encode(self, vector: list[float]) -> list[float] | str:
        if not self.as_base64:
            return vector
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _vector(text: str) -> list[float]:
    rng = answer_rng(text, None, 0)
    raw = [rng.gauss(0, 1) for _ in range(VECTOR_SIZE)]
    norm = math.hypot(*raw)
    return [x / norm for x in raw]


def chat_choice(choice: Choice) -> dict[str, Any]:
    """A choice of a whole chat completion."""
    unset = ("refusal", "annotations", "audio", "function_call", "reasoning")
    message = {"role": "assistant", "content": choice.text, **dict.fromkeys(unset)}
    return {
        "index": choice.index,
        "message": message,
        "logprobs": None,
        "finish_reason": choice.finish_reason,
        "stop_reason": None,
        "token_ids": None,
        "routed_experts": None,
    }


def text_choice(choice: Choice) -> dict[str, Any]:
    """A choice of a whole text completion."""
    unset = ("stop_reason", "token_ids", "prompt_logprobs", "prompt_token_ids", "routed_experts")
    return {
        "index": choice.index,
        "text": choice.text,
        "logprobs": None,
        "finish_reason": choice.finish_reason,
        **dict.fromkeys(unset),
    }


def full_usage(prompt_tokens: int, completion_tokens: int) -> dict[str, Any]:
    """Token counts, as in a reply that is not streamed."""
    unset = ("prompt_tokens_details", "completion_tokens_details")
    return {**usage_body(prompt_tokens, completion_tokens), **dict.fromkeys(unset)}
