"""vLLM's server-sent events, field by field, as bytes.

Each event is pasted from a prefix that is made once per stream. A JSON dump per token would cost
more than everything else that the emulator does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gateway.emulator.choices import Choice
from gateway.emulator.schemas import StreamOptions

FINGERPRINT = "vllm-0.32.0-emulated"
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class StreamEvents:
    """Makes the events of one stream; ``head`` is the common prefix."""

    head: str
    chat: bool
    include_usage: bool
    continuous_usage: bool

    @classmethod
    def make(
        cls, request_id: str, created: int, model: str, *, chat: bool, options: StreamOptions | None
    ) -> StreamEvents:
        """Events with one request id; ``created`` is in seconds since 1970."""
        kind = "chat.completion.chunk" if chat else "text_completion"
        start = {"id": request_id, "object": kind, "created": created, "model": model}
        include = bool(options and options.include_usage)
        continuous = include and bool(options and options.continuous_usage_stats)
        return cls(f"data: {_dumps(start)[:-1]},", chat, include, continuous)

    def role(self, index: int, prompt_tokens: int) -> bytes:
        """The first event of each choice of a chat."""
        choice = (
            f'{{"index":{index},"delta":{{"role":"assistant","content":""}},'
            f'"logprobs":null,"finish_reason":null}}'
        )
        usage = self._usage(prompt_tokens, 0)
        tail = '"prompt_token_ids":null,"prompt_text":null'
        return f'{self.head}"choices":[{choice}]{usage},{tail}}}\n\n'.encode()

    def token(self, choice: Choice, piece: str, finish: str | None) -> bytes:
        """The event of one token; ``piece`` is its text, already escaped for JSON."""
        text = f'"delta":{{"content":"{piece}"}}' if self.chat else f'"text":"{piece}"'
        reason = f'"{finish}"' if finish else "null"
        stop = '"stop_reason":null,' if finish or not self.chat else ""
        ids = '"token_ids":null' if self.chat else '"prompt_token_ids":null,"token_ids":null'
        usage = self._usage(choice.prompt_tokens, choice.sent) if self.continuous_usage else ""
        end = f',"system_fingerprint":"{FINGERPRINT}"' if finish and not self.include_usage else ""
        return (
            f'{self.head}"choices":[{{"index":{choice.index},{text},"logprobs":null,'
            f'"finish_reason":{reason},{stop}{ids}}}]{usage}{end}}}\n\n'
        ).encode()

    def last_usage(self, prompt_tokens: int, completion_tokens: int) -> bytes:
        """The event with the usage of the whole reply and without a choice."""
        usage = _dumps(usage_body(prompt_tokens, completion_tokens))
        end = f'"system_fingerprint":"{FINGERPRINT}"'
        return f'{self.head}"choices":[],"usage":{usage},{end}}}\n\n'.encode()

    def _usage(self, prompt_tokens: int, completion_tokens: int) -> str:
        if not self.continuous_usage:
            return ""
        usage = usage_body(prompt_tokens, completion_tokens)
        if self.chat:
            usage["completion_tokens_details"] = None
        return f',"usage":{_dumps(usage)}'


def usage_body(prompt_tokens: int, completion_tokens: int) -> dict[str, Any]:
    """Token counts, as in the events of a stream."""
    return {
        "prompt_tokens": prompt_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "completion_tokens": completion_tokens,
    }


def full_usage(prompt_tokens: int, completion_tokens: int) -> dict[str, Any]:
    """Token counts, as in a reply that is not streamed."""
    unset = ("prompt_tokens_details", "completion_tokens_details")
    return {**usage_body(prompt_tokens, completion_tokens), **dict.fromkeys(unset)}


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
