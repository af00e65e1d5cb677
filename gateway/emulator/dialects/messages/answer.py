"""The answer to a request to /v1/messages."""

from __future__ import annotations

import json
import uuid
from typing import Any

from gateway.emulator.answers.choice import Choice, Part, Token
from gateway.emulator.dialects.messages.request import MessagesRequest
from gateway.emulator.dialects.reply import Frame
from gateway.emulator.json_text import dumps


class MessagesDialect:
    """Writes one message."""

    def __init__(self, request: MessagesRequest, frame: Frame) -> None:
        self.request = request
        self.frame = frame
        self._index = -1
        self._part: Part | None = None

    @property
    def streams(self) -> bool:
        """Whether the request asks for a stream."""
        return bool(self.request.stream)

    def whole(self, choices: list[Choice]) -> dict[str, Any]:
        """The whole message."""
        (choice,) = choices
        content = [_block(part, part.text) for part in choice.parts]
        reason, sequence = stop_reason(choice)
        return {
            "id": self.frame.request_id,
            "type": "message",
            "role": "assistant",
            "content": content or [{"type": "text", "text": ""}],
            "model": self.frame.model,
            "stop_reason": reason,
            **({"stop_sequence": sequence} if sequence is not None else {}),
            "usage": {"input_tokens": choice.prompt_tokens, "output_tokens": choice.output_tokens},
        }

    def opening(self, choices: list[Choice]) -> list[bytes]:
        """The events before the first token."""
        message: dict[str, Any] = {
            "id": self.frame.request_id,
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": self.frame.model,
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": choices[0].prompt_tokens, "output_tokens": 0},
        }
        return [_event("message_start", message=message)]

    def token(self, choice: Choice, token: Token) -> bytes:
        """The events of one token: the end of one block, the beginning of the next, its text."""
        events = b""
        if token.opens:
            events += self._close()
            self._index += 1
            self._part = token.part
            block = _block(token.part, "")
            events += _event("content_block_start", content_block=block, index=self._index)
        if token.piece:
            delta = _delta(token.part, token.piece)
            events += _event("content_block_delta", delta=delta, index=self._index)
        return events

    def closing(self, choices: list[Choice]) -> bytes:
        """The events after the last token."""
        (choice,) = choices
        reason, sequence = stop_reason(choice)
        delta = {"stop_reason": reason, "stop_sequence": sequence}
        usage = {"input_tokens": choice.prompt_tokens, "output_tokens": choice.output_tokens}
        end = _event("message_delta", delta=delta, usage=usage)
        return self._close() + end + _event("message_stop")

    def _close(self) -> bytes:
        if self._part is None:
            return b""
        events = b""
        if self._part.kind == "thoughts":
            delta = {"type": "signature_delta", "signature": uuid.uuid4().hex}
            events += _event("content_block_delta", delta=delta, index=self._index)
        return events + _event("content_block_stop", index=self._index)


def stop_reason(choice: Choice) -> tuple[str, str | None]:
    """Anthropic's stop reason, and the stop string that ended the text."""
    if choice.finish_reason == "length":
        return "max_tokens", None
    if isinstance(choice.stop_reason, str):
        return "stop_sequence", choice.stop_reason
    if choice.calls:
        return "tool_use", None
    return "end_turn", None


def _block(part: Part, text: str) -> dict[str, Any]:
    """The content block of a part; with an empty text, as it begins in a stream."""
    if part.kind == "call":
        given = _arguments(text)
        return {"type": "tool_use", "id": part.call_id, "name": part.name, "input": given}
    if part.kind == "thoughts":
        block = {"type": "thinking", "thinking": text}
        return {**block, "signature": uuid.uuid4().hex} if text else block
    return {"type": "text", "text": text}


def _arguments(text: str) -> Any:
    """The arguments of a call; none of them where a limit or a stop string has cut the call."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return {}


def _delta(part: Part, piece: str) -> dict[str, str]:
    if part.kind == "call":
        return {"type": "input_json_delta", "partial_json": piece}
    if part.kind == "thoughts":
        return {"type": "thinking_delta", "thinking": piece}
    return {"type": "text_delta", "text": piece}


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {dumps({'type': kind, **fields})}\n\n".encode()
