"""The answers of /v1/responses: named events up to ``response.completed`` or another end."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.protocol.dialects.reader import AnswerReader, Json
from gateway.protocol.sse import Event

_REASONS = {"completed": "stop", "cancelled": "abort", "max_output_tokens": "length"}
"""Finish reason by a response's status, or by the reason for which it is incomplete."""

_ENDS = {f"response.{status}" for status in ("completed", "incomplete", "failed", "cancelled")}

_BEFORE = {"response.created", "response.queued", "response.in_progress", "keepalive"}
"""Events that say nothing of an answer that gets on. The others tell of text, or of tools that the
server uses meanwhile."""


@dataclass(slots=True)
class ResponsesReader(AnswerReader):
    """Reads a response."""

    judges_ends = True

    def _is_plain_token(self, event: Event) -> bool:
        return event.name.endswith(b".delta")

    def _take_name(self, name: bytes) -> None:
        self.unknown += name.decode(errors="replace") not in _BEFORE
        if name.decode(errors="replace") in _ENDS:
            self.done = True
        if name == b"response.failed":
            self.error_status = 500

    def _take_chunk(self, name: bytes, chunk: Json) -> bool:
        kind = str(chunk.get("type") or name.decode(errors="replace"))
        self.tokens += kind.endswith(".delta")
        self.unknown += kind not in _BEFORE and not kind.endswith(".delta")
        if kind in _ENDS:
            self.done = True
            response = chunk.get("response")
            if isinstance(response, dict):
                self._take_whole(response)
        if kind == "response.failed":
            self.error_status = self.error_status or 500
        return False

    def _take_whole(self, answer: Json) -> None:
        self.usage.take(answer.get("usage"))
        self._find_error(answer)
        status = answer.get("status")
        if status == "failed":
            self.error_status = self.error_status or 500
        if status == "incomplete":
            details = answer.get("incomplete_details")
            status = details.get("reason") if isinstance(details, dict) else None
            status = status if isinstance(status, str) else "max_output_tokens"
            self.usage.finish_reasons.add(_REASONS.get(status, status))
        elif isinstance(status, str) and status in _REASONS:
            self.usage.finish_reasons.add(_REASONS[status])
