"""Token counts, fingerprints and ids, as several APIs write them."""

from __future__ import annotations

import uuid
from typing import Any

from gateway.emulator.answers.choice import Choice
from gateway.emulator.json_text import dumps

FINGERPRINT = "vllm-0.32.0-emulated"
DONE = b"data: [DONE]\n\n"
TRANSFERS = ("kv_transfer_params", "ec_transfer_params", "metrics")
"""Fields at the end of every whole answer, which the emulator leaves unset."""


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


def new_id(prefix: str) -> str:
    """A new id: the prefix and 32 hexadecimal digits."""
    return f"{prefix}{uuid.uuid4().hex}"


def last_usage(head: str, prompt_tokens: int, choices: list[Choice]) -> bytes:
    """The event of a stream with the usage of the whole answer and without a choice.

    ``head`` is what all events of the stream begin with.
    """
    tokens = sum(choice.output_tokens for choice in choices)
    usage = dumps(usage_body(prompt_tokens, tokens))
    end = f'"system_fingerprint":"{FINGERPRINT}"'
    return f'{head}"choices":[],"usage":{usage},{end}}}\n\n'.encode()
