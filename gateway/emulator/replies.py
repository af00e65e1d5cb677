"""The replies to chat and text completions, streamed or whole."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from gateway.emulator.choices import Choice
from gateway.emulator.schemas import SamplingRequest
from gateway.emulator.stream_events import DONE, FINGERPRINT, StreamEvents, full_usage
from gateway.emulator.worker import EmulatedWorker, Generation

SSE_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8")]


@dataclass(frozen=True, slots=True)
class GenerationReply:
    """An ASGI response: runs the choices in the worker, until a disconnect aborts the choices.

    ``prompt_tokens`` counts each prompt once, however many choices it has. ``load_format`` is the
    request's ``endpoint-load-metrics-format`` header.
    """

    worker: EmulatedWorker
    request: SamplingRequest
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
        streaming = bool(self.request.stream)
        async with self.worker.generation(
            self.choices, receive, priority=self.priority, streaming=streaming
        ) as generation:
            if streaming:
                await self._stream(generation, send)
            elif await generation.tokens():
                reply = JSONResponse(self._whole(), headers=self._load_header())
                await reply(scope, receive, send)

    async def _stream(self, generation: Generation, send: Send) -> None:
        maker = StreamEvents.make(
            self.request_id,
            self.created,
            self.model,
            chat=self.chat,
            options=self.request.stream_options,
        )
        # The headers go out at once, as from vLLM, so a waiting client can hang up.
        await send({"type": "http.response.start", "status": 200, "headers": SSE_HEADERS})
        events = [maker.role(c.index, c.prompt_tokens) for c in self.choices] if self.chat else []
        while tokens := await generation.tokens():
            events += [maker.token(choice, *choice.next_piece()) for choice in tokens]
            await _send_events(send, events, more=True)
            events.clear()
        if maker.include_usage:
            events.append(maker.last_usage(self.prompt_tokens, self._completion_tokens))
        await _send_events(send, [*events, DONE], more=False)

    @property
    def _completion_tokens(self) -> int:
        return sum(choice.output_tokens for choice in self.choices)

    def _whole(self) -> dict[str, Any]:
        body = {
            "id": self.request_id,
            "object": "chat.completion" if self.chat else "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": [(_chat_choice if self.chat else _text_choice)(c) for c in self.choices],
            "service_tier": None,
            "system_fingerprint": FINGERPRINT,
            "usage": full_usage(self.prompt_tokens, self._completion_tokens),
        }
        extras = ("prompt_logprobs", "prompt_token_ids", "prompt_text") if self.chat else ()
        unset = (*extras, "kv_transfer_params", "ec_transfer_params", "metrics")
        return {**body, **dict.fromkeys(unset)}

    def _load_header(self) -> dict[str, str]:
        # The ORCA load report that vLLM adds to whole replies on request.
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


async def _send_events(send: Send, events: list[bytes], *, more: bool) -> None:
    await send({"type": "http.response.body", "body": b"".join(events), "more_body": more})


def _chat_choice(choice: Choice) -> dict[str, Any]:
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


def _text_choice(choice: Choice) -> dict[str, Any]:
    """A choice of a whole text completion."""
    unset = ("stop_reason", "token_ids", "prompt_logprobs", "prompt_token_ids", "routed_experts")
    return {
        "index": choice.index,
        "text": choice.text,
        "logprobs": None,
        "finish_reason": choice.finish_reason,
        **dict.fromkeys(unset),
    }
