"""The answers of /v1/chat/completions and /v1/completions: chunks with choices, then [DONE]."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gateway.protocol.dialects.reader import AnswerReader, Json
from gateway.protocol.sse import Event

_TELLING = re.compile(
    rb'"(?:usage|finish_reason|error|role)"\s*+:\s*+(?!null)|"(?:object|type)"\s*+:\s*+"error"'
)
"""Fields by which a chunk says more than the text of a token. All other chunks are not parsed."""

_KNOWN = {"choices", "usage", "error"}
"""Fields of which each chunk has one."""


@dataclass(slots=True)
class ChoicesReader(AnswerReader):
    """Reads the answer to a chat or a completion."""

    _finished: set[object] = field(default_factory=set)
    """Indices of the choices that gave a finish reason."""

    _ended_tokens: float = 0.0
    """Tokens of these choices."""

    judges_ends = True

    @property
    def running(self) -> int:
        """Choices without a finish reason, at least one while the stream goes on."""
        return max(1, self.sequences - len(self._finished))

    @property
    def longest(self) -> int:
        """Tokens of each choice without a finish reason."""
        return int((self.tokens - self._ended_tokens) / self.running)

    @property
    def ended(self) -> bool:
        """Whether [DONE] or an error has come, or every choice has said why it ends."""
        return self.done or self.error_status is not None or len(self._finished) >= self.sequences

    def _is_plain_token(self, event: Event) -> bool:
        assert event.data is not None
        return (
            not event.name
            and event.data.startswith(b"{")
            and b'"choices"' in event.data
            and not _TELLING.search(event.data)
        )

    def _take_chunk(self, name: bytes, chunk: Json) -> bool:
        told = self.usage.take(chunk.get("usage"))
        choices = self._take_choices(chunk)
        self.tokens += any(map(_has_text, choices))
        self.unknown += not _KNOWN & chunk.keys()
        return told and not chunk.get("choices") and not chunk.get("error")

    def _take_whole(self, answer: Json) -> None:
        self.usage.take(answer.get("usage"))
        self._take_choices(answer)

    def _take_choices(self, answer: Json) -> list[Json]:
        listed = answer.get("choices")
        choices: list[Json] = (
            [c for c in listed if isinstance(c, dict)] if isinstance(listed, list) else []
        )
        for choice in choices:
            reason = choice.get("finish_reason")
            if isinstance(reason, str):
                self.usage.finish_reasons.add(reason)
                self._finish(choice.get("index"))
        return choices

    def _finish(self, index: object) -> None:
        index = index if isinstance(index, int) else 0
        if index not in self._finished:
            self._ended_tokens += (self.tokens - self._ended_tokens) / self.running
            self._finished.add(index)


def _has_text(choice: Json) -> bool:
    """Whether a choice holds a token; the first chunk of a chat holds the role alone.

    A choice with a finish reason holds the last token, whose text may be empty.
    """
    delta = choice.get("delta")
    if not isinstance(delta, dict) or choice.get("finish_reason") is not None:
        return True
    return any(value for key, value in delta.items() if key != "role")
