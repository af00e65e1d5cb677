"""The answer to a request to /v1/responses: a whole response, or its events."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gateway.emulator.answers.choice import Choice, Token
from gateway.emulator.dialects.reply import Frame
from gateway.emulator.dialects.responses.items import Event, OutputItem, output_items
from gateway.emulator.dialects.responses.request import ResponsesRequest
from gateway.emulator.json_text import dumps

Keep = Callable[[dict[str, Any], Choice], None]
"""Takes the finished response and its only choice."""


class ResponsesDialect:
    """Writes one response, and hands it to ``keep`` when it is finished."""

    def __init__(self, request: ResponsesRequest, frame: Frame, limit: int, keep: Keep) -> None:
        self.request = request
        self.frame = frame
        self._limit = limit
        self._keep = keep
        self._sequence = 0
        self._items: list[OutputItem] = []
        self._open = -1

    @property
    def streams(self) -> bool:
        """Whether the request asks for a stream."""
        return bool(self.request.stream)

    def whole(self, choices: list[Choice]) -> dict[str, Any]:
        """The whole response."""
        self._items = output_items(choices[0])
        return self._finished(choices[0])

    def opening(self, choices: list[Choice]) -> list[bytes]:
        """The events before the first token."""
        self._items = output_items(choices[0])
        response = self.response("in_progress")
        kinds = ("response.created", "response.in_progress")
        return [self._encode([{"response": response, "type": kind}]) for kind in kinds]

    def token(self, choice: Choice, token: Token) -> bytes:
        """The events of one token: the end of one item, the beginning of the next, its text."""
        events: list[Event] = []
        if token.opens and self._open + 1 < len(self._items):
            events += self._close()
            self._open += 1
            events += self._items[self._open].opening()
        if token.piece:
            events.append(self._items[self._open].delta(token.piece))
        return self._encode(events)

    def closing(self, choices: list[Choice]) -> bytes:
        """The events after the last token."""
        # vLLM calls this event completed, also where a limit has cut the response.
        last = {"response": self._finished(choices[0]), "type": "response.completed"}
        return self._encode([*self._close(), last])

    def _close(self) -> list[Event]:
        return self._items[self._open].closing() if self._open >= 0 else []

    def _encode(self, events: Iterable[Event]) -> bytes:
        lines = []
        for event in events:
            numbered = dumps(dict(sorted({**event, "sequence_number": self._sequence}.items())))
            lines.append(f"event: {event['type']}\ndata: {numbered}\n\n")
            self._sequence += 1
        return "".join(lines).encode()

    def _finished(self, choice: Choice) -> dict[str, Any]:
        body = self.response("incomplete" if choice.finish_reason == "length" else "completed")
        if choice.finish_reason == "length":
            body["incomplete_details"] = {"reason": "max_output_tokens"}
        body["output"] = [item.body(text=item.part.text) for item in self._items]
        body["usage"] = _usage(choice)
        self._keep(body, choice)
        return body

    def response(self, status: str) -> dict[str, Any]:
        """The response before it has an output."""
        request = self.request
        return {
            "id": self.frame.request_id,
            "created_at": self.frame.created,
            "incomplete_details": None,
            "instructions": request.instructions,
            "metadata": request.metadata,
            "model": self.frame.model,
            "object": "response",
            "output": [],
            "parallel_tool_calls": request.parallel_tool_calls is not False,
            "temperature": 1.0 if request.temperature is None else request.temperature,
            "tool_choice": request.tool_choice if request.tools else "none",
            "tools": request.tools,
            "top_p": 1.0 if request.top_p is None else request.top_p,
            "background": bool(request.background),
            "max_output_tokens": self._limit,
            "max_tool_calls": request.max_tool_calls,
            "previous_response_id": request.previous_response_id,
            "prompt": None,
            "reasoning": request.reasoning and request.reasoning.model_dump(exclude_unset=True),
            "service_tier": request.service_tier,
            "status": status,
            "text": request.text,
            "top_logprobs": None,
            "truncation": request.truncation,
            "usage": None,
            "user": request.user,
            "presence_penalty": request.presence_penalty or 0.0,
            "frequency_penalty": request.frequency_penalty or 0.0,
            "kv_transfer_params": None,
            "ec_transfer_params": None,
            "input_messages": None,
            "output_messages": None,
        }


def _usage(choice: Choice) -> dict[str, Any]:
    thoughts = sum(len(part.pieces) for part in choice.parts if part.kind == "thoughts")
    return {
        "input_tokens": choice.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": 0,
            "cache_write_tokens": 0,
            "input_tokens_per_turn": [],
            "cached_tokens_per_turn": [],
        },
        "output_tokens": choice.output_tokens,
        "output_tokens_details": {
            "reasoning_tokens": thoughts,
            "tool_output_tokens": 0,
            "output_tokens_per_turn": [],
            "tool_output_tokens_per_turn": [],
        },
        "total_tokens": choice.prompt_tokens + choice.output_tokens,
    }
