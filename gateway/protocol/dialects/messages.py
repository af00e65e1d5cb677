"""The answers of /v1/messages, Anthropic's API: named events up to ``message_stop``."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.protocol.dialects.reader import AnswerReader, Json, count
from gateway.protocol.sse import Event

_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
"""Finish reason by Anthropic's stop reason."""

_KINDS = {
    *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
    *("message_delta", "message_stop", "ping", "error"),
}
"""The events of a message. Those that are no deltas come without a token."""

_INPUT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


@dataclass(slots=True)
class MessagesReader(AnswerReader):
    """Reads a message."""

    judges_ends = True

    @property
    def ended(self) -> bool:
        """Whether the message has stopped or failed, or has said why it stops."""
        return self.done or self.error_status is not None or bool(self.usage.finish_reasons)

    def _is_plain_token(self, event: Event) -> bool:
        return event.name == b"content_block_delta"

    def _take_name(self, name: bytes) -> None:
        self.tokens += name == b"content_block_delta"
        self.unknown += name.decode(errors="replace") not in _KINDS

    def _take_chunk(self, name: bytes, chunk: Json) -> bool:
        kind = str(chunk.get("type") or name.decode(errors="replace"))
        self.tokens += kind == "content_block_delta"
        self.unknown += kind not in _KINDS
        self.done = self.done or kind == "message_stop"
        for part in (chunk, chunk.get("message"), chunk.get("delta")):
            if isinstance(part, dict):
                self._take_whole(part)
        return False

    def _take_whole(self, answer: Json) -> None:
        usage, known = answer.get("usage"), self.usage.prompt_tokens
        if isinstance(usage, dict):
            self.usage.take(usage)
            # Anthropic counts apart what the prefix cache held. The last event may leave out input.
            self.usage.prompt_tokens = max(known, sum(count(usage, n) or 0 for n in _INPUT))
        reason = answer.get("stop_reason")
        if isinstance(reason, str):
            self.usage.finish_reasons.add(_REASONS.get(reason, reason))
